"""The pure computation on a document: what ``decide`` reads and prints.

The document is ``{"parameters": {...}, "reports": {...}}``, as JSON or TOML. The order of the reports is the roster
order, a report of ``null`` is an absent player. Numbers are read as exact decimals. Settings of the session may
stand among the parameters:
``currency``, ``decimals``, ``ties`` and ``seed`` (a text from which pure runs draw their coins).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.money import Currency, format_exact, round_flows
from mechdesign.mechanisms import codec, registry
from mechdesign.mechanisms.alternatives import ORDERS_MAX, Alternatives, alternatives
from mechdesign.mechanisms.base import RESERVED, Mechanism
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.formats import READERS, read_format
from mechdesign.mechanisms.play import Strategy, run_pure
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, Tie, TieRule

__all__ = [
    "Decided",
    "Session",
    "decide",
    "parse_document",
    "read_document",
    "result_document",
    "split_parameters",
    "strategies_for",
]


@dataclass(frozen=True, slots=True)
class Session:
    """What a session adds to a mechanism: the settings that stand beside its parameters.

    Attributes:
        currency: what amounts are counted in.
        ties: how equals are told apart.
        seed: where coins of a pure run come from.
        rounded: whether currency or decimals were given, so that the settlement in minor units is shown.
    """

    currency: Currency = field(default_factory=Currency)
    ties: TieRule = LEXICOGRAPHIC
    seed: Seed = field(default_factory=lambda: Seed.of(0))
    rounded: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A pure computation: what was run, on what, with which result.

    Attributes:
        mechanism: what was run.
        context: roster, currency and tie rule.
        session: the settings beside the parameters.
        result: outcome, flows, reasons and ties.
        strategies: what answered for each player.
    """

    mechanism: Mechanism[Any, Any, Any]
    context: Context
    session: Session
    result: Result[Any]
    strategies: Mapping[Player, Strategy]

    def document(self) -> dict[str, Any]:
        """Return the result as plain data, amounts as exact texts such as ``-34/5``."""
        document = result_document(self.mechanism, self.context, self.result)
        if self.session.rounded:
            document["settlement"] = _settlement(self.context, self.result)
        return document

    def alternatives(self, orders_max: int = ORDERS_MAX) -> Alternatives[Any]:
        """Return the results that other ways to break the ties would have given; no run without a tie.

        Args:
            orders_max: at most so many ways are computed.
        """
        if not self.result.ties:
            return Alternatives()
        return alternatives(
            self.mechanism, self.context, self.strategies, seed=self.session.seed, orders_max=orders_max
        )

    def alternatives_document(self, found: Alternatives[Any]) -> dict[str, Any]:
        """Return other results as plain data: outcome and transfers of each, and the ties broken otherwise."""
        shown = ("ties", "outcome", "transfers", "accounts")
        results = []
        for other in found.others:
            document = result_document(self.mechanism, self.context, replace(other.result, ties=other.ties))
            results.append({key: document[key] for key in shown})
        return {"results": results, "complete": found.complete}


def parse_document(text: str, kind: Literal["json", "toml"] = "json") -> dict[str, Any]:
    """Read a document exactly: no number passes through a binary float, no key stands twice.

    Raises:
        InputError: saying where the text is wrong.
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal) if kind == "toml" else codec.read_json(text, Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no {kind.upper()} document: {error}") from None
    if not isinstance(data, dict):
        raise InputError('the document must be an object with "parameters" and "reports"')
    return data


def read_document(path: Path) -> dict[str, Any]:
    """Read a document from a file ending in ``.json`` or ``.toml``, or in a format of elections, budgets or tables.

    Raises:
        InputError: where it cannot be read, or is not such a document; the message starts with the path.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    ending = path.suffix.lower()
    try:
        if ending in READERS:
            return read_format(text, ending)
        return parse_document(text, "toml" if ending == ".toml" else "json")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def split_parameters(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], Session]:
    """Part the settings of the session from the parameters of the mechanism.

    Raises:
        InputError: where a setting is wrong.
    """
    own = {name: value for name, value in parameters.items() if name not in RESERVED}
    currency = parameters.get("currency", "")
    decimals = parameters.get("decimals", Currency().decimals)
    if not isinstance(currency, str):
        raise InputError(f"parameters.currency: it must be a text such as EUR, not {currency!r}")
    try:
        money = Currency(currency, decimals)
        ties = TieRule.parse(parameters.get("ties", "lexicographic"))
    except InputError as error:
        raise InputError(f"parameters: {error}") from None
    seed = Seed.of(str(parameters.get("seed", 0)))
    return own, Session(money, ties, seed, rounded="currency" in parameters or "decimals" in parameters)


def decide(mechanism: str | type[Mechanism[Any, Any, Any]], document: Mapping[str, Any]) -> Decided:
    """Compute what a mechanism makes of a document.

    For a mechanism that plays in several rounds, ``reports`` are private types, and truthful strategies answer.

    Args:
        mechanism: a name for :func:`mechdesign.mechanisms.registry.load`, or a class.
        document: ``parameters`` (may be left out) and ``reports``.

    Raises:
        InputError: naming the value that is wrong.
        MechanismError: where there is no such mechanism, or it raises.

    >>> decided = decide("auction.second-price", {"reports": {"alice": 18, "bob": 24, "carol": 21}})
    >>> decided.document()["transfers"]
    {'alice': '0', 'bob': '-21', 'carol': '0'}
    """
    cls = registry.load(mechanism) if isinstance(mechanism, str) else mechanism
    for key in document:
        if key not in ("parameters", "reports", "mechanism"):
            raise InputError(f'{key}: a document has "parameters" and "reports" and nothing else')
    named = document.get("mechanism", cls.name)
    if named not in (cls.name, cls.full_name()):
        raise InputError(f"mechanism: the document is for {named!r}, not for {cls.full_name()}")
    own, session = split_parameters(_table(document.get("parameters", {}), "parameters"))
    reports = _table(document.get("reports"), "reports")
    built = cls.from_parameters(own)
    context = Context(tuple(reports), session.currency, session.ties)
    present = {player: report for player, report in reports.items() if report is not None}
    strategies = strategies_for(built, present)
    result = run_pure(built, context, strategies, seed=session.seed)
    return Decided(built, context, session, result, strategies)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        example = '{"alice": ..., "bob": ...}' if where == "reports" else '{"reserve": 5}'
        given = "it is missing" if value is None else f"it is {type(value).__name__}"
        raise InputError(f"{where}: {given}; write an object such as {example}")
    return value


def strategies_for(mechanism: Mechanism[Any, Any, Any], reports: Mapping[Player, Any]) -> dict[Player, Strategy]:
    """Return what answers for each player: its report, or for a mechanism that plays, the truth about its type.

    Raises:
        InputError: naming the report that is not of its type.
    """
    plays = mechanism.overrides("play")
    schema = mechanism.type_schema() if plays else mechanism.report_schema()
    values = {player: codec.validate(schema, report, f"reports.{player}") for player, report in reports.items()}

    def strategy(value: Any) -> Strategy:
        return lambda asked: mechanism.truthful(value, asked) if plays else value

    return {player: strategy(value) for player, value in values.items()}


def result_document(mechanism: Mechanism[Any, Any, Any], context: Context, result: Result[Any]) -> dict[str, Any]:
    """Return a result as the plain document that ``decide --json`` prints.

    Every player stands in ``transfers``, in roster order; ``accounts`` names those that end with more or less than
    they had.
    """
    return {
        "mechanism": mechanism.identifier,
        "outcome": mechanism.plain_outcome(result.outcome),
        "transfers": {player: format_exact(net) for player, net in result.transfers(context.players).items()},
        "accounts": {account.value: format_exact(net) for account, net in result.accounts().items()},
        "ties": [_tie(tie) for tie in result.ties],
        "why": [_reason(reason) for reason in result.why],
    }


def _tie(tie: Tie) -> dict[str, Any]:
    return {"about": tie.about, "among": list(tie.among), "order": list(tie.order), "rule": tie.rule}


def _reason(reason: Reason) -> dict[str, Any]:
    return {"text": reason.text, "data": _plain(reason.data)}


def _plain(value: Any) -> Any:
    match value:
        case Fraction():
            return format_exact(value)
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items()}
        case tuple() | list():
            return [_plain(part) for part in value]
        case _:
            return value


def _settlement(context: Context, result: Result[Any]) -> dict[str, Any]:
    """Return the payments in whole minor units, as they would be settled."""
    net: dict[str, Fraction] = {**result.transfers(context.players)}
    net |= {account.value: amount for account, amount in result.accounts().items()}
    minor = round_flows(net, context.currency, order=context.ties.ordered(context.players))
    paid = {party: format_exact(context.currency.from_minor(units)) for party, units in minor.items()}
    accounts = {account.value for account in Account}
    return {
        "currency": context.currency.code,
        "decimals": context.currency.decimals,
        "transfers": {party: amount for party, amount in paid.items() if party not in accounts},
        "accounts": {party: amount for party, amount in paid.items() if party in accounts},
    }
