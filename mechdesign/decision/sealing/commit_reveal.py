"""Sealing by salted commitments: say a digest first, and what it stands for when all digests are in.

A commitment names group, epoch, session, step and sender, so a copy of somebody else's commitment is one that its
sender can never open. Every report is padded to the length that the proposal fixes: an opened report tells its
length, but the opening's size does not (a commitment hides both).
"""

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import digest

__all__ = ["COMMITMENT_BYTES", "SALT_BYTES", "commitment", "pad", "padded_bytes", "unpad"]

SALT_BYTES = 32
"""Length of a salt: guessing a report does not help whoever cannot guess this."""

COMMITMENT_BYTES = 32
"""Length of a commitment."""

_LENGTH_BYTES = 4
_TAG = "mechdesign/commitment/1"


def padded_bytes(size: int) -> int:
    """Length of a padded report where reports have up to ``size`` bytes."""
    return _LENGTH_BYTES + size


def pad(report: bytes, size: int) -> bytes:
    """The report with its length before it and zeros behind, ``size + 4`` bytes in all.

    Raises:
        LocalProtocolError: the report is longer than ``size``.
    """
    if len(report) > size:
        raise LocalProtocolError(f"a report of {len(report)} bytes passes the session's limit of {size}")
    return len(report).to_bytes(_LENGTH_BYTES, "big") + report.ljust(size, b"\0")


def unpad(padded: bytes, size: int) -> bytes | None:
    """The report in ``padded``, or None if these are not the bytes that :func:`pad` makes."""
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) != padded_bytes(size) or length > size:
        return None
    report = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    return report if pad(report, size) == padded else None


def commitment(roster: Roster, session: bytes, step: int, sender: MemberId, salt: bytes, padded: bytes) -> bytes:
    """What ``sender`` signs now to be bound to ``padded`` later; 32 bytes."""
    place = roster.epoch.to_bytes(4, "big"), session, step.to_bytes(4, "big"), sender
    return digest(_TAG, roster.digest, *place, salt, padded)
