"""The Vickrey auction of different items for bidders that want one each."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.one_each import OneEach, Placement, Worths
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.canonical_assignment import canonical
from mechdesign.mechanisms.shared.optimisation_assignment import Assignment

__all__ = ["UnitDemand"]


class UnitDemand(OneEach):
    """Sealed-bid auction of different items of which each bidder wants one; VCG, hence the lowest equilibrium prices.

    A report says what each item is worth. The assignment that is worth most is taken, and each winner pays what the
    others' values could sum to without it, less what they sum to with it. That is the price of the item in the lowest
    prices at which everybody can have an item that it likes best. Nobody is given an item that is worth nothing to it;
    who is absent does not take part. Among equally good assignments the tie rule orders the players that fare
    differently in them, and each in turn has the first item, by the tie rule again, that it can have.

    **Source**: H. Leonard, Elicitation of honest preferences for the assignment of individuals to positions, Journal of
    Political Economy 91 (1983); L. Shapley, M. Shubik, The assignment game I, International Journal of Game Theory 1
    (1971).

    >>> from mechdesign.mechanisms.inputs import decide
    >>> rows = {"A": {"1": 5, "2": 4}, "B": {"1": 7, "2": 6, "3": 1}, "C": {"1": 2, "2": 5, "3": 4}}
    >>> str(decide(UnitDemand, {"parameters": {"items": ["1", "2", "3"]}, "reports": rows}).result.outcome)
    'A gets 1, pays 2; B gets 2, pays 1; C gets 3, pays 0'
    """

    name, version = "auction.unit-demand", 1
    claims = Claims(
        dsic=Holds("Leonard 1983, theorem 1"),
        individually_rational=Holds("Leonard 1983: prices of an equilibrium", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("Shapley and Shubik 1971", "the seller values nothing"),
        anonymous=Holds("a value counts whoever reports it", "up to ties"),
        envy_free=Holds("Shapley and Shubik 1971: at equilibrium prices everybody has what it likes best"),
        core=Holds("Shapley and Shubik 1971: equilibria of an assignment are its core"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": {"a": 4}, "bob": {"a": 3}},
                deviations={"alice": {"a": 4}, "bob": {}},
                parameters={"items": ["a"]},
            ),
            "a losing bidder lowers its value as a favour to the winner",
        ),
    )
    example = Example(
        {"alice": {"x": 5, "y": 4}, "bob": {"x": 7, "y": 6, "z": 1}, "carol": {"x": 2, "y": 5, "z": 4}},
        {"items": ["x", "y", "z"]},
    )

    def settle(self, reports: Profile[Worths], context: Context) -> Result[Placement]:
        """Take the assignment worth most and charge each winner the others' loss."""
        players = list(reports)
        rows = [[reports[player][item] for item in self.items] for player in players]
        best = Assignment(rows)
        columns, ties = canonical(best, players, self.items, "the assignment worth most", context)
        items = {
            player: self.items[column] for player, column in zip(players, columns, strict=True) if column is not None
        }
        payments: dict[str, Fraction] = {}
        why = [Reason(f"the assignment worth most, {format_exact(best.value)}", {"worth": best.value})]
        for place, player in enumerate(players):
            if player in items:
                without = Assignment(rows[:place] + rows[place + 1 :]).value
                payments[player] = without - (best.value - reports[player][items[player]])
                if payments[player]:
                    text = f"without {player} the others' assignment is worth {format_exact(without)}"
                    why.append(Reason(text, {"player": player, "without": without}))
        outcome, flows = self.sold(items, payments)
        return Result(outcome, flows, tuple(why), ties)
