"""Each checker is shown one history that keeps its promise and one that breaks it; members here do as they are told."""

from random import Random

import pytest

from mechdesign.group.messages import Append, Delivered, EvidenceFound, Inclusion, Submission
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.checkers import Blocks, Evidence, Log, Promptness
from mechdesign.testing.network import Network
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Send

MEMBERS = [MemberId(bytes([place]) * 32) for place in range(3)]
NO_PROOF = Inclusion(b"", b"", 0, ())


class Obedient:
    """Has exactly the effects that it is asked for."""

    deadline = None

    def submit(self, request, now):
        return request

    def receive(self, incoming, now):
        return []

    def tick(self, now):
        return []


def obedient_group():
    simulator = Simulator(
        [(member, lambda records, now, entropy: (Obedient(), [])) for member in MEMBERS], Network(3, Random(1)), 1
    )
    for place in range(3):
        simulator.start(place)
    return simulator


def entry(position, sender=0, sequence=None, data=None):
    sequence = position if sequence is None else sequence
    data = b"%d" % position if data is None else data
    return Delivered(position, Submission(0, MEMBERS[sender], sequence, data), NO_PROOF)


def restart(simulator, place):
    simulator.crash(place)
    simulator.start(place)


def read(data):
    """Blocks of the staged histories look like b"round author digest"."""
    parts = data.split()
    return [(int(parts[0]), MEMBERS[int(parts[1])], parts[2])] if len(parts) == 3 else []


def test_equal_logs_pass_also_when_a_restarted_member_tells_its_log_again():
    simulator = obedient_group()
    log = Log(simulator, [0, 1, 2])
    for place in (0, 1, 2):
        simulator.submit(place, [entry(0), entry(1)])
    restart(simulator, 1)
    simulator.submit(1, [entry(0)])
    assert log.lengths == {0: 2, 1: 1, 2: 2}
    assert log.holds(0, MEMBERS[0], [b"0", b"1"])
    assert not log.holds(1, MEMBERS[0], [b"1"])


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ([(0, [entry(0)]), (1, [entry(0, data=b"x")])], "logs differ"),
        ([(0, [entry(0), entry(2)])], "tells position 2 after 0"),
        ([(0, [entry(0), entry(0)])], "tells position 0 after 0"),
        ([(0, [entry(0), entry(1, sequence=0)])], "number 0 of one sender"),
        ([(0, [entry(0), entry(1, data=b"0")])], "said once stands at 0 and 1"),
    ],
)
def test_logs_that_differ_jump_or_repeat_are_found(histories, message):
    simulator = obedient_group()
    Log(simulator, [0, 1])
    *before, (place, effects) = histories
    for earlier, passing in before:
        simulator.submit(earlier, passing)
    with pytest.raises(Violation, match=message):
        simulator.submit(place, effects)


def test_a_member_that_tells_another_log_after_a_restart_is_found():
    simulator = obedient_group()
    Log(simulator, [0, 1])
    simulator.submit(0, [entry(0)])
    restart(simulator, 0)
    with pytest.raises(Violation, match="logs differ"):
        simulator.submit(0, [entry(0, data=b"x")])


def test_what_liars_deliver_is_not_looked_at_and_liars_may_repeat_themselves():
    simulator = obedient_group()
    log = Log(simulator, [0, 1])
    simulator.submit(2, [entry(7)])
    simulator.submit(0, [entry(0, sender=2), entry(1, sender=2, data=b"0")])
    assert len(log.entries) == 2


def test_a_proof_of_inclusion_that_does_not_hold_is_found():
    simulator = obedient_group()
    Log(simulator, [0], proved=lambda event: event.position == 0)
    simulator.submit(0, [entry(0)])
    with pytest.raises(Violation, match="proof that comes with position 1"):
        simulator.submit(0, [entry(1)])


def own(text, sync=True):
    return Append("block", text, text, sync)


def test_one_synced_block_a_round_passes():
    simulator = obedient_group()
    blocks = Blocks(simulator, [0, 1], read, read)
    simulator.submit(0, [own(b"0 0 a"), Send(MEMBERS[1], b"0 0 a"), own(b"1 0 b"), Send(MEMBERS[1], b"1 0 b")])
    simulator.submit(1, [own(b"0 0 a", sync=False), Send(MEMBERS[2], b"0 0 a"), Send(MEMBERS[2], b"hello")])
    assert blocks.made == 2
    assert blocks.rounds == 2


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([own(b"0 0 a"), own(b"0 0 b")], "two blocks for round 0"),
        ([own(b"0 0 a"), Send(MEMBERS[1], b"0 0 b")], "two blocks for round 0"),
        ([Send(MEMBERS[1], b"0 0 b"), own(b"0 0 b")], "before it is on disk"),
        ([own(b"0 0 a", sync=False)], "does not sync"),
    ],
)
def test_double_signing_and_sending_before_syncing_are_found(effects, message):
    simulator = obedient_group()
    Blocks(simulator, [0], read, read)
    with pytest.raises(Violation, match=message):
        simulator.submit(0, effects)


def test_signing_a_round_again_in_another_life_is_found():
    simulator = obedient_group()
    Blocks(simulator, [0], read, read)
    simulator.submit(0, [own(b"0 0 a"), Send(MEMBERS[1], b"0 0 a")])
    restart(simulator, 0)
    with pytest.raises(Violation, match="two blocks for round 0"):
        simulator.submit(0, [own(b"0 0 b")])


def test_only_liars_are_convicted_and_only_by_proofs_that_hold():
    def convict(data):
        return MEMBERS[2] if data == b"proof" else None

    simulator = obedient_group()
    evidence = Evidence(simulator, [0, 1], [2], convict)
    simulator.submit(0, [EvidenceFound(MEMBERS[2], b"proof")])
    assert evidence.convicted == {0: [MEMBERS[2]], 1: []}
    with pytest.raises(Violation, match="convicts honest"):
        simulator.submit(0, [EvidenceFound(MEMBERS[1], b"proof")])
    with pytest.raises(Violation, match="does not hold for others"):
        simulator.submit(1, [EvidenceFound(MEMBERS[2], b"rumour")])


def test_rounds_are_counted_until_something_is_ordered_everywhere_from_when_it_is_said_or_the_count_begins():
    simulator = obedient_group()
    promptness = Promptness(simulator, Blocks(simulator, [0, 1], read, read), [0, 1])
    promptness.said(0, b"0")
    promptness.said(0, b"1")
    simulator.submit(1, [own(b"0 1 a"), own(b"1 1 b"), own(b"2 1 c")])
    simulator.submit(1, [entry(0)])
    assert promptness.longest == 0
    promptness.begin()
    assert promptness.waiting == [(MEMBERS[0], b"0"), (MEMBERS[0], b"1")]
    simulator.submit(1, [own(b"3 1 d")])
    simulator.submit(1, [entry(1)])
    assert promptness.longest == 1
    simulator.submit(0, [own(b"4 0 e"), entry(0)])
    assert promptness.waiting == [(MEMBERS[0], b"1")]
    assert promptness.longest == 2
    simulator.submit(0, [own(b"5 0 f"), entry(1)])
    assert promptness.longest == 3
    assert promptness.waiting == []


def test_what_is_never_ordered_counts_for_as_long_as_it_waits():
    simulator = obedient_group()
    promptness = Promptness(simulator, Blocks(simulator, [0, 1], read, read), [0, 1])
    promptness.begin()
    promptness.said(0, b"0")
    for round_ in range(7):
        simulator.submit(1, [own(b"%d 1 a" % round_)])
    assert promptness.longest == 7


def test_who_is_down_is_not_waited_for_and_neither_is_what_it_said_or_what_a_liar_says():
    simulator = obedient_group()
    promptness = Promptness(simulator, Blocks(simulator, [0, 1], read, read), [0, 1])
    promptness.said(0, b"0")
    promptness.said(1, b"1")
    promptness.said(2, b"2")
    simulator.crash(1)
    promptness.begin()
    assert promptness.waiting == [(MEMBERS[0], b"0")]
    simulator.submit(0, [own(b"0 0 a"), entry(0)])
    assert promptness.waiting == []
    assert promptness.longest == 1
    simulator.start(1)
    promptness.said(1, b"3")
    simulator.submit(0, [entry(1, sender=1, data=b"3")])
    assert promptness.waiting == [(MEMBERS[1], b"3")]
    simulator.crash(1)
    assert promptness.waiting == []
