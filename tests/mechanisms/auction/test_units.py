"""Auctions of identical units and of positions."""

import random
from fractions import Fraction

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.auction.clinching import Clinching
from mechdesign.mechanisms.auction.multi_unit_vickrey import MultiUnitVickrey
from mechdesign.mechanisms.auction.position_vcg import PositionVickrey
from mechdesign.mechanisms.auction.unit_demand import UnitDemand
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import Ask, Run, run_pure


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


def margins(draw, players, length, top):
    return {
        f"p{number}": tuple(
            sorted((Fraction(draw.randint(0, top)) for _ in range(draw.randint(0, length))), reverse=True)
        )
        for number in range(players)
    }


def truthful(mechanism, values):
    return {player: (lambda ask, value=value: mechanism.truthful(value, ask)) for player, value in values.items()}


def test_clinching_is_vickrey_in_units_and_payments_ties_included():
    draw = random.Random(1)
    for _ in range(150):
        units = draw.randint(1, 5)
        values = margins(draw, draw.randint(1, 4), units, 7)
        context = Context(tuple(values))
        clock, sealed = Clinching(units=units), MultiUnitVickrey(units=units)
        assert run_pure(clock, context, truthful(clock, values)).outcome == run_pure(sealed, context, values).outcome


def test_ausubels_example_of_five_licences():
    """Ausubel 2004, section II: one bidder clinches at 65, 75 and 85, another one at 75 and 85."""
    values = {
        "A": [123, 113, 103],
        "B": [75, 5, 3],
        "C": [125, 125, 49],
        "D": [85, 65, 7],
        "E": [45, 25, 5],
    }
    document = decided("auction.clinching", values, units=5)
    assert document["outcome"]["units"] == {"A": 3, "C": 2}
    texts = [reason["text"] for reason in document["why"]]
    assert texts == [
        "A clinches 1 at 65",
        "A clinches 1 at 75",
        "C clinches 1 at 75",
        "A clinches 1 at 85",
        "C clinches 1 at 85",
    ]
    assert document["outcome"]["payments"] == {"A": "225", "C": "160"}


def test_demands_outside_their_bounds_count_as_the_nearest_and_no_answer_as_the_least():
    run = Run(Clinching(units=2), Context(("a", "b")))
    run.answer({"a": 2, "b": 1})
    assert dict(asked(run).info["clinched"]) == {"a": 1, "b": 0}
    run.answer({"a": 0, "b": 9})  # a has clinched one, b wanted one before
    assert ended(run).outcome.units == {"a": 1, "b": 1}
    silent = Run(Clinching(units=2), Context(("a", "b")))
    silent.answer({})
    assert str(ended(silent).outcome) == "nothing is sold"


def test_the_last_units_go_in_the_order_of_the_tie_rule():
    for mechanism in ("multi-unit-vickrey", "clinching", "uniform-price", "discriminatory"):
        reports = {"a": [4, 4], "b": [4, 4], "c": [5]}
        plain = decided(f"auction.{mechanism}", reports, units=4)
        assert plain["outcome"]["units"] == {"a": 2, "b": 1, "c": 1}
        turned = decided(f"auction.{mechanism}", reports, units=4, ties=["b"])
        assert turned["outcome"]["units"] == {"a": 1, "b": 2, "c": 1}
        assert turned["ties"][0]["order"] == ["b", "a"]


def test_units_that_nobody_wants_stay_unsold_and_cost_nothing():
    for mechanism in ("multi-unit-vickrey", "clinching", "uniform-price"):
        outcome = decided(f"auction.{mechanism}", {"a": [3, 0], "b": None, "c": []}, units=4)["outcome"]
        assert outcome == {"units": {"a": 1}, "payments": {"a": "0"}}


def test_rising_margins_and_too_many_are_refused():
    with pytest.raises(InputError, match="must not increase"):
        decided("auction.discriminatory", {"a": [1, 2]}, units=2)
    with pytest.raises(InputError, match="at most 1"):
        decided("auction.discriminatory", {"a": [2, 1]}, units=1)


# ----------------------------------------------------------------------------------------------------------- positions


def test_position_vcg_is_the_assignment_auction_of_positions():
    draw = random.Random(2)
    for _ in range(60):
        clicks = tuple(sorted((Fraction(draw.randint(1, 20)) for _ in range(3)), reverse=True))
        values = {f"p{number}": Fraction(draw.randint(1, 9)) for number in range(draw.randint(1, 5))}
        context = Context(tuple(values))
        ranked = run_pure(PositionVickrey(clicks=clicks), context, values)
        worths = {p: {str(place): value * c for place, c in enumerate(clicks)} for p, value in values.items()}
        assigned = run_pure(UnitDemand(items=("0", "1", "2")), context, worths)
        # Equal values or clicks leave several assignments, which differ in who wins but not in the seller's revenue.
        assert ranked.net("SELLER") == assigned.net("SELLER")
        if not ranked.ties and not assigned.ties:
            assert ranked.transfers(values) == assigned.transfers(values)


def test_more_positions_than_bidders_stay_empty():
    for mechanism in ("gsp", "position-vcg"):
        document = decided(f"auction.{mechanism}", {"a": 3, "b": 5}, clicks=[30, 20, 10])
        assert document["outcome"]["order"] == ["b", "a"]
    assert decided("auction.gsp", {"a": 3, "b": 5}, clicks=[30, 20, 10])["outcome"]["payments"] == {"a": "0", "b": "90"}
    assert decided("auction.position-vcg", {}, clicks=[1])["outcome"] == {"order": [], "payments": {}}


def test_a_tie_for_no_position_is_no_tie():
    document = decided("auction.gsp", {"a": 9, "b": 3, "c": 3}, clicks=[5])
    assert document["ties"] == []
    assert decided("auction.gsp", {"a": 9, "b": 9}, clicks=[5], ties=["b"])["outcome"]["order"] == ["b"]
