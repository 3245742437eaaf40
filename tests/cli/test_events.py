"""What a node tells its party of a proposal."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.cli.events import as_record, as_sentence
from mechdesign.cli.output import jsonable
from mechdesign.mechanisms.events import SessionProposed

PROPOSED = SessionProposed(
    session=bytes(32),
    proposer="dave",
    mechanism="auction.second-price/1",
    parameters="{}",
    asked=("alice", "dave"),
    seal="threshold",
    deposit=Fraction(3),
    answer="enrolled",
    reason="",
    threshold=3,
    members=4,
)


@pytest.mark.parametrize(
    ("members", "threshold", "said"),
    [
        (4, 3, "any 3 of 4 members open, and read early if they collude; 2 absent keep shut"),
        (7, 3, "any 3 of 7 members open, and read early if they collude; 5 absent keep shut"),
    ],
)
def test_both_sides_of_a_threshold_are_told_in_numbers(members: int, threshold: int, said: str) -> None:
    line = as_sentence(as_record(replace(PROPOSED, members=members, threshold=threshold)))
    assert line == f"00000000 proposed by dave: auction.second-price/1, seal threshold ({said}); enrolled"


@pytest.mark.parametrize(
    ("deposit", "sanctions", "price"),
    [
        (Fraction(3), ("recompute", "forfeit"), "for its deposit"),
        (Fraction(0), ("recompute", "forfeit"), "at no cost"),
        (Fraction(3), ("recompute",), "at no cost"),
    ],
)
def test_the_free_option_of_commitments_is_told_with_its_price(
    deposit: Fraction, sanctions: tuple[str, ...], price: str
) -> None:
    proposed = replace(PROPOSED, seal="commit_reveal", deposit=deposit, sanctions=sanctions)
    line = as_sentence(as_record(proposed))
    said = f"who dislikes what it sees can withhold its own report, {price}"
    assert line == f"00000000 proposed by dave: auction.second-price/1, seal commit_reveal ({said}); enrolled"


def test_a_seal_without_a_threshold_names_none() -> None:
    line = as_sentence(as_record(replace(PROPOSED, seal="open", answer="declined", reason="no")))
    assert line == "00000000 proposed by dave: auction.second-price/1, seal open; declined (no)"


@pytest.mark.parametrize(
    "parameters", ["", "no JSON", "[" * 8000 + "]" * 8000, '{"a":' + "9" * 5000 + "}", '{"a":"\\ud800"}']
)
def test_a_proposal_is_told_whatever_stands_where_its_parameters_should_be(parameters: str) -> None:
    # Any member can have one ordered; what its honest members could not tell would end them, at each start again.
    record = as_record(replace(PROPOSED, parameters=parameters, answer="declined"))
    assert record["parameters"] == parameters
    assert json.dumps(jsonable(record), ensure_ascii=False).encode()
    assert as_sentence(record)


def test_parameters_are_told_as_data() -> None:
    assert as_record(replace(PROPOSED, parameters='{"reserve":"5/2"}'))["parameters"] == {"reserve": "5/2"}
