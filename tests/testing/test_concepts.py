"""Each concept has a search that finds what violates it, on the grid or at random, and says so exactly."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from mechdesign.mechanisms import codec
from mechdesign.mechanisms.auction.all_pay import AllPay
from mechdesign.mechanisms.auction.bailey_cavallo import BaileyCavallo
from mechdesign.mechanisms.auction.discriminatory import Discriminatory
from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.japanese import Japanese
from mechdesign.mechanisms.auction.multi_unit_vickrey import MultiUnitVickrey
from mechdesign.mechanisms.auction.one_item import OneItem, Sale
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.auction.vcg import VickreyClarkeGroves
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.result import Result
from mechdesign.testing.incentive_checks import Effort, attack, attack_randomly, check_claims, confirm
from mechdesign.testing.random_types import types_of

F = Fraction


def test_a_hidden_deficit_is_caught() -> None:
    class Generous(SecondPrice):
        """The seller pays everybody who bids more than two units a quarter for coming."""

        name = "test.generous"

        def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
            found = super().settle(reports, context)
            gifts = [flow for one, bid in reports.items() if bid > 2 for flow in pay("SELLER", one, F(5, 4), "gift")]
            return Result(found.outcome, (*found.flows, *gifts), found.why, found.ties)

    violation = attack(Generous(), "no_deficit").violation
    assert violation is not None
    assert [value for _, value in violation.types] == [3]


def test_a_rule_that_looks_at_the_order_of_the_roster_is_not_anonymous() -> None:
    class First(OneItem):
        """Who stands first in the roster wins if anybody bids."""

        name = "test.first"

        def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
            return Result(Sale(winner=next(iter(reports))) if reports else Sale())

    violation = attack(First(), "anonymous").violation
    assert violation is not None
    assert len(violation.types) == 2


def test_vickrey_prices_for_bundles_are_not_in_the_core_and_not_proof_against_false_names() -> None:
    grid = [
        [{"items": ["a", "b"], "value": 2}],
        [{"items": ["a"], "value": 2}],
        [{"items": ["b"], "value": 2}],
    ]

    class Bundles(VickreyClarkeGroves):
        """Vickrey prices."""

        name = "test.bundles"

        def type_grid(self) -> list[Any]:
            return [codec.validate(self.type_schema(), value, "type") for value in grid]

    auction = Bundles.from_parameters({"items": ["a", "b"]})
    outside = attack(auction, "core").violation
    assert outside is not None
    assert "the seller and" in outside.text
    assert outside.gain == 2
    split = Witness(
        types={"alice": grid[0], "bob": [{"items": ["a", "b"], "value": 1}]},
        deviations={"bob": grid[1], "mallory": grid[2]},
        parameters={"items": ["a", "b"]},
    )
    found = confirm(Bundles, "false_name_proof", split)
    assert found is not None
    assert found.gain == 1
    assert attack(SecondPrice(), "false_name_proof").violation is None
    assert attack(BaileyCavallo(), "false_name_proof").violation is not None


def test_envy_of_a_cheaper_unit_is_caught() -> None:
    assert attack(FirstPrice(), "envy_free").violation is None
    violation = attack(Discriminatory(units=2), "envy_free").violation
    assert violation is not None
    assert "would rather have what" in violation.text


class Believed(FirstPrice):
    """A first-price auction with a prior."""

    name = "test.believed"
    claims = Claims(bic=Holds("nowhere"), individually_rational=Holds("nowhere", "interim"))

    def beliefs(self, player: str) -> list[tuple[Fraction, Fraction]]:
        return [(F(0), F(1)), (F(2), F(1)), (F(4), F(1))]


def test_a_lie_that_pays_on_average_is_caught_and_its_gain_is_the_expected_one() -> None:
    lie = Witness(types={"alice": 4, "bob": 0}, deviations={"alice": 3})
    found = confirm(Believed, "bic", lie)
    assert found is not None
    assert found.gain == F(2, 3)  # the truth gains nothing; three is more than two of the three types of bob, by one
    verdict = attack(Believed(), "bic")
    assert verdict.violation is not None
    assert "expects to gain" in verdict.violation.text
    assert attack(FirstPrice(), "bic").lacking


class Raffle(AllPay):
    """Everybody pays, and says what it believes of others."""

    name = "test.raffle"
    claims = Claims(individually_rational=Holds("nowhere", "interim"))

    def beliefs(self, player: str) -> list[tuple[Fraction, Fraction]]:
        return [(F(1), F(1)), (F(3), F(1))]


def test_a_loss_in_expectation_refutes_interim_rationality() -> None:
    with pytest.raises(AssertionError, match="expects to lose"):
        check_claims(Raffle)
    check_claims(Believed, only="individually_rational")


class Agreement(OneItem):
    """Nothing is sold; everybody pays by how far its bid is from the first one."""

    name = "test.agreement"
    accounts = (Account.SINK,)
    example = Example({"alice": 1, "bob": 2})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        first = next(iter(reports.values()), F(0))
        flows = [flow for one, bid in reports.items() for flow in pay(one, Account.SINK, abs(bid - first), "fine")]
        return Result(Sale(), tuple(flows))

    def equilibrium(self, types: Any, context: Context) -> dict[str, Fraction]:
        return dict.fromkeys(types, F(1))


class Disagreement(Agreement):
    """The same with reports that are no equilibrium."""

    name = "test.disagreement"

    def equilibrium(self, types: Any, context: Context) -> dict[str, Fraction]:
        return {player: F(place) for place, player in enumerate(types)}


def test_a_stated_equilibrium_is_left_by_those_who_gain_by_it() -> None:
    assert attack(Agreement(), "nash").violation is None
    violation = attack(Disagreement(), "nash").violation
    assert violation is not None
    assert violation.gain == 1


class Couples(SecondPrice):
    """An auction of which the loser would rather leave with the winner."""

    name = "test.couples"

    def blocking(self, types: Any, outcome: Sale) -> Any:
        if outcome.winner is not None and len(types) > 1:
            yield tuple(types)[:2]


def test_a_pair_that_would_rather_leave_is_caught() -> None:
    for concept in ("stable", "core"):
        violation = attack(Couples(), concept).violation
        assert violation is not None
        assert violation.text == "alice and bob would rather leave"
    assert attack(SecondPrice(), "stable").kind == "not applicable"


def test_random_search_finds_what_the_grid_does_not_have_and_names_its_seed() -> None:
    class Cheap(SecondPrice):
        """Who bids at least six units pays nothing."""

        name = "test.cheap"

        def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
            found = super().settle(reports, context)
            free = max(reports.values(), default=F(0)) >= 6
            return Result(found.outcome, () if free else found.flows, found.why, found.ties)

    assert attack(Cheap(), "dsic").kind == "proved on a grid"
    verdict = attack_randomly(Cheap(), "dsic", tries=300, seed=3)
    assert verdict.violation is not None
    assert verdict.violation.seed == 3
    assert len(verdict.violation.types) == 2
    again = attack_randomly(Cheap(), "dsic", tries=300, seed=3)
    assert str(again.violation) == str(verdict.violation)
    sound = attack_randomly(SecondPrice(), "dsic", tries=30, seed=3)
    assert str(sound) == "dsic: not refuted in 30 tries (seed 3)"


def test_random_types_are_types_and_stay_on_the_lattice_of_the_grid() -> None:
    clock = Japanese(reserve=F(5), step=F(1, 2))

    @settings(max_examples=60)
    @given(types_of(clock, clock.type_grid()))
    def multiples_of_the_step(value: Fraction) -> None:
        assert (value * 2).denominator == 1

    multiples_of_the_step()
    units = MultiUnitVickrey(units=3)
    seen: list[int] = []

    @settings(max_examples=60)
    @given(types_of(units, units.type_grid()))
    def falling(value: tuple[Fraction, ...]) -> None:
        assert list(value) == sorted(value, reverse=True)
        seen.append(int(max(value)))

    falling()
    assert max(seen) > max(int(max(value)) for value in units.type_grid())


def test_a_large_grid_is_thinned_evenly_and_the_verdict_says_so() -> None:
    verdict = attack(SecondPrice(), "dsic", Effort(players_max=3, runs_max=30))
    assert verdict.grid == "1 to 2 players of 5 types (0, 1, 2, 3, 4); 3 players of 3 of these"
    assert verdict.tried == 5 + 25 + 27


def test_a_claim_that_no_search_can_test_is_no_claim() -> None:
    class Vague(SecondPrice):
        """It claims stability and does not say who would leave."""

        name = "test.vague"
        claims = Claims(stable=Holds("nowhere"))

    with pytest.raises(AssertionError, match="cannot be tested: it defines no blocking"):
        check_claims(Vague)
