"""Groves mechanisms with any h, and the two that give taxes back."""

import random
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from scipy.optimize import linprog

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.public.bailey_cavallo import PublicBaileyCavallo
from mechdesign.mechanisms.public.clarke import Clarke
from mechdesign.mechanisms.public.groves import GrovesChoice
from mechdesign.mechanisms.public.worst_case_optimal import WorstCaseOptimal, coefficients, guaranteed
from mechdesign.mechanisms.shared.valuations import Valuation
from mechdesign.testing.incentive_checks import attack

NAMES = ("A", "B", "C", "D", "E", "F")


class HalfOfTheMedian(GrovesChoice):
    """Groves with an h of one's own: a third of the sum of the others' greatest values."""

    name = "public.half-of-the-median"

    def benchmark(self, reports: Profile[Valuation], player: Player, context: Context) -> Fraction:
        greatest = (max(values.values()) for other, values in reports.items() if other != player and values)
        return sum(greatest, Fraction(0)) / 3


def test_truth_is_dominant_whatever_h() -> None:
    for parameters in ({"pivotal": 0}, {"pivotal": "1/2", "constant": -3}, {"pivotal": 2, "constant": 7}):
        groves = GrovesChoice.from_parameters({"options": ["x", "y"], "costs": {"y": 1}, **parameters})
        assert attack(groves, "dsic").violation is None
    assert attack(HalfOfTheMedian(options=("x", "y")), "dsic").violation is None


def test_with_the_pivotal_h_it_is_the_clarke_mechanism_of_a_project() -> None:
    context = Context(NAMES[:3])
    groves = GrovesChoice.from_parameters({"options": ["build", "reject"], "costs": {"build": 300}})
    clarke = Clarke(cost=Fraction(300))
    for values in product((0, 60, 100, 130, 250), repeat=3):
        one = run_pure(clarke, context, dict(zip(NAMES, values, strict=False)))
        other = run_pure(groves, context, {name: {"build": value} for name, value in zip(NAMES, values, strict=False)})
        assert one.outcome.built == (other.outcome.option == "build")
        assert one.transfers(context.players) == other.transfers(context.players)
        assert one.accounts() == other.accounts()


def test_a_deficit_comes_from_the_funder_and_a_surplus_goes_to_the_sink() -> None:
    reports = {"A": {"x": 4}, "B": {"x": 2}}
    paid = decide("public.groves", {"parameters": {"options": ["x", "y"], "pivotal": 0}, "reports": reports}).document()
    assert paid["accounts"] == {"FUNDER": "-6"}
    fee = {"options": ["x", "y"], "pivotal": 0, "constant": 5}
    assert decide("public.groves", {"parameters": fee, "reports": reports}).document()["accounts"] == {"SINK": "4"}


def test_a_cost_of_an_unknown_option_is_refused() -> None:
    with pytest.raises(InputError, match="'z' is none of the options"):
        GrovesChoice.from_parameters({"options": ["x"], "costs": {"z": 1}})


def test_a_report_names_the_option_that_is_wrong() -> None:
    groves = GrovesChoice(options=("x", "y"))
    for wrong, message in (({"z": 1}, "'z' is none of x, y"), ({"x": 1.5}, "x: the binary float"), ([1], "an object")):
        with pytest.raises(InputError, match=message):
            run_pure(groves, Context(("A",)), {"A": wrong})


# ---------------------------------------------------------------------------------------------- public bailey-cavallo


def taxes(project: PublicBaileyCavallo, context: Context, values: dict[str, Any]) -> Fraction:
    plain = PublicBaileyCavallo.transfers
    decision = project.decide(values, context)
    flows = [flow for flow in plain(project, decision, values, context) if flow.reason == "tax"]
    return sum((flow.amount for flow in flows), Fraction(0))


def test_the_least_taxes_are_the_least_over_every_report_of_a_fine_grid() -> None:
    draw = random.Random(5)
    found = 0
    for _ in range(30):
        names = NAMES[: draw.choice((2, 3, 4))]
        weights = {name: draw.choice((1, 1, 2, 9)) for name in names}
        project = PublicBaileyCavallo(cost=Fraction(12), weights=weights)
        context = Context(names)
        values = {name: Fraction(draw.choice((0, 0, 1, 2, 4, 6, 12))) for name in names}
        total = sum(weights.values())
        shares = {name: Fraction(12 * weights[name], total) for name in names}
        player = names[0]
        rest = sum((values[name] - shares[name] for name in names[1:]), Fraction(0))
        turns = [shares[player] - rest] + [shares[player] - rest + values[name] - shares[name] for name in names[1:]]
        near = [turn + Fraction(side, 1000) for turn in turns for side in (-1, 0, 1)]
        tried = [own for own in (*near, *(Fraction(number, 2) for number in range(60))) if own >= 0]
        least = min(taxes(project, context, {**values, player: own}) for own in tried)
        claimed = project.least_taxes(values, player, context)
        assert claimed <= least <= claimed + Fraction(len(names), 1000)
        found += claimed > 0
    assert found > 1


def test_with_equal_shares_nothing_is_given_back() -> None:
    context = Context(NAMES[:3])
    for values in product((0, 60, 100, 130, 300), repeat=3):
        reports = dict(zip(NAMES, values, strict=False))
        one = run_pure(PublicBaileyCavallo(cost=Fraction(300)), context, reports)
        assert one.flows == run_pure(Clarke(cost=Fraction(300)), context, reports).flows


def test_with_unequal_shares_truth_stays_dominant_and_no_money_is_lacking() -> None:
    project = PublicBaileyCavallo.from_parameters({"cost": 12, "weights": {"alice": 10, "carol": 3}})
    assert attack(project, "dsic").violation is None
    assert attack(project, "no_deficit").violation is None


# ------------------------------------------------------------------------------------------- worst-case optimal rebates


@pytest.mark.parametrize(("players", "items"), [(3, 1), (4, 1), (4, 2), (5, 2), (6, 1), (6, 3), (7, 5)])
def test_the_worst_case_is_what_is_guaranteed_and_no_payment_is_exceeded(players: int, items: int) -> None:
    # Payments and rebates are linear where the order of the values is fixed, so it is enough to look at steps.
    rule, context = WorstCaseOptimal(items=items), Context(tuple(f"p{number}" for number in range(players)))
    parts = []
    for high in range(items + 1, players + 1):
        values = {player: int(number < high) for number, player in enumerate(context.players)}
        result = run_pure(rule, context, values)
        paid = result.outcome.price * len(result.outcome.winners)
        parts.append(sum(result.outcome.rebates.values(), Fraction(0)) / paid)
    assert min(parts) == guaranteed(players, items)
    assert max(parts) <= 1


@pytest.mark.parametrize(("players", "items"), [(3, 1), (5, 1), (5, 3), (6, 2)])
def test_no_other_linear_rebate_guarantees_more(players: int, items: int) -> None:
    # Variables: a coefficient for each rank among the others, then the guaranteed part; maximise the latter.
    upper, limits = [], []
    for high in range(players + 1):
        row = [0.0] * players
        for number in range(players):
            others = high - (number < high)
            for rank in range(others):
                row[rank] += 1
        paid = float(items if high > items else 0)
        upper += [[*(-one for one in row[:-1]), paid], [*row[:-1], 0.0]]
        limits += [0.0, paid]
    found = linprog([0.0] * (players - 1) + [-1.0], A_ub=upper, b_ub=limits, bounds=[(None, None)] * players)
    assert found.status == 0
    assert abs(-found.fun - float(guaranteed(players, items))) < 1e-7


def test_one_item_among_three_is_the_bailey_cavallo_auction() -> None:
    assert coefficients(3, 1) == (Fraction(1, 3),)
    for values in product(range(4), repeat=3):
        reports = dict(zip(NAMES, values, strict=False))
        one = run_pure(WorstCaseOptimal(), Context(NAMES[:3]), reports)
        auction = decide("auction.bailey-cavallo", {"reports": reports}).result
        assert one.transfers(NAMES[:3]) == auction.transfers(NAMES[:3])


def test_with_enough_items_everybody_gets_one_for_nothing() -> None:
    result = run_pure(WorstCaseOptimal(items=3), Context(NAMES[:3]), {"A": 5, "B": 0, "C": 2})
    assert result.outcome.winners == ("A", "B", "C")
    assert result.outcome.price == 0
    assert not result.flows


def test_a_tie_for_the_last_items_goes_by_the_roster() -> None:
    result = run_pure(WorstCaseOptimal(items=2), Context(NAMES[:4]), {"A": 1, "B": 3, "C": 3, "D": 3})
    assert result.outcome.winners == ("B", "C")
    assert [tie.among for tie in result.ties] == [("B", "C", "D")]
