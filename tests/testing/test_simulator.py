"""The simulator driven with a toy machine: a sequencer numbers what others ask for, everybody asks again until told."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from mechdesign.group.messages import Append, Broadcast, Delivered, Inclusion, Submission
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.kernel.wire import decode, encode
from mechdesign.testing.disk import Disk
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.simulator import Process, Simulator, Violation
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

NO_PROOF = Inclusion(b"", b"", 0, ())
AGAIN = SECOND // 10


def member(place: int) -> MemberId:
    return MemberId(hashlib.sha256(b"toy %d" % place).digest())


class Toy:
    """Member 0 gives numbers; the rest ask for the next entry, and for theirs to be taken, until they have both."""

    def __init__(self, place: int, n: int, entropy: Entropy) -> None:
        self.place, self.n, self.entropy = place, n, entropy
        self.log: list[bytes] = []
        self.mine: list[bytes] = []
        self.deadline: Instant | None = None
        self.heard: list[object] = []

    def restore(self, records: Sequence[Append]) -> list[object]:
        return [effect for record in records for effect in self._take(record.data)]

    def submit(self, request: Broadcast, now: Instant) -> Sequence[object]:
        self.mine.append(request.data + self.entropy(2))
        self.deadline = now
        return []

    def receive(self, incoming: Packet | LinkUp | LinkDown, now: Instant) -> Sequence[object]:
        self.heard.append(incoming)
        if isinstance(incoming, LinkUp):
            self.deadline = now
        if not isinstance(incoming, Packet):
            return []
        match decode(incoming.data):
            case ("ask", int(position), bytes(data)):
                effects: list[object] = []
                if data and data not in self.log:
                    effects += [Append("log", b"%d" % len(self.log), data), *self._take(data)]
                effects += [Send(incoming.peer, encode(("entry", at, self.log[at]))) for at in self._after(position)]
                return effects
            case ("entry", int(position), bytes(data)) if position == len(self.log):
                return [Append("log", b"%d" % position, data, sync=False), *self._take(data)]
        return []

    def tick(self, now: Instant) -> Sequence[object]:
        waiting = [data for data in self.mine if data not in self.log]
        if self.place == 0:
            self.deadline = None
            return [effect for data in waiting for effect in (Append("log", data[:3], data), *self._take(data))]
        self.deadline = now + AGAIN
        return [Send(member(0), encode(("ask", len(self.log), waiting[0] if waiting else b"")))]

    def _after(self, position: int) -> range:
        return range(position, len(self.log))

    def _take(self, data: bytes) -> list[object]:
        self.log.append(data)
        return [Delivered(len(self.log) - 1, Submission(0, member(0), len(self.log), data), NO_PROOF)]


def toys(seed: int, n: int = 4, weather: Weather = CALM, **options: bool) -> tuple[Simulator, list[list[bytes]]]:
    logs: list[list[bytes]] = [[] for _ in range(n)]

    def boot_of(place: int):
        def boot(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[Toy, Sequence[object]]:
            logs[place] = []
            toy = Toy(place, n, entropy)
            return toy, toy.restore(records)

        return boot

    network = Network(n, Random(f"{seed}/network"), weather)
    simulator = Simulator([(member(place), boot_of(place)) for place in range(n)], network, seed, **options)
    simulator.watch(Delivered, lambda place, event: logs[place].append(event.submission.data))
    for place in range(n):
        simulator.at(0, partial(simulator.start, place))
    return simulator, logs


ROUGH = Weather(delay_us=2000, jitter_us=5000, loss=0.2, repeat=0.2, straggle=0.1, straggle_us=SECOND // 2)


def stormy_run(seed: int) -> tuple[str, list[list[bytes]]]:
    simulator, logs = toys(seed, weather=ROUGH)
    for place in range(4):
        simulator.at(SECOND, partial(simulator.submit, place, Broadcast(b"", 0, b"%d" % place)))
    simulator.at(SECOND + 5000, partial(simulator.crash, 2, after_effects=3))
    simulator.at(SECOND + 50_000, lambda: simulator.cut([(0, 1), (3, 0)], noticed=seed % 2 == 0))
    simulator.at(2 * SECOND, lambda: simulator.start(2) if simulator.processes[2].machine is None else None)
    simulator.at(3 * SECOND, simulator.mend)
    simulator.run(8 * SECOND)
    return simulator.digest, logs


def test_a_storm_passes_and_everybody_holds_the_same_log() -> None:
    for seed in range(10):
        _, logs = stormy_run(seed)
        assert all(log == logs[0] for log in logs)
        assert {entry[:1] for entry in logs[0]} >= {b"0", b"1", b"3"}


def test_one_seed_gives_one_history_and_another_seed_another() -> None:
    assert stormy_run(5) == stormy_run(5)
    assert stormy_run(5)[0] != stormy_run(6)[0]


def test_the_history_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = "import runpy, sys; m = runpy.run_path(sys.argv[1]); print(*(m['stormy_run'](seed)[0] for seed in range(4)))"
    outputs = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", code, str(Path(__file__))]
        outputs.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(outputs) == 1
    assert len(next(iter(outputs)).split()) == 4


def test_a_crash_falls_between_two_effects_and_the_rest_of_the_list_never_happens() -> None:
    for after in range(1, 7):
        simulator, logs = toys(1)
        simulator.at(SECOND, partial(simulator.crash, 0, after_effects=after))
        for text in (b"a", b"b", b"c"):
            simulator.at(SECOND, partial(simulator.submit, 0, Broadcast(b"", 0, text)))
        simulator.run(2 * SECOND)
        # The toy's list is Append, Delivered, Append, Delivered, Append, Delivered.
        assert simulator.processes[0].machine is None
        assert len(simulator.processes[0].disk) == (after + 1) // 2
        assert len(logs[0]) == after // 2


def test_a_restarted_member_reads_its_synced_records_and_has_a_new_clock_and_new_entropy() -> None:
    simulator, logs = toys(3)
    simulator.at(SECOND, partial(simulator.submit, 0, Broadcast(b"", 0, b"a")))
    simulator.run(2 * SECOND)
    first, offset = logs[0], simulator.processes[0].clock_offset
    simulator.crash(0)
    simulator.start(0)
    assert logs[0] == first
    assert simulator.processes[0].clock_offset != offset
    simulator.submit(0, Broadcast(b"", 0, b"a"))
    simulator.run(3 * SECOND)
    assert len(logs[0]) == 2
    assert logs[0][0] != logs[0][1]


def test_a_disk_keeps_what_was_synced_and_loses_only_the_tail() -> None:
    seen = set()
    for seed in range(40):
        disk = Disk()
        disk.write(Append("own", b"1", b"x", sync=False))
        disk.write(Append("own", b"2", b"y"))
        disk.write(Append("own", b"3", b"z", sync=False))
        disk.write(Append("own", b"1", b"w", sync=False))
        disk.crash(Random(seed))
        seen.add(tuple((record.key, record.data) for record in disk.records()))
    old, newer = (b"1", b"x"), (b"2", b"y")
    assert seen == {(old, newer), (old, newer, (b"3", b"z")), ((b"1", b"w"), newer, (b"3", b"z"))}


def links(process: Process) -> list[LinkUp | LinkDown]:
    assert isinstance(process.machine, Toy)
    return [event for event in process.machine.heard if isinstance(event, LinkUp | LinkDown)]


def test_links_come_up_for_both_ends_and_a_quick_restart_is_seen_as_down_and_up() -> None:
    simulator, _ = toys(7, n=2)
    simulator.run(SECOND)
    one, two = simulator.processes
    assert links(one) == [LinkUp(member(1))]
    assert links(two) == [LinkUp(member(0))]
    simulator.crash(1)
    simulator.start(1)
    simulator.run(3 * SECOND)
    assert links(one) == [LinkUp(member(1)), LinkDown(member(1)), LinkUp(member(1))]
    assert links(two) == [LinkUp(member(0))]


def test_a_one_way_cut_is_noticed_by_the_end_that_hears_nothing_and_mended_for_it() -> None:
    simulator, _ = toys(8, n=2)
    simulator.run(SECOND)
    simulator.cut([(0, 1)])
    simulator.run(4 * SECOND)
    assert links(simulator.processes[0]) == [LinkUp(member(1))]
    assert links(simulator.processes[1]) == [LinkUp(member(0)), LinkDown(member(0))]
    simulator.mend()
    simulator.run(7 * SECOND)
    assert links(simulator.processes[1]) == [LinkUp(member(0)), LinkDown(member(0)), LinkUp(member(0))]


def test_frames_are_lost_repeated_and_reordered_as_the_weather_says() -> None:
    network = Network(2, Random(1), Weather(loss=0.5))
    assert {len(network.arrivals(0, 1, 0)) for _ in range(50)} == {0, 1}
    network = Network(2, Random(1), Weather(repeat=0.5))
    assert {len(network.arrivals(0, 1, 0)) for _ in range(50)} == {1, 2}
    network = Network(2, Random(1), Weather())
    times = [network.arrivals(0, 1, now)[0] for now in range(50)]
    assert times != sorted(times)
    network = Network(2, Random(1), Weather(in_order=True))
    times = [network.arrivals(0, 1, now)[0] for now in range(50)]
    assert times == sorted(times)
    network.cut([(0, 1)])
    assert network.arrivals(0, 1, 0) == ()
    assert len(network.arrivals(1, 0, 0)) == 1
    assert network.mend() == [(0, 1)]
    assert len(network.arrivals(0, 1, 0)) == 1


def test_a_machine_that_ticks_for_ever_or_talks_without_end_is_a_violation() -> None:
    simulator, _ = toys(1)
    simulator.run(SECOND)
    with pytest.raises(Violation, match="no end of talking"):
        simulator.run(1000 * SECOND, events_max=500)
    machine = simulator.processes[1].machine
    assert isinstance(machine, Toy)
    machine.tick = lambda now: []  # type: ignore[method-assign]
    with pytest.raises(Violation, match="tick for ever"):
        simulator.run(simulator.now + SECOND)


def test_misuse_of_the_driver_is_a_local_error() -> None:
    simulator, _ = toys(1)
    simulator.run(SECOND)
    with pytest.raises(LocalProtocolError, match="is running"):
        simulator.start(0)
    simulator.crash(0)
    assert not simulator.submit(0, Broadcast(b"", 0, b"a"))


def test_a_killed_process_leaves_its_writes_and_a_power_cut_loses_those_that_were_not_synced() -> None:
    for tail, left in (("kept", {3}), ("lost", {1}), ("part", {1, 2, 3})):
        found = set()
        for seed in range(40):
            disk = Disk()
            for number, sync in enumerate((True, False, False)):
                disk.write(Append("own", b"%d" % number, b"x", sync=sync))
            disk.crash(Random(seed), tail)  # type: ignore[arg-type]
            found.add(len(disk))
        assert found == left


def test_a_cut_can_be_mended_by_itself_and_a_link_can_be_slow_in_one_direction() -> None:
    network = Network(2, Random(1), Weather(delay_us=100, jitter_us=0))
    network.cut([(0, 1), (1, 0)])
    assert network.mend([(0, 1)]) == [(0, 1)]
    assert network.passes(0, 1)
    assert not network.passes(1, 0)
    network.mend()
    network.slow_links_us = {(0, 1): 5_000}
    assert network.arrivals(0, 1, 0) == (5_100,)
    assert network.arrivals(1, 0, 0) == (100,)


def test_a_slow_members_timers_go_off_late_and_every_step_is_seen() -> None:
    simulator, _ = toys(3)
    steps = [0] * 4
    ticks: list[int] = []

    def look(place: int) -> None:
        steps[place] += 1

    simulator.processes[1].lag_us = 30_000
    simulator.watch(Send, lambda place, effect: ticks.append(simulator.now) if place == 1 else None)
    simulator.watch_steps(look)
    simulator.run(2 * SECOND)
    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    assert min(gaps) >= AGAIN + 30_000
    assert all(steps)
