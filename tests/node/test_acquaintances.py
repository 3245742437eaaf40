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

    def add(self, peer: MemberId, address: PeerAddress) -> None:
        if address.curve == TAKEN:
            raise ConfigError("another peer has that CURVE key")
        self.done.append(("add", peer, address.curve))

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
