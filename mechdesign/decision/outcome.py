"""The end of a session's computation: what this member computed, and what the members signed."""

from dataclasses import dataclass, field

from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import AttestEntry, Verdict
from mechdesign.decision.inputs import Inputs
from mechdesign.decision.ledger import Ledger
from mechdesign.decision.messages import Attest
from mechdesign.decision.tally import Tally
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import Flow
from mechdesign.kernel.wire import DIGEST_BYTES

__all__ = ["Outcome"]


@dataclass(slots=True)
class Outcome:
    """What follows from the frozen inputs.

    Attributes:
        tally: what members attested.
        statement: what a member that computed the same attests; None before the freeze.
        flows: the mechanism's, by our own computation.
    """

    tally: Tally
    statement: AttestEntry | None = None
    flows: tuple[Flow, ...] = field(default=())

    def compute(self, said: Attest, position: int, inputs: Inputs, ledger: Ledger) -> None:
        """Take our own computation, and freeze the inputs.

        Raises:
            LocalProtocolError: it is none that the contract allows.
        """
        if len(said.digest) != DIGEST_BYTES or (said.verdict is Verdict.FAILED and said.flows):
            raise LocalProtocolError("an outcome has a digest of 32 bytes, and a failed one no flows")
        ledger.check(said.flows)
        self.flows = said.flows
        self.statement = AttestEntry(said.session, position, inputs.digest, said.verdict, said.digest)
        inputs.frozen = True

    def attest(self, entry: Entry, said: AttestEntry, left: dict[MemberId, None]) -> bool:
        """Take an attestation; False if it counts for nothing, as one before the freeze does."""
        named = self.statement is not None and said.position == self.statement.position
        return self.tally.add(entry, said, holds=named and entry.sender not in left)
