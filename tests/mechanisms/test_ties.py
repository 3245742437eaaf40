"""Ties: shown, broken by each rule, and what other ways to break them would have given."""

import random
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise, permutations
from typing import Any

import pytest

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.alternatives import (
    ORDERS_MAX,
    Alternatives,
    alternatives,
    alternatives_of_answers,
    result_key,
)
from mechdesign.mechanisms.auction.english import English
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.inputs import Decided, decide
from mechdesign.mechanisms.play import PASS, Coin, Play, Run, ask, run_pure, settle_breaking_ties, toss
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.ties import TieRule
from mechdesign.testing.samples import CheckFailure
from mechdesign.testing.tie_checks import check_other_orders_are_told, check_ties_go_by_the_rule_alone

OFFERS = {"a": {"bid": 5}, "b": {"bid": 5}, "s": {"ask": 3}}
FAMILIES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "auction.second-price": ({}, {"a": 5, "b": 5, "c": 1}, ("a", "b")),
    "auction.english": ({"reserve": 5}, {"a": 5, "b": 5, "c": 1}, ("a", "b")),
    "auction.gsp": ({"clicks": [3, 2]}, {"a": 5, "b": 5}, ("a", "b")),
    "auction.uniform-price": ({"units": 1}, {"a": [5], "b": [5]}, ("a", "b")),
    "auction.vcg": ({"items": ["x"]}, {one: [{"items": ["x"], "value": 5}] for one in "ab"}, ("a", "b")),
    "exchange.k-double": ({}, OFFERS, ("a", "b")),
    "procurement.reverse-second-price": ({"ceiling": 10}, {"a": 5, "b": 5, "c": 9}, ("a", "b")),
    "public.clarke": ({"cost": 10}, {"a": 6, "b": 4}, ("build", "reject")),
    "public.agv": ({"cost": 10, "prior": [{"value": 1}]}, {"a": 6, "b": 4}, ("build", "reject")),
    "public.worst-case-optimal": ({}, {"a": 5, "b": 5}, ("a", "b")),
    "matching.kidney-exchange": ({}, {"a": ["c"], "b": ["c"], "c": ["a", "b"]}, ("a", "b", "c")),
    "division.adjusted-winner": ({"options": ["x", "y"]}, {one: {"x": 50, "y": 50} for one in "ab"}, ("x", "y")),
    "division.envy-free-rent": ({"options": ["x"], "rent": 4}, {one: {"x": 5} for one in "ab"}, ("a", "b")),
    "voting.plurality": ({"options": ["x", "y"]}, {"a": "x", "b": "y"}, ("x", "y")),
    "voting.irv": ({"options": ["x", "y"]}, {"a": ["x", "y"], "b": ["y", "x"]}, ("x", "y")),
    "committee.phragmen": ({"options": ["x", "y"], "seats": 1}, {"a": ["x"], "b": ["y"]}, ("x", "y")),
}
"""A profile with one tie of each family that has ties: parameters, reports, and what is tied."""


def decided(name: str, ties: Any) -> Decided:
    parameters, reports, _ = FAMILIES[name]
    return decide(name, {"parameters": {**parameters, "ties": ties}, "reports": reports})


def keys(one: Decided, found: Alternatives[Any]) -> set[Any]:
    return {result_key(one.mechanism, result) for result in (one.result, *(other.result for other in found.others))}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_tie_says_what_was_tied_by_which_rule_it_was_broken_and_what_else_could_have_been(name: str) -> None:
    among = FAMILIES[name][2]
    turned = list(reversed(among))
    one, other, tossed = decided(name, "lexicographic"), decided(name, turned), decided(name, "by_coin")
    for each, kind in ((one, "lexicographic"), (other, "given"), (tossed, "by_coin")):
        assert (each.result.ties[0].among, each.result.ties[0].rule) == (among, kind)
    assert one.result.ties[0].order == among
    assert other.result.ties[0].order == tuple(turned)
    assert sorted(tossed.result.ties[0].order) == sorted(among)
    reached = {
        result_key(each.mechanism, each.result) for order in permutations(among) for each in (decided(name, order),)
    }
    assert len(reached) > 1
    for each in (one, other, tossed):
        found = each.alternatives()
        assert found.complete
        assert keys(each, found) == reached
        assert len(found.others) == len(reached) - 1  # neither the actual result nor any other stands twice
        assert all(tie.rule == "otherwise" for other in found.others for tie in other.ties)
        assert all(other.ties for other in found.others)


@pytest.mark.parametrize("name", ["auction.second-price", "voting.irv", "public.clarke", "exchange.k-double"])
def test_without_a_tie_nothing_is_shown_and_nothing_is_computed_again(name: str) -> None:
    cls = registry.load(name)
    assert cls.example is not None
    one = decide(name, {"parameters": cls.example.parameters, "reports": dict(list(cls.example.reports.items())[:1])})
    assert one.result.ties == ()
    assert one.alternatives(orders_max=0) == Alternatives()


def test_who_is_chosen_among_many_is_one_choice_and_whole_orders_are_cut_at_the_bound() -> None:
    many = dict.fromkeys((f"p{number:02d}" for number in range(20)), 5)
    chosen = decide("auction.second-price", {"reports": many}).alternatives()
    assert chosen.complete
    assert [str(other.result.outcome) for other in chosen.others] == [f"{name} wins, pays 5" for name in list(many)[1:]]
    four, five = (
        decide("auction.gsp", {"parameters": {"clicks": [5, 4, 3, 2, 1]}, "reports": dict.fromkeys("abcde"[:size], 5)})
        for size in (4, 5)
    )
    assert len(four.alternatives().others) == ORDERS_MAX - 1 == 23
    assert four.alternatives().complete
    assert not five.alternatives().complete
    assert len(five.alternatives().others) == 23
    assert len(five.alternatives(orders_max=120).others) == 119
    assert five.alternatives(orders_max=120).complete
    assert not five.alternatives(orders_max=119).complete


@pytest.mark.parametrize("name", ["voting.irv", "voting.coombs", "voting.baldwin"])
def test_where_every_tie_is_tossed_for_the_alternatives_are_the_parallel_universes(name: str) -> None:
    draw = random.Random(5)
    several = 0
    for _ in range(40):
        ballots = {f"p{number}": draw.sample("wxyz", 4) for number in range(draw.randint(2, 4))}
        document = {"parameters": {"options": list("wxyz"), "ties": "by_coin"}, "reports": ballots}
        one = decide(name, document)
        found = one.alternatives(orders_max=10_000)
        winners = {one.result.outcome.winner, *(other.result.outcome.winner for other in found.others)}
        assert found.complete
        assert winners == set(one.result.outcome.tied)
        several += len(winners) > 1
    assert several > 5


# ------------------------------------------------------------------------------------- several ties, and other coins


class Order(Outcome):
    """What a mechanism below makes of names."""

    names: tuple[str, ...] = ()
    coin: int = 0


class Twice(Mechanism[Amount, Amount, Order]):
    """Breaks a tie among all players twice, after a toss for something else."""

    same: bool

    def play(self, context: Context) -> Play[Order]:
        reports = yield from ask(self.report_schema(), of=context.players)
        coin = (yield from toss("something else")).below(1_000_000)

        def settle(known: Context) -> Result[Order]:
            one, ties = known.pick(list(reports), "the first")
            other, more = known.pick(list(reports), "the first" if self.same else "the second")
            return Result(Order(names=(one, other), coin=coin), ties=ties + more)

        return (yield from settle_breaking_ties(settle, context))


def told(mechanism: Mechanism[Any, Any, Any], names: str, rule: str) -> dict[tuple[str, ...], int]:
    """The names of the actual and of all other results of a mechanism, with how many ties are broken otherwise."""
    context, reports = Context(tuple(names), ties=TieRule.parse(rule)), dict.fromkeys(names, 1)
    actual = run_pure(mechanism, context, reports, seed=Seed.of(3))
    found = alternatives(mechanism, context, reports, seed=Seed.of(3), orders_max=1000)
    assert found.complete
    assert {other.result.outcome.coin for other in found.others} <= {actual.outcome.coin}
    return {actual.outcome.names: 0} | {other.result.outcome.names: len(other.ties) for other in found.others}


def test_an_order_breaks_all_ties_alike_and_a_coin_breaks_each_for_itself() -> None:
    once = {("a", "a"): 0, ("b", "b"): 2, ("c", "c"): 2}
    assert told(Twice(same=False), "abc", "lexicographic") == once
    tossed = told(Twice(same=False), "abc", "by_coin")
    assert sorted(tossed) == [(one, other) for one in "abc" for other in "abc"]
    assert sorted(tossed.values()) == [0, *[1] * 4, *[2] * 4]
    assert list(tossed.values()) == sorted(tossed.values())  # the fewest choices otherwise come first
    assert sorted(told(Twice(same=True), "abc", "by_coin")) == [("a", "a"), ("b", "b"), ("c", "c")]


class Chain(Mechanism[Amount, Amount, Order]):
    """Ranks the players, then pairs of them again."""

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Order]:
        names = list(reports)
        pairs = [context.pick(pair, "a pair") for pair in pairwise(names)]
        order, ties = context.rank(names, "all")
        return Result(
            Order(names=(*(one for one, _ in pairs), *order)), ties=(*ties, *(t for _, two in pairs for t in two))
        )


def test_later_ties_keep_to_the_order_that_earlier_ones_imply() -> None:
    brute = set()
    for order in permutations("abcd"):
        context = Context(tuple("abcd"), ties=TieRule("given", order))
        brute.add(run_pure(Chain(), context, dict.fromkeys("abcd", 1)).outcome.names)
    assert set(told(Chain(), "abcd", "lexicographic")) == brute
    assert len(brute) == 24


# ------------------------------------------------------------------------------------------------- settled sessions


def driven(mechanism: Mechanism[Any, Any, Any], context: Context, reports: Mapping[str, Any]) -> tuple[Any, ...]:
    """A run as a group has it: its result, the answers to each ask, the coins."""
    run = Run(mechanism, context)
    answers: list[Any] = []
    coins: list[bytes] = []
    while run.request is not None:
        if isinstance(run.request, Coin):
            coins.append(bytes([len(coins) + 1]) * 32)
            run.toss(coins[-1])
            continue
        given = {name: mechanism.truthful(reports[name], run.request) for name in run.request.of}
        answers.append({name: report for name, report in given.items() if report is not PASS})
        run.answer(answers[-1])
    return run.result, answers, coins


@pytest.mark.parametrize("ties", ["lexicographic", ["c", "a"], "by_coin"])
def test_the_alternatives_of_a_session_follow_from_its_answers_and_coins(ties: Any) -> None:
    context = Context(("a", "b", "c", "d"), ties=TieRule.parse(ties))
    reports = {"a": Fraction(5), "b": Fraction(5), "c": Fraction(5), "d": Fraction(3)}
    result, answers, coins = driven(SecondPrice(), context, reports)
    assert len(coins) == (ties == "by_coin")
    found = alternatives_of_answers(SecondPrice(), context, answers, coins)
    assert found.complete
    winners = {result.outcome.winner, *(other.result.outcome.winner for other in found.others)}
    assert winners == {"a", "b", "c"}
    assert len(found.others) == 2


def test_what_nobody_was_asked_is_not_made_up() -> None:
    context, reports = Context(("a", "b", "c")), dict.fromkeys("abc", Fraction(5))
    closing, opening = English(reserve=Fraction(5)), English(reserve=Fraction(4))
    result, answers, coins = driven(closing, context, reports)
    found = alternatives_of_answers(closing, context, answers, coins)
    assert not found.complete  # with b standing, a would have been asked whether it bids more
    assert (result.outcome.winner, found.others) == ("a", ())
    assert (
        len(alternatives(closing, context, {name: partial(closing.truthful, Fraction(5)) for name in "abc"}).others)
        == 2
    )
    for wrong in (answers[:-1], [*answers, {}], [{}, *answers]):
        with pytest.raises(LocalProtocolError, match="not the answers and coins of a whole run"):
            alternatives_of_answers(closing, context, wrong, coins)
    with pytest.raises(LocalProtocolError):
        alternatives_of_answers(opening, context, answers, [bytes(32)])


# ------------------------------------------------------------------------------------------------- what checks find


class Bought(Outcome):
    """Who buys."""

    winner: str | None = None


def top(reports: Mapping[str, Fraction]) -> list[str]:
    return [name for name in reports if reports[name] == max(reports.values())]


class Open(Mechanism[Amount, Amount, Bought]):
    """The highest bid wins, by the tie rule."""

    name, version, claims, example = "test.open", 1, Claims(), Example({"alice": 1, "bob": 2})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Bought]:
        if not reports:
            return Result(Bought())
        winner, ties = context.pick(top(reports), "the highest bid")
        return Result(Bought(winner=winner), ties=ties)


class Silent(Mechanism[Amount, Amount, Bought]):
    """The highest bid wins, the earliest in the roster if there are several."""

    name, version, claims, example = "test.silent", 1, Claims(), Example({"alice": 1, "bob": 2})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Bought]:
        return Result(Bought(winner=max(reports, key=lambda name: reports[name], default=None)))


class Declared(Silent):
    """The same, and says so."""

    name, version, order_rule = "test.declared", 1, "of several with the highest bid the first in the roster wins"


class Hidden(Open):
    """By the tie rule, but does not show it."""

    name, version = "test.hidden", 1

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Bought]:
        return Result(super().settle(reports, context).outcome)


class Sideways(Open):
    """Reads the given order past the tie rule."""

    name, version = "test.sideways", 1

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Bought]:
        found = super().settle(reports, context)
        return Result(Bought(winner=context.ties.ordered(top(reports))[0]) if reports else Bought(), ties=found.ties)


def test_the_checks_pass_what_goes_by_the_rule_or_says_what_else_counts() -> None:
    for cls in (Open, Declared):
        check_other_orders_are_told(cls)
        check_ties_go_by_the_rule_alone(cls)


@pytest.mark.parametrize(
    ("cls", "check", "said"),
    [
        (Silent, check_ties_go_by_the_rule_alone, "that order as a rule for ties gives"),
        (Hidden, check_other_orders_are_told, "the result shows no tie"),
        (Sideways, check_other_orders_are_told, "orders lead to 2 results, but 1 are told"),
    ],
)
def test_the_checks_catch_ties_broken_silently_hidden_or_past_the_rule(cls: Any, check: Any, said: str) -> None:
    with pytest.raises(CheckFailure, match=said):
        check(cls)
