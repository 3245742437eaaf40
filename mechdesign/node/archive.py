"""The folder of a node: transcripts of sessions, evidence against members, notices for participants on a roll."""

import os
from pathlib import Path

from mechdesign.mechanisms.events import MemberConvicted, SessionAborted, SessionProposed, Settled, UserEvent

__all__ = ["Archive"]


class Archive:
    """Writes what outsiders may want to check, so that whoever looks sees all of a file or nothing of it.

    Args:
        folder: made if it is not there; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def keep(self, event: UserEvent) -> None:
        """Write the transcript, evidence or notice that an event carries; a replay writes the same file again."""
        match event:
            case Settled(session=session, transcript=data) | SessionAborted(session=session, transcript=data) if data:
                self._write(f"{session.hex()[:16]}.transcript", data)
            case MemberConvicted(member, key, offence, evidence):
                plain = all(letter.isalnum() or letter in "-_" for letter in member)
                self._write(f"{offence}-{member if plain else key.hex()[:16]}.evidence", evidence)
            case SessionProposed(session=session, notice=notice) if notice:
                self._write(f"{session.hex()[:16]}.notice", notice)
            case _:
                pass

    def _write(self, name: str, data: bytes) -> None:
        if self._folder is None:
            return
        part = self._folder / f".{name}.{os.getpid()}.part"
        part.write_bytes(data)
        part.replace(self._folder / name)
