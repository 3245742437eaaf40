"""The checks find what is wrong: every fault below is caught, with the input that shows it."""

from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mechdesign.mechanisms import registry
from mechdesign.mechanisms.auction.bailey_cavallo import BaileyCavallo
from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.one_item import OneItem, Sale
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.cost.airport import Airport
from mechdesign.mechanisms.cost.equal_share import EqualShare
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.public.clarke import Clarke
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.voting.borda import Borda
from mechdesign.mechanisms.voting.plurality import Plurality
from mechdesign.testing import mechanism_checks as kit
from mechdesign.testing.incentive_checks import attack, check_claims, confirm

F = Fraction


@pytest.mark.parametrize(
    ("base", "parameters", "concept"),
    [
        (FirstPrice, {}, "dsic"),
        (SecondPrice, {}, "group_strategyproof"),
        (Clarke, {"cost": 3}, "individually_rational"),
        (Clarke, {"cost": 3}, "budget_balanced"),
        (BaileyCavallo, {}, "budget_balanced"),
        (EqualShare, {"cost": 12}, "efficient"),
        (Airport, {}, "dsic"),
        (Plurality, {"options": ["x", "y", "z"]}, "dsic"),
        (Borda, {"options": ["x", "y", "z"]}, "dsic"),
    ],
)
def test_a_claim_that_holds_by_its_label_only_is_refuted(base: Any, parameters: Any, concept: str) -> None:
    class Mislabelled(base):  # type: ignore[misc]
        """A mechanism with a wrong label."""

        name = "test.mislabelled"
        claims = Claims(**{concept: Holds("nowhere")})
        example = Example(base.example.reports, parameters)

    with pytest.raises(AssertionError, match=f"claimed to hold \\(nowhere\\), but .*not {concept}"):
        check_claims(Mislabelled)


def test_a_witness_that_shows_nothing_is_refused() -> None:
    class Modest(SecondPrice):
        """A mechanism that denies a property it has."""

        name = "test.modest"
        claims = Claims(dsic=Fails(Witness(types={"alice": 4, "bob": 2}, deviations={"bob": 3})))

    with pytest.raises(AssertionError, match="the witness that dsic fails shows no violation"):
        check_claims(Modest)


def test_a_counterexample_is_shrunk_to_the_simplest() -> None:
    violation = attack(EqualShare(cost=F(12)), "efficient").violation
    assert violation is not None
    assert len(violation.types) == 2
    assert "gain" in str(violation)


def test_a_verdict_without_violation_names_the_grid() -> None:
    assert (
        str(attack(SecondPrice(), "dsic"))
        == "dsic: proved on this grid of 155 profiles: 1 to 3 players of 5 types (0, 1, 2, 3, 4)"
    )


class Unfair(OneItem):
    """The first of the roster gets the item for a negative price that nobody funds."""

    name = "test.unfair"
    accounts = (Account.FUNDER,)
    example = Example({"alice": 1, "bob": 2})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        if not reports:
            return Result(Sale())
        first = next(iter(reports))
        return Result(Sale(winner=first), pay(Account.FUNDER, first, F(1), "gift"))


@pytest.mark.parametrize("concept", ["anonymous", "efficient", "no_deficit", "budget_balanced"])
def test_an_unfair_auction_is_caught(concept: str) -> None:
    assert attack(Unfair(), concept).violation is not None


def test_a_vote_that_ignores_fairness_is_caught() -> None:
    class Favourite(Plurality):
        """The first option gets a vote for nothing, and loses one for every second ballot that names it."""

        name = "test.favourite"

        def scores(self, ballots: Any) -> dict[str, Fraction]:
            counts = super().scores(ballots)
            counts[self.options[0]] = F(-2) if counts[self.options[0]] > 1 else counts[self.options[0]] + 1
            return counts

    vote = Favourite(options=("x", "y", "z"))
    assert attack(vote, "neutral").violation is not None
    assert attack(vote, "monotone").violation is not None


def test_a_cost_share_outside_the_core_is_caught() -> None:
    class Flat(Airport):
        """The longest runway, shared equally."""

        name = "test.flat"

        def settle(self, reports: Profile[Fraction], context: Context) -> Result[Any]:
            cost = max(reports.values(), default=F(0))
            flows = [flow for one in reports for flow in pay(one, Account.PROVIDER, cost / len(reports), "share")]
            return Result(self.outcome_schema()(cost=cost), tuple(flows))

    violation = attack(Flat(), "core").violation
    assert violation is not None
    assert len(violation.types) == 2


def test_confirm_needs_exactly_one_liar_against_strategyproofness() -> None:
    witness = Witness(types={"alice": 2, "bob": 4}, deviations={"alice": 2, "bob": 3})
    assert confirm(FirstPrice, "dsic", witness) is None
    assert confirm(FirstPrice, "group_strategyproof", witness) is not None


class Sound(OneItem):
    """The highest bidder gets the item for nothing."""

    name = "test.sound"
    example: ClassVar[Example | None] = Example({"alice": 1, "bob": 2})

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        if not reports:
            return Result(Sale())
        top = max(reports.values())
        winner, ties = context.pick([player for player in reports if reports[player] == top], "the highest bid")
        return Result(Sale(winner=winner), ties=ties)


COUNTER = [0]


class Forgetful(Sound):
    """It counts its runs, which is no business of a mechanism."""

    name = "test.forgetful"

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        COUNTER[0] += 1
        return Result(Sale(price=F(COUNTER[0])))


class Partial(Sound):
    """It raises when nobody bids."""

    name = "test.partial"

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        return Result(Sale(price=max(reports.values())))


class Secretive(Sound):
    """It breaks ties by the session's rule and does not say so."""

    name = "test.secretive"

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        return Result(super().settle(reports, context).outcome)


class Unexplained(Sound):
    """It claims something without a source."""

    name = "test.unexplained"
    claims = Claims(dsic=Holds(""))


class Untried(Sound):
    """It has no example."""

    name = "test.untried"
    example = None


@pytest.mark.parametrize(
    ("cls", "check", "complaint"),
    [
        (Forgetful, kit.check_is_deterministic, "two runs differ"),
        (Forgetful, kit.check_ignores_the_order_of_arrival, "arrives changes the result"),
        (Partial, kit.check_is_total, "ValueError"),
        (Secretive, kit.check_ties_are_shown, "shows no tie"),
        (Unexplained, kit.check_describes_itself, "names no source"),
        (Untried, kit.check_is_total, "has no example"),
    ],
)
def test_a_faulty_mechanism_fails_its_check(cls: Any, check: kit.Check, complaint: str) -> None:
    with pytest.raises(kit.CheckFailure, match=complaint):
        check(cls)


HASHED = '''
from fractions import Fraction
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.result import Result

class Hashed(Mechanism[Amount, Amount, str]):
    """The outcome follows the order of a set."""

    name = "mine.hashed"
    example = Example({"alice": 1, "bob": 2})

    def settle(self, reports, context):
        return Result(",".join({name * 3 for name in reports}))
'''


def test_an_order_of_a_set_that_reaches_the_result_is_caught(tmp_path: Path) -> None:
    file = tmp_path / "hashed.py"
    file.write_text(HASHED)
    with pytest.raises(kit.CheckFailure, match="PYTHONHASHSEED"):
        kit.check_is_independent_of_the_hash_seed(registry.load(str(file)))


def test_a_class_in_a_file_passes_all_checks(tmp_path: Path) -> None:
    file = tmp_path / "sorted.py"
    file.write_text(HASHED.replace("{name * 3 for name in reports}", "sorted(reports)"))
    kit.check_mechanism(registry.load(str(file)))


def test_a_float_in_an_outcome_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "floating.py"
    body = HASHED.replace("Amount, str]", "Amount, float]").replace('",".join({name * 3 for name in reports})', "0.5")
    file.write_text(body)
    with pytest.raises(kit.CheckFailure, match=r"float 0\.5"):
        kit.check_values_have_one_text(registry.load(str(file)))
