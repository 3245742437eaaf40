"""Networks in which a group is being formed, and a convener with two rosters."""

from collections.abc import Iterable
from dataclasses import replace

from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import (
    Announcement,
    Certificate,
    Consent,
    Enrolment,
    Proposal,
    consent_signed,
    roster_of,
    signed_by,
    valid_certificate,
)
from mechdesign.group.lobby.events import Announced, Formed, Seat
from mechdesign.group.lobby.items import parse_item
from mechdesign.group.lobby.messages import Announce, Enrol
from mechdesign.group.lobby.packets import Items, decode_lobby_packet, encode_lobby_packet
from mechdesign.group.lobby.terms import Terms
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    holds_test_key,
    ring,
    seat_of,
)
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send

__all__ = [
    "CONFIG",
    "OPEN",
    "TwoFaced",
    "announced",
    "assert_signed_once",
    "certificate",
    "convene",
    "enrol",
    "enrolment_of",
    "formed",
    "items",
    "terms",
    "two_faced",
]


OPEN = Admission(Policy.OPEN)


CONFIG = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1)


def terms(**change: object) -> Terms:
    plain: dict[str, object] = {"size_max": 16, "enrol_ms": 3000, "attempt_ms": 4000}
    return Terms(**{"group": "club", "admission": OPEN, **plain, **change})  # type: ignore[arg-type]


def announced(cluster: LobbyCluster, place: int, group: str = "club") -> bytes:
    return next(each.id for each in cluster.events(place, Announced) if each.announcement.terms.group == group)


def enrol(cluster: LobbyCluster, places: Iterable[int], group: str = "club") -> None:
    for place in places:
        cluster.submit(place, Enrol(announced(cluster, place, group)))


def convene(cluster: LobbyCluster, convener: int, others: Iterable[int], of: Terms) -> None:
    """Announce a group and enrol the others once they have heard of it."""
    cluster.submit(convener, Announce(of))
    cluster.run(1)
    enrol(cluster, others, of.group)
    cluster.run(0.5)


def formed(cluster: LobbyCluster, place: int) -> list[set[int]]:
    return [{cluster.place(key) for key in event.roster.ids} for event in cluster.events(place, Formed)]


def assert_signed_once(cluster: LobbyCluster) -> None:
    """No player ever wrote two different things about what it signed, proposed or entered."""
    for player in cluster.players:
        written: dict[bytes, bytes] = {}
        for record in player.written:
            if record.key.startswith((b"signed/", b"proposed/", b"formed/")):
                assert written.setdefault(record.key, record.data) == record.data


def certificate() -> Certificate:
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    convene(cluster, 0, [1, 2, 3], terms())
    cluster.run(10)
    return cluster.events(1, Formed)[0].certificate


class TwoFaced:
    """A convener that proposes different rosters to different players and keeps every signature that it hears."""

    def __init__(self, place: int, rosters: list[set[int]], attempts: list[int], of: Terms) -> None:
        self.seat = seat_of(place)
        unsigned = Announcement(self.seat.line.id, of, bytes(16), WALL)
        self.announcement = replace(unsigned, signature=signed_by(unsigned, self.seat.signer))
        self.rosters, self.attempts = rosters, attempts
        self.enrolments = {place: enrolment_of(self.seat, self.announcement.id)}
        self.heard: list[Consent] = []

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        match event:
            case LinkUp(peer):
                return [items(peer, self.announcement, self.enrolments[place])]
            case Packet(_, data):
                packet = decode_lobby_packet(data)
                for wire in packet.items if isinstance(packet, Items) else ():
                    part = parse_item(wire)
                    if isinstance(part, Enrolment) and part.member in cluster.keys(range(len(cluster.players))):
                        self.enrolments.setdefault(cluster.place(part.member), part)
                    elif isinstance(part, Consent) and part not in self.heard:
                        self.heard.append(part)
        return []

    def proposals(self) -> list[Proposal]:
        made = []
        for members, attempt in zip(self.rosters, self.attempts, strict=True):
            chosen = [self.enrolments[member] for member in members]
            unsigned = Proposal(self.announcement.id, attempt, tuple(sorted(chosen, key=lambda each: each.member)))
            made.append(replace(unsigned, signature=signed_by(unsigned, self.seat.signer)))
        return made

    def certificates(self) -> list[Certificate]:
        """Every certificate that it can put together, its own signature included."""
        found = []
        for proposal in self.proposals():
            roster = roster_of(self.announcement, proposal)
            own = self.seat.signer.sign(consent_signed(roster.digest))
            known = {consent.member: consent.signature for consent in self.heard if consent.roster == roster.digest}
            known[self.seat.line.id] = own
            if all(member in known for member in roster.ids):
                whole = Certificate(self.announcement, proposal, tuple(known[member] for member in roster.ids))
                assert valid_certificate(whole, KeyedHash(), holds_test_key) is not None
                found.append(whole)
        return found


def enrolment_of(seat: Seat, announcement: bytes, invitation: bytes = b"") -> Enrolment:
    unsigned = Enrolment(announcement, seat.line, seat.possession, invitation)
    return replace(unsigned, signature=signed_by(unsigned, seat.signer))


def items(peer, *parts) -> Send:
    return Send(peer, encode_lobby_packet(Items(tuple(part.wire for part in parts))))


def two_faced(
    n: int, edges, rosters: list[set[int]], attempts: list[int], seed: int = 0
) -> tuple[LobbyCluster, TwoFaced]:
    """A network whose player 0 lies, with everybody enrolled."""
    liar = TwoFaced(0, rosters, attempts, terms())
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG, liars={0: liar})
    cluster.run(1)
    enrol(cluster, range(1, n))
    cluster.run(1)
    return cluster, liar
