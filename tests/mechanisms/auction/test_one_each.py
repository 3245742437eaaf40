"""Auctions in which each bidder wants one item: sealed and ascending."""

import random
from fractions import Fraction
from itertools import product

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.auction.demange_gale_sotomayor import Demand, DemangeGaleSotomayor, _overdemanded
from mechdesign.mechanisms.auction.unit_demand import UnitDemand
from mechdesign.mechanisms.codec import VOID
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import Ask, Run, run_pure

ITEMS = ("a", "b", "c")


def asked(run):
    """What a run waits for; fails the test where it waits for no reports."""
    assert isinstance(run.request, Ask)
    return run.request


def ended(run):
    """The result of a run that has ended."""
    assert run.result is not None
    return run.result


def values_of(draw, players, top):
    return {f"p{number}": {item: Fraction(draw.randint(0, top)) for item in ITEMS} for number in range(players)}


def truthful(mechanism, values):
    return {player: (lambda ask, value=value: mechanism.truthful(value, ask)) for player, value in values.items()}


def prices_of(outcome):
    return {item: outcome.payments[player] for player, item in outcome.items.items()}


def clears(values, prices):
    """Whether everybody can have an item that it likes best (or nothing), unsold items being free."""
    choices = []
    for own in values.values():
        gains = {None: Fraction(0)} | {item: own[item] - prices[item] for item in ITEMS}
        choices.append([item for item, gain in gains.items() if gain == max(gains.values())])
    for given in product(*choices):
        sold = [item for item in given if item is not None]
        if len(set(sold)) == len(sold) and all(prices[item] == 0 for item in ITEMS if item not in sold):
            return True
    return False


def test_unit_demand_prices_are_the_lowest_that_clear_the_market():
    draw = random.Random(1)
    for _ in range(25):
        values = values_of(draw, 3, 4)
        outcome = run_pure(UnitDemand(items=ITEMS), Context(tuple(values)), values).outcome
        prices = dict.fromkeys(ITEMS, Fraction(0)) | prices_of(outcome)
        clearing = [
            dict(zip(ITEMS, map(Fraction, grid), strict=True))
            for grid in product(range(5), repeat=3)
            if clears(values, dict(zip(ITEMS, map(Fraction, grid), strict=True)))
        ]
        assert prices in clearing
        assert all(prices[item] <= other[item] for other in clearing for item in ITEMS)


def test_the_ascending_auction_ends_at_the_prices_of_the_sealed_one():
    draw = random.Random(2)
    ascending, sealed = DemangeGaleSotomayor(items=ITEMS), UnitDemand(items=ITEMS)
    for _ in range(120):
        values = values_of(draw, draw.randint(1, 5), 6)
        context = Context(tuple(values))
        open_, closed = run_pure(ascending, context, truthful(ascending, values)), run_pure(sealed, context, values)
        worth = [
            sum(m.valuation(p, v, r.outcome) for p, v in values.items())
            for m, r in ((ascending, open_), (sealed, closed))
        ]
        assert worth[0] == worth[1]
        gains = [{p: m.utility(p, v, r) for p, v in values.items()} for m, r in ((ascending, open_), (sealed, closed))]
        assert gains[0] == gains[1]


def test_nobody_envies_another_at_these_prices():
    draw = random.Random(3)
    for _ in range(60):
        values = values_of(draw, 4, 9)
        outcome = run_pure(UnitDemand(items=ITEMS), Context(tuple(values)), values).outcome
        prices = prices_of(outcome)
        for player, own in values.items():
            gain = own[outcome.items[player]] - outcome.payments[player] if player in outcome.items else 0
            assert all(own[item] - price <= gain for item, price in prices.items())


def test_an_overdemanded_set_is_minimal():
    wanted = {"p": ("a", "b"), "q": ("b",), "r": ("a",), "s": ("a",)}
    assert _overdemanded(wanted, ITEMS) == ("a",)
    assert _overdemanded({"p": ("a",), "q": ("a", "b")}, ITEMS) == ()
    assert _overdemanded({"p": ("a", "b"), "q": ("a", "b"), "r": ("a", "b")}, ITEMS) == ("a", "b")


def test_who_names_nothing_or_does_not_answer_is_out():
    run = Run(DemangeGaleSotomayor(items=ITEMS), Context(("p", "q", "r")))
    run.answer({"p": Demand(items=("a",)), "q": Demand(items=("a",))})
    assert asked(run).of == ("p", "q")
    assert dict(asked(run).info["prices"]) == {"a": "1", "b": "0", "c": "0"}
    assert asked(run).parse(b'{"items":["z"],"or_nothing":false}') is VOID
    run.answer({"q": Demand(items=("a",))})
    assert str(ended(run).outcome) == "q gets a, pays 1"
    assert ended(run).why[1].text == "p, q want only a: up by 1"


def test_an_item_worth_nothing_is_not_given():
    reports = {"p": {"a": 3}, "q": {}, "r": None}
    outcome = decide("auction.unit-demand", {"parameters": {"items": ["a", "b"]}, "reports": reports}).result.outcome
    assert outcome.items == {"p": "a"}


@pytest.mark.parametrize(
    ("report", "message"),
    [({"z": 1}, "'z' is none of the items a, b"), ({"a": -1}, "at least 0"), ({"a": 1.5}, "not exact"), ([], "object")],
)
def test_wrong_worths_are_refused_by_name(report, message):
    with pytest.raises(InputError, match=message):
        decide("auction.unit-demand", {"parameters": {"items": ["a", "b"]}, "reports": {"p": report}})
