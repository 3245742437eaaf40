from fractions import Fraction

import pytest

from mechdesign.kernel.errors import InputError, MechanismError
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.ties import TieRule
from mechdesign.testing.oracle_profiles import elect

RULES = ("phragmen", "proportional-approval", "equal-shares", "greedy-approval")


def approved(rule, options, ballots, **parameters):
    return elect(f"committee.{rule}", {"options": list(options), **parameters}, [(n, list(b)) for n, b in ballots])


def test_two_parties_are_represented_in_proportion_to_their_size():
    # 6 voters of one party, 3 of the other, 3 seats: greedy gives all seats to the larger one.
    ballots = [(6, "abc"), (3, "def")]
    for rule in ("phragmen", "proportional-approval", "equal-shares"):
        elected = approved(rule, "abcdef", ballots, seats=3).elected
        assert sorted(name in "abc" for name in elected) == [False, True, True], rule
    assert set(approved("greedy-approval", "abcdef", ballots, seats=3).elected) == set("abc")


def test_proportional_approval_score_is_exact():
    document = {"parameters": {"options": list("abc"), "seats": 3}, "reports": {"p": list("abc"), "q": list("ab")}}
    result = decide("committee.proportional-approval", document).result
    assert result.why[0].data["score"] == Fraction(11, 6) + Fraction(3, 2)


def test_proportional_approval_lists_all_best_committees_and_takes_the_first():
    outcome = approved("proportional-approval", "abcd", [(1, "a"), (1, "b"), (1, "c"), (1, "d")], seats=2)
    assert outcome.elected == ("a", "b")
    assert len(outcome.tied) == 6


def test_proportional_approval_is_exact_on_24_options():
    # Three groups of 8 options and 10, 20, 30 voters; of 6 seats they deserve 1, 2 and 3.
    options = [f"{group}{number}" for group in "xyz" for number in range(8)]
    ballots = [
        (size, [one for one in options if one.startswith(group)]) for size, group in ((10, "x"), (20, "y"), (30, "z"))
    ]
    parameters = {"options": options, "seats": 6}
    outcome = elect("committee.proportional-approval", parameters, ballots)
    assert outcome.elected == ("x0", "y0", "y1", "z0", "z1", "z2")


@pytest.mark.parametrize("rule", RULES)
def test_every_tie_rule_decides_between_equal_options(rule):
    mechanism = registry.load(f"committee.{rule}").from_parameters({"options": ["x", "y"], "seats": 1})
    elected = {}
    for ties in (TieRule(), TieRule("given", ("y", "x")), TieRule("by_coin")):
        result = run_pure(mechanism, Context(("alice", "bob"), ties=ties), {"alice": ["x", "y"], "bob": ["x", "y"]})
        assert result.outcome.tied == (("x",), ("y",))
        assert result.ties
        elected[ties.kind] = result.outcome.elected
    assert (elected["lexicographic"], elected["given"]) == (("x",), ("y",))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_elected_without_a_ballot(rule):
    mechanism = registry.load(f"committee.{rule}").from_parameters({"options": ["x", "y"], "seats": 1})
    assert str(run_pure(mechanism, Context(("alice",)), {}).outcome) == "nothing is elected"


@pytest.mark.parametrize("rule", ["phragmen", "equal-shares", "greedy-approval"])
def test_what_nobody_approves_is_not_elected(rule):
    assert approved(rule, "abc", [(2, "a"), (1, "")], seats=3).elected == ("a",)


def test_phragmen_with_costs_stops_where_an_option_that_is_due_is_too_expensive():
    parameters = {"costs": {"a": 4, "b": 7, "c": 1}, "budget": 10}
    document = {
        "parameters": {"options": list("abc"), **parameters},
        "reports": {"p": ["a", "b"], "q": ["a", "b"], "r": ["b"], "s": ["b"], "t": ["b"], "u": []},
    }
    result = decide("committee.phragmen", document).result
    # b is due at 7/5; then a at (4 + 2 * 7/5)/2, which would pass the budget; c has no supporters.
    assert result.outcome.elected == ("b",)
    assert result.why[-1].data["due"] == ("a",)


def test_equal_shares_pay_alike_and_who_has_less_pays_all_it_has():
    # Shares of 3. a costs 4: p and q pay 2 each. b costs 4 of q, r: q has 1 left, r pays 3.
    parameters = {"options": ["a", "b"], "costs": {"a": 4, "b": 4}, "budget": 9, "completion": "none"}
    reports = {"p": ["a"], "q": ["a", "b"], "r": ["b"]}
    result = decide("committee.equal-shares", {"parameters": parameters, "reports": reports}).result
    assert result.outcome.elected == ("a", "b")
    assert [reason.data["most"] for reason in result.why[1:]] == [2, 3]


def test_completions_go_on_from_what_equal_shares_leave():
    ballots = [(1, "a"), (2, "b"), (1, "c")]
    common = {"costs": {"a": 3, "b": 6, "c": 3}, "budget": 10, "satisfaction": "cost"}
    assert approved("equal-shares", "abc", ballots, **common, completion="none").elected == ()
    assert set(approved("equal-shares", "abc", ballots, **common, completion="greedy").elected) == {"b", "a"}
    # At shares of 3 (10/4 raised by 1) all could be bought, for 12: more than the budget, so the raise is not taken.
    assert approved("equal-shares", "abc", ballots, **common, completion="add1").elected == ()
    assert set(approved("equal-shares", "abc", ballots, **common, completion="add1-greedy").elected) == {"b", "a"}


def test_equal_shares_with_cardinality_prefer_what_is_cheap_a_head():
    ballots = [(3, "ab"), (1, "b")]
    common = {"costs": {"a": 3, "b": 6}, "budget": 8, "completion": "none"}
    assert approved("equal-shares", "ab", ballots, **common, satisfaction="cardinality").elected == ("a",)
    assert approved("equal-shares", "ab", ballots, **common, satisfaction="cost").elected == ("b",)


def test_shares_are_not_raised_for_ever():
    parameters = {"options": ["a", "b"], "costs": {"a": 10**12, "b": 10**12}, "budget": 10**12}
    document = {"parameters": parameters, "reports": {"p": ["a"], "q": ["b"]}}
    with pytest.raises(MechanismError, match="larger increment"):
        decide("committee.equal-shares", document)
    parameters["increment"] = 10**10
    assert decide("committee.equal-shares", document).result.outcome.elected == ()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "either seats or a budget"),
        ({"seats": 1, "budget": 3}, "either seats or a budget"),
        ({"seats": 1, "costs": {"a": 1}}, "costs need a budget"),
        ({"budget": 3, "costs": {"a": 1, "z": 1}}, "'z' is none of the options"),
        ({"budget": 3, "costs": {"a": 1}}, "the cost of b is missing"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        decide("committee.greedy-approval", {"parameters": {"options": ["a", "b"], **parameters}, "reports": {}})
