"""The folder of a node: transcripts of sessions, evidence against members, notices for participants on a roll."""

import hashlib
import logging
import os
from pathlib import Path

from mechdesign.mechanisms.events import MemberConvicted, SessionAborted, SessionProposed, Settled, UserEvent

__all__ = ["Archive", "sync"]

log = logging.getLogger(__name__)


class Archive:
    """Writes what outsiders may want to check, so that whoever looks sees all of a file or nothing of it.

    A file is named by the whole identifier of its session: two that agree in the first digits cost a proposer little.
    What a file holds is never replaced by something else. A second proof of one offence, or whatever else comes under
    a name that is taken, has the digest of its content in its own.

    Args:
        folder: made if it is not there; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def keep(self, event: UserEvent) -> Path | None:
        """Write the transcript, evidence or notice that an event carries; a replay finds the same file again.

        Returns:
            The file that holds it; None where the event carries nothing, or nothing is kept.
        """
        match event:
            case Settled(session=session, transcript=data) | SessionAborted(session=session, transcript=data) if data:
                return self._write(session.hex(), "transcript", data)
            case MemberConvicted(member, key, offence, evidence):
                plain = member.isascii() and all(letter.isalnum() or letter in "-_" for letter in member)
                return self._write(f"{offence}-{member if plain else key.hex()}", "evidence", evidence)
            case SessionProposed(session=session, notice=notice) if notice:
                return self._write(session.hex(), "notice", notice)
            case _:
                return None

    def _write(self, name: str, kind: str, data: bytes) -> Path | None:
        if self._folder is None:
            return None
        path = self._folder / f"{name}.{kind}"
        if _holds_other(path, data):
            path = self._folder / f"{name}-{hashlib.sha256(data).hexdigest()}.{kind}"
            log.warning("%s holds something else: written to %s", f"{name}.{kind}", path.name)
        if not path.exists():
            part = self._folder / f".{path.name}.{os.getpid()}.part"
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                # The journal may forget the epoch next, and does not come back from a loss of power with more.
                os.fsync(file.fileno())
            part.replace(path)
            sync(self._folder)
        return path


def sync(folder: Path) -> None:
    """Make the names in a folder durable, where the system lets folders be opened."""
    if hasattr(os, "O_DIRECTORY"):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _holds_other(path: Path, data: bytes) -> bool:
    return path.exists() and (path.stat().st_size != len(data) or path.read_bytes() != data)
