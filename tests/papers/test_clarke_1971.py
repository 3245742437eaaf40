"""E. Clarke, Multipart pricing of public goods, Public Choice 11 (1971); T. Groves, Incentives in teams (1973)."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.play import run_pure
from mechdesign.mechanisms.public.clarke import Clarke
from mechdesign.testing.concepts import Case

VALUES = st.fractions(min_value=0, max_value=50, max_denominator=6)
PROFILES = st.lists(VALUES, min_size=1, max_size=5)


def run(values: list[Fraction], cost: Fraction) -> tuple[Context, dict[str, Fraction], Clarke]:
    players = tuple(f"p{number}" for number in range(len(values)))
    return Context(players), dict(zip(players, values, strict=True)), Clarke(cost=cost)


@given(PROFILES, VALUES)
def test_the_project_is_built_exactly_when_it_is_worth_its_cost(values: list[Fraction], cost: Fraction) -> None:
    context, reports, clarke = run(values, cost)
    assert run_pure(clarke, context, reports).outcome.built == (sum(values) >= cost)


@given(PROFILES, VALUES)
def test_only_the_pivotal_pay_a_tax_and_it_is_what_they_cost_the_others(values: list[Fraction], cost: Fraction) -> None:
    context, reports, clarke = run(values, cost)
    result = run_pure(clarke, context, reports)
    share = cost / len(values)
    for player, value in reports.items():
        others = sum(values, Fraction(0)) - value - share * (len(values) - 1)
        changed = (others > 0 and not result.outcome.built) or (others < 0 and result.outcome.built)
        paid = -result.net(player) - (share if result.outcome.built else 0)
        assert paid == (abs(others) if changed else 0)


@given(PROFILES, VALUES, VALUES)
def test_truth_is_dominant(values: list[Fraction], cost: Fraction, lie: Fraction) -> None:
    context, reports, clarke = run(values, cost)
    case = Case(clarke, context.players)
    truth = case.run(reports.items())
    misreport = case.run((reports | {"p0": lie}).items())
    assert not case.prefers("p0", values[0], misreport, truth)
