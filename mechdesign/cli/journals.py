"""A ledger as text for other programs: CSV for spreadsheets, journals for hledger and beancount.

Every session is one transaction, in log order; every flow is two postings in it. At the end each account is asserted to
hold what we say that it holds, so that the other program checks our sums. Sessions have a place in a log and no
date: all bear the one that the caller gives.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from io import StringIO
from typing import Literal, TypeAlias, get_args

from mechdesign.decision.books import CUSTODY
from mechdesign.kernel.flow import ACCOUNTS, Flow

__all__ = ["FORMATS", "Format", "Transaction", "balances", "render"]

Format: TypeAlias = Literal["csv", "hledger", "beancount"]
"""How a ledger can be written down."""

FORMATS: tuple[str, ...] = get_args(Format)
"""All of them."""

_COLUMNS = (
    "epoch", "position", "group", "session", "mechanism", "currency", "custodian",
    "payer", "payee", "payer_party", "payee_party", "amount", "reason",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One session in the ledger of a group.

    Attributes:
        epoch: of the roster.
        position: in the log of the epoch, where the inputs were frozen or, without a freeze, the session ended.
        group: the group's name.
        session: the identifier.
        mechanism: ``family.name/version``.
        currency: code of the currency, may be empty.
        decimals: digits of its minor unit.
        custodian: who holds the money, or empty.
        flows: what flowed, by player and named account.
        behind: the party behind each name in the flows, where it is another one.
        players: which parties are members or players.
    """

    epoch: int
    position: int
    group: str
    session: bytes
    mechanism: str
    currency: str
    decimals: int
    custodian: str
    flows: tuple[Flow, ...]
    behind: Mapping[str, str]
    players: frozenset[str]

    def party(self, name: str) -> str:
        """The party that a flow's end stands for."""
        return self.behind.get(name, name)


def balances(transactions: Iterable[Transaction]) -> dict[tuple[str, str, str], Fraction]:
    """What each party has received minus what it has paid, by (currency, custodian, party), in order of mention."""
    held: dict[tuple[str, str, str], Fraction] = {}
    for each in transactions:
        for flow in each.flows:
            for name, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                line = each.currency, each.custodian, each.party(name)
                held[line] = held.get(line, Fraction(0)) + amount
    return held


def render(transactions: Sequence[Transaction], form: Format, day: date) -> str:
    """The ledger as text.

    Args:
        transactions: in log order.
        form: which format.
        day: the date of all transactions.
    """
    made: dict[str, Callable[[Sequence[Transaction], date], str]] = {
        "csv": _csv,
        "hledger": _hledger,
        "beancount": _beancount,
    }
    return made[form](transactions, day)


def _decimal(amount: Fraction, decimals: int) -> str:
    """An amount as an exact decimal, with all digits of the minor unit so that nobody takes it for a rounded one."""
    places = next(places for places in range(decimals, 64) if (amount * 10**places).denominator == 1)
    digits = f"{abs(int(amount * 10**places)):0{places + 1}d}"
    point = len(digits) - places
    return ("-" if amount < 0 else "") + digits[:point] + (f".{digits[point:]}" if places else "")


# CSV


def _csv(transactions: Sequence[Transaction], day: date) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in transactions:
        said = each.group, each.session.hex(), each.mechanism, each.currency, each.custodian
        for flow in each.flows:
            ends = flow.payer, flow.payee, each.party(flow.payer), each.party(flow.payee)
            row = (*map(_cell, (*said, *ends)), _decimal(flow.amount, each.decimals), _cell(flow.reason))
            writer.writerow((each.epoch, each.position, *row))
    return text.getvalue()


def _cell(text: str) -> str:
    # A name is chosen by a peer, and a spreadsheet would run one that looks like a formula.
    return f"'{text}" if text.startswith(_FORMULA) else text


# Journals


class _Names:
    """Gives every party, and every currency, a name that the other program can read, and no two the same one."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, ...], str] = {}

    def account(self, transaction: Transaction, name: str) -> str:
        """The account of the party behind a name, below one for its kind."""
        party = transaction.party(name)
        if party in transaction.players:
            kind = "Players"
        elif party in (*ACCOUNTS, CUSTODY):
            kind = "Accounts"
        else:
            kind = "Parties"
        top = (
            f"Assets:{kind}" if not transaction.custodian else f"Assets:Held-by-{_plain(transaction.custodian)}:{kind}"
        )
        return self._unique((top, transaction.custodian, party), f"{top}:{_plain(party)}", "-")

    def currency(self, code: str) -> str:
        """Capitals and digits, two at least."""
        plain = code.upper() if len(code) > 1 else f"X{code.upper()}X"
        return self._unique(("currency", code), plain, "X")

    def _unique(self, key: tuple[str, ...], wanted: str, joint: str) -> str:
        if key not in self._given:
            taken, name, number = set(self._given.values()), wanted, 2
            while name in taken:
                name, number = f"{wanted}{joint}{number}", number + 1
            self._given[key] = name
        return self._given[key]


def _plain(name: str) -> str:
    """A name in letters, digits and hyphens, the first one a capital or a digit."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).strip("-")
    return (plain[:1].upper() + plain[1:]) or "X"


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


@dataclass(slots=True)
class _Line:
    """What an account holds of one currency in the end."""

    account: str
    party: str
    currency: str
    decimals: int
    amount: Fraction = Fraction(0)

    @property
    def end(self) -> str:
        return _decimal(self.amount, self.decimals)


def _ends(transactions: Sequence[Transaction], names: _Names) -> list[_Line]:
    held: dict[tuple[str, str], _Line] = {}
    for each in transactions:
        currency = names.currency(each.currency)
        for flow in each.flows:
            for name, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                account = names.account(each, name)
                line = held.setdefault((account, currency), _Line(account, each.party(name), currency, each.decimals))
                line.amount += amount
                line.decimals = max(line.decimals, each.decimals)
    return list(held.values())


def _hledger(transactions: Sequence[Transaction], day: date) -> str:
    names = _Names()
    ends = _ends(transactions, names)
    lines = ["; The ledger of a group, exported from its transcripts by mechdesign.", ""]
    units = {line.currency: max(each.decimals for each in ends if each.currency == line.currency) for line in ends}
    lines += [f'commodity 1000.{"0" * decimals} "{currency}"' for currency, decimals in units.items()]
    parties = {line.account: line.party for line in ends}
    lines += [f"account {account}  ; party: {_comment(party)}" for account, party in parties.items()]
    for each in transactions:
        lines += ["", f"{day} * ({each.session.hex()}) {each.mechanism}"]
        lines += [f"    ; group: {_comment(each.group)}", f"    ; log: epoch {each.epoch} position {each.position}"]
        currency = names.currency(each.currency)
        for flow in each.flows:
            for name, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                posting = f'    {names.account(each, name)}  {_decimal(amount, each.decimals)} "{currency}"'
                lines.append(f"{posting}  ; {_comment(flow.reason)}")
    lines += ["", f"{day} * balances"]
    lines += [f'    {line.account}  0 "{line.currency}" = {line.end} "{line.currency}"' for line in ends]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    # A comma would end the value of a tag, and a colon begin another.
    return _one_line(text).replace(",", ";").replace(":", "-")


def _beancount(transactions: Sequence[Transaction], day: date) -> str:
    names = _Names()
    ends = _ends(transactions, names)
    group = transactions[0].group if transactions else ""
    lines = ["; The ledger of a group, exported from its transcripts by mechdesign.", ""]
    lines += [f'option "title" {_quoted(group)}', ""]
    for account, party in {line.account: line.party for line in ends}.items():
        lines += [f"{day} open {account}", f"  party: {_quoted(party)}"]
    for each in transactions:
        lines += ["", f"{day} * {_quoted(each.mechanism)} {_quoted(each.session.hex())}"]
        lines += [f"  epoch: {each.epoch}", f"  position: {each.position}"]
        currency = names.currency(each.currency)
        for flow in each.flows:
            for name, amount in ((flow.payer, -flow.amount), (flow.payee, flow.amount)):
                lines.append(f"  {names.account(each, name)}  {_decimal(amount, each.decimals)} {currency}")
                lines.append(f"    reason: {_quoted(flow.reason)}")
    lines.append("")
    after = day + timedelta(days=1)
    lines += [f"{after} balance {line.account}  {line.end} {line.currency}" for line in ends]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = _one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
