"""Catching up with neighbours that are ahead: whom to ask for what is newer, and how long to hold our own block for it.

One neighbour at a time is asked, oldest blocks first, batch by batch. One that promises and brings nothing is not asked
for a while.

A member that returns first catches up and then proposes: its blocks for rounds long past would serve nobody. But a
promise costs nothing, and whoever is held by promises is silenced. So holding is only ever a courtesy: each neighbour
has an allowance of it, one round timeout that comes back so slowly that all of them together hold us for an eighth of
the time at most. No kept promise and no new link fills it up, since a liar can give us both.
"""

from collections.abc import Sequence

from mechdesign.group.dag import Dag
from mechdesign.group.meter import Meter
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["CatchUp"]

_STRIKES_MAX = 5
_AHEAD = 2
_OWED_MAX = 16
_SHARE = 8


class CatchUp:
    """What neighbours claim to have, and which of them is being asked; members are their index in roster order.

    Args:
        roster: the group.
        me: our index.
        config: intervals.
        dag: the accepted blocks.

    Attributes:
        asked: the neighbour whose batch we wait for, or None.
    """

    def __init__(self, roster: Roster, me: int, config: GroupConfig, dag: Dag) -> None:
        self.asked: int | None = None
        self._roster = roster
        self._dag = dag
        self._retry = microseconds(config.pull_retry_s)
        self._claims: dict[int, tuple[int, ...]] = {}
        self._floors: dict[int, int] = {}
        self._heard: dict[int, Instant] = {}
        self._owed: dict[int, int] = {}
        self._last = me
        self._witnesses = roster.b + 1
        self._due: Instant = 0
        # While a neighbour is asked: since when it holds our block, how much we had, and whether it raised that.
        self._since: Instant | None = None
        self._had = (0, -1)
        self._raised = False
        self._hollow: dict[int, Instant] = {}
        self._strikes: dict[int, int] = {}
        self._log_first = False
        timeout = microseconds(config.round_timeout_s)
        self._patience = Meter(roster.n, max(1, SECOND // (_SHARE * roster.n)), timeout)

    @property
    def due(self) -> Instant | None:
        """When the neighbour that was asked has had its time, or None while none is."""
        return None if self.asked is None else self._due

    def claim(self, place: int) -> tuple[int, ...] | None:
        """The tips that a neighbour told last."""
        return self._claims.get(place)

    def heard(self, place: int, now: Instant) -> None:
        """A neighbour sent something that says how far it is."""
        self._heard[place] = now

    def claims(self, place: int, rounds: tuple[int, ...], floor: int) -> None:
        """A neighbour told its tips, and below which round it keeps nothing."""
        self._claims[place] = rounds
        self._floors[place] = floor

    def promises(self, place: int, author: int, round_: int) -> None:
        """A neighbour sent a block from far ahead of us: it can help us to catch up."""
        rounds = list(self._claims.get(place, (-1,) * self._roster.n))
        rounds[author] = max(rounds[author], round_)
        self._claims[place] = tuple(rounds)

    def linked(self, place: int) -> None:
        """A neighbour can be reached: it may be asked at once. What it failed to bring before is not forgotten."""
        self._unsay(place)
        self._owed.pop(place, None)
        self._hollow.pop(place, None)

    def unlinked(self, place: int, now: Instant) -> None:
        """A neighbour cannot be reached."""
        self._unsay(place)
        if self.asked == place:
            self._drop(now)

    def _unsay(self, place: int) -> None:
        self._claims.pop(place, None)
        self._floors.pop(place, None)
        self._heard.pop(place, None)

    def floor(self) -> tuple[int, ...]:
        """Our tips, where rounds below the collection round count as had."""
        least = self._dag.collection - 1
        return tuple([max(round_, least) for round_ in self._dag.tips()])

    def ahead(self, place: int, mine: tuple[int, ...]) -> bool:
        """Whether a neighbour claims blocks that we lack, or that what we would need next is no longer served."""
        if self._floors.get(place, 0) > self._dag.collection:
            return True
        return any(theirs > own for theirs, own in zip(self._claims.get(place, mine), mine, strict=True))

    def ask(self, neighbours: Sequence[int], now: Instant) -> tuple[int, tuple[int, ...]] | None:
        """The next neighbour to ask, in rotation, and for what is newer than which rounds; None where there is none."""
        if self.asked is not None or self._log_first:
            return None
        mine = self.floor()
        ahead = [place for place in neighbours if self._hollow.get(place, now) <= now and self.ahead(place, mine)]
        if not ahead:
            return None
        place = next((other for other in ahead if other > self._last), ahead[0])
        self.asked, self._last = place, place
        self._since, self._due = None, now + self._retry
        self._had = (len(self._dag), self._dag.highest)
        self._raised = False
        self._owed[place] = min(self._owed.get(place, 0) + 1, _OWED_MAX)
        return place, mine

    def brought(self, place: int, round_: int) -> None:
        """A neighbour sent a block that was accepted; only those of the one that was asked count as its answer."""
        if place == self.asked and round_ > self._had[1]:
            self._raised = True

    def answered(self, place: int, now: Instant) -> None:
        """A neighbour told its tips, as it does behind a batch; those that crossed our request end nothing."""
        if place == self.asked and len(self._dag) > self._had[0]:
            self.end(now)

    def end(self, now: Instant) -> None:
        """The neighbour that was asked has answered, or had its time."""
        place = self.asked
        self._drop(now)
        if place is None:
            return
        silent = len(self._dag) == self._had[0]
        if self._raised:
            self._strikes.pop(place, None)
        elif silent or self._far(place):
            strikes = self._strikes[place] = min(self._strikes.get(place, 0) + 1, _STRIKES_MAX)
            if silent:
                self._hollow[place] = now + (self._retry << strikes)

    def _drop(self, now: Instant) -> None:
        if self.asked is not None and self._since is not None:
            self._patience.charge(self.asked, now - self._since, now)
        self.asked = None

    def _far(self, place: int) -> bool:
        return max(self._claims.get(place, (-1,))) > self._dag.highest + _AHEAD

    def owed(self, place: int) -> bool:
        """Whether a neighbour may send a snapshot: once for each time that we asked it, however late it comes."""
        if not self._owed.get(place):
            return False
        self._owed[place] -= 1
        return True

    def holds(self, now: Instant) -> bool:
        """Whether our own block waits for a neighbour that says it is rounds ahead of us.

        Never for one that failed us the last time, nor for one whose allowance is used up, nor while so few of those
        that we hear say so that all of them may lie.
        """
        place = self.asked
        if place is None or self._strikes.get(place) or not self._far(place) or not self._borne_out(now):
            return False
        if not self._patience.allows(place, now):
            return False
        self._since = now if self._since is None else self._since
        return True

    def _borne_out(self, now: Instant) -> bool:
        """Whether as many as cannot all be liars say that we are far behind, or all that we have heard lately."""
        lately = [place for place, at in self._heard.items() if at + self._retry >= now]
        return sum(map(self._far, lately)) >= min(self._witnesses, len(lately))

    @property
    def progress(self) -> str:
        """What our own block waits for, for people; empty almost always."""
        if self.asked is None or self._since is None:
            return ""
        name, claimed = self._roster.members[self.asked].name, max(self._claims.get(self.asked, (-1,)))
        return f"waits a moment for what {name} says it has: round {claimed}, and we have come to {self._dag.highest}"

    def wait_for_log(self, waits: bool, now: Instant) -> None:
        """Whether the log is being fetched: until it is there we ask for no newer blocks."""
        self._log_first = waits
        if waits:
            self._drop(now)

    def restart(self, now: Instant) -> None:
        """We go on from a snapshot: everybody may be asked again."""
        self._drop(now)
        self._hollow.clear()
        self._strikes.clear()
