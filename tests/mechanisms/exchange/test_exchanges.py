"""Double auctions: worked example 10, textbook properties, ties and edges."""

import random
from fractions import Fraction

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.exchange.two_sides import Offer
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure

NAMES = ("mcafee", "k-double", "double-vcg", "trade-reduction")
OFFERS = {f"b{bid}": {"bid": bid} for bid in (9, 8, 7, 4)} | {f"s{ask}": {"ask": ask} for ask in (2, 3, 4, 5)}


def decided(name, reports, **parameters):
    return decide(f"exchange.{name}", {"parameters": parameters, "reports": reports}).document()


@pytest.mark.parametrize(
    ("name", "trades", "paid", "got", "accounts"),
    [
        ("mcafee", 3, "9/2", "9/2", {}),
        ("k-double", 3, "9/2", "9/2", {}),
        ("double-vcg", 3, "4", "5", {"FUNDER": "-3"}),
        ("trade-reduction", 2, "7", "4", {"SINK": "6"}),
    ],
)
def test_example_10(name, trades, paid, got, accounts):
    document = decided(name, OFFERS)
    outcome = document["outcome"]
    assert outcome["buyers"] == ["b9", "b8", "b7"][:trades]
    assert outcome["sellers"] == ["s2", "s3", "s4"][:trades]
    assert (outcome["buyer_price"], outcome["seller_price"]) == (paid, got)
    assert document["accounts"] == accounts


def test_mcafee_gives_a_trade_up_where_the_mean_does_not_suit():
    offers = {"a": {"bid": 10}, "b": {"bid": 6}, "c": {"bid": 1}, "x": {"ask": 2}, "y": {"ask": 5}, "z": {"ask": 20}}
    document = decided("mcafee", offers)
    assert document["outcome"] == {"buyers": ["a"], "sellers": ["x"], "buyer_price": "6", "seller_price": "5"}
    assert document["accounts"] == {"SINK": "1"}
    assert document["why"][0]["text"] == "trade number 2 is given up, its bid and ask are the prices"


@pytest.mark.parametrize(("k", "price"), [(0, "2"), (1, "8"), ("1/3", "4")])
def test_k_says_how_far_up_the_price_lies(k, price):
    outcome = decided("k-double", {"a": {"bid": 8}, "b": {"ask": 2}}, k=k)["outcome"]
    assert outcome["buyer_price"] == outcome["seller_price"] == price


def test_k_above_one_is_refused():
    with pytest.raises(InputError, match="k must lie between 0 and 1"):
        decided("k-double", OFFERS, k=2)


def random_offers(draw):
    sides = (lambda price: Offer(bid=price), lambda price: Offer(ask=price))
    return {f"p{number}": draw.choice(sides)(Fraction(draw.randint(0, 9))) for number in range(draw.randint(1, 7))}


@pytest.mark.parametrize("name", NAMES)
def test_nobody_trades_at_a_loss_and_money_is_where_it_is_said_to_be(name):
    draw = random.Random(name)
    mechanism = registry.load(f"exchange.{name}")()
    trades = 0
    for _ in range(200):
        offers = random_offers(draw)
        result = run_pure(mechanism, Context(tuple(offers)), offers)
        assert len(result.outcome.buyers) == len(result.outcome.sellers)
        for player, offer in offers.items():
            assert mechanism.utility(player, offer, result) >= 0
            assert (player in result.outcome.buyers) <= (offer.bid is not None)
        assert result.net("SINK") >= 0 >= result.net("FUNDER")
        trades += len(result.outcome.buyers)
    assert trades >= 40


@pytest.mark.parametrize("name", NAMES)
def test_equal_offers_of_which_not_all_trade_follow_the_tie_rule(name):
    offers = {"a": {"bid": 5}, "b": {"bid": 5}, "c": {"bid": 5}, "x": {"ask": 1}, "y": {"ask": 2}}
    plain, turned = decided(name, offers), decided(name, offers, ties=["c", "b", "a"])
    assert plain["outcome"]["buyers"][0] == "a"
    assert turned["outcome"]["buyers"][-1] == "c"
    assert "a" not in turned["outcome"]["buyers"]
    assert turned["ties"][0]["among"] == ["a", "b", "c"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("offers", [{}, {"a": None}, {"a": {"bid": 5}}, {"a": {"ask": 5}, "b": {"bid": 4}}])
def test_without_a_bid_that_reaches_an_ask_nothing_is_traded(name, offers):
    document = decided(name, offers)
    assert document["outcome"] == {"buyers": [], "sellers": [], "buyer_price": "0", "seller_price": "0"}
    assert document["accounts"] == {}


@pytest.mark.parametrize("report", [{}, {"bid": 1, "ask": 2}, {"bid": -1}, {"offer": 3}])
def test_what_is_neither_bid_nor_ask_is_refused(report):
    with pytest.raises(InputError, match=r"reports\.a"):
        decided("mcafee", {"a": report})
