"""Pulls by digest: one outstanding for each missing block.

First from the neighbour that sent what refers to it, then from the others in rotation, more slowly after each full
turn; sooner when another neighbour turns out to have it. Where the author is a neighbour too its own copy is probably
under way, and the pull waits a moment for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mechdesign.group.block import Reference
from mechdesign.group.block_manager import Missing
from mechdesign.group.packets import PULL_DIGESTS, Pull
from mechdesign.group.roster import Roster
from mechdesign.kernel.machine import Instant

__all__ = ["Pulls"]

_SLOWER_MAX, _SWEEP_MIN, _SOONER = 5, 32, 8


@dataclass(slots=True)
class _Outstanding:
    reference: Reference
    asked: int
    tries: int
    due: Instant


class Pulls:
    """What is being asked for, of whom; members are their index in roster order.

    Args:
        roster: the group.
        me: our index.
        retry: ask the next neighbour after this.
        needed: whether a parked block still waits for a reference that nobody sent.

    Attributes:
        linked: our neighbours, in roster order.
        due: when :meth:`again` has work to do.
    """

    def __init__(self, roster: Roster, me: int, retry: Instant, needed: Callable[[Reference], bool]) -> None:
        self.linked: list[int] = []
        self.due: Instant | None = None
        self._roster = roster
        self._me = me
        self._retry = retry
        self._needed = needed
        self._pulls: dict[bytes, _Outstanding] = {}
        self._sweep_at = 2 * _SWEEP_MIN

    def __len__(self) -> int:
        return len(self._pulls)

    def missing(self, found: Iterable[Missing], now: Instant) -> list[tuple[int, Pull]]:
        """Ask for what a parked block lacks, unless it was asked for already; gives (neighbour, pull)."""
        asks: dict[int, list[bytes]] = {}
        for item in found:
            digest = item.reference.digest
            source = None if item.source is None else self._roster.place(item.source)
            if digest in self._pulls:
                self._shown(self._pulls[digest], source, now)
                continue
            first = source if source in self.linked else self.after(self._me)
            if first is None:
                first = self._me
            wait = self._retry if item.far else self._retry // 16 if item.reference.author in self.linked else 0
            if wait and item.reference.author != source:
                # Asked when it is due: rotation begins after the place that is noted here.
                self._note(item.reference, self._before(first), 0, now + wait)
            else:
                self._note(item.reference, first, 1, now + self._retry)
                asks.setdefault(first, []).append(digest)
        if len(self._pulls) > self._sweep_at:
            # Who makes us park one block after another in vain makes us no longer need what the evicted ones lacked.
            self._sweep()
        return self._packets(asks)

    def _shown(self, pull: _Outstanding, source: int | None, now: Instant) -> None:
        """A block that needs what is asked for came from another neighbour too, so who was asked may be unwilling.

        Its turn comes sooner then; the rotation stays, so that nobody draws all asking to itself.
        """
        if source != pull.asked and pull.tries:
            pull.due = min(pull.due, now + self._retry // _SOONER)
            self.due = pull.due if self.due is None else min(self.due, pull.due)

    def _sweep(self) -> None:
        """Ask no more for what nothing parked waits for; next when there are twice as many as are left."""
        self._pulls = {digest: pull for digest, pull in self._pulls.items() if self._needed(pull.reference)}
        self._sweep_at = 2 * max(len(self._pulls), _SWEEP_MIN)

    def arrived(self, digest: bytes) -> None:
        """A block is there, accepted or parked: nobody need be asked for it."""
        self._pulls.pop(digest, None)

    def link_up(self, place: int, now: Instant) -> list[tuple[int, Pull]]:
        """Ask a neighbour that can be reached from now on for everything, and the others no more slowly than at first.

        Whoever was asked until now may be a liar that was our only neighbour. The rotation goes on as it was: a
        neighbour whose link comes and goes does not become the only one that is asked.
        """
        for pull in self._pulls.values():
            pull.tries, pull.due = min(pull.tries, 1), min(pull.due, now + self._retry)
        self.due = min((pull.due for pull in self._pulls.values()), default=None)
        return self._packets({place: [digest for digest, pull in self._pulls.items() if self._needed(pull.reference)]})

    def again(self, now: Instant) -> list[tuple[int, Pull]]:
        """Ask the next neighbour for what did not come; gives (neighbour, pull)."""
        asks: dict[int, list[bytes]] = {}
        for digest, pull in list(self._pulls.items()):
            if not self._needed(pull.reference):
                del self._pulls[digest]
            elif pull.due <= now:
                place = self.after(pull.asked)
                pull.asked = self._me if place is None else place
                slower = min(pull.tries // max(1, len(self.linked)), _SLOWER_MAX)
                pull.tries += 1
                pull.due = now + (self._retry << slower)
                asks.setdefault(pull.asked, []).append(digest)
        self.due = min((pull.due for pull in self._pulls.values()), default=None)
        return self._packets(asks)

    def clear(self) -> None:
        """Nothing is asked for any more."""
        self._pulls.clear()
        self.due = None

    def after(self, place: int) -> int | None:
        """The neighbour to ask after that one, in rotation."""
        return next((other for other in self.linked if other > place), self.linked[0] if self.linked else None)

    def _before(self, place: int) -> int:
        return next(
            (other for other in reversed(self.linked) if other < place), self.linked[-1] if self.linked else place
        )

    def _note(self, reference: Reference, asked: int, tries: int, due: Instant) -> None:
        self._pulls[reference.digest] = _Outstanding(reference, asked, tries, due)
        self.due = due if self.due is None else min(self.due, due)

    def _packets(self, asks: dict[int, list[bytes]]) -> list[tuple[int, Pull]]:
        return [
            (place, Pull(tuple(digests[at : at + PULL_DIGESTS])))
            for place, digests in asks.items()
            if place != self._me
            for at in range(0, len(digests), PULL_DIGESTS)
        ]
