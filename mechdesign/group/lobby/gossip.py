"""Comparing with neighbours what everybody should have: anti-entropy for records and parts of formations.

A root is a digest of all numbers and names. Equal roots cost 32 bytes and no more. Where they differ the receiver of a
root lists what it has; the other sends what is missing there, and lists in return if it lacks something itself. Each
neighbour gets one answer in half the shortest interval, since answers are long and questions cheap to send. What it is
sent altogether stays within a part of what it takes from us, also over one link after another, so that a flood does not
make us flood it in turn.
"""

from mechdesign.group.lobby.allowances import allowance
from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.formations import Formations
from mechdesign.group.lobby.packets import Lists, LobbyPacket, Records, Root, batches, encode_lobby_packet
from mechdesign.group.lobby.presence import Presence
from mechdesign.group.lobby.relay import cost, meter
from mechdesign.group.meter import Meter
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.kernel.wire import digest, encode
from mechdesign.transport.messages import Send

__all__ = ["Gossip"]

_BATCH = 64
_PUSHED_MAX = 256
# Records and parts sent at one time; what is left is found missing in the next comparison.


class Gossip:
    """When and with whom to compare.

    Args:
        config: intervals.
        book: the records.
        formations: the parts.

    Attributes:
        own: our own record, which is not in the book.
    """

    def __init__(self, config: LobbyConfig, book: Book, formations: Formations) -> None:
        self.own: Presence | None = None
        self._book = book
        self._formations = formations
        self._min = microseconds(config.gossip_min_s)
        self._max = microseconds(max(config.gossip_max_s, config.gossip_min_s))
        self._interval = self._min
        self._linked: dict[MemberId, None] = {}
        self._due: Instant | None = None
        self._listed: dict[MemberId, Instant] = {}
        self._pushed: dict[MemberId, Instant] = {}
        self._budgets: dict[MemberId, Meter] = {}
        self._config = config

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`tick` has something to send."""
        return self._due

    def linked(self, peer: MemberId, now: Instant) -> list[Send]:
        """A link came up: compare at once."""
        self._linked[peer] = None
        self.news(now)
        return [Send(peer, encode_lobby_packet(Root(self._root())))]

    def unlinked(self, peer: MemberId) -> None:
        """A link went down."""
        self._linked.pop(peer, None)
        self._listed.pop(peer, None)
        self._pushed.pop(peer, None)
        if not self._linked:
            self._due = None

    def news(self, now: Instant) -> None:
        """Something is new, and a copy of it may have been lost: compare soon."""
        self._interval = self._min
        if self._linked:
            self._due = now + self._min if self._due is None else min(self._due, now + self._min)

    def tick(self, now: Instant) -> list[Send]:
        """Send roots when they are due, ever more rarely."""
        if self._due is None or now < self._due:
            return []
        self._due = now + self._interval
        self._interval = min(2 * self._interval, self._max)
        data = encode_lobby_packet(Root(self._root()))
        return [Send(peer, data) for peer in self._linked]

    def _live(self) -> list[Presence]:
        return [*self._book, *([] if self.own is None else [self.own])]

    def _numbers(self, now: Instant) -> dict[MemberId, int]:
        numbers = self._book.numbers(now)
        if self.own is not None:
            numbers[self.own.member] = self.own.sequence
        return numbers

    def _left(self, record: Presence, now: Instant) -> int:
        whole = record.lifetime_s * SECOND
        return (whole if record == self.own else self._book.left(record.member, now)) // 1000

    def _names(self) -> tuple[bytes, ...]:
        return tuple(sorted(self._formations.items))

    def _root(self) -> bytes:
        live = tuple(sorted((record.member, record.sequence) for record in self._live()))
        return digest("mechdesign/lobby/root/1", encode((live, self._names())))

    def root(self, peer: MemberId, root: bytes, now: Instant) -> list[Send]:
        """A neighbour's root: list what we have if it differs."""
        if not self._may(self._listed, peer, now) or not self._budget(peer).allows(0, now) or root == self._root():
            return []
        return [self._list(peer, now, reply=True)]

    def _list(self, peer: MemberId, now: Instant, *, reply: bool) -> Send:
        # The numbers of the dead are listed too, so that nobody sends us what we would refuse.
        numbers = tuple(sorted(self._numbers(now).items()))
        return self._sent(peer, Lists(numbers, self._names(), reply), 0, now)

    def lists(self, peer: MemberId, lists: Lists, now: Instant) -> list[Send]:
        """A neighbour's lists: send what is missing there."""
        if not self._may(self._pushed, peer, now) or not self._budget(peer).allows(0, now):
            return []
        theirs = dict(lists.numbers)
        newer = [
            record
            for record in self._live()
            if record.member != peer and record.sequence > theirs.get(record.member, -1)
        ]
        # Ours has the rank 0 with every neighbour. What ranks first goes first, since not all may fit.
        ranks = self._book.ranks() if newer else {}
        newer.sort(key=lambda record: ranks.get(record.member, 0))
        records = [
            (record.wire, self._left(record, now), ranks.get(record.member, 0)) for record in newer[:_PUSHED_MAX]
        ]
        mirror = self._book.newest(peer)
        if mirror is not None and mirror.sequence > theirs.get(peer, -1):
            # A record of its own that it forgot, dead or alive: without it, it would never go past that number.
            records.append((mirror.wire, 0, 0))
        names = frozenset(lists.names)
        items = [item.wire for name, item in self._formations.items.items() if name not in names]
        parts = [Records(tuple(records[at : at + _BATCH])) for at in range(0, len(records), _BATCH)]
        sends = [self._sent(peer, part, len(part.records), now) for part in parts]
        sends += [self._sent(peer, part, len(part.items), now) for part in batches(items[:_PUSHED_MAX])]
        ours = self._numbers(now)
        lacking = any(number > ours.get(member, -1) for member, number in lists.numbers)
        if lists.reply and (lacking or not names <= frozenset(self._names())):
            sends.append(self._list(peer, now, reply=False))
        return sends

    def _budget(self, peer: MemberId) -> Meter:
        return allowance(self._budgets, peer, self._linked, lambda: meter(self._config))

    def _sent(self, peer: MemberId, packet: LobbyPacket, signed: int, now: Instant) -> Send:
        data = encode_lobby_packet(packet)
        self._budget(peer).charge(0, cost(len(data), signed), now)
        return Send(peer, data)

    def _may(self, last: dict[MemberId, Instant], peer: MemberId, now: Instant) -> bool:
        before = last.get(peer)
        if before is not None and now < before + min(self._min, SECOND) // 2:
            return False
        last[peer] = now
        return True
