"""Serial dictatorship."""

from typing import Any, Literal

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.matching.assigned import Assigned, ItemsByOrder
from mechdesign.mechanisms.play import Play, ask, toss
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.shared.orders import Names

__all__ = ["SerialDictatorship"]


class SerialDictatorship(ItemsByOrder[Assigned]):
    """One player after the other gets the item that it likes best of those left.

    A report orders the acceptable items (options), the best first; an item that is left out is not acceptable. The
    parameter ``order`` says who comes when: "roster" (the default), "random" (drawn by the shared coin once all reports
    are in, every order equally likely), or a list of names, after whom the others follow in roster order. Who is absent
    takes nothing.

    **Source**: M. Satterthwaite, H. Sonnenschein, Strategy-proof allocation mechanisms at differentiable points, Review
    of Economic Studies 48 (1981); A. Abdulkadiroğlu, T. Sönmez, Random serial dictatorship and the core from random
    endowments in house allocation problems, Econometrica 66 (1998).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> orders = {"A": ["x", "y", "z"], "B": ["x", "z", "y"], "C": ["x", "y", "z"]}
    >>> str(run_pure(SerialDictatorship(options=("x", "y", "z")), Context(("A", "B", "C")), orders).outcome)
    'A gets x, B gets z, C gets y'
    """

    name, version = "matching.serial-dictatorship", 1
    order_rule = "players choose in roster order, or a coin shuffles the roster"
    claims = Claims(
        dsic=Holds("Satterthwaite and Sonnenschein 1981: a report only says what one takes when one's turn comes"),
        group_strategyproof=Holds("Svensson 1999: nobody can change another's item without its own"),
        individually_rational=Holds("nobody gets what it does not accept", "ex post"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        anonymous=Fails(
            Witness(types={"alice": ["x", "y"], "bob": ["x"]}, parameters={"options": ["x", "y"]}),
            "the first has the first choice; with a random order the lottery, not the result, is anonymous",
        ),
        neutral=Holds("items are treated alike"),
        envy_free=Fails(
            Witness(types={"alice": ["x", "y"], "bob": ["x"]}, parameters={"options": ["x", "y"]}),
            "the first has the first choice",
        ),
    )
    example = Example(
        {"alice": ["x", "y", "z"], "bob": ["x", "z", "y"], "carol": ["x", "y", "z"]}, {"options": ["x", "y", "z"]}
    )

    order: Literal["roster", "random"] | Names = "roster"

    def play(self, context: Context) -> Play[Assigned]:
        """Ask everybody once, draw an order where it is random, and let one after the other choose."""
        reports: Profile[Order] = yield from ask(self.report_schema(), of=context.players)
        turns: tuple[Player, ...] = tuple(reports)
        if self.order == "random":
            if len(turns) > 1:
                seed = yield from toss("who chooses first")
                turns = seed.shuffled(turns, "who chooses first")
        elif self.order != "roster":
            first = {player: place for place, player in enumerate(self.order)}
            turns = tuple(sorted(turns, key=lambda player: first.get(player, len(first))))
        left = set(self.options)
        got: dict[Player, str] = {}
        why = [Reason(f"order: {', '.join(turns)}" if turns else "no reports", {"order": turns})]
        for player in turns:
            item = next((item for item in reports[player] if item in left), None)
            data: dict[str, Any] = {"player": player, "item": item}
            if item is None:
                why.append(Reason(f"{player} accepts nothing that is left", data))
                continue
            left.discard(item)
            got[player] = item
            place = reports[player].index(item) + 1
            why.append(Reason(f"{player} takes {item}, number {place} of its order", {**data, "rank": place}))
        return Result(Assigned(items={player: got[player] for player in reports if player in got}), (), tuple(why))
