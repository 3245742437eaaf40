"""The error tree of the whole package.

::

    MechdesignError
    ├── LocalProtocolError    our own side misused a core: a bug above it
    │   └── CongestionError   too much of our own waits to be ordered: ask again later
    ├── WireError             bytes that are not a canonical encoding
    ├── IdentityError         a key file that cannot be read, or a wrong passphrase
    ├── ConfigError           a configuration, roster or values file that cannot be used
    ├── FormationError        a group that does not come about
    ├── JournalError          a journal that is locked or of another member
    │   └── DamagedError      a journal that is corrupt
    ├── MissedError           a reader so slow that messages were not kept for it
    ├── MechanismError        a mechanism was defined or called wrongly
    │   └── InputError        reports or parameters of a computation that are not of its type
    └── VerificationError     a transcript or an evidence that does not hold

What a *peer* sends never raises any of these past the decoder that met it; it becomes a counted drop or evidence.
"""

__all__ = [
    "ConfigError",
    "CongestionError",
    "DamagedError",
    "FormationError",
    "IdentityError",
    "InputError",
    "JournalError",
    "LocalProtocolError",
    "MechanismError",
    "MechdesignError",
    "MissedError",
    "VerificationError",
    "WireError",
]


class MechdesignError(Exception):
    """Base of every error that this package raises on purpose."""


class LocalProtocolError(MechdesignError):
    """Our own side called a core in a way that its contract forbids; the fix is in the caller."""


class CongestionError(LocalProtocolError):
    """So much of our own waits to be ordered that no more is taken: the group stalls, or we say too much; ask later."""


class WireError(MechdesignError, ValueError):
    """Bytes that are not the canonical encoding of a permitted value."""


class IdentityError(MechdesignError):
    """A key file is missing, damaged, or its passphrase is wrong."""


class ConfigError(MechdesignError):
    """A configuration, roster or values file cannot be used; the message says which value and what to do."""


class FormationError(MechdesignError):
    """A group that was convened or enrolled for does not come about; the message says what was missing."""


class JournalError(MechdesignError):
    """A journal is in use by another process, damaged, or belongs to another member or group."""


class DamagedError(JournalError):
    """What a journal holds cannot be what was written there; the message says what to do.

    Args:
        what: the file, table or record, with its article.
        why: what is wrong with it, where that is known.
    """

    def __init__(self, what: str, why: object = "") -> None:
        because = f": {why}" if str(why) else ""
        super().__init__(
            f"{what} is damaged{because}. Do not go on with this key, for what it signed may be forgotten: keep the "
            "file for a look at it, and come back under a new key with a new journal"
        )


class MissedError(MechdesignError):
    """Messages came faster than they were read, and the oldest of them were not kept; what follows is whole again.

    Attributes:
        count: how many were missed.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} messages came faster than they were read, and were not kept")
        self.count = count


class MechanismError(MechdesignError):
    """A mechanism is defined or called wrongly."""


class InputError(MechanismError, ValueError):
    """Parameters or reports that a mechanism does not accept; the message names the value."""


class VerificationError(MechdesignError):
    """A transcript or an evidence fails a check.

    Attributes:
        check: the name of the check that failed, such as ``"certificate"``.
        member: the name of the member whose signature is on what failed, or None.
    """

    def __init__(self, check: str, message: str, member: str | None = None) -> None:
        super().__init__(message)
        self.check = check
        self.member = member
