"""Round robin."""

from fractions import Fraction
from typing import Any, Literal

from mechdesign.kernel.money import format_exact
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.division.goods import Bundles, Goods
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Play, ask, settle_breaking_ties, toss
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.valuations import Valuation
from mechdesign.mechanisms.ties import Tie

__all__ = ["RoundRobin"]

_LIE = Witness(
    types={"alice": {"x": 3, "y": 2, "z": 1}, "bob": {"x": 0, "y": 2, "z": 1}},
    deviations={"alice": {"x": 2, "y": 3, "z": 1}},
    parameters={"options": ["x", "y", "z"]},
)


class RoundRobin(Goods[Bundles]):
    """Players take turns; each takes the item that it values most of those left, until none is left.

    A report gives each item (option) a value; one that is left out has the value 0. The parameter ``order`` says who
    comes when in every round: "roster" (the default), or "random", drawn by the shared coin once all reports are in.
    Among items of equal value the tie rule picks. Nobody values another's items more than its own by more than one item
    (envy-free up to one good). Who is absent takes nothing.

    **Source**: I. Caragiannis, D. Kurokawa, H. Moulin, A. Procaccia, N. Shah, J. Wang, The unreasonable fairness of
    maximum Nash welfare, ACM Transactions on Economics and Computation 7 (2019), section 3.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> values = {"A": {"x": 5, "y": 4, "z": 1}, "B": {"x": 6, "y": 3, "z": 2}}
    >>> str(run_pure(RoundRobin(options=("x", "y", "z")), Context(("A", "B")), values).outcome)
    'A gets x, z; B gets y'
    """

    name, version = "division.round-robin", 1
    order_rule = "players take turns in roster order, or a coin shuffles the roster"
    claims = Claims(
        dsic=Fails(_LIE, "who knows what the others want takes first what they would take"),
        group_strategyproof=Fails(_LIE, "not even strategyproof"),
        individually_rational=Holds("nobody pays, and values are not negative"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        efficient=Fails(
            Witness(
                types={"alice": {"x": 2, "y": 1}, "bob": {"x": 3}},
                parameters={"options": ["x", "y"]},
                outcome={"bundles": {"alice": ["y"], "bob": ["x"]}},
            ),
            "the first player takes what is worth more to the second",
        ),
        anonymous=Fails(
            Witness(types={"alice": {"x": 2, "y": 1}, "bob": {"x": 3}}, parameters={"options": ["x", "y"]}),
            "the first has the first choice",
        ),
        false_name_proof=Fails(
            Witness(
                types={"alice": {"x": 0}, "bob": {"x": 1, "y": 2, "z": 3}},
                deviations={"bob": {"x": 0}, "carol": {"x": 0}},
                parameters={"options": ["x", "y", "z"]},
            ),
            "two names take two turns a round",
        ),
        neutral=Holds("items are treated alike", "up to ties"),
        envy_free=Fails(
            Witness(types={"alice": {"x": 2}, "bob": {"x": 1}}, parameters={"options": ["x"]}),
            "one item cannot be divided; up to one good it holds (Caragiannis et al. 2019)",
        ),
    )
    example = Example(
        {"alice": {"x": 5, "y": 4, "z": 1}, "bob": {"x": 6, "y": 3, "z": 2}}, {"options": ["x", "y", "z"]}
    )

    order: Literal["roster", "random"] = "roster"

    def play(self, context: Context) -> Play[Bundles]:
        """Ask everybody once, draw an order where it is random, and let players take turns."""
        reports: Profile[Valuation] = yield from ask(self.report_schema(), of=context.players)
        turns: tuple[Player, ...] = tuple(reports)
        if self.order == "random" and len(turns) > 1:
            seed = yield from toss("who takes first")
            turns = seed.shuffled(turns, "who takes first")
        return (yield from settle_breaking_ties(lambda known: self._taken(reports, turns, known), context))

    def _taken(self, reports: Profile[Valuation], turns: tuple[Player, ...], context: Context) -> Result[Bundles]:
        left = list(self.options)
        taken: dict[Player, list[str]] = {player: [] for player in reports}
        why = [Reason(f"order: {', '.join(turns)}" if turns else "no reports", {"order": turns})]
        ties: list[Tie] = []
        while left and turns:
            player = turns[(len(self.options) - len(left)) % len(turns)]
            top = max(reports[player][item] for item in left)
            equals = [item for item in left if reports[player][item] == top]
            item, tie = context.pick(equals, f"the value {format_exact(top)} to {player}")
            ties += tie
            left.remove(item)
            taken[player].append(item)
            data: dict[str, Any] = {"player": player, "item": item, "value": Fraction(top)}
            why.append(Reason(f"{player} takes {item}, worth {format_exact(top)}", data))
        bundles = {player: tuple(item for item in self.options if item in items) for player, items in taken.items()}
        return Result(Bundles(bundles=bundles), (), tuple(why), tuple(ties))

    def outcomes(self, reports: Profile[Valuation], context: Context) -> list[Bundles]:
        """Return the division in which each item goes to whom it is worth most."""
        owner = {item: max(reports, key=lambda player: reports[player][item]) for item in self.options if reports}
        return [Bundles(bundles={one: tuple(item for item in owner if owner[item] == one) for one in reports})]
