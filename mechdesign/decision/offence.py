"""The kinds of offences, and the one form of a proof that this layer makes."""

from collections.abc import Sequence
from enum import StrEnum

from mechdesign.decision.record import pack_signed
from mechdesign.group.messages import Inclusion, Submission
from mechdesign.kernel.wire import Value, encode

__all__ = ["MAGIC", "Offence", "Signed", "encode_proof"]

MAGIC = "mechdesign/evidence/decision/1"
"""What evidence of this layer begins with."""

Signed = tuple[Submission, Inclusion]
"""A submission and the proof that its sender signed it."""


class Offence(StrEnum):
    """What a member can be convicted of."""

    EQUIVOCATION = "equivocation"
    TWO_SUBMISSIONS = "two-submissions"
    INVALID_BLOCK = "invalid-block"
    FORKING = "forking"
    TWO_CHECKPOINTS = "two-checkpoints"
    FALSE_OPENING = "false-opening"
    WRONG_OUTCOME = "wrong-outcome"
    FALSE_DEALING = "false-dealing"
    FALSE_SHARE = "false-share"
    EARLY_SHARE = "early-share"
    GARBAGE = "sealed-garbage"


def encode_proof(offence: Offence, signed: Sequence[Signed], terms: Value = None) -> bytes:
    """The bytes of a proof.

    Args:
        offence: of what.
        signed: the entries that show it.
        terms: what else a verifier needs, by offence.
    """
    return encode((MAGIC, offence.value, tuple(pack_signed(*pair) for pair in signed), terms))
