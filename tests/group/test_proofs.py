"""Proofs that were found too late for the epoch that they are about."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mechdesign.decision.bench import Bench
from mechdesign.decision.entries import EvidenceEntry
from mechdesign.decision.policing import convict_of, group_offence
from mechdesign.group.block import genesis, make_block
from mechdesign.group.channel import channel_of, frame
from mechdesign.group.evidence import Equivocation, Forking, Former, InvalidBlock, Signed, convict, encode_evidence
from mechdesign.group.group import Group
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Append, EvidenceFound, Exclude, Submission
from mechdesign.group.packets import Blocks, encode_packet
from mechdesign.group.roster import Roster
from mechdesign.group.views.proofs import Proofs
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.crypto import KeyedHash, Signer
from mechdesign.kernel.errors import JournalError
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import Packet
from tests.group.lockstep import make_roster, member, signer

SCHEME = KeyedHash()
FOUR = make_roster(4)
NEXT = replace(FOUR, epoch=1, nonce=b"n" * 16)
LIAR = 2


def twins(roster: Roster, key: Signer) -> list[bytes]:
    """Two first blocks of one member, as they travel."""
    place = roster.place(key.public)
    assert place is not None
    leaves = [encode_leaf(Submission(0, key.public, 0, what)) for what in (b"heads", b"tails")]
    return [make_block(roster, key, 0, [genesis(roster, place)], (), [leaf]).wire for leaf in leaves]


def equivocation(roster: Roster = FOUR, place: int = LIAR) -> bytes:
    """The proof that a member signed two first blocks."""
    at = roster.place(member(place))
    assert at is not None
    leaves = [encode_leaf(Submission(0, member(place), 0, what)) for what in (b"heads", b"tails")]
    blocks = [make_block(roster, signer(place), 0, [genesis(roster, at)], (), [leaf]) for leaf in leaves]
    return encode_evidence(Equivocation(*(Signed(block.encoded, block.signature) for block in blocks)))


def forking(roster: Roster = FOUR, place: int = LIAR) -> bytes:
    """The proof that a member signed two ends of an epoch."""
    ends = [Statement(roster.digest, bytes(32), bytes(32), what * 32) for what in (b"a", b"b")]
    one, other = [(end, end.sign(signer(place))) for end in ends]
    return encode_evidence(Forking(member(place), one, other))


def former(proof: bytes, roster: Roster = FOUR) -> bytes:
    return encode_evidence(Former(roster.encoded, proof))


# The evidence


def test_a_proof_about_a_past_epoch_convicts_where_nothing_of_that_epoch_is_known():
    assert convict(equivocation(), NEXT, SCHEME) is None
    assert convict(former(equivocation()), NEXT, SCHEME) == member(LIAR)
    assert convict_of(former(equivocation()), NEXT, SCHEME) == member(LIAR)
    assert group_offence(former(equivocation()), NEXT, SCHEME) == group_offence(equivocation(), FOUR, SCHEME)


def test_it_convicts_by_key_and_not_by_the_place_in_the_present_roster():
    moved = replace(NEXT, members=FOUR.members[::-1])
    assert convict(former(equivocation()), moved, SCHEME) == member(LIAR)
    gone = replace(NEXT, members=FOUR.members[:LIAR])
    assert convict(former(equivocation()), gone, SCHEME) is None


def test_nothing_else_can_be_dressed_up_as_a_proof_about_the_past():
    honest = make_block(FOUR, signer(1), 0, [genesis(FOUR, 1)])
    blameless = encode_evidence(InvalidBlock(Signed(honest.encoded, honest.signature)))
    # A roster by whose rules the honest block is wrong, and one by which its author is somebody else.
    stricter = replace(FOUR, epoch=0, submission_bytes_max=10, payload_bytes_max=10)
    others = replace(FOUR, members=(FOUR.members[0], FOUR.members[3], *FOUR.members[1:3]))
    for roster in (FOUR, stricter, others):
        assert convict(former(blameless, roster), NEXT, SCHEME) is None
        assert convict(former(equivocation(), roster), NEXT, SCHEME) == (member(LIAR) if roster == FOUR else None)


@pytest.mark.parametrize(
    "data",
    [
        former(former(equivocation())),
        former(forking()),
        former(equivocation(NEXT), NEXT),
        former(equivocation(replace(FOUR, epoch=2)), replace(FOUR, epoch=2)),
        former(equivocation(replace(FOUR, group="another")), replace(FOUR, group="another")),
        former(b"rubbish"),
        encode_evidence(Former(b"rubbish", equivocation())),
        encode_evidence(Former(FOUR.encoded + b"\0", equivocation())),
    ],
    ids=["nested", "needless", "of now", "of the future", "of another group", "no proof", "no roster", "bent roster"],
)
def test_one_misdeed_has_one_proof(data):
    assert convict(data, NEXT, SCHEME) is None


# What is kept


def test_one_proof_of_a_kind_against_a_member_is_kept_and_of_the_newest_epoch():
    proofs = Proofs()
    first, record = proofs.keep(EvidenceFound(member(LIAR), equivocation()), FOUR) or (None, None)
    assert first is not None
    assert first.found.data == former(equivocation())
    assert proofs.keep(EvidenceFound(member(LIAR), equivocation()), FOUR) is None
    assert proofs.holding(FOUR) == []
    assert proofs.holding(NEXT) == [first.found]
    newer, again = proofs.keep(EvidenceFound(member(LIAR), equivocation(NEXT)), NEXT) or (None, None)
    assert newer is not None
    assert again is not None
    assert record is not None
    assert again.key == record.key, "the older one is overwritten"
    assert proofs.keep(EvidenceFound(member(LIAR), equivocation()), FOUR) is None
    forked, _ = proofs.keep(EvidenceFound(member(LIAR), forking()), NEXT) or (None, None)
    assert forked is not None
    assert proofs.holding(NEXT) == [forked.found], "what needs no roster holds at once"
    assert proofs.release(FOUR) == []
    assert {key for _, key in proofs.release(make_roster(2))} > {record.key}
    assert proofs.holding(replace(NEXT, epoch=9)) == []


def test_what_is_kept_comes_back_from_the_journal_and_damage_is_refused():
    proofs, again = Proofs(), Proofs()
    for data in (equivocation(), forking()):
        news = proofs.keep(EvidenceFound(member(LIAR), data), FOUR)
        assert news is not None
        record = news[1]
        assert again.restore(record.key, record.data)
    assert again.holding(NEXT) == proofs.holding(NEXT)
    assert len(again.holding(NEXT)) == 2
    assert not again.restore(b"epoch", b"")
    for bad in (b"", b"\x90", record.data[:-1] + bytes([record.data[-1] ^ 1]) + b"!"):
        with pytest.raises(JournalError, match="proof is damaged"):
            again.restore(record.key, bad)


# In a group whose members change


def started(drains: bool = False) -> ViewCluster:
    cluster = ViewCluster(4, 6, 1, liars={LIAR: "unsigned"}, drains=drains)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    return cluster


def show(cluster: ViewCluster, roster: Roster, place: int = 0) -> list[object]:
    """Have a member see both blocks of the liar in the epoch of a roster; what it does."""
    key = cluster.signers[LIAR]
    packet = encode_packet(roster, Blocks(tuple(twins(roster, key))))
    incoming = Packet(key.public, frame(channel_of(roster), packet))
    effects: list[object] = list(cluster.machine(place).receive(incoming, cluster.simulator.now))
    cluster.simulator._perform(cluster.simulator.processes[place], effects)
    return effects


def found(effects: Sequence[object]) -> list[bytes]:
    return [effect.data for effect in effects if isinstance(effect, EvidenceFound)]


def test_twin_blocks_that_are_found_while_an_epoch_closes_convict_and_exclude_in_the_next():
    cluster = started()
    roster = cluster.machine(0).roster
    handed: list[tuple[int, bytes]] = []
    cluster.simulator.watch(EvidenceFound, lambda place, event: handed.append((place, event.data)))
    (proof,) = found(show(cluster, roster))
    cluster.want(joins=[4])
    cluster.assert_settled()
    present = cluster.machine(0).roster
    assert present.epoch > roster.epoch
    assert (0, former(proof, roster)) in handed
    assert convict(former(proof, roster), present, cluster.scheme) == cluster.signers[LIAR].public
    assert convict(proof, present, cluster.scheme) is None
    # The joiner, who knows nothing of the past epoch, judges like everybody else.
    cluster.wanted.pop(LIAR)
    cluster.simulator.submit(0, Exclude(former(proof, roster)))
    cluster.assert_settled()
    assert cluster.roster_of(4) is not None
    assert cluster.machine(4).roster.place(cluster.signers[LIAR].public) is None


def test_twin_blocks_that_are_found_in_an_epoch_that_is_over_are_handed_up_once_as_they_hold_now():
    cluster = started()
    roster = cluster.machine(0).roster
    cluster.want(joins=[4])
    assert cluster.run_until(lambda: cluster.machine(0).roster.epoch > 0, 30, each=0.001)
    while len(cluster.machine(0).epochs) == 1:
        roster = cluster.machine(0).roster
        cluster.want(joins=[5])
        cluster.run(0.0002)
    (proof,) = found(show(cluster, roster))
    present = cluster.machine(0).roster
    assert convict(proof, present, cluster.scheme) == cluster.signers[LIAR].public
    assert found(show(cluster, roster)) == []


def test_a_crash_after_the_switch_loses_no_proof():
    cluster = started()
    roster = cluster.machine(0).roster
    (proof,) = found(show(cluster, roster))
    cluster.want(joins=[4])
    cluster.assert_settled()
    handed: list[bytes] = []
    cluster.simulator.crash(0)
    cluster.simulator.watch(EvidenceFound, lambda place, event: handed.append(event.data))
    cluster.start(0)
    assert former(proof, roster) in handed


def test_a_restart_in_the_same_epoch_hands_up_the_proof_as_it_holds_there():
    group = Group(FOUR, signer(0), SCHEME, BRISK)
    effects = list(group.restore((), 0))
    packet = frame(channel_of(FOUR), encode_packet(FOUR, Blocks(tuple(twins(FOUR, signer(LIAR))))))
    effects += group.receive(Packet(member(LIAR), packet), 0)
    assert found(effects) == [equivocation()]
    records = [(effect.table, effect.key, effect.data) for effect in effects if isinstance(effect, Append)]
    assert found(list(Group(FOUR, signer(0), SCHEME, BRISK).restore(records, 0))) == [equivocation()]


# The decision layer


def test_a_conviction_that_stands_is_not_repeated_by_the_same_proof_in_another_form():
    proof = EvidenceFound(member(LIAR), former(equivocation()))
    offence = group_offence(proof.data, NEXT, SCHEME)
    assert offence is not None
    (broadcast,) = Bench(NEXT, SCHEME).accuse(proof)
    assert broadcast.data == EvidenceEntry(proof.data).encoded
    assert Bench(NEXT, SCHEME, [offence]).accuse(proof) == []
    fresh = EvidenceFound(member(LIAR), equivocation(NEXT))
    assert len(Bench(NEXT, SCHEME, [offence]).accuse(fresh)) == 1, "a new misdeed is another matter"
