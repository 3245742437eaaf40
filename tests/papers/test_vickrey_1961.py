"""W. Vickrey, Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance 16 (1961)."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.play import run_pure
from mechdesign.testing.concepts import Case
from mechdesign.testing.incentive_checks import attack

VALUES = st.fractions(min_value=0, max_value=100, max_denominator=8)
PLAYERS = ("alice", "bob", "carol")


@given(st.tuples(VALUES, VALUES, VALUES), VALUES, VALUES)
def test_one_may_as_well_bid_ones_value_whatever_the_others_bid(
    bids: tuple[Fraction, Fraction, Fraction], lie: Fraction, reserve: Fraction
) -> None:
    case = Case(SecondPrice(reserve=reserve), PLAYERS)
    truth = case.run(zip(PLAYERS, bids, strict=True))
    misreport = case.run(zip(PLAYERS, (lie, *bids[1:]), strict=True))
    assert not case.prefers("alice", bids[0], misreport, truth)


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_the_price_is_the_second_highest_bid_and_the_highest_bidder_wins(bids: list[Fraction]) -> None:
    players = tuple(f"p{number}" for number in range(len(bids)))
    reports = dict(zip(players, bids, strict=True))
    sale = run_pure(SecondPrice(), Context(players), reports).outcome
    assert sale.winner is not None
    assert reports[sale.winner] == max(bids)
    assert sale.price == sorted(bids)[-2]


def test_with_the_price_equal_to_the_highest_bid_one_gains_by_bidding_less() -> None:
    verdict = attack(FirstPrice(), "dsic")
    assert verdict.violation is not None
    assert [(player, str(value)) for player, value in verdict.violation.types] == [("alice", "1")]
    assert verdict.violation.gain == 1  # shrunk: a single bidder that bids nothing


def test_expected_revenue_of_both_rules_agrees_for_two_uniform_bidders() -> None:
    # Section III and appendix: with two bidders uniform on [0, 1] the first-price equilibrium bids half the value.
    # On the midpoints of a grid of m steps the sums agree up to the weight of the diagonal, which is 1 / (6 m^2).
    steps = 40
    values = [Fraction(2 * step + 1, 2 * steps) for step in range(steps)]
    context = Context(("alice", "bob"))
    first = second = Fraction(0)
    for one in values:
        for other in values:
            first += run_pure(FirstPrice(), context, {"alice": one / 2, "bob": other / 2}).net("SELLER")
            second += run_pure(SecondPrice(), context, {"alice": one, "bob": other}).net("SELLER")
    pairs = steps * steps
    assert abs(first / pairs - Fraction(1, 3)) < Fraction(1, steps**2)
    assert abs(second / pairs - Fraction(1, 3)) < Fraction(1, steps**2)
