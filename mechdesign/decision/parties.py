"""Who is who in the books of a group, over all its sessions and epochs: one name, one party.

A member of the present roster has its plain name. Whoever else could be taken for it has a mark behind the name: a
member that has gone (by its key), an outside party of the name of a member, a participant on a roll. No proposal can
bind an account to a marked name, and no roster has a member of one. Marks are long enough that nobody finds two keys or
two rolls with one. Outside parties are known by their names alone, so two of one name are one.
"""

import re
from collections.abc import Callable, Iterable

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.flow import ACCOUNTS
from mechdesign.kernel.text import is_plain

__all__ = ["CUSTODY", "is_outside", "participant", "renaming"]

CUSTODY = "CUSTODY"
"""The account of what a custodian has received and not paid out; no party is called so."""

_NAME_MAX = 64
_MARK_BYTES = 16
_MARKED = re.compile(r".* \((?:[0-9a-f]{32}|outside|roll [0-9a-f]{32})\)", re.DOTALL)


def is_outside(name: str) -> bool:
    """Whether a proposal can call a party so that stands behind an account: no named account, and without a mark."""
    fits = 0 < len(name) <= _NAME_MAX and is_plain(name)
    return fits and name not in (*ACCOUNTS, CUSTODY) and _MARKED.fullmatch(name) is None


def participant(name: str, roll: bytes) -> str:
    """What the books call a participant on a roll."""
    return f"{name} (roll {roll[:_MARK_BYTES].hex()})"


def renaming(before: Iterable[tuple[str, MemberId]], roster: Roster) -> Callable[[str], str]:
    """What each party of the books is called from now on.

    Args:
        before: the members of the epoch that is over.
        roster: of the one that begins; a member that comes back gets its plain name again.
    """
    were = dict(before)
    now = {member.name: member.id for member in roster.members}
    back = {_gone(name, key): name for name, key in now.items()}

    def called(name: str) -> str:
        if name in (*ACCOUNTS, CUSTODY):
            return name
        key = were.get(name)
        if key is not None:
            return name if now.get(name) == key else _gone(name, key)
        return f"{name} (outside)" if name in now else back.get(name, name)

    return called


def _gone(name: str, key: MemberId) -> str:
    return f"{name} ({key[:_MARK_BYTES].hex()})"
