"""Whom a node has links with while the members of its group change."""

from dataclasses import replace
from typing import Any, cast

from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity
from mechdesign.node.acquaintances import Acquaintances
from mechdesign.transport.face import PeerAddress, Transport

IDENTITIES = [Identity.generate() for _ in range(4)]
LINES = tuple(member_of(identity, f"m{place}") for place, identity in enumerate(IDENTITIES))
TAKEN = bytes(range(32))
FIRST = Roster("links", LINES[:3], FaultModel.UNANIMOUS)


class _Peers:
    """The peers of a transport, and what was done to them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, MemberId, Any]] = []
        self.where: dict[MemberId, str | None] = {}

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        if address.curve == TAKEN:
            raise ConfigError("another peer has that CURVE key")
        self.done.append(("add", peer, address.curve))
        self.where[peer] = address.address

    def remove(self, peer: MemberId) -> None:
        self.done.append(("remove", peer, None))

    def take(self) -> list[tuple[str, MemberId, Any]]:
        done, self.done = self.done, []
        return done


def _epochs(*rosters: tuple[Member, ...]) -> list[list[tuple[str, MemberId, Any]]]:
    """What member 0 does to its transport in each of these epochs after the first."""
    peers, known = _Peers(), Acquaintances(FIRST, IDENTITIES[0], lambda _: None)
    done = []
    for members in rosters:
        known.changed(replace(FIRST, members=members), cast(Transport, peers))
        done.append(peers.take())
    return done


def test_whoever_goes_is_let_go_of_one_epoch_later_and_whoever_comes_is_reached_at_once() -> None:
    two, left, with_joiner = LINES[2].id, LINES[:2], (*LINES[:2], LINES[3])
    joined = ("add", LINES[3].id, LINES[3].curve)
    assert _epochs(left, with_joiner, with_joiner) == [[], [("remove", two, None), joined], []]


def _consenting() -> tuple[_Peers, Acquaintances]:
    """Member 0, right after it consented to the fourth joining the group of three."""
    peers, known = _Peers(), Acquaintances(FIRST, IDENTITIES[0], lambda _: None)
    known.consent(LINES[3], "tcp://192.0.2.4:7000", FIRST, cast(Transport, peers))
    assert peers.take() == [("add", LINES[3].id, LINES[3].curve)]
    return peers, known


def test_a_joiner_that_never_comes_is_let_go_of_one_epoch_after_the_consent_is_worth_nothing() -> None:
    peers, known = _consenting()
    done = []
    for epoch in (1, 2, 3):
        known.changed(replace(FIRST, epoch=epoch), cast(Transport, peers))
        done.append(peers.take())
    assert done == [[], [("remove", LINES[3].id, None)], []]


def test_a_joiner_that_comes_keeps_the_link_that_it_has() -> None:
    peers, known = _consenting()
    for epoch in (1, 2, 3):
        known.changed(replace(FIRST, members=LINES, epoch=epoch), cast(Transport, peers))
    assert peers.take() == []


def test_a_joiner_that_comes_under_another_link_key_than_we_consented_to_is_reached_under_that() -> None:
    peers, known = _consenting()
    other = replace(LINES[3], curve=bytes(reversed(LINES[3].curve)))
    known.changed(replace(FIRST, members=(*LINES[:3], other), epoch=1), cast(Transport, peers))
    assert peers.take() == [("add", other.id, other.curve)]


def test_what_a_member_says_of_its_address_counts_where_nobody_told_us_otherwise() -> None:
    peers, known = _consenting()
    transport, where = cast(Transport, peers), "tcp://192.0.2.9:7000"
    known.located(LINES[3].id, where, transport)
    known.located(LINES[1].id, where, transport)
    known.located(LINES[0].id, where, transport)
    known.located(MemberId(bytes(32)), where, transport)
    assert peers.take() == [], "it was given, or is of nobody that we know, or is our own"
    peers, known = _Peers(), Acquaintances(FIRST, IDENTITIES[0], lambda _: None)
    transport = cast(Transport, peers)
    known.changed(replace(FIRST, members=LINES, epoch=1), transport)
    known.located(LINES[3].id, where, transport)
    known.located(LINES[3].id, "no address", transport)
    assert peers.take() == [("add", LINES[3].id, LINES[3].curve)] * 2
    assert peers.where[LINES[3].id] == where


def test_whoever_comes_back_at_once_keeps_its_link() -> None:
    assert _epochs(LINES[:2], LINES[:3], LINES[:3]) == [[], [], []]


def test_whoever_comes_back_under_another_link_key_is_reached_under_that() -> None:
    other = replace(LINES[2], curve=LINES[3].curve)
    away, back = _epochs(LINES[:2], (*LINES[:2], other))
    assert away == []
    assert back == [("remove", other.id, None), ("add", other.id, other.curve)]


def test_a_newcomer_with_the_link_key_of_one_of_our_peers_stops_nobody() -> None:
    thief = replace(LINES[2], curve=TAKEN)
    joined = ("add", LINES[3].id, LINES[3].curve)
    assert _epochs(LINES[:2], (*LINES[:2], thief, LINES[3])) == [[], [("remove", thief.id, None), joined]]
