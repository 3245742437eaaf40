"""The ledger of a group: double entry over all its sessions, and over its epochs.

A session that ends is booked at the log position where it ended, as one transaction: what its custodian received, and
its flows, deposits included. Named accounts are booked to the party that the proposal bound to them, players by name.
Each (currency, custodian) has books of its own; without a custodian they hold claims, and no money moves. Every
transaction sums to zero, so the books do at every position, and that is checked.

Bounds. Every balance that is not zero has a proposer whose session opened it, and a proposer has at most
:data:`LINES_PER_PROPOSER` of them, pay-outs that are due included, in at most :data:`BYTES_PER_PROPOSER`; all together
take at most :data:`BOOKS_BYTES_MAX`, since they have to go on into the next epoch. A session that would pass these
bounds, or whose amounts would add up to a fraction of more than :data:`AMOUNT_BITS_MAX` bits, is not carried on in the
books: its transcript says what is owed. So no minority of liars can crowd out the balances of others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mechdesign.decision.parties import CUSTODY, participant, renaming
from mechdesign.decision.proposal import Proposal
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import ACCOUNTS, Flow, bound, net
from mechdesign.kernel.wire import DIGEST_BYTES, Value, encode

__all__ = [
    "AMOUNT_BITS_MAX",
    "BOOKS_BYTES_MAX",
    "BYTES_PER_PROPOSER",
    "CUSTODY",
    "LINES_PER_PROPOSER",
    "Balance",
    "Books",
    "Due",
    "Purse",
    "party_flows",
]

LINES_PER_PROPOSER = 128
"""How many balances and pay-outs the sessions of one proposer can leave open."""

BYTES_PER_PROPOSER = 12 * 1024
"""And how many bytes they take: enough for a session of the largest group."""

BOOKS_BYTES_MAX = 900 * 1024
"""All balances and pay-outs take no more, in bytes, so that they fit into what an epoch leaves to the next."""

AMOUNT_BITS_MAX = 512
"""No balance has a longer numerator or denominator. Amounts in a currency's minor units never get there."""


@dataclass(frozen=True, slots=True, order=True)
class Purse:
    """What a set of books is about: a currency, and the custodian that holds the money (a name), or nobody."""

    currency: str
    custodian: str


@dataclass(frozen=True, slots=True)
class Balance:
    """One line of the books.

    Attributes:
        purse: currency and custodian.
        party: a player, an outside party, a named account that nobody stands behind, or :data:`CUSTODY`.
        amount: what it has received minus what it has paid; never zero.
        opener: whose session opened the line.
    """

    purse: Purse
    party: str
    amount: Fraction
    opener: MemberId


@dataclass(frozen=True, slots=True)
class Due:
    """A pay-out that a custodian has yet to report.

    Attributes:
        session: after which session.
        purse: currency and custodian.
        party: who is to be paid.
        amount: how much.
        opener: who proposed the session.
    """

    session: bytes
    purse: Purse
    party: str
    amount: Fraction
    opener: MemberId


def party_flows(flows: Iterable[Flow], proposal: Proposal) -> tuple[Flow, ...]:
    """The flows of a session between the parties that the books know; see :func:`bound`."""
    if not proposal.rolled:
        return bound(flows, proposal.accounts)
    # What a participant is called says nothing about members: it gets a name that nobody else has.
    ends = dict(proposal.accounts)
    for flow in flows:
        for name in (flow.payer, flow.payee):
            if name not in ACCOUNTS:
                ends[name] = participant(name, proposal.roll)
    return bound(flows, ends.items())


class Books:
    """All balances of a group at one log position.

    Attributes:
        complete: whether this member could compute all that was booked in this epoch. One that has left a session,
            for lack of its code, cannot know what flowed there.
    """

    def __init__(self, lines: Iterable[Balance] = (), dues: Iterable[Due] = ()) -> None:
        self.complete = True
        self._lines = {(line.purse, line.party): line for line in lines}
        self._dues = {(due.session, due.party): due for due in dues}
        self._weights: dict[MemberId, int] = {}
        everything: tuple[Balance | Due, ...] = (*self._lines.values(), *self._dues.values())
        for each in everything:
            self._weigh(each, 1)
        self._check()

    @property
    def balances(self) -> tuple[Balance, ...]:
        """Every balance that is not zero, sorted by purse and party."""
        return tuple(line for _, line in sorted(self._lines.items(), key=lambda item: item[0]))

    @property
    def dues(self) -> tuple[Due, ...]:
        """Every pay-out that is due, in the order in which the sessions ended."""
        return tuple(self._dues.values())

    def book(
        self,
        session: bytes,
        proposer: MemberId,
        proposal: Proposal,
        flows: Sequence[Flow],
        received: Sequence[tuple[str, Fraction]] = (),
    ) -> bool:
        """Book a session that has ended.

        Args:
            session: its identifier.
            proposer: who proposed it.
            proposal: its terms.
            flows: everything that flowed in it.
            received: what its custodian has received, by player.

        Returns:
            Whether it was booked: False if its proposer has left too many balances open already.
        """
        purse = Purse(proposal.currency, proposal.custodian)
        taken = [Flow(CUSTODY, player, amount, "received") for player, amount in received]
        moved = {party: amount for party, amount in net((*taken, *party_flows(flows, proposal))).items() if amount}
        owed = [(party, amount) for party, amount in moved.items() if amount > 0 and party != CUSTODY]
        dues = [Due(session, purse, party, amount, proposer) for party, amount in owed] if proposal.custodian else []
        fresh = [party for party in moved if (purse, party) not in self._lines]
        if fresh and len(fresh) + len(dues) + self._opened(proposer) > LINES_PER_PROPOSER:
            return False
        if not self._holds(purse, moved, dues, proposer):
            return False
        for party, amount in moved.items():
            self._add(purse, party, amount, proposer)
        self._dues |= {(session, due.party): due for due in dues}
        for due in dues:
            self._weigh(due, 1)
        self._check()
        return True

    def pay(self, session: bytes, party: str, payer: str) -> Due | None:
        """Book a pay-out that the custodian called ``payer`` reports; None if it owes none such."""
        due = self._dues.get((session, party))
        if due is None or due.purse.custodian != payer:
            return None
        del self._dues[session, party]
        self._weigh(due, -1)
        self._add(due.purse, party, -due.amount, due.opener)
        self._add(due.purse, CUSTODY, due.amount, due.opener)
        self._check()
        return due

    def renamed(self, before: Iterable[tuple[str, MemberId]], roster: Roster) -> "Books":
        """The same books for a new roster, with nobody taken for somebody else; see ``parties.py``.

        Args:
            before: the members so far, with their names.
            roster: the new one.
        """
        called = renaming(before, roster)

        def of(purse: Purse) -> Purse:
            return Purse(purse.currency, called(purse.custodian) if purse.custodian else "")

        lines = [Balance(of(each.purse), called(each.party), each.amount, each.opener) for each in self.balances]
        dues = [Due(each.session, of(each.purse), called(each.party), each.amount, each.opener) for each in self.dues]
        return Books(lines, dues)

    @property
    def packed(self) -> tuple[Value, Value]:
        """Balances and dues as values with a canonical encoding."""
        return tuple(map(_packed_line, self.balances)), tuple(map(_packed_due, self.dues))

    @classmethod
    def unpack(cls, lines: Value, dues: Value) -> "Books | None":
        """Read what :attr:`packed` made; None if that is not what it is, or does not sum to zero."""
        read = [_line(value) for value in lines] if isinstance(lines, tuple) else [None]
        owed = [_due(value) for value in dues] if isinstance(dues, tuple) else [None]
        kept, still = [line for line in read if line], [due for due in owed if due]
        if len(kept) < len(read) or len(still) < len(owed):
            return None
        try:
            books = cls(kept, still)
        except LocalProtocolError:
            return None
        # Lines twice or out of order would be a second spelling of the same books.
        return books if books.packed == (lines, dues) else None

    def _holds(self, purse: Purse, moved: Mapping[str, Fraction], dues: Sequence[Due], proposer: MemberId) -> bool:
        """Whether the books stay within their bytes with these changes."""
        weights = dict(self._weights)
        for party, amount in moved.items():
            line = self._lines.get((purse, party))
            total = amount + (line.amount if line else 0)
            if max(total.numerator.bit_length(), total.denominator.bit_length()) > AMOUNT_BITS_MAX:
                return False
            after = Balance(purse, party, total, line.opener if line else proposer)
            weights[after.opener] = weights.get(after.opener, 0) + _weight(after) - (_weight(line) if line else 0)
        weights[proposer] = weights.get(proposer, 0) + sum(map(_weight, dues))
        return weights[proposer] <= BYTES_PER_PROPOSER and sum(weights.values()) <= BOOKS_BYTES_MAX

    def _opened(self, proposer: MemberId) -> int:
        return sum(each.opener == proposer for kept in (self._lines, self._dues) for each in kept.values())

    def _add(self, purse: Purse, party: str, amount: Fraction, opener: MemberId) -> None:
        line = self._lines.pop((purse, party), None)
        total = amount + (line.amount if line else 0)
        if line:
            self._weigh(line, -1)
        if total:
            after = self._lines[purse, party] = Balance(purse, party, total, line.opener if line else opener)
            self._weigh(after, 1)

    def _weigh(self, each: Balance | Due, sign: int) -> None:
        self._weights[each.opener] = self._weights.get(each.opener, 0) + sign * _weight(each)

    def _check(self) -> None:
        totals: dict[Purse, Fraction] = {}
        for line in self._lines.values():
            totals[line.purse] = totals.get(line.purse, Fraction(0)) + line.amount
        for purse, total in totals.items():
            if total:
                raise LocalProtocolError(f"the books of {purse} sum to {total} instead of zero")


def _weight(each: Balance | Due) -> int:
    return len(encode(_packed_line(each) if isinstance(each, Balance) else _packed_due(each)))


def _packed_line(line: Balance) -> Value:
    return (line.purse.currency, line.purse.custodian, line.party, line.amount, line.opener)


def _packed_due(due: Due) -> Value:
    return (due.session, due.purse.currency, due.purse.custodian, due.party, due.amount, due.opener)


def _line(value: Value) -> Balance | None:
    match value:
        case (str(currency), str(custodian), str(party), (int() | Fraction()) as amount, bytes(opener)) if (
            _is_amount(amount) and len(opener) == KEY_BYTES
        ):
            return Balance(Purse(currency, custodian), party, Fraction(amount), MemberId(opener))
    return None


def _due(value: Value) -> Due | None:
    match value:
        case (bytes(session), *rest) if len(session) == DIGEST_BYTES and len(rest) == 5:
            line = _line(tuple(rest))
            if line is not None and line.amount > 0 and line.purse.custodian:
                return Due(session, line.purse, line.party, line.amount, line.opener)
    return None


def _is_amount(value: int | Fraction) -> bool:
    return not isinstance(value, bool) and value != 0
