"""What a member must not lose between sealing and opening: the report that it chose, and the salt."""

from dataclasses import dataclass

from mechdesign.decision.sealing.commit_reveal import SALT_BYTES
from mechdesign.kernel.errors import DamagedError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, encode

__all__ = ["Secret"]


@dataclass(frozen=True, slots=True)
class Secret:
    """One answer of ours to one ask, as the journal keeps it in its table ``secret``.

    Attributes:
        session: the session.
        step: the ask.
        salt: drawn once; every later life uses it again.
        report: the report, or None for a pass.
    """

    session: bytes
    step: int
    salt: bytes
    report: bytes | None

    @property
    def key(self) -> bytes:
        """The record's key."""
        return encode((self.session, self.step))

    @property
    def data(self) -> bytes:
        """The record."""
        return encode((self.salt, self.report))

    @classmethod
    def parse(cls, key: bytes, data: bytes) -> "Secret":
        """Read a record of the journal.

        Raises:
            JournalError: it is damaged; without the salt a sealed report cannot be opened.
        """
        try:
            match decode(key), decode(data):
                case ((bytes(session), int(step)), (bytes(salt), (None | bytes()) as report)) if (
                    len(session) == DIGEST_BYTES and len(salt) == SALT_BYTES
                ):
                    return cls(session, step, salt, report)
        except WireError as error:
            raise DamagedError("a record of the table 'secret'", error) from error
        raise DamagedError("a record of the table 'secret'")
