"""Where the members said that they listen, over epochs and restarts.

Who came in after us told us over others where it listens, and whoever starts again while those others go has nobody
left to tell it. So the journal has the newest that each member of the roster said. It is a hint: nobody signed it for
later, and who dials in vain has lost nothing but the attempt.
"""

from collections.abc import Iterable

from mechdesign.group.messages import Append, Compact
from mechdesign.group.roster import Roster
from mechdesign.group.topology import Located
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import DamagedError

__all__ = ["Whereabouts"]

_TABLE = "located"


class Whereabouts:
    """The newest address of each member, as far as it said one; no more of them than the roster has members."""

    def __init__(self) -> None:
        self._addresses: dict[MemberId, str] = {}

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], roster: Roster) -> list[Compact | Located]:
        """Take back the journal's records; gives what the members of the roster said, for it to be of use at once.

        Raises:
            JournalError: a record is damaged.
        """
        try:
            self._addresses = {MemberId(key): data.decode() for table, key, data in records if table == _TABLE}
        except UnicodeDecodeError as error:
            raise DamagedError("the journal's record of an address", error) from error
        gone = self.change(roster)
        return [*gone, *(Located(member, address) for member, address in self._addresses.items())]

    def hear(self, said: Located) -> list[Append]:
        """A member said where it listens: to be kept where it is news."""
        if self._addresses.get(said.member) == said.address:
            return []
        self._addresses[said.member] = said.address
        return [Append(_TABLE, said.member, said.address.encode())]

    def of(self, member: MemberId) -> list[Located]:
        """What a member said, for whoever has lost the link with it."""
        address = self._addresses.get(member)
        return [] if address is None else [Located(member, address)]

    def change(self, roster: Roster) -> list[Compact]:
        """Another epoch begins: what members said that are in it no more is forgotten."""
        gone = [member for member in self._addresses if roster.place(member) is None]
        for member in gone:
            del self._addresses[member]
        return [Compact((), tuple((_TABLE, member) for member in gone))] if gone else []
