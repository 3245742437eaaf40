"""Checks of how a mechanism breaks ties: by the rule of the session, openly, and by nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, permutations
from typing import Any, Final, TypeAlias

from mechdesign.mechanisms.alternatives import alternatives, result_key
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.inputs import strategies_for
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import TieRule
from mechdesign.testing.samples import PLAYERS, SEED, AnyMechanism, CheckFailure, built, sample_values

__all__ = ["check_other_orders_are_told", "check_ties_go_by_the_rule_alone"]

_Profile: TypeAlias = Mapping[Player, Any]

_VALUES_MAX: Final = 4
_NAMES_MAX: Final = 4
"""Profiles in which more players, or more other names, could be ordered are left out: all orders are tried."""

_ORDERS_MAX: Final = 24
"""At most so many orders of the options are tried, which is all of those of four."""

_ORDERED: Final = ("options", "items")
"""Parameters that list names, whose order may only break ties."""

_WAYS_MAX: Final = 2_000


def check_other_orders_are_told(cls: type[AnyMechanism]) -> None:
    """The other results that are told for a tie are exactly those that some given order of all names leads to."""
    mechanism = built(cls)
    for profile in _profiles(mechanism):
        context = Context(tuple(profile))
        strategies = strategies_for(mechanism, profile)
        plain = _run(mechanism, profile, TieRule())
        found = alternatives(mechanism, context, strategies, seed=SEED, orders_max=_WAYS_MAX)
        shown = chain(plain.ties, *(other.result.ties for other in found.others))
        names = dict.fromkeys((*chain(*_options(mechanism).values()), *(name for tie in shown for name in tie.among)))
        others = [name for name in names if name not in profile]
        if len(others) > _NAMES_MAX:
            continue
        where = f"{mechanism.identifier} with reports {profile}"
        reached = {result_key(mechanism, plain)}
        for order in permutations(others):
            for players in permutations(profile):
                reached.add(result_key(mechanism, _run(mechanism, profile, TieRule("given", (*players, *order)))))
        told = {result_key(mechanism, result) for result in (plain, *(other.result for other in found.others))}
        if len(reached) > 1 and not plain.ties:
            raise CheckFailure(f"{where}: an order of names changes the result, but the result shows no tie")
        if not found.complete or told != reached:
            raise CheckFailure(f"{where}: orders lead to {len(reached)} results, but {len(told)} are told")


def check_ties_go_by_the_rule_alone(cls: type[AnyMechanism]) -> None:
    """Another order of the roster, or of the options, gives what the same order gives as a rule for ties.

    Nothing else hangs on these orders, unless the mechanism says so in ``order_rule``.
    """
    mechanism = built(cls)
    if mechanism.order_rule:
        return
    for profile in _profiles(mechanism):
        for players in permutations(profile):
            _same(mechanism, mechanism, {player: profile[player] for player in players}, profile, players)
        for key, names in _options(mechanism).items():
            for order in islice(permutations(names), _ORDERS_MAX):
                turned = type(mechanism).from_parameters({**mechanism.parameters(), key: list(order)})
                _same(turned, mechanism, profile, profile, order)


def _same(
    turned: AnyMechanism, mechanism: AnyMechanism, there: _Profile, profile: _Profile, order: tuple[str, ...]
) -> None:
    one, other = _run(turned, there, TieRule()), _run(mechanism, profile, TieRule("given", order))
    if _unordered(turned, one) != _unordered(mechanism, other):
        raise CheckFailure(
            f"{mechanism.identifier} with reports {profile}: names in the order {', '.join(order)} give {one.outcome}, "
            f"but that order as a rule for ties gives {other.outcome}; say in order_rule what else hangs on it"
        )


def _options(mechanism: AnyMechanism) -> dict[str, list[str]]:
    """Return the parameters that list names whose order may only break ties."""
    parameters = mechanism.parameters()
    return {key: parameters[key] for key in _ORDERED if isinstance(parameters.get(key), list)}


def _profiles(mechanism: AnyMechanism) -> Iterator[_Profile]:
    """Yield profiles with ties: everybody alike, all but one alike, and the example where it is small."""
    assert mechanism.example is not None
    if len(mechanism.example.reports) <= _NAMES_MAX:
        yield mechanism.example.reports
    values = _spread(sample_values(mechanism))
    for place, value in enumerate(values):
        yield dict.fromkeys(PLAYERS[:2], value)
        yield dict.fromkeys(PLAYERS[:3], value)
        yield {**dict.fromkeys(PLAYERS[:3], value), PLAYERS[place % 3]: values[place - 1]}


def _spread(values: Sequence[Any]) -> list[Any]:
    return [values[place * len(values) // _VALUES_MAX] for place in range(min(_VALUES_MAX, len(values)))]


def _run(mechanism: AnyMechanism, profile: _Profile, ties: TieRule) -> Result[Any]:
    return run_pure(mechanism, Context(tuple(profile), ties=ties), strategies_for(mechanism, profile), seed=SEED)


def _unordered(mechanism: AnyMechanism, result: Result[Any]) -> object:
    """Return outcome and flows without the order in which names stand in lists."""
    return _sorted(mechanism.plain_outcome(result.outcome)), result_key(mechanism, result)[1]


def _sorted(plain: Any) -> Any:
    if isinstance(plain, Mapping):
        return {key: _sorted(part) for key, part in plain.items()}
    if isinstance(plain, list):
        return sorted(map(_sorted, plain), key=repr)
    return plain
