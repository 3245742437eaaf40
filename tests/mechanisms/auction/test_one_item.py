"""Auctions of one item: clocks, open bids, optimal reserves."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from mechdesign.kernel.errors import InputError, MechanismError
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.auction.dutch import Dutch
from mechdesign.mechanisms.auction.english import English
from mechdesign.mechanisms.auction.japanese import Japanese
from mechdesign.mechanisms.auction.myerson import Myerson
from mechdesign.mechanisms.auction.priors import Discrete, Piecewise, virtual_of
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import Ask, Coin, Run, run_pure
from mechdesign.mechanisms.ties import TieRule


def asked(run):
    """What a run waits for; fails the test where it waits for no reports."""
    assert isinstance(run.request, Ask)
    return run.request


def ended(run):
    """The result of a run that has ended."""
    assert run.result is not None
    return run.result


def decided(mechanism, reports, **parameters):
    return decide(mechanism, {"parameters": parameters, "reports": reports}).document()


def truthful(mechanism, values):
    return {player: (lambda ask, value=value: mechanism.truthful(value, ask)) for player, value in values.items()}


def values_of(draw, count, top):
    return {f"p{number}": Fraction(draw.randint(0, top)) for number in range(count)}


# -------------------------------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize("reserve", [0, 3])
def test_the_japanese_clock_is_the_second_price_auction(reserve):
    draw = random.Random(reserve)
    clock, sealed = Japanese(reserve=reserve), SecondPrice(reserve=reserve)
    for _ in range(100):
        values = values_of(draw, draw.randint(1, 5), 8)
        context = Context(tuple(values))
        assert run_pure(clock, context, truthful(clock, values)).outcome == run_pure(sealed, context, values).outcome


def test_the_japanese_clock_says_who_left_at_which_price():
    document = decided("auction.japanese", {"a": 3, "b": 5, "c": 1})
    assert [reason["text"] for reason in document["why"]] == [
        "the last price at which somebody else was in",
        "at 2: c left",
        "at 4: a left",
    ]
    assert document["outcome"] == {"winner": "b", "price": "3"}


def test_who_does_not_answer_has_left_the_clock():
    run = Run(Japanese(), Context(("a", "b", "c")))
    assert asked(run).of == ("a", "b", "c")
    run.answer({"a": True, "b": True})
    assert asked(run).of == ("a", "b")
    assert asked(run).info["price"] == "1"
    run.answer({"b": True})
    assert str(ended(run).outcome) == "b wins, pays 0"


def test_the_last_ones_to_leave_together_are_told_apart_by_the_tie_rule():
    run = Run(Japanese(), Context(("a", "b")))
    run.answer({"a": True, "b": True})
    run.answer({"a": True, "b": True})
    run.answer({})
    assert str(ended(run).outcome) == "a wins, pays 1"
    assert ended(run).ties[0].among == ("a", "b")


def test_nothing_is_sold_where_nobody_stays_at_the_reserve():
    for mechanism, parameters in (("japanese", {}), ("english", {}), ("dutch", {"start": 9})):
        document = decided(f"auction.{mechanism}", {"a": 1, "b": 2}, reserve=5, **parameters)
        assert document["outcome"] == {"winner": None, "price": "0"}


def test_the_dutch_clock_is_the_first_price_auction_on_its_grid():
    draw = random.Random(3)
    clock = Dutch(start=9)
    for _ in range(50):
        values = values_of(draw, 4, 9)
        outcome = run_pure(clock, Context(tuple(values)), truthful(clock, values)).outcome
        assert outcome.price == max(values.values())
        assert values[outcome.winner] == outcome.price


def test_a_coin_is_tossed_between_rounds_where_the_tie_rule_wants_one():
    winners = {
        decided("auction.dutch", {"a": 5, "b": 5}, start=6, ties="by_coin", seed=seed)["outcome"]["winner"]
        for seed in range(12)
    }
    assert winners == {"a", "b"}


def test_the_english_price_is_within_a_step_of_the_second_value_and_the_highest_value_wins():
    draw = random.Random(4)
    auction = English()
    for _ in range(100):
        values = values_of(draw, draw.randint(2, 5), 9)
        outcome = run_pure(auction, Context(tuple(values)), truthful(auction, values)).outcome
        first, second = sorted(values.values(), reverse=True)[:2]
        assert values[outcome.winner] == first
        assert abs(outcome.price - second) <= 1
        assert outcome.price <= first


def test_english_bids_jump_and_who_passes_is_out():
    run = Run(English(), Context(("a", "b", "c")))
    run.answer({"a": Fraction(2), "b": Fraction(7), "c": Fraction(1)})
    assert asked(run).of == ("a", "c")
    assert dict(asked(run).info) == {"least": "8", "standing": "b", "price": "7"}
    run.answer({"a": Fraction(7), "c": Fraction(10)})  # a bids too little and is out
    assert asked(run).of == ("b",)
    run.answer({})
    assert str(ended(run).outcome) == "c wins, pays 10"


def test_english_ties_are_tossed_in_the_round_in_which_they_occur():
    run = Run(English(), Context(("a", "b"), ties=TieRule("by_coin")))
    run.answer({"a": Fraction(2), "b": Fraction(2)})
    assert isinstance(run.request, Coin)
    run.toss(b"7" * 32)
    assert asked(run).info["standing"] in ("a", "b")


def test_steps_that_cannot_be_paid_are_refused():
    with pytest.raises(MechanismError, match="step is 1/1000, no multiple of the smallest payable amount 1/100"):
        run_pure(Japanese(step="0.001"), Context(("a",)), {})
    with pytest.raises(InputError, match="a step must be more than 0"):
        Japanese.from_parameters({"step": 0})
    with pytest.raises(InputError, match="more than 10000 steps"):
        Dutch.from_parameters({"start": 1000, "step": "0.01"})


def test_everybody_pays_in_the_all_pay_auction():
    document = decided("auction.all-pay", {"a": 3, "b": None, "c": 5, "d": 5})
    assert document["outcome"] == {"winner": "c", "price": "5"}
    assert document["transfers"] == {"a": "-3", "b": "0", "c": "-5", "d": "-5"}
    assert document["ties"][0]["among"] == ["c", "d"]


# ------------------------------------------------------------------------------------------------------------- Myerson

UNIFORM = {"points": [0, 1], "masses": [1]}


def test_with_uniform_values_the_optimal_reserve_is_one_half():
    prior = virtual_of(Piecewise.model_validate(UNIFORM), Currency())
    assert prior.of(Fraction(3, 4)) == Fraction(1, 2)
    assert prior.least(Fraction(0), above=False) == Fraction(1, 2)
    for reports, price in (({"a": "0.4"}, None), ({"a": "0.8"}, "1/2"), ({"a": "0.8", "b": "0.7"}, "7/10")):
        outcome = decided("auction.myerson", reports, prior=UNIFORM)["outcome"]
        assert outcome == ({"winner": "a", "price": price} if price else {"winner": None, "price": "0"})


def test_unequal_priors_favour_the_weaker_bidder():
    """Values on [0, 10] and [0, 20]: virtual values 2 v - 10 and 2 v - 20, so the second has to bid 5 more."""
    strong = {"points": [0, 20], "masses": [1]}
    parameters = {"prior": {"points": [0, 10], "masses": [1]}, "priors": {"b": strong}}
    lost = decided("auction.myerson", {"a": 8, "b": 12}, **parameters)
    assert lost["outcome"] == {"winner": "a", "price": "7"}
    won = decided("auction.myerson", {"a": 8, "b": 14}, **parameters)
    assert won["outcome"] == {"winner": "b", "price": "13"}


def test_an_irregular_discrete_prior_is_ironed():
    """Revenue at prices 1, 2, 10 with masses 5, 4, 1: 10, 10, 10; the curve is a line, then slopes by hand."""
    prior = virtual_of(Discrete(values=(1, 2, 10), weights=(5, 4, 1)), Currency())
    assert [prior.of(Fraction(value)) for value in (1, 2, 10)] == [0, 0, 10]
    # Values 1, 2, 3 with masses 1, 4, 1: revenue 6, 10, 3 at 1, 5/6, 1/6 of the mass: concave, slopes -4, 7/4, 3.
    regular = virtual_of(Discrete(values=(1, 2, 3), weights=(1, 4, 1)), Currency())
    assert [regular.of(Fraction(value)) for value in (1, 2, 3)] == [-4, Fraction(7, 4), 3]
    # Values 1, 2, 3 with masses 4, 1, 4: revenue 9, 10, 12; slopes -1/4, -2, 3; the first two merge to -3/5.
    ironed = virtual_of(Discrete(values=(1, 2, 3), weights=(4, 1, 4)), Currency())
    assert [ironed.of(Fraction(value)) for value in (1, 2, 3)] == [Fraction(-3, 5), Fraction(-3, 5), 3]


def test_equal_ironed_values_are_a_tie_and_the_price_is_the_least_winning_value():
    prior = {"values": [3, 4, 5, 20], "weights": [1, 5, 1, 5]}
    virtual = virtual_of(Discrete.model_validate(prior), Currency())
    assert virtual.of(Fraction(4)) == virtual.of(Fraction(3)) != virtual.of(Fraction(20))
    document = decided("auction.myerson", {"a": 20, "b": 20}, prior=prior)
    assert document["outcome"] == {"winner": "a", "price": "20"}
    assert document["ties"]


def expected_revenue(auction, prior, sell):
    """Revenue over all profiles of two players, by weight."""
    total = Fraction(0)
    for one, p in zip(prior.values, prior.weights, strict=True):
        for two, q in zip(prior.values, prior.weights, strict=True):
            total += p * q * sell(auction, {"a": one, "b": two})
    return total


def surplus_of(level, values):
    return max(Fraction(0), *(level[value] for value in values.values()))


def test_no_second_price_auction_with_a_reserve_earns_more_than_myerson():
    draw = random.Random(6)

    def sell(auction, values):
        return run_pure(auction, Context(tuple(values)), values).net("SELLER")

    for _ in range(25):
        values = tuple(sorted(draw.sample(range(1, 15), 4)))
        prior = Discrete(values=values, weights=tuple(draw.randint(1, 9) for _ in values))
        best = expected_revenue(Myerson(prior=prior), prior, sell)
        for reserve in values:
            assert expected_revenue(SecondPrice(reserve=reserve), prior, sell) <= best
        # The revenue is the expected ironed virtual surplus: Myerson's lemma.
        virtual = virtual_of(prior, Currency())
        level = {value: virtual.of(value) for value in prior.values}
        surplus = expected_revenue(level, prior, surplus_of)
        assert best == surplus


def test_an_irregular_piecewise_prior_is_ironed_on_payable_amounts():
    """The density falls from 9/10 to 1/90 at 1, and the virtual value with it; between, bids count alike."""
    prior = Piecewise(points=(0, 1, 10), masses=(9, 1))
    assert not prior.regular()
    virtual = virtual_of(prior, Currency(decimals=1))
    levels = [virtual.of(Fraction(part, 10)) or Fraction(0) for part in range(101)]
    assert all(low <= high for low, high in pairwise(levels))
    assert any(one == other for one, other in pairwise(levels))
    with pytest.raises(MechanismError, match="payable amounts"):
        virtual_of(prior, Currency(decimals=6))


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"values": [2, 1], "weights": [1, 1]}, "values must ascend"),
        ({"values": [1, 2], "weights": [1]}, "one weight for each value"),
        ({"points": [0, 1], "masses": [1, 1]}, "one mass for each piece"),
        ({"points": [0, 0], "masses": [1]}, "points must ascend"),
        ({"points": [0, 1], "masses": [0]}, "more than 0"),
    ],
)
def test_wrong_priors_are_refused(prior, message):
    with pytest.raises(InputError, match=message):
        Myerson.from_parameters({"prior": prior})
