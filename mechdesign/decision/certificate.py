"""A quorum's signatures on one outcome.

Nobody signs a certificate: it is q members' attestations, each with the header of the signed block that carried it
and the path that shows it there. Whoever holds the roster can check it without the log.
"""

from dataclasses import dataclass
from itertools import pairwise

from mechdesign.decision.entries import AttestEntry, Kind, Verdict, parse
from mechdesign.group.block import check_inclusion
from mechdesign.group.messages import Inclusion, Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import VerificationError

__all__ = ["Certificate", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log with the proof that its sender signed it.

    Attributes:
        position: its place in the epoch's log.
        submission: what was ordered.
        inclusion: header, signature and path.
    """

    position: int
    submission: Submission
    inclusion: Inclusion

    @property
    def sender(self) -> MemberId:
        """Who said it."""
        return self.submission.sender


@dataclass(frozen=True, slots=True)
class Certificate:
    """q or more equal attestations.

    Attributes:
        statement: what every one of them says.
        signed: submission and proof of each, in roster order.
    """

    statement: AttestEntry
    signed: tuple[tuple[Submission, Inclusion], ...]

    @property
    def signers(self) -> tuple[MemberId, ...]:
        """Who signed, in roster order."""
        return tuple(submission.sender for submission, _ in self.signed)

    @property
    def verdict(self) -> Verdict:
        """What was certified: settled or failed."""
        return self.statement.verdict

    @property
    def digest(self) -> bytes:
        """The certified digest over outcome and flows."""
        return self.statement.digest

    def check(self, roster: Roster, scheme: SignatureScheme) -> None:
        """Check every signature and count the signers.

        Raises:
            VerificationError: naming whose signature is on what does not hold.
        """
        for submission, inclusion in self.signed:
            name = roster.name(submission.sender)
            if not check_inclusion(roster, scheme, submission, inclusion):
                raise VerificationError("certificate", f"the attestation of {name} is not signed by {name}", name)
            if submission.kind != Kind.ATTEST or parse(submission.kind, submission.data) != self.statement:
                raise VerificationError("certificate", f"{name} signed something else", name)
        places = [place for signer in self.signers if (place := roster.place(signer)) is not None]
        if len(places) < len(self.signed) or any(one >= other for one, other in pairwise(places)):
            raise VerificationError("certificate", "the signers are not different members in roster order")
        if len(places) < roster.q:
            raise VerificationError("certificate", f"{len(places)} members signed, and a quorum is {roster.q}")
