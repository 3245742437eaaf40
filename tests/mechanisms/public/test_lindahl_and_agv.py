"""Walker's mechanism, the expected externality, and reports one after the other."""

import random
from fractions import Fraction
from functools import partial
from itertools import product

import pytest

from mechdesign.kernel.errors import InputError, MechanismError
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import PASS, Ask, Run, run_pure
from mechdesign.mechanisms.public.agv import Agv
from mechdesign.mechanisms.public.sequential_groves import SequentialGroves, socially_optimal
from mechdesign.mechanisms.public.walker import Walker, lindahl_messages
from mechdesign.mechanisms.ties import TieRule

NAMES = ("A", "B", "C", "D", "E")
THREE = Context(NAMES[:3])


def test_example_13_walker() -> None:
    messages = lindahl_messages({"A": Fraction(6), "B": Fraction(5), "C": Fraction(4)}, Fraction(3))
    assert list(messages.values()) == [1, 2, 1]
    document = decide("public.walker", {"parameters": {"unit_cost": 3}, "reports": messages}).document()
    assert document["outcome"] == {"level": "4", "prices": {"A": "2", "B": "1", "C": "0"}}
    assert document["transfers"] == {"A": "-8", "B": "-4", "C": "0"}
    assert document["accounts"] == {"PROVIDER": "12"}


def test_in_equilibrium_everybody_pays_its_marginal_value_and_nobody_gains_by_another_message() -> None:
    draw = random.Random(11)
    for _ in range(60):
        names = NAMES[: draw.choice((3, 4, 5))]
        values = {name: Fraction(draw.randrange(1, 20), draw.choice((1, 2))) for name in names}
        cost = Fraction(draw.randrange(1, 9))
        if sum(values.values()) < cost:
            continue
        walker, context = Walker(unit_cost=cost), Context(names)
        messages = lindahl_messages(values, cost)
        result = run_pure(walker, context, messages)
        level = result.outcome.level
        assert sum(value - level for value in values.values()) == cost
        for name in names:
            assert result.outcome.prices[name] == values[name] - level
            truth = walker.utility(name, values[name], result)
            for step in (-5, -1, Fraction(-1, 10), Fraction(1, 10), 1, 5):
                other = run_pure(walker, context, {**messages, name: messages[name] + step})
                assert walker.utility(name, values[name], other) < truth or other.outcome.level == level == 0


def test_walker_is_balanced_everywhere() -> None:
    walker = Walker(unit_cost=Fraction(7, 3))
    for messages in product((-2, 0, Fraction(1, 2), 3), repeat=4):
        result = run_pure(walker, Context(NAMES[:4]), dict(zip(NAMES, messages, strict=False)))
        assert result.net("PROVIDER") == walker.resource_cost(result.outcome)


def test_two_cannot_form_walkers_ring() -> None:
    result = run_pure(Walker(unit_cost=Fraction(3)), THREE, {"A": 1, "C": 5})
    assert result.outcome.level == 0
    assert not result.flows
    with pytest.raises(InputError, match="three players"):
        lindahl_messages({"A": Fraction(1), "B": Fraction(5)}, Fraction(1))
    with pytest.raises(InputError, match="nothing would be produced"):
        lindahl_messages(dict.fromkeys(NAMES, Fraction(1)), Fraction(6))


# ------------------------------------------------------------------------------------------------------------------ agv


@pytest.mark.parametrize("ties", ["lexicographic", ["reject"], "by_coin"])
@pytest.mark.parametrize("players", [2, 3, 4])
def test_what_a_report_promises_is_the_expectation_over_all_others_and_over_the_coin(
    players: int, ties: object
) -> None:
    prior = [{"value": "0", "weight": 1}, {"value": "5/2", "weight": 2}, {"value": "5", "weight": 1}]
    agv = Agv.model_validate({"cost": 5, "prior": prior})
    names, context = NAMES[:players], Context(NAMES[:players], ties=TieRule.parse(ties))
    falls = (
        [context] if ties != "by_coin" else [Context(names, ties=TieRule.parse([one])) for one in ("build", "reject")]
    )
    values = dict(zip(names, (Fraction(5), Fraction(0), Fraction(5, 2), Fraction(1)), strict=False))
    expected = {}
    for name in names:
        total = Fraction(0)
        for drawn in product(agv.prior, repeat=players - 1):
            chance = Fraction(1)
            for one in drawn:
                chance *= Fraction(one.weight, 4)
            others = [one.value for one in drawn]
            reports = dict(
                zip((name, *(other for other in names if other != name)), (values[name], *others), strict=True)
            )
            for fall in falls:
                if agv.decide({one: reports[one] for one in names}, fall).outcome.built:
                    total += chance * (sum(others) - agv.cost * (players - 1) / players) / len(falls)
        expected[name] = total
    result = run_pure(agv, context, values)
    share = agv.cost / players if result.outcome.built else 0
    for name in names:
        owed = sum(expected[other] for other in names if other != name) / (players - 1)
        assert result.net(name) == expected[name] - owed - share


TOSSES = (1, 3)
"""Seeds of which one builds and the other rejects."""


@pytest.mark.parametrize("ties", ["lexicographic", ["reject"], "by_coin"])
def test_under_the_prior_truth_is_best_by_every_tie_rule(ties: object) -> None:
    prior = [{"value": 0}, {"value": 2, "weight": 2}, {"value": 4}]
    agv = Agv.model_validate({"cost": 4, "prior": prior})
    context = Context(("A", "B"), ties=TieRule.parse(ties))

    def gain(value: Fraction, report: Fraction) -> Fraction:
        total = Fraction(0)
        for other in agv.prior:
            for toss in TOSSES:
                result = run_pure(agv, context, {"A": report, "B": other.value}, seed=Seed.of(toss))
                total += other.weight * agv.utility("A", value, result)
        return total

    draws = [run_pure(agv, context, {"A": 2, "B": 2}, seed=Seed.of(toss)).outcome.built for toss in TOSSES]
    assert draws == ([True, False] if ties == "by_coin" else [ties == "lexicographic"] * 2)
    levels = [Fraction(level) for level in range(6)]
    assert all(gain(value, value) >= gain(value, report) for value in levels for report in levels)


def test_agv_goes_by_the_tie_rule_of_the_session() -> None:
    agv = Agv.model_validate({"cost": 4, "prior": [{"value": 0}, {"value": 2}]})
    for ties, built, chosen in ((["reject"], False, ["reject"]), ("lexicographic", True, ["build"])):
        result = run_pure(agv, Context(("A", "B"), ties=TieRule.parse(ties)), {"A": 2, "B": 2})
        assert result.outcome.built == built
        assert [tie.chosen for tie in result.ties] == chosen


def test_a_tie_that_is_only_expected_is_shown_where_it_moves_money() -> None:
    agv = Agv.model_validate({"cost": 4, "prior": [{"value": 1}, {"value": 3}]})
    one, other = (
        run_pure(agv, Context(("A", "B"), ties=TieRule.parse(ties)), {"A": 3, "B": 2})
        for ties in ("lexicographic", ["reject"])
    )
    assert one.outcome.built
    assert other.outcome.built
    assert one.net("A") != other.net("A")
    assert [tie.chosen for tie in (*one.ties, *other.ties)] == ["build", "reject"]
    tossed = run_pure(agv, Context(("A", "B"), ties=TieRule("by_coin")), {"A": 3, "B": 2})
    assert tossed.net("A") == (one.net("A") + other.net("A")) / 2
    assert [str(tie) for tie in tossed.ties] == [
        "tie for the value expected where values sum to exactly the cost among build, reject: each as likely (by_coin)"
    ]


def test_a_prior_with_too_many_sums_is_refused() -> None:
    prior = [{"value": f"1/{number}"} for number in range(1, 60)]
    agv = Agv.model_validate({"cost": 4, "prior": prior})
    with pytest.raises(MechanismError, match="more than 100000 sums"):
        run_pure(agv, Context(NAMES), {})


# ---------------------------------------------------------------------------------------------------- sequential groves


def test_each_player_sees_the_reports_before_its_own() -> None:
    run = Run(SequentialGroves(cost=Fraction(300)), THREE)
    seen = []
    for report in ({"A": Fraction(110)}, {}, {"C": Fraction(90)}):
        assert isinstance(run.request, Ask)
        seen.append((run.request.of, run.request.info["earlier"], run.request.info["later"], run.request.sealed))
        run.answer(report)
    assert seen == [
        (("A",), {}, 2, False),
        (("B",), {"A": "110"}, 1, False),
        (("C",), {"A": "110"}, 0, False),  # who passed has the value 0 and is not shown
    ]
    assert run.result is not None
    assert not run.result.outcome.built


def test_the_socially_optimal_report_is_as_good_as_truth_and_never_raises_the_taxes_of_others() -> None:
    project, levels = SequentialGroves(cost=Fraction(300)), (0, 40, 100, 160, 300)
    for values in product(map(Fraction, levels), repeat=3):
        for place, name in enumerate(THREE.players):
            truth = dict(zip(THREE.players, values, strict=True))
            kind = {**truth, name: partial(socially_optimal, values[place])}
            one, other = run_pure(project, THREE, truth), run_pure(project, THREE, kind)
            assert one.outcome == other.outcome
            assert one.net(name) == other.net(name)
            assert other.net("SINK") <= one.net("SINK")


def test_when_all_are_socially_optimal_less_is_burnt_than_when_all_are_truthful() -> None:
    project, levels = SequentialGroves(cost=Fraction(300)), (0, 40, 80, 110, 160, 300)
    burnt = [Fraction(0), Fraction(0)]
    for values in product(map(Fraction, levels), repeat=3):
        truth = dict(zip(THREE.players, values, strict=True))
        kind = {name: partial(socially_optimal, value) for name, value in truth.items()}
        results = [run_pure(project, THREE, strategies) for strategies in (truth, kind)]
        assert results[0].outcome == results[1].outcome
        burnt = [sum_ + result.net("SINK") for sum_, result in zip(burnt, results, strict=True)]
    assert burnt[1] < burnt[0]


def test_the_last_player_of_a_rejected_project_makes_nobody_more_pivotal_than_it_must() -> None:
    project = SequentialGroves(cost=Fraction(300))
    truth = {"A": Fraction(250), "B": Fraction(10), "C": Fraction(30)}
    kind = {name: partial(socially_optimal, value) for name, value in truth.items()}
    assert run_pure(project, THREE, truth).transfers(THREE.players) == {"A": 0, "B": -80, "C": -60}
    assert run_pure(project, THREE, kind).transfers(THREE.players) == {"A": 0, "B": -50, "C": -60}


def test_a_tie_of_sequential_reports_is_broken_by_the_coin() -> None:
    context = Context(NAMES[:2], ties=TieRule.parse("by_coin"))
    result = run_pure(SequentialGroves(cost=Fraction(4)), context, {"A": 2, "B": 2})
    assert [tie.rule for tie in result.ties] == ["by_coin"]
    nobody = run_pure(SequentialGroves(cost=Fraction(4)), context, {"A": lambda ask: PASS})
    assert not nobody.outcome.built
