"""Whoever has a link may speak of ends of epochs, also a stranger: what that may cost, and whom it does not touch."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.tolerance import WORK_BURST, asking, work
from mechdesign.group.views import reception, succession
from mechdesign.group.views.annals import Annals
from mechdesign.group.views.packets import (
    TRAIL_MAX,
    Ask,
    Begun,
    EpochPacket,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
)
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import JournalError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import encode
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send
from tests.group.epochs import end
from tests.group.lockstep import make_roster

STRANGER, OTHER = MemberId(b"\xee" * 32), MemberId(b"\xdd" * 32)
BURST = WORK_BURST // 20
FOUR = make_roster(4)


class Counting(KeyedHash):
    """Counts the signatures that are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def verify(self, member: MemberId, message: bytes, signature: bytes) -> bool:
        """One more."""
        self.looks += 1
        return super().verify(member, message, signature)


class Victim:
    """Member 0 of a group that has left an epoch behind; counts the packets that it reads and the rosters it makes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cluster = ViewCluster(4, 5, 0)
        for place in range(4):
            cluster.start(place)
        cluster.run(1)
        self.group = cluster.machine(0)
        self.first = self.group.roster
        cluster.want(joins=[4])
        cluster.assert_settled()
        cluster.run(5)
        assert len(self.group.epochs) == 1
        self.now = cluster.simulator.now
        self.member = cluster.signers[2].public
        wire = (self.group._guide.annals.after(channel_of(self.first)) or [b""])[0]
        known = EpochCertificate.parse(wire)
        assert known is not None
        self.known = known
        self.counts = {"read": 0, "rosters": 0}
        self.count(monkeypatch, reception, "decode_epoch_packet", "read")
        self.count(monkeypatch, succession, "successor", "rosters")
        for peer in (STRANGER, OTHER):
            self.group.receive(LinkUp(peer), self.now)

    def hasten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give everybody a small allowance, of which nothing is used yet."""
        monkeypatch.setattr(reception, "WORK_BURST", BURST)
        self.group._reception = reception.Reception()

    def count(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str, as_: str) -> None:
        real: Callable[..., object] = getattr(module, name)

        def counted(*args: object) -> object:
            self.counts[as_] += 1
            return real(*args)

        monkeypatch.setattr(module, name, counted)

    def dropped(self) -> dict[str, int]:
        return dict(self.group.status().dropped)

    def send(self, peer: MemberId, packet: EpochPacket, after: int = 0) -> list[Send]:
        data = frame(channel_of(self.first), encode_epoch_packet(packet))
        effects = self.group.receive(Packet(peer, data), self.now + after)
        return [effect for effect in effects if isinstance(effect, Send) and effect.peer == peer]

    @property
    def unsigned(self) -> EpochCertificate:
        """The same end under bytes that nobody signed."""
        return replace(self.known, signatures=tuple((place, bytes(64)) for place, _ in self.known.signatures))

    def packet(self, kind: str) -> EpochPacket:
        match kind:
            case "the same trail":
                return Trail((self.known.encoded,))
            case "the same end, signed by nobody":
                return Trail((self.unsigned.encoded,))
            case "signatures of the same end, of nobody":
                said = self.known.statement(self.first)
                return Signatures(said.checkpoint, said.state, said.successor, self.unsigned.signatures)
            case "questions":
                return Ask(b"")
        return Begun()


KINDS = [
    "the same trail",
    "the same end, signed by nobody",
    "signatures of the same end, of nobody",
    "questions",
    "a farewell",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["a stranger", "a member"])
def test_a_flood_that_brings_nothing_is_read_so_often_and_then_no_more(monkeypatch, who, kind):
    victim = Victim(monkeypatch)
    victim.hasten(monkeypatch)
    packet, peer = victim.packet(kind), STRANGER if who == "a stranger" else victim.member
    length = len(encode_epoch_packet(packet))
    each = work(length, None, judged=False) if isinstance(packet, Trail) else asking(length)
    enough = -(-BURST // each)
    victim.counts.update(read=0, rosters=0)
    for _ in range(enough + 50):
        victim.send(peer, packet)
    assert victim.counts == {"read": enough, "rosters": 0}
    assert victim.dropped()["cut off"] == 50
    # A new link is no pardon, and nobody else pays for it.
    victim.group.receive(LinkDown(peer), victim.now)
    victim.group.receive(LinkUp(peer), victim.now)
    assert victim.send(peer, Ask(b"")) == []
    assert victim.send(OTHER, Ask(b""))
    # Time is a pardon.
    assert victim.send(peer, Ask(b""), after=SECOND)


@pytest.mark.parametrize("kind", KINDS)
def test_who_says_again_what_is_known_as_often_as_honest_members_do_is_read_for_ever(monkeypatch, kind):
    victim = Victim(monkeypatch)
    for at in range(2000):
        victim.send(victim.member, victim.packet(kind), after=at * SECOND // 20)
    assert "cut off" not in victim.dropped()


def test_a_stranger_that_shows_another_end_that_nobody_signed_is_cut_off_after_so_many_signatures(monkeypatch):
    victim = Victim(monkeypatch)
    other = replace(victim.unsigned, state=b"o" * 32)
    for _ in range(300):
        victim.send(STRANGER, Trail((other.encoded,)))
    assert victim.dropped()["trail"] * victim.group.roster.q <= 200 + victim.group.roster.q
    assert victim.dropped()["cut off"] == 300 - victim.dropped()["trail"]


def test_what_only_looks_like_a_packet_is_paid_for_by_its_bytes(monkeypatch):
    victim = Victim(monkeypatch)
    victim.hasten(monkeypatch)
    victim.counts.update(read=0)
    nonsense = encode((18, ((),) * 40_000))
    for _ in range(40):
        victim.group.receive(Packet(STRANGER, frame(channel_of(victim.first), nonsense)), victim.now)
    assert victim.counts["read"] == -(-BURST // work(len(nonsense), None, judged=False)) == 10


def test_a_trail_has_no_more_certificates_than_anybody_keeps():
    longest = Trail((b"c",) * TRAIL_MAX)
    assert decode_epoch_packet(encode_epoch_packet(longest)) == longest
    assert decode_epoch_packet(encode_epoch_packet(Trail((b"c",) * (TRAIL_MAX + 1)))) is None


def test_a_laggard_still_gets_trail_and_state_beside_a_flood(monkeypatch):
    victim = Victim(monkeypatch)
    victim.hasten(monkeypatch)
    for _ in range(2000):
        victim.send(STRANGER, Begun())
    assert "cut off" in victim.dropped()
    answer, *_ = victim.send(OTHER, Ask(b""))
    assert decode_epoch_packet(unframe(answer.data)[1]) == Trail((victim.known.encoded,))
    present = frame(channel_of(victim.group.roster), encode_epoch_packet(Ask(victim.known.state)))
    later = victim.group.receive(Packet(OTHER, present), victim.now + SECOND)
    sent = [decode_epoch_packet(unframe(each.data)[1]) for each in later if isinstance(each, Send)]
    assert State(b"") in sent


def test_two_ends_of_one_epoch_convict_once_and_shown_again_they_cost_no_signature():
    annals, scheme, channel = Annals(), Counting(), channel_of(FOUR)
    annals.add([(FOUR, end(FOUR, FOUR.members))])
    other = end(FOUR, FOUR.members, b"another state")
    proofs = annals.contradicted(channel, other.encoded, scheme)
    assert [found.member for found in proofs or ()] == [FOUR.ids[place] for place in (0, 1, 2)]
    looks = scheme.looks
    for shown in (other, replace(other, signatures=tuple((place, bytes(64)) for place, _ in other.signatures))):
        assert annals.contradicted(channel, shown.encoded, scheme) == []
    assert scheme.looks == looks
    # Nobody is spared by whom it stands beside.
    forged = replace(other, signatures=((3, bytes(64)),))
    assert annals.contradicted(channel, forged.encoded, scheme) is None


def test_who_signed_a_third_end_beside_convicted_members_is_convicted_too():
    annals, scheme, channel = Annals(), Counting(), channel_of(FOUR)
    annals.add([(FOUR, end(FOUR, FOUR.members, by=(0, 1, 2)))])
    found = annals.contradicted(channel, end(FOUR, FOUR.members, b"x", by=(1, 2, 3)).encoded, scheme)
    assert [each.member for each in found or ()] == [FOUR.ids[1], FOUR.ids[2]]
    found = annals.contradicted(channel, end(FOUR, FOUR.members, b"y", by=(0, 1, 3)).encoded, scheme)
    assert FOUR.ids[0] in [each.member for each in found or ()]


def test_a_record_of_an_end_after_which_there_is_no_roster_is_damaged():
    annals = Annals()
    bare = replace(end(FOUR, FOUR.members), members=())
    with pytest.raises(JournalError, match="damaged"):
        annals.restore(b"end" + bytes(4), encode((FOUR.encoded, bare.encoded)))
