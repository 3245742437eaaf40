"""Searches for profitable lies: by one player, by coalitions, in expectation over a prior, and under false names."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Result
from mechdesign.testing.cases import Case, Types, Violation, renamed_result, with_deviations

__all__ = [
    "ALIAS",
    "bayesian",
    "bayesian_gain",
    "coalitions",
    "false_names",
    "interim_loss",
    "misreport",
    "nash",
    "one_player",
    "two_names",
]

ALIAS = "mallory"
"""The second name of a player that takes part twice."""


def misreport(concept: str, case: Case, types: Types, deviations: Types) -> Violation | None:
    """Return the violation if these deviations make a member of the coalition better off and none worse off."""
    truth, lie = case.run(types), case.run(with_deviations(types, deviations))
    if truth is lie:
        return None
    own = dict(types)
    gainer = None
    for player, _ in deviations:
        if case.prefers(player, own[player], truth, lie):
            return None
        if gainer is None and case.prefers(player, own[player], lie, truth):
            gainer = player
    if gainer is None:
        return None
    gain = case.gain(gainer, own[gainer], lie, truth)
    who = (
        ""
        if len(deviations) == 1
        else " with the help of " + ", ".join(player for player, _ in deviations if player != gainer)
    )
    return case.found(concept, types, f"{gainer} gains by misreporting{who}", deviations, gain)


def one_player(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for one player that gains by a lie."""
    return _misreports("dsic", 1, case, types, grid)


def coalitions(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for a coalition whose lies make a member better off and none worse off."""
    return _misreports("group_strategyproof", case.coalition_max, case, types, grid)


def _misreports(concept: str, size_max: int, case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    for size in range(1, min(size_max, len(types)) + 1):
        for members in combinations(types, size):
            for pretended in product(grid, repeat=size):
                deviations = tuple([(player, lie) for (player, _), lie in zip(members, pretended, strict=True)])
                if found := misreport(concept, case, types, deviations):
                    yield found


def nash(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for a player that gains by leaving the intended reports; the truth, where none are stated."""
    mechanism = case.mechanism
    if not mechanism.overrides("equilibrium"):
        yield from _misreports("nash", 1, case, types, grid)
        return
    own = dict(types)
    intended = dict(mechanism.equilibrium(own, case.context))
    if not intended:
        return
    meant = case.run_reports(intended)
    for player in intended:
        for other in grid:
            left = case.run_reports({**intended, player: other})
            if case.prefers(player, own[player], left, meant):
                gain = case.gain(player, own[player], left, meant)
                yield case.found("nash", types, f"{player} gains by leaving the equilibrium", ((player, other),), gain)


# ------------------------------------------------------------------------------------------------------- over a prior


def _chances(case: Case, others: Sequence[Player]) -> Iterator[tuple[Types, Fraction]]:
    """Yield the types that others may have, and how likely each combination is."""
    priors = []
    for player in others:
        prior = case.mechanism.beliefs(player)
        total = sum((weight for _, weight in prior), Fraction(0))
        priors.append([(value, Fraction(weight) / total) for value, weight in prior])
    for drawn in product(*priors):
        chance = Fraction(1)
        for _, each in drawn:
            chance *= each
        yield tuple((player, value) for player, (value, _) in zip(others, drawn, strict=True)), chance


def _expected(case: Case, player: Player, value: Any, told: Any) -> Fraction:
    """Return what a player of this type expects if it pretends a type and all others tell the truth."""
    players = case.context.players
    total = Fraction(0)
    for drawn, chance in _chances(case, [other for other in players if other != player]):
        profile = {**dict(drawn), player: told}
        result = case.run([(name, profile[name]) for name in players])
        total += chance * case.worth(player, value, result)
    return total


def bayesian_gain(case: Case, types: Types, player: Player, lie: Any) -> Violation | None:
    """Return the violation if a player expects more from a lie, over the stated prior of the others."""
    value = dict(types)[player]
    gain = _expected(case, player, value, lie) - _expected(case, player, value, value)
    if gain <= 0:
        return None
    return case.found("bic", types, f"{player} expects to gain by misreporting", ((player, lie),), gain)


def bayesian(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for a lie that pays on average; without a stated prior, for one that pays at all.

    What is strategyproof is so under every prior, so that the absence of profitable lies is enough.
    """
    if not case.mechanism.overrides("beliefs"):
        yield from _misreports("bic", 1, case, types, grid)
        return
    for player, value in types:
        seen = ("bic", player, case.token(value))
        if seen in case.done or not _believed(case, player, value):
            continue
        case.done.add(seen)
        for lie in grid:
            if found := bayesian_gain(case, types, player, lie):
                yield found


def interim_loss(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for a truthful player that expects to lose, over the stated prior of the others."""
    for player, value in types:
        seen = ("interim", player, case.token(value))
        if seen in case.done or not _believed(case, player, value):
            continue
        case.done.add(seen)
        worth = _expected(case, player, value, value)
        if worth < 0:
            yield case.found(
                "individually_rational", types, f"{player}, telling the truth, expects to lose", gain=worth
            )


def _believed(case: Case, player: Player, value: Any) -> bool:
    return any(case.token(value) == repr(one) for one, _ in case.mechanism.beliefs(player))


# -------------------------------------------------------------------------------------------------------- false names


def false_names(case: Case, types: Types, grid: Sequence[Any]) -> Iterator[Violation]:
    """Search for a player that gains by taking part under two names."""
    for player, _ in types:
        for one, other in product(grid, repeat=2):
            if found := two_names(case, types, ((player, one), (ALIAS, other))):
                yield found


def two_names(case: Case, types: Types, deviations: Types) -> Violation | None:
    """Return the violation if a player gains by a type under its own name and another under a second name.

    What both names get belongs to the player. Where that cannot be added up, it keeps the better half.
    """
    (player, _), (alias, other) = deviations
    own = dict(types)
    twice = case.beside(("alias", alias), case.mechanism, (*case.context.players, alias))
    truth = case.run(types)
    lie = twice.run((*with_deviations(types, deviations[:1]), (alias, other)))
    for merged in _merged(case, lie, player, alias):
        if case.prefers(player, own[player], merged, truth):
            gain = case.gain(player, own[player], merged, truth)
            return case.found("false_name_proof", types, f"{player} gains as {player} and {alias}", deviations, gain)
    return None


def _merged(case: Case, result: Result[Any], player: Player, alias: Player) -> Iterator[Result[Any]]:
    plain = case.mechanism.plain_outcome(result.outcome)
    if isinstance(plain, Mapping):
        held = [{key for key, part in plain.items() if _names(part, name)} for name in (player, alias)]
        if held[0] and held[1] and not held[0] & held[1]:
            return  # two roles in one trade: what that is worth to one person the mechanism does not say
    names = {alias: player}
    variants = [_join(plain, player, alias, second) for second in (False, True)]
    for variant in variants[:1] if variants[0] == variants[1] else variants:
        try:
            yield renamed_result(case.mechanism, result, names, variant)
        except InputError:
            continue  # no outcome of the mechanism: such a bundle cannot be held by one


def _names(data: Any, name: str) -> bool:
    if isinstance(data, Mapping):
        return name in data or any(_names(part, name) for part in data.values())
    if isinstance(data, list):
        return any(_names(part, name) for part in data)
    return bool(data == name)


def _join(data: Any, player: Player, alias: Player, second: bool) -> Any:
    """Return plain data in which what an alias has is the player's."""
    if isinstance(data, Mapping):
        found = {key: _join(part, player, alias, second) for key, part in data.items() if key != alias}
        if alias in data:
            more = _join(data[alias], player, alias, second)
            found[player] = _sum(found[player], more, second) if player in found else more
        return found
    if isinstance(data, list):
        parts = [_join(part, player, alias, second) for part in data]
        return list(dict.fromkeys(parts)) if alias in data else parts
    return player if data == alias else data


def _sum(one: Any, other: Any, second: bool) -> Any:
    """Return what two names have together; where it cannot be added, the first or the second."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one or other
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    if isinstance(one, str) and isinstance(other, str):
        try:
            return str(Fraction(one) + Fraction(other))
        except ValueError:
            return other if second else one
    return other if second else one
