"""Accounts kept apart from the members' own: what is booked is added up again, and the books are held against it.

A keeper reads what one decision core reads and says: the receipts and pay-outs that custodians sign, and what each
session that ended moved. From that it counts every line of the books by itself, in every purse, and compares after
every entry of the log. It also looks at each session alone: deposits that went in come out again, whole, to players.
Over the end of an epoch what everybody holds stays as it was, but for names.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeAlias
from unittest.mock import patch

from mechdesign.decision.books import CUSTODY, Balance, Due
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.custody.cover import RECEIPTS_PER_PLAYER
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry
from mechdesign.decision.entries import parse
from mechdesign.decision.messages import Booked, PhaseChanged, Proposed
from mechdesign.decision.parties import participant
from mechdesign.decision.phases import Phase
from mechdesign.decision.proposal import Proposal
from mechdesign.group.messages import Delivered, Ready, Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.flow import ACCOUNTS, DEPOSIT, Flow
from mechdesign.testing.simulator import Violation

__all__ = ["Bookkeeper", "bookkept"]

Line: TypeAlias = tuple[str, str, str]
"""Currency, custodian, party."""

Nameless: TypeAlias = tuple[list[Fraction], list[Fraction]]
"""The balances and the pay-outs that are due, whosoever they are."""


class Bookkeeper:
    """The accounts of a member in one epoch, from what stands in the log and what its sessions moved.

    Args:
        balances: with which the epoch begins.
        dues: the pay-outs that are due then.
        roster: who is called what in it.

    Attributes:
        looked: how often the books were looked at.
        booked: how many sessions were booked.
        closed: what is held and what is due at the end of the epoch, once this member has said that it is ready for the
            next; without names, for those may change.
    """

    def __init__(self, balances: Sequence[Balance], dues: Sequence[Due], roster: Roster) -> None:
        self._roster = roster
        self._held = _lines(balances)
        self._terms: dict[bytes, Proposal] = {}
        self._enrolling: dict[bytes, None] = {}
        self._received: dict[bytes, dict[str, tuple[str, Fraction]]] = {}
        self._dues: dict[tuple[bytes, str], tuple[Line, Fraction]] = {
            (due.session, due.party): ((due.purse.currency, due.purse.custodian, due.party), due.amount) for due in dues
        }
        self.looked = self.booked = 0
        self.closed: Nameless | None = None

    def hear(self, submission: Submission) -> None:
        """Read an entry of the log, before the member has done anything about it."""
        sender = self._roster.name(submission.sender)
        match parse(submission.kind, submission.data):
            case ReceiptEntry(session, player, amount, reference) if session in self._enrolling:
                terms, known = self._terms[session], self._received.setdefault(session, {})
                name = self._roster.name(player)
                parts = sum(payer == name for payer, _ in known.values())
                whole = (amount * 10**terms.decimals).denominator == 1
                asked = player in terms.asked and sender == terms.custodian
                if asked and whole and reference not in known and parts < RECEIPTS_PER_PLAYER:
                    known[reference] = name, amount
            case PayoutEntry(session, party) if self.closed is None and (session, party) in self._dues:
                line, amount = self._dues[session, party]
                if line[1] == sender:
                    del self._dues[session, party]
                    self._move(line, -amount)
                    self._move((*line[:2], CUSTODY), amount)

    def see(self, effect: object) -> None:
        """Take note of what the member made of it.

        Raises:
            Violation: a session's deposits do not come out as they went in.
        """
        match effect:
            case Proposed(session, _, proposal):
                self._terms[session] = proposal
                self._enrolling[session] = None
            case PhaseChanged(session, phase) if phase != Phase.ENROLLING:
                self._enrolling.pop(session, None)
            case Booked():
                self._book(effect)
            case Ready():
                self.closed = self.nameless

    @property
    def nameless(self) -> "Nameless":
        """What is held and what is due, each sorted."""
        return sorted(self._held.values()), sorted(amount for _, amount in self._dues.values())

    def check(self, balances: Sequence[Balance]) -> None:
        """Compare with a member's books.

        Raises:
            Violation: they are not what was booked, or a purse does not sum to zero.
        """
        self.looked += 1
        lines = _lines(balances)
        sums: dict[tuple[str, str], Fraction] = {}
        for (currency, custodian, _), amount in lines.items():
            sums[currency, custodian] = sums.get((currency, custodian), Fraction(0)) + amount
        if any(sums.values()):
            raise Violation(f"the books do not sum to zero: {sums}")
        if lines != self._held:
            wrong = sorted(line for line in {*lines, *self._held} if lines.get(line) != self._held.get(line))
            raise Violation(f"the books are not what was booked, at {wrong}")

    def _book(self, event: Booked) -> None:
        terms = event.proposal
        _conserves(event.flows, terms.deposit)
        received = self._received.pop(event.session, {})
        if not event.kept:
            return
        self.booked += 1
        moved: dict[str, Fraction] = {}
        for player, amount in received.values():
            moved[player] = moved.get(player, Fraction(0)) + amount
            moved[CUSTODY] = moved.get(CUSTODY, Fraction(0)) - amount
        for flow in event.flows:
            for end, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                party = _party(end, terms)
                moved[party] = moved.get(party, Fraction(0)) + amount
        for party, amount in moved.items():
            line = (terms.currency, terms.custodian, party)
            self._move(line, amount)
            if terms.custodian and amount > 0 and party != CUSTODY:
                self._dues[event.session, party] = line, amount

    def _move(self, line: Line, amount: Fraction) -> None:
        total = self._held.pop(line, Fraction(0)) + amount
        if total:
            self._held[line] = total


def _lines(balances: Sequence[Balance]) -> dict[Line, Fraction]:
    return {(each.purse.currency, each.purse.custodian, each.party): each.amount for each in balances}


def _party(end: str, terms: Proposal) -> str:
    """Whom the books know behind a name or an account of a session."""
    behind = dict(terms.accounts)
    if end in behind or end in ACCOUNTS or not terms.rolled:
        return behind.get(end, end)
    return participant(end, terms.roll)


def _conserves(flows: Sequence[Flow], deposit: Fraction) -> None:
    staked: dict[str, Fraction] = {}
    out = Fraction(0)
    for flow in flows:
        if flow.payee == DEPOSIT:
            staked[flow.payer] = staked.get(flow.payer, Fraction(0)) + flow.amount
        elif flow.payer == DEPOSIT:
            out += flow.amount
    if any(amount != deposit for amount in staked.values()) or out != sum(staked.values()):
        raise Violation(f"of deposits of {deposit} {staked} went in, and {out} came out")


@contextmanager
def bookkept(watched: Callable[[DecisionCore], bool] = lambda core: True) -> Iterator[dict[int, Bookkeeper]]:
    """Look at the books of decision cores of one group after each entry of the log and each answer; gives the keepers.

    Args:
        watched: of which cores; by default of all.
    """
    keepers: dict[int, Bookkeeper] = {}
    alive: list[DecisionCore] = []  # so that no other core gets the identity of one that is gone
    ends: dict[int, Nameless] = {}

    def keeper_of(core: DecisionCore) -> Bookkeeper:
        if id(core) not in keepers:
            alive.append(core)
            roster = core._roster
            keeper = keepers[id(core)] = Bookkeeper(core.balances, core._epoch.books.dues, roster)
            begun = keeper.nameless
            if begun != ends.get(roster.epoch - 1, begun):
                raise Violation(f"epoch {roster.epoch} does not begin with what everybody held")
        return keepers[id(core)]

    def looking(method: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def call(core: DecisionCore, *arguments: Any) -> list[Any]:
            if not watched(core):
                return method(core, *arguments)
            keeper = keeper_of(core)
            if isinstance(arguments[0], Delivered):
                keeper.hear(arguments[0].submission)
            effects = method(core, *arguments)
            for effect in effects:
                keeper.see(effect)
            keeper.check(core.balances)
            if keeper.closed is not None:
                ends[core._roster.epoch] = keeper.closed
            return effects

        return call

    changes: dict[str, Any] = {name: looking(getattr(DecisionCore, name)) for name in ("receive", "submit")}
    with patch.multiple(DecisionCore, **changes):
        yield keepers
