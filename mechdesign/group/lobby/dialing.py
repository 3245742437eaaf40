"""Which known peers to link with: all while they are few, then a few that chance picked.

Every player picks for itself and keeps its choice secret, so nobody can place keys around another player. The graph
that comes about has, with high probability, no cut vertex and a diameter of a few hops.

**Source**: Fenner and Frieze, *On the connectivity of random m-orientable graphs and digraphs* (1982): where each
vertex picks m ≥ 2 others the graph is m-connected with high probability.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import Presence
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import digest

__all__ = ["Dial", "Dialler"]

_DOUBLINGS_MAX = 6


@dataclass(frozen=True, slots=True)
class Dial:
    """Effect: the transport should have a link to this peer; it comes again while there is none, ever more rarely.

    The chosen peer need not choose us, so whoever performs this dials, whichever of the two keys is the smaller.

    Attributes:
        record: who and where it is; a new one of the same peer replaces the address.
    """

    record: Presence


@dataclass(slots=True)
class _Choice:
    """A peer that we picked: until when it may take to answer, None while there is a link."""

    record: Presence
    until: Instant | None
    failed: int = 0

    @property
    def hopeful(self) -> bool:
        return self.failed == 0


class Dialler:
    """Chooses whom to dial.

    A link that somebody else made does not count: with such links alone a liar could decide whom we hear.

    Args:
        config: how many.
        entropy: one seed is drawn from it.
    """

    def __init__(self, config: LobbyConfig, entropy: Entropy) -> None:
        self._config = config
        self._pause = microseconds(config.dial_s)
        self._seed = entropy(32)
        self._choices: dict[MemberId, _Choice] = {}

    @property
    def deadline(self) -> Instant | None:
        """When a choice that did not come up is looked at again."""
        return min((choice.until for choice in self._choices.values() if choice.until is not None), default=None)

    def choose(self, known: Iterable[Presence], linked: Collection[MemberId], now: Instant) -> list[Dial]:
        """Whom to dial now.

        Args:
            known: the live records of others.
            linked: whom we have a link with.
            now: the time.
        """
        records = {record.member: record for record in known if record.addresses}
        for member in [member for member in self._choices if member not in records]:
            del self._choices[member]
        dials = [dial for member in list(self._choices) for dial in self._keep(records[member], member in linked, now)]
        few = len(records) <= self._config.links_all
        wanted = len(records) if few else self._config.links_chosen
        wanted -= sum(choice.hopeful for choice in self._choices.values())
        wanted = min(wanted, self._config.links_max - len(linked) - len(dials))
        if wanted <= 0:
            return dials
        rest = (record for record in records.values() if record.member not in self._choices)
        for record in sorted(rest, key=self._rank)[:wanted]:
            up = record.member in linked
            self._choices[record.member] = _Choice(record, None if up else now + self._pause)
            dials += [] if up else [Dial(record)]
        return dials

    def _keep(self, record: Presence, up: bool, now: Instant) -> list[Dial]:
        """Look after a choice: dial again what does not come up, ever more rarely, and what has moved."""
        choice = self._choices[record.member]
        moved = not choice.record.same_place(record)
        choice.record = record
        if up:
            choice.until, choice.failed = None, 0
            return []
        if moved or choice.until is None:
            choice.failed = 0
        elif choice.until <= now:
            choice.failed = min(choice.failed + 1, _DOUBLINGS_MAX)
        else:
            return []
        choice.until = now + (self._pause << choice.failed)
        return [Dial(record)]

    def _rank(self, record: Presence) -> bytes:
        return digest("mechdesign/lobby/dial/1", self._seed, record.member)
