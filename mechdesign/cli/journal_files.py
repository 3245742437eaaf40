"""Journals as others read them: from a copy, so that nothing is locked or written where their node works."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechdesign.group.reading import Reading
    from mechdesign.group.roster import Roster
    from mechdesign.group.views.succession import EpochCertificate
    from mechdesign.kernel.crypto import MemberId, SignatureScheme

__all__ = ["JOURNAL", "JournalFile", "is_journal", "read_journal_file"]

JOURNAL = "journal.sqlite3"
"""What the journal in a node's data folder is called."""

_END = b"end"
# How the key of an epoch's end begins in its table; see `mechdesign.group.views.annals`.


@dataclass(frozen=True, slots=True)
class JournalFile:
    """What stands in a journal.

    Attributes:
        path: where it was read.
        roster: digest of the roster with which its member began.
        records: (table, key, data) in the order in which they were written.
    """

    path: Path
    roster: bytes
    records: tuple[tuple[str, bytes, bytes], ...]

    def reading(self, first: "Roster | None", scheme: "SignatureScheme") -> "Reading":
        """The ordered log of its present epoch.

        Args:
            first: the roster with which its member began, if it is known.
            scheme: checks signatures.

        Raises:
            ConfigError: the roster of its present epoch is not known.
            JournalError: a record is damaged.
        """
        from mechdesign.decision.policing import convict_of
        from mechdesign.group.reading import read_journal
        from mechdesign.kernel.errors import ConfigError
        from mechdesign.kernel.identity import fingerprint

        def convicts(data: bytes, roster: "Roster") -> "MemberId | None":
            return convict_of(data, roster, scheme)

        found = read_journal(self.records, first, scheme, convicts)
        if found is None:
            raise ConfigError(
                f"{self.path}: nothing here shows the roster {fingerprint(self.roster)} with which this journal "
                "begins: name it with --roster"
            )
        return found

    def check_beginning(self, reading: "Reading", scheme: "SignatureScheme") -> None:
        """Check that the epoch began as the journal says: with nothing if it is a group's first, or else as signed.

        Raises:
            VerificationError: no quorum of the epoch before has signed this state, or the journal does not show it.
        """
        from mechdesign.group.views.statement import carried_digest
        from mechdesign.kernel.errors import VerificationError

        if reading.roster.epoch == 0 and not reading.state:
            return
        carried = carried_digest(reading.state)
        ends = ((end.successor(roster), end.state) for roster, end in self.ends(scheme))
        if (reading.roster, carried) not in ends:
            said = f"the balances with which it says that epoch {reading.roster.epoch} began"
            raise VerificationError("succession", f"{self.path.name}: no quorum in this journal has signed {said}")

    def ends(self, scheme: "SignatureScheme") -> Iterator[tuple["Roster", "EpochCertificate"]]:
        """The epochs whose ends it holds, as a quorum of each has signed them, with their rosters."""
        from mechdesign.group.roster import Roster
        from mechdesign.group.views.succession import EpochCertificate
        from mechdesign.kernel.errors import VerificationError, WireError
        from mechdesign.kernel.wire import decode

        for table, key, data in self.records:
            if table != "view" or not key.startswith(_END):
                continue
            try:
                match decode(data, bytes_max=len(data)):
                    case (bytes(roster), bytes(wire)) if (end := EpochCertificate.parse(wire)) is not None:
                        epoch = Roster.parse(roster)
                        end.follow(epoch, scheme)
                        yield epoch, end
            except (WireError, VerificationError):
                continue  # whatever it is, it shows nothing


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def read_journal_file(path: Path) -> JournalFile:
    """Read a journal, of a node that runs or of one that does not.

    Raises:
        JournalError: it is damaged, or its node wrote to it while it was read.
    """
    from mechdesign.group.journal import Journal, owner_of
    from mechdesign.kernel.errors import JournalError

    with tempfile.TemporaryDirectory(prefix="mechdesign-reads-") as folder:
        copy = Path(folder) / path.name
        log = path.with_name(path.name + "-wal")
        shutil.copyfile(path, copy)
        if log.exists():
            shutil.copyfile(log, copy.with_name(log.name))
        try:
            member, roster = owner_of(copy)
            # Looking into it has taken its log in; a journal that was not closed wants to see one all the same.
            copy.with_name(log.name).touch()
            with Journal(copy, member, roster) as journal:
                return JournalFile(path, roster, tuple(journal.records()))
        except (sqlite3.Error, UnicodeDecodeError, JournalError) as error:
            raise JournalError(
                f"{path} cannot be read: {error}. Where its node is running, try again or stop it first"
            ) from error
