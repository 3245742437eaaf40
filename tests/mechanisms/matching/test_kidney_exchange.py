"""Kidney exchange, against brute force."""

import random
from itertools import combinations

import networkx
import pytest

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.matching import kidney_exchange
from mechdesign.mechanisms.matching.kidney_exchange import KidneyExchange
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.ties import TieRule

NAMES = tuple("ABCDEFGHIJ")


def suitable(draw: random.Random, size: int, density: float) -> dict[str, list[str]]:
    names = NAMES[:size]
    return {one: [other for other in names if other != one and draw.random() < density] for one in names}


def brute_force(reports: dict[str, list[str]], longest: int) -> list[dict[str, str]]:
    """Every exchange with the most transplants, by the cycles that networkx finds."""
    graph = networkx.DiGraph([(one, other) for one, donors in reports.items() for other in donors])
    cycles = [cycle for cycle in networkx.simple_cycles(graph, length_bound=longest) if len(cycle) > 1]
    best, found = 0, [{}]  # type: tuple[int, list[dict[str, str]]]
    for size in range(1, len(cycles) + 1):
        disjoint = False
        for chosen in combinations(cycles, size):
            members = [player for cycle in chosen for player in cycle]
            if len(set(members)) < len(members):
                continue
            disjoint = True
            donor = {player: cycle[(place + 1) % len(cycle)] for cycle in chosen for place, player in enumerate(cycle)}
            if len(donor) > best:
                best, found = len(donor), []
            if len(donor) == best and donor not in found:
                found.append(donor)
        if not disjoint:
            break
    return found


def canonical(exchanges: list[dict[str, str]], order: tuple[str, ...]) -> dict[str, str]:
    """The rule in the docstring, by filtering: each player in turn receives, from the first donor, down the cycle."""
    left = exchanges
    for player in order:
        if not any(player in one for one in left):
            continue
        left = [one for one in left if player in one]
        at = player
        while True:
            first = min((one[at] for one in left), key=order.index)
            left = [one for one in left if one[at] == first]
            at = first
            if at == player:
                break
    assert len(left) == 1
    return left[0]


@pytest.mark.parametrize("longest", [2, 3, 4])
def test_it_finds_the_most_transplants_and_the_canonical_exchange(longest: int) -> None:
    draw = random.Random(30 + longest)
    ties = 0
    for number in range(110):
        size = 3 + number % 4
        reports = suitable(draw, size, 0.4)
        roster = NAMES[:size]
        every = brute_force(reports, longest)
        order = tuple(draw.sample(roster, size))
        for rule in (TieRule(), TieRule("given", order)):
            result = run_pure(KidneyExchange(cycle_max=longest), Context(roster, ties=rule), reports)
            assert result.outcome.donor == canonical(every, order if rule.order else roster)
            assert bool(result.ties) == (len(every) > 1)
        ties += len(every) > 1
    assert 10 < ties < 110


def test_with_many_cycles_the_solver_finds_the_same_as_brute_force() -> None:
    draw = random.Random(40)
    compared = 0
    while compared < 4:
        reports = suitable(draw, 8, 0.3)
        cycles = len(KidneyExchange(cycle_max=4).cycles({one: tuple(donors) for one, donors in reports.items()}))
        if not 13 <= cycles <= 18:
            continue
        compared += 1
        result = run_pure(KidneyExchange(cycle_max=4), Context(NAMES[:8]), reports)
        assert result.outcome.donor == canonical(brute_force(reports, 4), NAMES[:8])


def test_no_pair_gains_by_hiding_or_inventing_donors() -> None:
    draw = random.Random(41)
    rule = KidneyExchange()
    for _ in range(15):
        reports = suitable(draw, 5, 0.4)
        context = Context(NAMES[:5], ties=draw.choice((TieRule(), TieRule("by_coin"))))
        for name in context.players:
            own = tuple(reports[name])
            truth = run_pure(rule, context, reports, seed=Seed.of(7)).outcome
            others = [other for other in context.players if other != name]
            for size in range(5):
                for lie in combinations(others, size):
                    lied = run_pure(rule, context, {**reports, name: lie}, seed=Seed.of(7)).outcome
                    assert rule.valuation(name, own, lied) <= rule.valuation(name, own, truth)


def test_more_cycles_than_can_be_compared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kidney_exchange, "CYCLES_MAX", 20)
    everybody = {name: list(NAMES) for name in NAMES}
    with pytest.raises(MechanismError, match="more than 20 possible cycles"):
        run_pure(KidneyExchange(), Context(NAMES), everybody)
