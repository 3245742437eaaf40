"""R. Cavallo, Optimal decision-making with minimal waste (2006); M. Bailey, The demand revealing process (1997)."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.mechanisms.auction.bailey_cavallo import BaileyCavallo
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.play import run_pure

BIDS = st.lists(st.fractions(min_value=0, max_value=50, max_denominator=4), min_size=3, max_size=8)


@given(BIDS)
def test_waste_is_two_nths_of_the_gap_between_the_second_and_the_third_bid(bids: list[Fraction]) -> None:
    # The two highest bidders see the third bid as the second of the others, everybody else sees the second.
    players = tuple(f"p{number}" for number in range(len(bids)))
    result = run_pure(BaileyCavallo(), Context(players), dict(zip(players, bids, strict=True)))
    _, second, third = sorted(bids, reverse=True)[:3]
    assert result.net("SINK") == Fraction(2, len(bids)) * (second - third)
