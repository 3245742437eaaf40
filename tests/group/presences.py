"""Presence records and books of them, for tests."""

from dataclasses import replace

from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import Herald, Presence
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.lobby_cluster import WALL, holds_test_key, seat_of

__all__ = ["DAY", "LIFE", "NEIGHBOUR", "OTHER", "at", "book", "herald", "record", "take"]

DAY = 86_400 * SECOND

LIFE = 60

NEIGHBOUR, OTHER = MemberId(b"n" * 32), MemberId(b"o" * 32)


def book(**config: float) -> Book:
    return Book(KeyedHash(), holds_test_key, LobbyConfig.model_validate(config), WALL)


def herald(place: int, wall: int = WALL, addresses: tuple[str, ...] = ("tcp://10.0.0.1:1",)) -> Herald:
    seat = seat_of(place)
    return Herald(seat.signer, seat.line, seat.possession, addresses, LIFE, wall)


def record(place: int, sequence: int, lifetime_s: int = LIFE, address: str = "tcp://10.0.0.1:1") -> Presence:
    seat = seat_of(place)
    made = Presence(seat.line, seat.possession, (address,), sequence, lifetime_s)
    return replace(made, signature=seat.signer.sign(made.signed))


def at(now: Instant, second: int = 0) -> int:
    """A sequence number of that moment."""
    return WALL + now + second * SECOND


def take(to: Book, said: Presence, now: Instant, left_s: float | None = None, source: MemberId = NEIGHBOUR) -> bool:
    """Whether the book takes a record for new; the record comes with all its life unless told otherwise."""
    left = round((said.lifetime_s if left_s is None else left_s) * SECOND)
    return to.take(said, left, source, now) is not None
