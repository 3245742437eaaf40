"""The Vickrey-Clarke-Groves auction of bundles."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.auction.bundles import Allocation, Bids, BundleAuction, chosen, determine, sold
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Reason, Result

__all__ = ["VickreyClarkeGroves"]

_LOCALS = Witness(
    types={
        "alice": [{"items": ["a", "b"], "value": 10}],
        "bob": [{"items": ["a"], "value": 8}],
        "carol": [{"items": ["b"], "value": 8}],
    },
    parameters={"items": ["a", "b"]},
)
_FALSE_NAMES = Witness(
    types={"alice": [{"items": ["a", "b"], "value": 10}], "bob": [{"items": ["a", "b"], "value": 9}]},
    deviations={"bob": [{"items": ["a"], "value": 8}], "bob again": [{"items": ["b"], "value": 8}]},
    parameters={"items": ["a", "b"]},
)
_FAVOUR = Witness(
    types={"alice": [{"items": ["a"], "value": 4}], "bob": [{"items": ["a"], "value": 3}]},
    deviations={"alice": [{"items": ["a"], "value": 4}], "bob": []},
    parameters={"items": ["a"]},
)


class VickreyClarkeGroves(BundleAuction):
    """Sealed-bid auction of different items; the bids worth most together win, each at the harm it does to the others.

    A report is a list of bids for bundles, of which at most one wins. Who wins pays what the others' bids could be
    worth without it, less what they are worth with it. Bids of nothing win nothing; who is absent does not take part.
    Among equally good choices the tie rule orders the players that fare differently in them, and each in turn has the
    earliest of its bundles, by the tie rule's order of items, that it can have. The optimum is exact.

    **Source**: W. Vickrey (1961), E. Clarke (1971), T. Groves (1973); L. Ausubel, P. Milgrom, The lovely but lonely
    Vickrey auction, in Combinatorial Auctions (2006), chapter 1.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> bids = {"A": [{"items": ["a", "b"], "value": 10}], "B": [{"items": ["a"], "value": 8}]}
    >>> parameters = {"items": ["a", "b"]}
    >>> str(decide(VickreyClarkeGroves, {"parameters": parameters, "reports": bids}).result.outcome)
    'A wins a + b, pays 8'
    >>> bids["C"] = [{"items": ["b"], "value": 8}]
    >>> str(decide(VickreyClarkeGroves, {"parameters": parameters, "reports": bids}).result.outcome)
    'B wins a, pays 2; C wins b, pays 2'
    """

    name, version = "auction.vcg", 1
    claims = Claims(
        dsic=Holds("Groves 1973: a payment is the others' loss, which one's own bids decide only through the outcome"),
        individually_rational=Holds(
            "Ausubel and Milgrom 2006, theorem 2: a payment is at most the winning bid", "ex post"
        ),
        no_deficit=Holds("Ausubel and Milgrom 2006: payments are not negative"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds("Vickrey 1961", "values with free disposal of items; the seller values nothing"),
        anonymous=Holds("a bid counts whoever makes it", "up to ties"),
        core=Fails(_LOCALS, "Ausubel and Milgrom 2006, section 2: the seller gets 4 where a loser would offer 10"),
        false_name_proof=Fails(
            _FALSE_NAMES,
            "M. Yokoo, Y. Sakurai, S. Matsubara, The effect of false-name bids in combinatorial auctions, Games and "
            "Economic Behavior 46 (2004)",
        ),
        group_strategyproof=Fails(_FAVOUR, "Ausubel and Milgrom 2006, section 3: losers may win together at nothing"),
    )
    example = Example(
        {
            "alice": [{"items": ["north", "south"], "value": 10}],
            "bob": [{"items": ["north"], "value": 8}, {"items": ["south"], "value": 3}],
            "carol": [{"items": ["south"], "value": 6}],
        },
        {"items": ["north", "south"]},
    )

    def settle(self, reports: Profile[Bids], context: Context) -> Result[Allocation]:
        """Choose the bids worth most together and charge each winner the others' loss."""
        winners = determine(self.items, reports, context)
        payments: dict[str, Fraction] = {}
        why = [chosen(winners)]
        for player, without in winners.worths_without().items():
            others = winners.worth - winners.bids[player].value
            payments[player] = without - others
            if payments[player]:
                worths = f"{format_exact(without)} instead of {format_exact(others)}"
                text = f"without {player} the others' bids are worth {worths}"
                why.append(Reason(text, {"player": player, "without": without, "with": others}))
        outcome, flows = sold(winners.bids, payments)
        return Result(outcome, flows, tuple(why), winners.ties)
