"""The frames of a link, and what they cost.

The first byte is the kind::

    OPEN       kind | dialler's nonce                                   the end that dials, repeated
    ANSWER     kind | dialler's nonce | answerer's nonce | signature
    CONFIRM    kind | answerer's nonce | signature                      now both ends are up
    DATA       kind | session | frame of the layer above
    ALIVE      kind | session | charge read so far                      heartbeat and credit in one
    RESET      kind | session                                           "I know no such session": dial again
    BYE        kind | session                                           the other end closes; answered in kind
    INTRODUCE  kind | record of the layer above                         before each OPEN, for who may not know us yet
"""

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.transport.handshake import SESSION_BYTES

__all__ = [
    "ALIVE",
    "ANSWER",
    "BYE",
    "CONFIRM",
    "DATA",
    "FRAME_OVERHEAD_BYTES",
    "INTRODUCE",
    "INTRODUCTION_BYTES_MAX",
    "OPEN",
    "OVERHEAD_BYTES",
    "RESET",
    "check_introduction",
]

OPEN, ANSWER, CONFIRM, DATA, ALIVE, RESET, BYE, INTRODUCE = range(1, 9)

FRAME_OVERHEAD_BYTES = 1 + SESSION_BYTES
"""What a link adds to a frame of the layer above, in bytes."""

OVERHEAD_BYTES = 64
"""Charged for each frame besides its length: about what a queued frame costs a socket in memory."""

INTRODUCTION_BYTES_MAX = 4096
"""What an INTRODUCE may carry, in bytes."""


def check_introduction(introduction: bytes) -> None:
    """Refuse an introduction of our own that no INTRODUCE can carry.

    Raises:
        LocalProtocolError: it passes the limit.
    """
    if len(introduction) > INTRODUCTION_BYTES_MAX:
        raise LocalProtocolError(
            f"an introduction of {len(introduction)} bytes passes the limit of {INTRODUCTION_BYTES_MAX}"
        )
