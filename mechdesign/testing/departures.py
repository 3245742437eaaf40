"""Who may be asked to go, so that whatever of it comes true the others bear the liars and the dead among them."""

from collections.abc import Collection, Mapping

from mechdesign.group.group import Group
from mechdesign.group.messages import Exclude, Leave
from mechdesign.group.roster import Roster
from mechdesign.group.views.view import broadcast_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.view_machines import PROOF

__all__ = ["Departures"]

_WISH = broadcast_of(Leave()).key

_FOR_A_FAULT = 3
"""With each fault that goes so many members fewer are needed."""


class Departures:
    """Counts, epoch by epoch, who has been asked to go and may still do so.

    Nothing that was asked for can be taken back: as long as it is on its way it may be ordered, whoever is wanted again
    meanwhile, and a wish to leave outlives its epoch. Only a crash can take it.

    Args:
        least: so many have to be left, as long as all the liars are members.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._asked: dict[int, dict[MemberId, None]] = {}

    def grant(self, member: MemberId, roster: Roster, outlawed: int) -> bool:
        """Whether the roster bears it that a member is asked to go, and all that were asked do so.

        Args:
            member: who is to go.
            roster: from which.
            outlawed: how many liars it lacks, because they were expelled.
        """
        asked = self._asked.setdefault(roster.epoch, {})
        least = max(1, self._least - _FOR_A_FAULT * outlawed)
        if member not in asked and roster.n - len(asked) > least:
            asked[member] = None
        return member in asked

    def review(self, roster: Roster, groups: Mapping[MemberId, Group], lasting: Collection[MemberId]) -> None:
        """Count those whom an old wish takes out, and no longer those for whom a crash took what they were asked.

        Of one that is dead, what it said before may still be ordered. The others bear that: a fault goes with it.

        Args:
            roster: of the newest epoch.
            groups: of the honest ones that are up in it.
            lasting: of whom it is known that nobody else asks them to go, now or when it comes back.
        """
        asked = self._asked.setdefault(roster.epoch, {})
        asked.update(dict.fromkeys(member for member, group in groups.items() if group.awaits(_WISH)))
        for member in [member for member in asked if member in lasting and not _may_go(member, roster, groups)]:
            del asked[member]


def _may_go(member: MemberId, roster: Roster, groups: Mapping[MemberId, Group]) -> bool:
    """Whether any of these groups has, or has seen ordered, what takes a member out."""
    if member in groups and groups[member].awaits(_WISH):
        return True
    expulsion, name = broadcast_of(Exclude(PROOF + member)).key, roster.name(member)
    return any(
        group.awaits(expulsion) or ((view := group.status().view) is not None and name in view.goes)
        for group in groups.values()
    )
