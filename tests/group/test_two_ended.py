"""Who signs two ends of an epoch and shows each member one of them is convicted, though nobody was shown both."""

from random import Random

import pytest

from mechdesign.group.channel import channel_of, frame
from mechdesign.group.evidence import Forking, convict, decode_evidence
from mechdesign.group.group import Group
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.views.annals import EPOCHS_KEPT, Annals
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.packets import Signatures, Trail, encode_epoch_packet, trail_of
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import LinkUp, Packet
from tests.group.epochs import end, invite, line
from tests.group.lockstep import make_roster, member, signer

SCHEME = KeyedHash()
FOUR = make_roster(4)
LIAR = 2


class Halves(Random):
    """Never shows anybody both ends."""

    def random(self) -> float:
        """Always too much."""
        return 0.99


def two_faced(founders: int, edges: list[tuple[int, int]] | None = None) -> ViewCluster:
    cluster = ViewCluster(founders, founders + 2, 1, liars={LIAR: "two-ended"}, edges=edges)
    for place in range(founders):
        cluster.start(place)
    cluster.machine(LIAR)._chance = Halves()
    cluster.run(1)
    return cluster


def convicts(cluster: ViewCluster) -> dict[int, set[bytes]]:
    """Collects whom each member finds guilty, by place."""
    found: dict[int, set[bytes]] = {place: set() for place in range(len(cluster.signers))}

    def note(place: int, event: EvidenceFound) -> None:
        assert isinstance(decode_evidence(event.data), Forking)
        assert convict(event.data, cluster.machine(place).roster, cluster.scheme) == event.member
        found[place].add(event.member)

    cluster.simulator.watch(EvidenceFound, note)
    return found


@pytest.mark.parametrize(
    ("founders", "edges"),
    [(4, None), (7, None), (5, [(0, 2), (2, 1), (0, 3), (3, 4), (4, 1), (4, 5)])],
    ids=["four", "seven", "not everybody has a link to everybody"],
)
def test_the_halves_of_a_double_signature_meet_and_an_honest_member_convicts(founders, edges):
    cluster = two_faced(founders, edges)
    found = convicts(cluster)
    liar = cluster.signers[LIAR].public
    cluster.want(joins=[founders])
    cluster.assert_settled()
    cluster.run(5)
    # One honest member that holds the proof is enough: it accuses in the log. And nobody honest is accused.
    assert set().union(*(found[place] for place in range(founders) if place != LIAR)) == {liar}


def test_where_all_sign_one_end_nothing_more_is_said():
    cluster = ViewCluster(4, 5, 1)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    found = convicts(cluster)
    cluster.want(joins=[4])
    cluster.assert_settled()
    for place in range(4):
        epoch = cluster.machine(place)._guide.old
        assert epoch is None or cluster.machine(place)._guide.warn(epoch) == []
    assert not any(found.values())


def other_end(place: int, signature: bytes | None = None) -> Signatures:
    """A signature of a member under another end than the one of ``ended``."""
    statement = Statement(FOUR.digest, b"c" * 32, b"s" * 32, b"r" * 32)
    signed = statement.sign(signer(place)) if signature is None else signature
    return Signatures(statement.checkpoint, statement.state, statement.successor, ((place, signed),))


def ended() -> Annals:
    """The annals of one who saw the first epoch end with the signatures of 0, 1 and 2."""
    annals = Annals()
    annals.add([(FOUR, end(FOUR, (*FOUR.members, line(4))))])
    return annals


def test_a_half_that_comes_when_the_epoch_is_served_no_more_is_held_against_its_certificate():
    annals, channel = ended(), channel_of(FOUR)
    proofs, hold = annals.doubled(channel, other_end(LIAR), SCHEME)
    assert hold
    assert [convict(found.data, FOUR, SCHEME) for found in proofs] == [member(LIAR)]
    assert annals.doubled(channel, other_end(LIAR), SCHEME) == ([], True), "once"
    # Who did not sign the certificate has signed one end, and bytes are no signature.
    assert annals.doubled(channel, other_end(3), SCHEME) == ([], True)
    assert annals.doubled(channel, other_end(1, bytes(64)), SCHEME) == ([], False)
    assert annals.doubled(b"of no epoch", other_end(1), SCHEME) == ([], True)


def test_a_half_that_came_with_the_certificate_alone_is_held_against_what_is_shown_later():
    closing = Closing(FOUR, signer(0), SCHEME)
    assert closing.certified(end(FOUR, FOUR.members)) == []
    proofs = closing.heard(other_end(LIAR))[1]
    assert [convict(found.data, FOUR, SCHEME) for found in proofs] == [member(LIAR)]
    # Who did not sign the certificate has signed one end.
    assert closing.heard(other_end(3))[1] == []


def test_a_half_that_was_shown_first_is_held_against_the_certificate_that_comes_later():
    closing = Closing(FOUR, signer(0), SCHEME)
    for place in (LIAR, 3):
        assert closing.heard(other_end(place))[1] == []
    proofs = closing.certified(end(FOUR, FOUR.members))
    assert [convict(found.data, FOUR, SCHEME) for found in proofs] == [member(LIAR)]


def test_what_is_remembered_of_double_signers_goes_with_the_epoch():
    annals = ended()
    annals.doubled(channel_of(FOUR), other_end(LIAR), SCHEME)
    roster = FOUR
    for number in range(1, EPOCHS_KEPT + 1):
        roster = make_roster(4, epoch=number)
        annals.add([(roster, end(roster, roster.members))])
    assert len(annals.rosters) == EPOCHS_KEPT
    assert not annals._doubled


def test_a_member_that_has_gone_on_takes_the_other_half_and_hands_up_a_proof_once():
    cluster = ViewCluster(4, 6, 1)
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    group = cluster.machine(0)
    roster = group.roster
    cluster.want(joins=[4])
    cluster.assert_settled()
    cluster.run(5)
    assert len(group.epochs) == 1
    certificate = group._guide.annals._ends[channel_of(roster)].certificate
    place, _ = certificate.signatures[-1]
    statement = Statement(roster.digest, b"c" * 32, b"s" * 32, b"r" * 32)
    key = next(each for each in cluster.signers if each.public == roster.ids[place])
    said = Signatures(statement.checkpoint, statement.state, statement.successor, ((place, statement.sign(key)),))
    packet = Packet(roster.ids[1], frame(channel_of(roster), encode_epoch_packet(said)))
    told = [each for _ in range(3) for each in group.receive(packet, cluster.simulator.now)]
    found = [each for each in told if isinstance(each, EvidenceFound)]
    assert [convict(each.data, group.roster, cluster.scheme) for each in found] == [roster.ids[place]]


def test_a_joiner_on_its_way_convicts_by_the_end_that_it_followed_once():
    certificate = end(FOUR, (*FOUR.members, line(4)))
    joiner = Group(invite(FOUR, 4), signer(4), SCHEME, BRISK, carry_over=True)
    joiner.restore((), 0)
    joiner.receive(LinkUp(member(0)), 0)

    def hear(said: Signatures | Trail, now: int) -> list[EvidenceFound]:
        packet = Packet(member(0), frame(channel_of(FOUR), encode_epoch_packet(said)))
        effects = joiner.receive(packet, now)
        return [effect for effect in effects if isinstance(effect, EvidenceFound)]

    assert hear(other_end(LIAR), 1) == [], "how that epoch ended is not known"
    hear(trail_of([certificate.encoded]), 2)
    assert hear(other_end(LIAR, bytes(64)), 3) == []
    assert dict(joiner.status().dropped)["forged"] == 1
    [found] = hear(other_end(LIAR), 4)
    assert convict(found.data, FOUR, SCHEME) == found.member == member(LIAR)
    assert joiner.roster == FOUR, "it was still on its way"
    assert hear(other_end(LIAR), 5) == []
    assert joiner.deadline is not None
    joiner.tick(joiner.deadline)
    assert joiner.roster.epoch == 1
    assert hear(other_end(LIAR), 6) == []
    assert hear(other_end(LIAR, bytes(64)), 7) == []
    assert dict(joiner.status().dropped)["forged"] == 1, "it is not even looked at"
