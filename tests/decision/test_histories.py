"""Two histories of one group, made by running the same members with the same keys twice."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from mechdesign.decision.histories import History, compare
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.record import Record
from mechdesign.group.checkpoint import Checkpoint, Count, sign_checkpoint, state_digest
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import Ed25519, KeyedHash
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import encode
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.group.epochs import end
from tests.group.lockstep import make_roster, signer

FOUR = make_roster(4)


@cache
def lived(values, places, proposer, faults=None, seal="threshold"):
    """A run in which only some of the members are up; the same keys in every run."""
    strategies = [truthful(Fraction(value)) for value in values]
    cluster = StackCluster(strategies, 7, real=True, faults=faults)
    for place in places:
        cluster.simulator.start(place)
    request = ProposeSession(mechanism=SecondPrice(), label="the item", seal=seal, **phases(400))
    cluster.propose(proposer, request)
    assert cluster.run(places=places)
    return cluster


def transcript(cluster, place):
    (end,) = cluster.ended[place].values()
    return end.transcript


def of_transcript(cluster, place):
    history = History(Ed25519())
    history.add_transcript(transcript(cluster, place))
    return history


def of_journal(cluster, place):
    history = History(Ed25519())
    history.add_roster(cluster.roster)
    records = cluster.simulator.processes[place].disk.records()
    history.add_records([(record.table, record.key, record.data) for record in records])
    return history


def named(found):
    return {each.name for each in found.named}


def assert_proved(found, roster):
    for each in found.named:
        assert verify_evidence(each.proof, roster, Ed25519())[0] == each.member, each


FORKS = {
    "four": ((18, 24, 21, 9), (18, 9, 30, 26), (0, 1, 2), (1, 2, 3), None),
    "seven": ((5, 6, 7, 8, 9, 10, 11), (15, 6, 7, 8, 9, 20, 11), (0, 1, 2, 3, 4), (2, 3, 4, 5, 6), None),
    "majority": ((18, 24, 21), (18, 9, 30), (0, 1), (1, 2), FaultModel.MAJORITY),
}


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("witness", [of_transcript, of_journal])
def test_everyone_in_both_quorums_is_named_and_convicted_and_nobody_else_is(fork, witness):
    one, other, first, second, faults = FORKS[fork]
    seal = "threshold" if fork == "four" else "commit_reveal"
    mine, theirs = (lived(values, up, second[0], faults, seal) for values, up in ((one, first), (other, second)))
    found = compare(witness(mine, first[0]), witness(theirs, second[-1]))
    both = {mine.roster.members[place].name for place in set(first) & set(second)}
    assert found.disagreements
    assert found.least == 2 * mine.roster.q - mine.roster.n == len(both)
    assert named(found) == both
    assert_proved(found, mine.roster)


def test_a_transcript_and_a_journal_of_another_history_name_the_same_members():
    one, other, first, second, _ = FORKS["four"]
    mine, theirs = lived(one, first, 1), lived(other, second, 1)
    for found in (
        compare(of_transcript(mine, 0), of_journal(theirs, 3)),
        compare(of_journal(theirs, 3), of_transcript(mine, 0)),
    ):
        assert named(found) == {"bob", "carol"}
        assert_proved(found, mine.roster)


def test_the_witnesses_of_one_history_agree_and_name_nobody():
    cluster = lived((18, 24, 21, 9), (0, 1, 2), 1)
    for one in (of_transcript(cluster, 0), of_journal(cluster, 1)):
        for other in (of_transcript(cluster, 2), of_journal(cluster, 0)):
            found = compare(one, other)
            assert (found.disagreements, found.named, found.least) == ((), (), 0)
            assert dict(found.compared)["submissions"] > 0


def test_a_member_that_crashed_and_came_back_is_not_named():
    strategies = [truthful(Fraction(value)) for value in (18, 24, 21, 9)]
    cluster = StackCluster(strategies, 5, real=True)
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), label="the item", **phases(3000)))
    for place in (1, 2):
        cluster.simulator.run(cluster.simulator.now + 40_000)
        assert cluster.simulator.processes[place].disk.records()
        cluster.simulator.crash(place)
        cluster.simulator.start(place)
    assert cluster.run(seconds=300)
    witnesses = [of_journal(cluster, place) for place in range(4)] + [of_transcript(cluster, 0)]
    for one in witnesses:
        for other in witnesses:
            found = compare(one, other)
            assert (found.disagreements, found.named) == ((), ())


def test_a_longer_history_is_only_longer():
    cluster = lived((18, 24, 21, 9), (0, 1, 2), 1)
    short, long = of_transcript(cluster, 0), of_journal(cluster, 0)
    assert compare(short, long).only[0] == 0
    assert compare(short, long).only[1] > 0


def test_histories_of_different_groups_have_nothing_in_common():
    one = lived((18, 24, 21, 9), (0, 1, 2), 1)
    other = lived((18, 24, 21), (0, 1), 1, FaultModel.MAJORITY)
    found = compare(of_transcript(one, 0), of_transcript(other, 0))
    assert (found.disagreements, found.named) == ((), ())
    assert not any(count for _, count in found.compared)


def test_a_forged_history_is_no_witness():
    data = transcript(lived((18, 24, 21, 9), (0, 1, 2), 1), 0)
    history = History(Ed25519())
    for at in range(len(data) // 2, len(data), len(data) // 40):
        with pytest.raises(VerificationError):
            history.add_transcript(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert not history.headers


def test_records_that_are_not_signed_name_nobody():
    cluster = lived((18, 24, 21, 9), (0, 1, 2), 1)
    records = cluster.simulator.processes[0].disk.records()
    history = History(Ed25519())
    history.add_roster(cluster.roster)
    spoilt = [(each.table, each.key, each.data[:-1] + bytes([each.data[-1] ^ 1])) for each in records]
    history.add_records([*spoilt, ("view", b"epoch", b"\xc0"), ("view", b"end", b"x"), ("checkpoint", b"newest", b"y")])
    found = compare(history, of_journal(cluster, 1))
    assert found.named == ()
    assert history.refused > 0


def ended(signers, state):
    """A journal's record of how the first epoch of four ended, as these members signed it."""
    certificate = end(FOUR, FOUR.members[1:], state, by=signers)
    history = History(KeyedHash())
    history.add_records([("view", b"end" + bytes(4), encode((FOUR.encoded, certificate.encoded)))])
    return history


def test_two_ends_of_one_epoch_name_who_signed_both_and_the_proof_holds():
    found = compare(ended((0, 1, 2), b"one"), ended((1, 2, 3), b"other"))
    assert found.disagreements == ("how epoch 0 ended",)
    assert found.least == 2
    assert [each.member for each in found.named] == [FOUR.ids[1], FOUR.ids[2]]
    for each in found.named:
        assert each.reasons == ("two ends of one epoch",)
        assert verify_evidence(each.proof, FOUR, KeyedHash()) == (each.member, "forking")


def test_one_end_that_different_members_signed_is_no_disagreement():
    found = compare(ended((0, 1, 2), b"one"), ended((1, 2, 3), b"one"))
    assert (found.disagreements, found.named) == ((), ())


def certified(signers, chain):
    """A journal's record of a checkpoint that these members signed."""
    state = parted(chain).encode()
    named_ = state_digest(state, FOUR)
    signatures = tuple((place, sign_checkpoint(1, named_, FOUR, signer(place))) for place in signers)
    history = History(KeyedHash())
    history.add_roster(FOUR)
    history.add_records([("checkpoint", bytes(4) + b"newest", encode((state, signatures, b"")))])
    return history


def parted(chain):
    return Checkpoint(1, 3, 0, 0, 0, (), 0, 1, chain, (Count(0, b""),) * 4)


def test_positions_that_no_quorum_signed_are_no_log_so_an_edited_transcript_is_no_fork():
    data = transcript(lived((18, 24, 21, 9), (0, 1, 2), 1), 0)
    record = Record.parse(data)
    frozen = list(record.frozen)
    frozen[2], frozen[3] = (
        replace(frozen[3], position=frozen[2].position),
        replace(frozen[2], position=frozen[3].position),
    )
    honest, edited, shorter = History(Ed25519()), History(Ed25519()), History(Ed25519())
    honest.add_transcript(data)
    edited.add_transcript(replace(record, frozen=tuple(frozen)).encoded)
    shorter.add_transcript(replace(record, frozen=tuple(frozen), later=()).encoded)
    assert len(honest.log) == len(frozen)
    for other in (edited, shorter):
        assert other.log == {}
        found = compare(honest, other)
        assert (found.disagreements, found.named) == ((), ())


def test_two_checkpoints_of_one_index_name_who_signed_both():
    found = compare(certified((0, 1, 2), bytes(32)), certified((1, 2, 3), b"x" * 32))
    assert found.disagreements == ("checkpoint 1",)
    assert found.least == 2
    assert [each.member for each in found.named] == [FOUR.ids[1], FOUR.ids[2]]
    assert {each.reasons for each in found.named} == {("two checkpoints of one index",)}
    for each in found.named:
        assert verify_evidence(each.proof, FOUR, KeyedHash()) == (each.member, "two-checkpoints")


def test_a_checkpoint_that_no_quorum_signed_names_nobody():
    found = compare(certified((0, 1), bytes(32)), certified((1, 2, 3), b"x" * 32))
    assert (found.disagreements, found.named) == ((), ())
