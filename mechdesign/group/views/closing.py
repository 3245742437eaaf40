"""The end of one epoch at one member: its own signature, and the others', until a quorum signed the same.

Of each member the first end that it signed is kept. A second, different one convicts it.
"""

from mechdesign.group.checkpoint import Checkpoint, state_digest
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import Signatures
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate, double_signers
from mechdesign.group.views.view import View, successor
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer

__all__ = ["Closing"]


class Closing:
    """Collects signatures under the end of an epoch; members are their index in roster order.

    Args:
        roster: of the epoch.
        signer: signs for this member, who stands in the roster.
        scheme: checks the others' signatures.

    Attributes:
        statement: the end as our own log tells it, once it is there.
    """

    def __init__(self, roster: Roster, signer: Signer, scheme: SignatureScheme) -> None:
        self.statement: Statement | None = None
        self._roster = roster
        self._signer = signer
        self._scheme = scheme
        self._end: tuple[bytes, View] | None = None
        self._said: dict[int, tuple[Statement, bytes]] = {}
        # What we know from the epoch certificate alone.
        self._certified: dict[int, tuple[Statement, bytes]] = {}
        self._proved: dict[int, None] = {}

    @property
    def signed(self) -> tuple[MemberId, ...]:
        """Who signed the end that we know, in roster order."""
        return tuple(self._roster.ids[place] for place, _ in self._agreed())

    def describe(self, final: Checkpoint, view: View) -> Statement:
        """The end of the epoch, from its last checkpoint and the change."""
        assert view.settled is not None
        checkpoint = state_digest(final.encode(), self._roster)
        roster = successor(self._roster, view.members, checkpoint, view.settled)
        return Statement(self._roster.digest, checkpoint, view.settled, roster.digest)

    def sign(self, statement: Statement, final: Checkpoint, view: View) -> None:
        """Sign the end; once, and only after it is in the journal what is signed."""
        me = self._roster.place(self._signer.public)
        assert me is not None
        self.statement = statement
        self._end = (final.encode(), view)
        self._said[me] = (statement, statement.sign(self._signer))

    def heard(self, said: Signatures) -> tuple[list[tuple[int, bytes]], list[EvidenceFound], bool]:
        """Take signatures that somebody passed on.

        Returns:
            Those that hold and are new, proofs of double ones, and whether all that were looked at hold. Nothing behind
            the first that does not is looked at: nobody honest passes that on.
        """
        statement = Statement(self._roster.digest, said.checkpoint, said.state, said.successor)
        fresh: list[tuple[int, bytes]] = []
        proofs: list[EvidenceFound] = []
        for place, signature in said.signatures:
            known = self._said.get(place)
            if place >= self._roster.n or place in self._proved or (known is not None and known[0] == statement):
                continue
            if not statement.signed(self._roster.ids[place], signature, self._scheme):
                return fresh, proofs, False
            first = known or self._certified.get(place)
            if first is not None and first[0] != statement:
                self._proved[place] = None
                proofs += double_signers(self._roster, [(first[0], place, first[1])], [(statement, place, signature)])
            # Whoever learns of both can convict; and the one that agrees with us is the one to count.
            fresh.append((place, signature))
            if known is None or statement == self.statement:
                self._said[place] = (statement, signature)
        return fresh, proofs, True

    def certified(self, certificate: EpochCertificate) -> list[EvidenceFound]:
        """Hold a certificate of the epoch beside what was heard; gives proofs of double signatures."""
        statement = certificate.statement(self._roster)
        agreed = [(statement, place, signature) for place, signature in certificate.signatures]
        self._certified = {place: (statement, signature) for place, signature in certificate.signatures}
        return double_signers(self._roster, self.ends(), agreed)

    def strays(self, certified: Statement) -> dict[int, Signatures]:
        """Signatures under other ends than the certified one, by member: each may be one half of a proof.

        No honest member signs such an end, and whoever signed one may have signed the certified one for others.
        """
        return {
            place: self.packet(statement, ((place, signature),))
            for statement, place, signature in self.ends()
            if statement != certified
        }

    def ends(self) -> list[tuple[Statement, int, bytes]]:
        """(end, member, signature) of everything that is kept."""
        return [(statement, place, signature) for place, (statement, signature) in self._said.items()]

    def signatures(self) -> Signatures | None:
        """What we know of signatures under the end that our log tells."""
        if self.statement is None:
            return None
        return self.packet(self.statement, tuple(self._agreed()))

    def packet(self, statement: Statement, signatures: tuple[tuple[int, bytes], ...]) -> Signatures:
        """Signatures under one end, to be sent."""
        return Signatures(statement.checkpoint, statement.state, statement.successor, signatures)

    def certificate(self) -> EpochCertificate | None:
        """The epoch certificate, once a quorum signed the end that our log tells."""
        agreed = self._agreed()
        if self.statement is None or self._end is None or len(agreed) < self._roster.q:
            return None
        checkpoint, view = self._end
        return EpochCertificate(checkpoint, self.statement.state, view.members, tuple(agreed))

    def _agreed(self) -> list[tuple[int, bytes]]:
        return sorted((place, sign) for place, (statement, sign) in self._said.items() if statement == self.statement)
