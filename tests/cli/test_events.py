"""What a node tells its party of a proposal."""

from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.cli.events import as_record, as_sentence
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
    [(4, 3, "any 3 of 4 members open, 2 absent keep shut"), (7, 3, "any 3 of 7 members open, 5 absent keep shut")],
)
def test_both_sides_of_a_threshold_are_told_in_numbers(members: int, threshold: int, said: str) -> None:
    line = as_sentence(as_record(replace(PROPOSED, members=members, threshold=threshold)))
    assert line == f"00000000 proposed by dave: auction.second-price/1, seal threshold ({said}); enrolled"


def test_a_seal_without_a_threshold_names_none() -> None:
    line = as_sentence(as_record(replace(PROPOSED, seal="open", answer="declined", reason="no")))
    assert line == "00000000 proposed by dave: auction.second-price/1, seal open; declined (no)"
