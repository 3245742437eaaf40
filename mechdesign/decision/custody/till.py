"""A custodian's own side of a session: what it is waited for, and what it says when money has come or gone."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from mechdesign.decision.books import Books, Due
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry, is_reference
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Payout, Receipt
from mechdesign.decision.phases import Phase
from mechdesign.decision.session import Session
from mechdesign.decision.voice import say
from mechdesign.group.messages import Broadcast
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError

__all__ = ["DepositDue", "Till"]


@dataclass(frozen=True, slots=True)
class DepositDue:
    """A player that wants to take part has yet to pay its deposit to the custodian.

    Attributes:
        session: in which session.
        player: who.
        name: its name.
        deposit: how much it is.
        lacks: how much of it is not there.
        currency: code of the currency.
        decimals: digits of its minor unit.
    """

    session: bytes
    player: MemberId
    name: str
    deposit: Fraction
    lacks: Fraction
    currency: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Till:
    """One member as a custodian.

    Attributes:
        roster: the group's.
        me: the member.
    """

    roster: Roster
    me: MemberId

    def duties(self, sessions: Iterable[Session], books: Books) -> tuple[DepositDue | Due, ...]:
        """The deposits and the pay-outs that wait for this member, in log order; the same until they are reported."""
        name = self.roster.name(self.me)
        deposits = [
            self._deposit(each, player, lacks)
            for each in sessions
            if each.phase is Phase.ENROLLING and each.proposal.custodian == name and books.reserved(each.id)
            for player, lacks in each.enrolment.lacking
        ]
        return (*deposits, *(due for due in books.dues if due.purse.custodian == name))

    def _deposit(self, session: Session, player: MemberId, lacks: Fraction) -> DepositDue:
        terms = session.proposal
        name = self.roster.name(player)
        return DepositDue(session.id, player, name, terms.deposit, lacks, terms.currency, terms.decimals)

    def say(self, request: Receipt | Payout, session: Session | None, books: Books) -> list[Broadcast]:
        """Report a payment; what comes too late for its session is not said.

        Raises:
            LocalProtocolError: this member is not the custodian, or nobody could be paid so, or the session takes no
                deposits.
        """
        if isinstance(request, Payout):
            paid = PayoutEntry(request.session, request.party)
            return [replace(say(Kind.PAYOUT, paid, request.session, request.party), lasting=True)]
        if session is None or session.phase is not Phase.ENROLLING:
            return []
        proposal = session.proposal
        if proposal.custodian != self.roster.name(self.me) or request.player not in proposal.asked:
            raise LocalProtocolError("only the session's custodian signs for deposits, of those who are asked")
        if not books.reserved(session.id):
            why = "the books have no room for its deposits" if proposal.takes_deposits else "it asks for none"
            raise LocalProtocolError(f"nobody can pay a deposit into session {session.id.hex()[:16]}: {why}")
        whole = request.amount > 0 and (request.amount * 10**proposal.decimals).denominator == 1
        if not whole or not is_reference(request.reference):
            raise LocalProtocolError(f"no deposit is paid as {request.amount} under {request.reference!r}")
        # The reference alone names the act: one payment is never signed for twice, in whichever session, ever.
        received = ReceiptEntry(request.session, request.player, request.amount, request.reference)
        return [replace(say(Kind.RECEIPT, received, request.reference), lasting=True)]
