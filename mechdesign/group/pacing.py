"""When to make the next block: how long to wait for the others after a quorum of them was heard.

After the first q blocks of a round a member waits for the unsuspected rest, for a multiple of the recent time to
quorum and never longer than the round timeout. Suspicion is a local hint that shortens waiting and nothing else. It
ends with the suspect's next valid block; then it was wrong, and the wait for that member grows, up to four times the
normal one; each commit halves the extra. Once 3(b + 2) own rounds wait for a commit nobody is suspected, members wait
the whole timeout, and it doubles: otherwise two liars and one slow member could stall seven. Rounds above a committed
leader go on waiting: otherwise what its history lacks could wait as long again.
"""

from collections.abc import Sequence

from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.machine import Instant

__all__ = ["Pacing"]

_ONE = 8
_EXTRA_MAX = 3 * _ONE
_SAMPLES = 8
_DOUBLINGS_MAX = 6
_INSTANTS_MAX = 64
# How many rounds above a leader its commit takes at the least.
_SPAN = 2


class Pacing:
    """Waits and suspicion of one member; members are their index in roster order."""

    def __init__(self, roster: Roster, config: GroupConfig) -> None:
        self._q = roster.q
        self._timeout = microseconds(config.round_timeout_s)
        self._multiple = config.wait_multiple
        self._patience = 3 * (roster.b + 2)
        self._suspected = [False] * roster.n
        self._extra = [0] * roster.n
        self._samples: list[Instant] = []
        self._quorum_at: dict[int, Instant] = {}
        self._own_round = -1
        self._own_at: Instant = 0
        self._barren = 0

    @property
    def suspected(self) -> tuple[int, ...]:
        """Who is not waited for."""
        return tuple(place for place, suspected in enumerate(self._suspected) if suspected)

    @property
    def desperate(self) -> bool:
        """Whether so many rounds wait for a commit that everybody is waited for."""
        return self._barren >= self._patience

    @property
    def timeout(self) -> Instant:
        """The longest wait for now, in microseconds."""
        return self._timeout << min(self._barren // self._patience, _DOUBLINGS_MAX)

    @property
    def recent(self) -> Instant:
        """The recent time from an own block to a quorum of its round: the lower median of the last few."""
        if not self._samples:
            return self._timeout // (2 * self._multiple)
        return sorted(self._samples)[(len(self._samples) - 1) // 2]

    def rest(self, times: int) -> Instant:
        """For how long to say nothing after having been in vain so many times: the round timeout, and doubled."""
        return self._timeout << min(max(times, 0), _DOUBLINGS_MAX)

    @property
    def quiet_at(self) -> Instant:
        """When no round will have come to a quorum for a round timeout, if none does until then."""
        return max(self._quorum_at.values(), default=0) + self._timeout

    def quorum(self, round_: int, now: Instant) -> None:
        """The first q authors of a round are there."""
        self._quorum_at.setdefault(round_, now)
        if len(self._quorum_at) > _INSTANTS_MAX:
            # We make no blocks and so forget nothing; a round that is forgotten is waited for anew.
            del self._quorum_at[min(self._quorum_at)]
        if round_ == self._own_round and now > self._own_at:
            self._samples = [*self._samples[1 - _SAMPLES :], now - self._own_at]

    def proposed(self, round_: int, now: Instant) -> None:
        """We made a block."""
        self._own_round, self._own_at = round_, now
        self._barren += 1
        if self._barren >= self._patience:
            self._suspected = [False] * len(self._suspected)
        for old in [old for old in self._quorum_at if old < round_ - 1]:
            del self._quorum_at[old]

    def heard(self, place: int) -> None:
        """A valid block of a member arrived."""
        if self._suspected[place]:
            self._suspected[place] = False
            self._extra[place] = min(_EXTRA_MAX, 2 * self._extra[place] + _ONE)

    def committed(self, round_: int) -> None:
        """A leader of a round was committed; the rounds that it could not bring out still wait."""
        self._barren = max(0, self._own_round - round_ - _SPAN)
        self._extra = [extra // 2 for extra in self._extra]

    def wait(self, round_: int, absent: Sequence[int], now: Instant) -> Instant | None:
        """Until when to wait for the absent of a round that has its quorum; None to go on now.

        Going on after a wait means that those waited for are suspected.
        """
        since = self._quorum_at.setdefault(round_, now)
        if self.desperate:
            until = since + self.timeout
            return until if absent and until > now else None
        awaited = [place for place in absent if not self._suspected[place]]
        if not awaited:
            return None
        most = max(self._extra[place] for place in awaited)
        until = since + min(self._timeout, self._multiple * self.recent * (_ONE + most) // _ONE)
        if until > now:
            return until
        for place in awaited:
            self._suspected[place] = True
        return None
