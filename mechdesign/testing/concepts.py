"""The concepts that a mechanism may claim, each as a search for violations at one profile of private types."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations
from math import comb
from typing import Any, Final, TypeAlias

from mechdesign.kernel.errors import MechdesignError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.result import Result
from mechdesign.testing.cases import (
    AnyMechanism,
    Case,
    Types,
    Violation,
    renamed,
    renamed_result,
    with_deviations,
)
from mechdesign.testing.deviations import bayesian, coalitions, false_names, interim_loss, misreport, nash, one_player

__all__ = ["CONCEPTS", "INTERIM", "AnyMechanism", "Case", "Concept", "Types", "Violation", "misreport", "welfare"]

Search: TypeAlias = Callable[[Case, Types, Sequence[Any]], Iterator[Violation]]
"""A search for violations at one profile of types; the grid is where deviations come from."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept that can be searched for violations.

    Attributes:
        search: yields the violations at one profile.
        lacking: says what a mechanism lacks for the search to make sense; empty where it lacks nothing.
        cases: about how many comparisons one profile takes, given players, types in the grid and coalition size.
    """

    search: Search
    lacking: Callable[[AnyMechanism], str]
    cases: Callable[[int, int, int], int]

    def __call__(self, case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
        """Yield the violations at one profile."""
        return self.search(case, types, grid)


# ---------------------------------------------------------------------------------------------------------------- money


def _individually_rational(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    for player, value in types:
        worth = case.worth(player, value, result)
        if worth < 0:
            yield case.found("individually_rational", types, f"{player}, telling the truth, loses", gain=worth)


def _no_deficit(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    for account in (Account.FUNDER, Account.SINK, Account.SELLER):
        if result.net(account) < 0:
            yield case.found("no_deficit", types, f"{account} pays {-result.net(account)}")
    if Account.PROVIDER in case.mechanism.accounts:
        short = case.mechanism.resource_cost(result.outcome) - result.net(Account.PROVIDER)
        if short > 0:
            yield case.found("no_deficit", types, f"the cost is short of {short}")


def _budget_balanced(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    for account in (Account.SINK, Account.FUNDER):
        if result.net(account) != 0:
            yield case.found("budget_balanced", types, f"{account} ends with {result.net(account)}")
    if Account.PROVIDER in case.mechanism.accounts:
        over = result.net(Account.PROVIDER) - case.mechanism.resource_cost(result.outcome)
        if over != 0:
            yield case.found("budget_balanced", types, f"the provider gets {over} more than the cost")


# ------------------------------------------------------------------------------------------------------------- outcomes


def welfare(case: Case, types: Types, outcome: Any) -> Fraction:
    """Return what an outcome is worth to all players together, less what it costs outside them."""
    values = (case.mechanism.valuation(player, value, outcome) for player, value in types)
    return sum(values, Fraction(0)) - case.mechanism.resource_cost(outcome)


def _efficient(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    if not case.mechanism.overrides("valuation"):
        yield from _pareto(case, types, result)
        return
    taken = welfare(case, types, result.outcome)
    for outcome in case.mechanism.outcomes(dict(types), case.context):
        more = welfare(case, types, outcome) - taken
        if more > 0:
            yield case.found("efficient", types, f"{outcome} is worth more", gain=more)


def _pareto(case: Case, types: Types, result: Result[Any]) -> Iterator[Violation]:
    prefers = case.mechanism.prefers
    for outcome in case.mechanism.outcomes(dict(types), case.context):
        other: Result[Any] = Result(outcome)
        if not any(prefers(player, value, result, other) for player, value in types) and any(
            prefers(player, value, other, result) for player, value in types
        ):
            yield case.found("efficient", types, f"{outcome} is better for somebody and worse for nobody")


def _monotone(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    before = case.run(types).outcome
    for player, value in types:
        for stronger in case.mechanism.strengthen(value, before):
            after = case.run(with_deviations(types, ((player, stronger),))).outcome
            if case.mechanism.favoured(before) != case.mechanism.favoured(after):
                pretended = ((player, stronger),)
                yield case.found("monotone", types, f"more support by {player} harms what it supports", pretended)


# ------------------------------------------------------------------------------------------------------------- fairness


def _anonymous(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    if result.ties:
        return
    outcome = _plain(case, result)
    for order in _renamings([player for player, _ in types]):
        names = dict(zip((player for player, _ in types), order, strict=True))
        turned = {names[player]: value for player, value in types}
        other = case.run((player, turned[player]) for player, _ in types)
        if other.ties:
            continue
        moved = any(result.net(player) != other.net(names[player]) for player in names) if result.flows else other.flows
        if moved or _alike(renamed(outcome, names)) != _alike(_plain(case, other)):
            yield case.found("anonymous", types, f"renaming players {names} changes more than names")


def _plain(case: Case, result: Result[Any]) -> Any:
    """Return the outcome as plain data; computed once for a result of the case."""
    if id(result) not in case.plain:
        case.plain[id(result)] = case.mechanism.plain_outcome(result.outcome)
    return case.plain[id(result)]


def _neutral(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    if result.ties:
        return
    mechanism = case.mechanism
    schema, plain, parameters = mechanism.type_schema(), mechanism.plain_outcome, mechanism.parameters()
    options = parameters["options"]
    for order in _renamings(options):
        names = dict(zip(options, order, strict=True))
        there = case
        moved = {key: renamed(part, names) for key, part in parameters.items()} | {"options": options}
        if moved != parameters:  # the costs of options go with their names
            there = case.beside(("renamed", order), type(mechanism).from_parameters(moved), case.context.players)
        turned = tuple(
            (player, codec.validate(schema, renamed(codec.plain(schema, value), names), player))
            for player, value in types
        )
        other = there.run(turned)
        if other.ties:
            continue
        if _alike(renamed(plain(result.outcome), names)) != _alike(plain(other.outcome)):
            yield case.found("neutral", types, f"renaming options {names} changes more than names")


def _renamings(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield all orders of a few names; of more, those that exchange two, from which all others follow."""
    if len(names) <= 3:
        yield from permutations(names)
        return
    for one, other in combinations(range(len(names)), 2):
        order = list(names)
        order[one], order[other] = order[other], order[one]
        yield tuple(order)


def _alike(data: Any) -> Any:
    """Return plain data in which a list of names, which stands in roster or parameter order, compares as a set."""
    if isinstance(data, Mapping):
        return {key: _alike(part) for key, part in data.items()}
    if isinstance(data, list):
        parts = [_alike(part) for part in data]
        return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
    return data


def _envy_free(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    result = case.run(types)
    plain = case.mechanism.plain_outcome(result.outcome)
    for (player, value), (other, _) in permutations(types, 2):
        names = {player: other, other: player}
        try:
            swapped = renamed_result(case.mechanism, result, names, renamed(plain, names))
        except MechdesignError:
            continue  # what the other has cannot be this player's
        if case.mechanism.prefers(player, value, swapped, result):
            gain = case.gain(player, value, swapped, result)
            yield case.found("envy_free", types, f"{player} would rather have what {other} has", gain=gain)


# ----------------------------------------------------------------------------------------------------------- coalitions


def _core(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    if case.mechanism.overrides("standalone_cost"):
        return _cost_core(case, types)
    if case.mechanism.overrides("blocking"):
        return _blocked("core", case, types)
    return _auction_core(case, types)


def _cost_core(case: Case, types: Types) -> Iterator[Violation]:
    result, reports = case.run(types), dict(types)
    for size in range(1, len(types) + 1):
        for coalition in combinations(reports, size):
            over = -sum(result.net(player) for player in coalition)
            over -= case.mechanism.standalone_cost(coalition, reports)
            if over > 0:
                yield case.found(
                    "core", types, f"{', '.join(coalition)} would pay less on their own", gain=Fraction(over)
                )


def _auction_core(case: Case, types: Types) -> Iterator[Violation]:
    """Search for bidders that would offer the seller more than it gets, and still be better off."""
    mechanism, result = case.mechanism, case.run(types)
    seller = result.net(Account.SELLER) - mechanism.resource_cost(result.outcome)
    for size in range(1, len(types) + 1):
        for coalition in combinations(types, size):
            have = seller + sum((case.worth(player, value, result) for player, value in coalition), Fraction(0))
            best = max(
                welfare(case, coalition, outcome) for outcome in mechanism.outcomes(dict(coalition), case.context)
            )
            if best > have:
                names = ", ".join(player for player, _ in coalition)
                yield case.found("core", types, f"the seller and {names} would do better alone", gain=best - have)


def _stable(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    return _blocked("stable", case, types)


def _blocked(concept: str, case: Case, types: Types) -> Iterator[Violation]:
    for coalition in case.mechanism.blocking(dict(types), case.run(types).outcome):
        yield case.found(concept, types, f"{' and '.join(coalition)} would rather leave")


# -------------------------------------------------------------------------------------------------- what a search needs


def _hooks(*hooks: str) -> Callable[[AnyMechanism], str]:
    """Return what says which of some hooks a mechanism lacks; alternatives are separated by bars."""

    def lacking(mechanism: AnyMechanism) -> str:
        missing = [
            hook.replace("|", ", ") for hook in hooks if not any(mechanism.overrides(one) for one in hook.split("|"))
        ]
        return f"it defines no {' and no '.join(missing)}" if missing else ""

    return lacking


_taste = _hooks("prefers|valuation|utility")


def _holds(mechanism: AnyMechanism, concept: str) -> bool:
    return isinstance(getattr(mechanism.claims, concept), Holds)


def _lacks_prior(mechanism: AnyMechanism) -> str:
    if mechanism.overrides("beliefs") or _holds(mechanism, "dsic"):
        return _taste(mechanism)
    return "it states no prior (beliefs), and is not claimed to be strategyproof"


def _lacks_equilibrium(mechanism: AnyMechanism) -> str:
    if mechanism.overrides("equilibrium") or _holds(mechanism, "dsic") or _holds(mechanism, "nash"):
        return _taste(mechanism)
    return "it states no equilibrium, and truth is not claimed to be one"


def _lacks_stake(mechanism: AnyMechanism) -> str:
    if mechanism.accounts or _holds(mechanism, "individually_rational"):
        return _hooks("valuation|utility")(mechanism)
    return "no money moves, and it does not claim it"


def _lacks_options(mechanism: AnyMechanism) -> str:
    return "" if "options" in mechanism.parameters() else "it has no parameter options"


def _lacks_core(mechanism: AnyMechanism) -> str:
    ways = mechanism.overrides("standalone_cost") or mechanism.overrides("blocking")
    sells = Account.SELLER in mechanism.accounts
    if ways or (sells and mechanism.overrides("valuation") and mechanism.overrides("outcomes")):
        return ""
    return "it defines no standalone_cost and no blocking, and is no auction that lists its outcomes"


def _lacks_shares(mechanism: AnyMechanism) -> str:
    if missing := _taste(mechanism):
        return missing
    return "" if mechanism.accounts or _names_players(type(mechanism)) else "nobody has a share of its own"


def _names_players(cls: type[AnyMechanism]) -> bool:
    """Say whether the outcome of the example names a player."""
    if cls.example is None:
        return True
    shown = decide(cls, {"parameters": cls.example.parameters, "reports": cls.example.reports}).document()["outcome"]
    return bool(renamed(shown, {player: f"{player}'" for player in cls.example.reports}) != shown)


def _lacks_nothing(mechanism: AnyMechanism) -> str:
    return ""


def _lies(players: int, grid: int, _: int) -> int:
    return players * grid


CONCEPTS: Final[Mapping[str, Concept]] = {
    "dsic": Concept(one_player, _taste, _lies),
    "bic": Concept(bayesian, _lacks_prior, _lies),
    "nash": Concept(nash, _lacks_equilibrium, _lies),
    "individually_rational": Concept(_individually_rational, _lacks_stake, lambda n, g, k: n),
    "no_deficit": Concept(_no_deficit, _lacks_nothing, lambda n, g, k: 1),
    "budget_balanced": Concept(_budget_balanced, _lacks_nothing, lambda n, g, k: 1),
    "efficient": Concept(
        _efficient,
        _hooks("prefers|valuation", "outcomes"),
        lambda n, g, k: 5**n,
    ),
    "anonymous": Concept(_anonymous, _lacks_nothing, lambda n, g, k: 6),
    "neutral": Concept(_neutral, _lacks_options, lambda n, g, k: 6),
    "monotone": Concept(_monotone, _hooks("strengthen", "favoured"), lambda n, g, k: 3 * n),
    "group_strategyproof": Concept(
        coalitions, _taste, lambda n, g, k: sum(comb(n, size) * g**size for size in range(1, k + 1))
    ),
    "core": Concept(_core, _lacks_core, lambda n, g, k: 6**n),
    "stable": Concept(_stable, _hooks("blocking"), lambda n, g, k: n * n),
    "envy_free": Concept(_envy_free, _lacks_shares, lambda n, g, k: n * n),
    "false_name_proof": Concept(false_names, _taste, lambda n, g, k: 10 * n * g * g),
}
"""The concepts that can be searched for violations, in the order of ``Claims``."""

INTERIM: Final = Concept(interim_loss, _hooks("beliefs"), _lies)
"""Individual rationality in expectation: what a claim means that holds ``interim``."""
