"""``python -m mechdesign.testing.boundaries``: one member dies between any two of its effects, and comes back.

A scene is played once for each boundary: the member stops right before its k-th effect (a record to write, a frame to
send, an event to tell), for every k that there is, once with the writes that no sync followed kept, as a killed process
leaves them, and once with them lost, as a power cut does. It starts again from its disk, and everything must end as if
nothing had happened: nothing is signed twice, what was sealed stays what it was, the logs agree, the session settles on
the pure result, no deposit is forfeited and nobody is convicted.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Annotated

import typer

from mechdesign.group.block import parse_block
from mechdesign.group.channel import unframe
from mechdesign.group.messages import Append, Compact
from mechdesign.group.roster import Roster
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import Asked, ProposeSession, Settled
from mechdesign.testing.checkers import Blocks
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.crashes import Scene, play_all, watch_losses
from mechdesign.testing.disk import Tail
from mechdesign.testing.frames import frame_reader, record_reader
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.testing.stacks import StackCluster, phases

__all__ = ["SCENES", "chat", "main", "open_auction", "sealed_auction"]

_PAUSE = SECOND // 4
_VALUES = (3, 9, 5, 7)
_DEPOSIT = 10
_WORDS = 5


def _stop(simulator: Simulator, place: int, after: int, tail: Tail, again: Callable[[], object]) -> list[int]:
    """Have a running member stop after so many effects and start a little later; gives its losses when it stopped."""
    losses = watch_losses(simulator, place)

    def restart() -> None:
        simulator.start(place)
        again()

    def watch(who: int, begins: bool) -> None:
        if who == place and not begins:
            simulator.at(simulator.now + _PAUSE, restart)

    simulator.watch_lives(watch)
    simulator.crash(place, after, tail)
    return losses


class _Memory:
    """Over all lives of all members: one block for a predecessor, one content for a secret that is on the disk."""

    def __init__(self, simulator: Simulator, roster: Roster) -> None:
        self._simulator = simulator
        self._roster = roster
        self._followers: dict[tuple[int, bytes], bytes] = {}
        self._secrets: dict[tuple[int, bytes], bytes] = {}
        simulator.watch(Append, self._append)
        simulator.watch_lives(self._life)

    def _append(self, place: int, record: Append) -> None:
        if record.table == "secret" and self._secrets.get((place, record.key), record.data) != record.data:
            raise Violation(f"member {place} chooses another secret in its second life")
        block = parse_block(record.data, self._roster) if record.table == "block" else None
        if block is not None and block.author == place:
            named = place, block.header.parents[0].digest
            if self._followers.setdefault(named, block.digest) != block.digest:
                raise Violation(f"member {place} signed two blocks on one predecessor")

    def _life(self, place: int, begins: bool) -> None:
        for record in self._simulator.processes[place].disk.records():
            if record.table == "secret":
                self._secrets[place, record.key] = record.data


def chat(place: int, after: int, tail: Tail) -> int | None:
    """Four members say a few words, enough for a checkpoint that takes the place of blocks in the journal."""
    cluster = Cluster(4, seed="chat", depth=4)
    simulator = cluster.simulator
    _Memory(simulator, cluster.roster)
    compacted: list[int] = []
    simulator.watch(Compact, lambda who, _: compacted.append(who))
    cluster.start_all()
    losses = _stop(simulator, place, after, tail, lambda: None)
    for number in range(_WORDS):
        simulator.at(number * SECOND // 40, partial(cluster.say, number % 4, b"word %d" % number))
    cluster.run(_WORDS / 40)
    cluster.assert_agreed()
    cluster.run(1)
    cluster.assert_convicted()
    if not losses and place not in compacted:
        raise Violation("the scene is too short: there is no compaction to be interrupted")
    return losses[0] if losses else None


def _auction(seal: str, place: int, after: int, tail: Tail) -> int | None:
    """Four members hold a sealed second-price auction with deposits; the first of them proposes it."""
    mechanism = SecondPrice(reserve=Fraction(2))

    def answer(value: int) -> Callable[[Asked], object]:
        return lambda asked: mechanism.truthful(Fraction(value), asked.ask)

    cluster = StackCluster([answer(value) for value in _VALUES], 0)
    simulator, places = cluster.simulator, range(4)
    proposal = ProposeSession(
        mechanism=mechanism, seal=seal, deposit=Fraction(_DEPOSIT), **phases(20_000), label="the one session"
    )
    _Memory(simulator, cluster.roster)
    reader = frame_reader(cluster.roster)
    Blocks(simulator, places, lambda data: reader(unframe(data)[1]), record_reader(cluster.roster))
    cluster.start()
    # Whoever proposes does so at each of its starts: its configuration says so.
    losses = _stop(simulator, place, after, tail, lambda: cluster.propose(0, proposal) if place == 0 else None)
    cluster.propose(0, proposal)
    if not cluster.run(seconds=100):
        raise Violation(f"no end: {[list(ended) for ended in cluster.ended]}")
    if any(cluster.convicted) or any(cluster.defaulted):
        raise Violation(f"somebody is blamed: {cluster.convicted}, {cluster.defaulted}")
    ends = cluster.settled()
    if len(ends) != 4 or len({end.transcript for end in ends}) != 1:
        raise Violation(f"{len(ends)} ends, {len({end.transcript for end in ends})} of them different")
    _judge(ends[0])
    return losses[0] if losses else None


def _judge(end: Settled) -> None:
    paid = {flow.payer: flow.amount for flow in end.flows}
    if paid != {"bob": Fraction(sorted(_VALUES)[-2])}:
        raise Violation(f"not the pure result: {end.flows}")
    back = {flow.payee: flow.amount for flow in end.booked if flow.reason == "deposit returned"}
    if back != dict.fromkeys(end.players, Fraction(_DEPOSIT)) or len(back) != 4:
        raise Violation(f"not all deposits were given back: {end.booked}")


sealed_auction: Scene = partial(_auction, "threshold")
"""Reports are shared among the members, who open them together."""

open_auction: Scene = partial(_auction, "commit_reveal")
"""Reports are committed to, and opened by whoever made them."""

SCENES: dict[str, Scene] = {"threshold": sealed_auction, "commit_reveal": open_auction, "chat": chat}
"""The scenes by name, those that take long first."""


def _boundaries(
    every: Annotated[int, typer.Option(min=1, help="Take one in so many boundaries.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that play at once.")] = os.cpu_count() or 1,
) -> None:
    """Crash a member at every boundary of its effects, in each scene; exit code 1 if it does not come back."""
    play_all(SCENES, (0, 1), every=every, jobs=jobs)


def main() -> None:
    """Entry point of the module."""
    application = typer.Typer(add_completion=False)
    application.command()(_boundaries)
    application()


if __name__ == "__main__":
    main()
