"""The ledger of a group: double entry over all its sessions, and over its epochs.

A session that ends is booked at the log position where it ended, as one transaction: what its custodian received, and
its flows, deposits included. Named accounts are booked to the party that the proposal bound to them, players by name.
Each (currency, custodian) has books of its own; without a custodian they hold claims, and no money moves. Every
transaction sums to zero, so the books do at every position, and that is checked.

Bounds. Every balance that is not zero has a proposer whose session opened it, and what one proposer's sessions have
opened takes at most :data:`BYTES_PER_PROPOSER`, pay-outs that are due included; all together take at most
:data:`BOOKS_BYTES_MAX`, since they have to go on into the next epoch. A line weighs the same whatever its amount is, so
nobody makes another proposer's lines heavier. A session that would pass these bounds is not carried on in the books:
its transcript says what is owed. So no minority of liars can crowd out the balances of others.

Reserve. Where a custodian takes deposits, there is money behind the lines. Such a session keeps room for all that it
may need from the moment it is proposed: nothing that ends meanwhile is carried if it would take that room, but sessions
that have kept theirs longer. Where there is no such room at the beginning, no honest member stakes a deposit, and no
honest custodian takes one; see :meth:`Books.reserve`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile

from mechdesign.decision.parties import CUSTODY, participant, renaming
from mechdesign.decision.proposal import Proposal
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import ACCOUNTS, SINK, Flow, bound, net
from mechdesign.kernel.wire import DIGEST_BYTES, Value, encode

__all__ = [
    "AMOUNT_BITS_MAX",
    "BOOKS_BYTES_MAX",
    "BYTES_PER_PROPOSER",
    "CUSTODY",
    "FLOW_BITS_MAX",
    "UNKNOWN_MAX",
    "Balance",
    "Books",
    "Due",
    "Purse",
    "bits",
    "party_flows",
]

BYTES_PER_PROPOSER = 16 * 1024
"""How many bytes the balances and pay-outs take that the sessions of one proposer leave open: enough for the claims of
a session among the largest group, or for one with a custodian among thirty players."""

BOOKS_BYTES_MAX = 900 * 1024
"""All balances and pay-outs take no more, in bytes, so that they fit into what an epoch leaves to the next."""

AMOUNT_BITS_MAX = 448
"""No balance has a longer numerator or denominator."""

FLOW_BITS_MAX = 384
"""An outcome with a longer amount fails, see ``mechanisms/limits.py``: so no number of sessions makes a balance too
long."""

UNKNOWN_MAX = 1024
"""A member that could not compute more sessions of an epoch takes the books over from others, whatever comes."""

_LONGEST = Fraction((1 << AMOUNT_BITS_MAX) - 1, 10**18)
# Amounts are whole minor units, of currencies with at most 18 decimals.


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
        unknown: sessions of this epoch of which this member cannot know what flowed, by their order: it left them for
            lack of their code, or computed something else than a quorum.
    """

    def __init__(self, lines: Iterable[Balance] = (), dues: Iterable[Due] = ()) -> None:
        self.unknown: dict[bytes, None] = {}
        self._lost = False
        self._lines = {(line.purse, line.party): line for line in lines}
        self._dues = {(due.session, due.party): due for due in dues}
        self._weights: Counter[MemberId] = Counter()
        # By session, in the order of their proposals: who proposed it, and how many bytes it may need.
        self._reserves: dict[bytes, tuple[MemberId, int]] = {}
        everything: tuple[Balance | Due, ...] = (*self._lines.values(), *self._dues.values())
        for each in everything:
            self._weigh(each, 1)
        self._check()

    @property
    def balances(self) -> tuple[Balance, ...]:
        """Every balance that is not zero, sorted by purse and party."""
        return tuple(line for _, line in sorted(self._lines.items(), key=lambda item: item[0]))

    @property
    def complete(self) -> bool:
        """Whether this member could compute all that was booked in this epoch."""
        return not self.unknown and not self._lost

    def leave(self, session: bytes) -> None:
        """Know from now on that something may have flowed in a session which this member could not compute."""
        if len(self.unknown) < UNKNOWN_MAX:
            self.unknown[session] = None
        else:
            self._lost = True

    @property
    def dues(self) -> tuple[Due, ...]:
        """Every pay-out that is due, in the order in which the sessions ended."""
        return tuple(self._dues.values())

    def reserve(self, session: bytes, proposer: MemberId, proposal: Proposal, names: Iterable[str]) -> bool:
        """Keep room for a session that was proposed, if its custodian may take deposits.

        The room is there when the session ends, whatever is booked, reserved and paid meanwhile: a later session leaves
        it alone, an earlier one takes no more than its own, and a pay-out that is reported takes less than one that is
        due. So deposits are always carried where this was true at their custodian and at whoever computed all that
        flowed in the epoch.

        Args:
            session: its identifier.
            proposer: who proposed it.
            proposal: its terms.
            names: of those that it asks.

        Returns:
            Whether there is such room, or none is needed.
        """
        if not proposal.takes_deposits:
            return True
        purse = Purse(proposal.currency, proposal.custodian)
        parties = {*names, *(party for _, party in proposal.accounts), SINK}
        # All of them may be owed, out of what the custodian has received: its own line comes on top.
        lines = (Balance(purse, party, _LONGEST, proposer) for party in (*parties, CUSTODY))
        dues = (Due(session, purse, party, _LONGEST, proposer) for party in parties)
        needed = sum(map(_weight, lines)) + sum(map(_weight, dues))
        fits = self._fits(proposer, needed, self._reserves.values())
        if fits:
            self._reserves[session] = proposer, needed
        return fits

    def reserved(self, session: bytes) -> bool:
        """Whether an open session has room of its own."""
        return session in self._reserves

    def release(self, session: bytes) -> None:
        """Give the room of a session back that is not to be booked."""
        self._reserves.pop(session, None)

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
        others = self._before(session)
        self.release(session)
        self.unknown.pop(session, None)
        purse = Purse(proposal.currency, proposal.custodian)
        taken = [Flow(CUSTODY, player, amount, "received") for player, amount in received]
        moved = {party: amount for party, amount in net((*taken, *party_flows(flows, proposal))).items() if amount}
        owed = [(party, amount) for party, amount in moved.items() if amount > 0 and party != CUSTODY]
        dues = [Due(session, purse, party, amount, proposer) for party, amount in owed] if proposal.custodian else []
        kept = {party: self._lines.get((purse, party)) for party in moved}
        fresh = [Balance(purse, party, moved[party], proposer) for party, line in kept.items() if line is None]
        longest = (amount + (line.amount if (line := kept[party]) else 0) for party, amount in moved.items())
        if any(bits(amount) > AMOUNT_BITS_MAX for amount in longest):
            return False
        needed = sum(_weight(line) for line in fresh) + sum(_weight(due) for due in dues)
        if needed and not self._fits(proposer, needed, others):
            return False
        for party, amount in moved.items():
            self._add(purse, party, amount, proposer)
        self._dues |= {(session, due.party): due for due in dues}
        for due in dues:
            self._weigh(due, 1)
        self._check()
        return True

    def owing(self, session: bytes, party: str) -> str | None:
        """Which custodian owes a party something after a session, or None."""
        due = self._dues.get((session, party))
        return due.purse.custodian if due is not None else None

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

        # Outside parties of one name, bound while a member of that name was here and while it was away, are one party.
        lines: dict[tuple[Purse, str], Balance] = {}
        for each in self.balances:
            key = of(each.purse), called(each.party)
            held = lines[key].amount if key in lines else 0
            lines[key] = Balance(*key, held + each.amount, each.opener)
        dues: dict[tuple[bytes, Purse, str], Due] = {}
        for due in self.dues:
            owed = due.session, of(due.purse), called(due.party)
            already = dues[owed].amount if owed in dues else 0
            dues[owed] = Due(*owed, already + due.amount, due.opener)
        return Books([line for line in lines.values() if line.amount], dues.values())

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

    def _before(self, session: bytes) -> list[tuple[MemberId, int]]:
        """The reserves that a session has to leave alone: those of sessions that were proposed before it.

        One that has no reserve itself leaves all of them alone.
        """
        before = takewhile(lambda item: item[0] != session, self._reserves.items())
        return [reserve for _, reserve in before]

    def _fits(self, proposer: MemberId, needed: int, reserves: Iterable[tuple[MemberId, int]]) -> bool:
        """Whether a proposer's sessions may open so many bytes more, beside these reserves."""
        kept: Counter[MemberId] = Counter()
        for opener, size in reserves:
            kept[opener] += size
        if self._weights[proposer] + kept[proposer] + needed > BYTES_PER_PROPOSER:
            return False
        # What a proposer has and keeps counts for no more than its share, or liars could reserve everything.
        held = sum(
            max(self._weights[opener], min(self._weights[opener] + kept[opener], BYTES_PER_PROPOSER))
            for opener in self._weights.keys() | kept.keys()
        )
        return held + needed <= BOOKS_BYTES_MAX

    def _add(self, purse: Purse, party: str, amount: Fraction, opener: MemberId) -> None:
        line = self._lines.pop((purse, party), None)
        total = amount + (line.amount if line else 0)
        if line:
            self._weigh(line, -1)
        if total:
            after = self._lines[purse, party] = Balance(purse, party, total, line.opener if line else opener)
            self._weigh(after, 1)

    def _weigh(self, each: Balance | Due, sign: int) -> None:
        self._weights[each.opener] += sign * _weight(each)

    def _check(self) -> None:
        totals: dict[Purse, Fraction] = {}
        for line in self._lines.values():
            totals[line.purse] = totals.get(line.purse, Fraction(0)) + line.amount
        for purse, total in totals.items():
            if total:
                raise LocalProtocolError(f"the books of {purse} sum to {total} instead of zero")


def _weight(each: Balance | Due) -> int:
    """How many bytes a line counts for: as many as with the longest amount."""
    if isinstance(each, Balance):
        return len(encode(_packed_line(replace(each, amount=_LONGEST))))
    # To report it may open a line of the custodian's again, and one of the party's for its own.
    custody = Balance(each.purse, CUSTODY, _LONGEST, each.opener)
    return len(encode(_packed_due(replace(each, amount=_LONGEST)))) + _weight(custody)


def bits(amount: Fraction) -> int:
    """How long an amount is: the bits of its numerator or its denominator, whichever has more."""
    return max(amount.numerator.bit_length(), amount.denominator.bit_length())


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
