"""The exact ascending auction of Demange, Gale and Sotomayor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mechdesign.kernel.money import Amount, format_exact, parse_exact
from mechdesign.mechanisms.auction.clock import Step, refuse_off_grid
from mechdesign.mechanisms.auction.one_each import OneEach, Placement, Worths
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Ask, Play, ask, settle_breaking_ties
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.shared.canonical_assignment import canonical
from mechdesign.mechanisms.shared.optimisation_assignment import Assignment

__all__ = ["Demand", "DemangeGaleSotomayor"]


class Demand(BaseModel):
    """What a bidder likes best at some prices.

    Attributes:
        items: the items that it likes best, all as much as one another.
        or_nothing: whether it likes having nothing as much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[str, ...] = ()
    or_nothing: bool = False


class DemangeGaleSotomayor(OneEach):
    """Ascending auction of different items of which each bidder wants one; prices of items wanted too much rise.

    Prices start at ``start``. In every round each bidder names the items that it likes best at these prices, and
    whether it likes nothing as much. As long as some items are the only ones that more bidders name than there are
    items among them, the prices of such a set (a minimal one) rise by a step. Otherwise everybody gets an item that
    it named, or nothing. Who names no item, or does not answer, is out for good. Where several assignments fit, the
    tie rule orders the players, and each in turn has the first item, by it again, that it can have. On values
    that are multiples of the step, truthful bidders get the lowest equilibrium prices, which are those of
    ``auction.unit-demand``.

    **Source**: G. Demange, D. Gale, M. Sotomayor, Multi-item auctions, Journal of Political Economy 94 (1986), the
    exact auction mechanism.

    >>> from mechdesign.mechanisms.inputs import decide
    >>> rows = {"A": {"1": 5, "2": 4}, "B": {"1": 7, "2": 6, "3": 1}, "C": {"1": 2, "2": 5, "3": 4}}
    >>> document = {"parameters": {"items": ["1", "2", "3"]}, "reports": rows}
    >>> str(decide(DemangeGaleSotomayor, document).result.outcome)
    'A gets 1, pays 2; B gets 2, pays 1; C gets 3, pays 0'
    """

    name, version = "auction.demange-gale-sotomayor", 1
    start: Amount = Fraction(0)
    step: Step = Fraction(1)
    claims = Claims(
        dsic=Holds(
            "Demange, Gale and Sotomayor 1986, theorem 1, with Leonard 1983: the prices are those of VCG",
            "against others that answer for some values; multiples of the step",
        ),
        individually_rational=Holds("nobody gets an item that it did not name at its price", "ex post"),
        no_deficit=Holds("winners pay the seller"),
        budget_balanced=Holds("the seller receives all that is paid"),
        efficient=Holds(
            "Demange, Gale and Sotomayor 1986, theorem 1",
            "on multiples of the step; start is the seller's own value of each item",
        ),
        anonymous=Holds("an answer counts whoever gives it", "up to ties"),
        envy_free=Holds("everybody gets an item that it likes best at the prices", "on multiples of the step"),
        core=Holds("Shapley and Shubik 1971: equilibria of an assignment are its core", "on multiples of the step"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": {"a": 4}, "bob": {"a": 3}},
                deviations={"alice": {"a": 4}, "bob": {}},
                parameters={"items": ["a"]},
            ),
            "the other bidder stays away as a favour to the winner",
        ),
    )
    example = Example(
        {"alice": {"x": 5, "y": 4}, "bob": {"x": 7, "y": 6, "z": 1}, "carol": {"x": 2, "y": 5, "z": 4}},
        {"items": ["x", "y", "z"]},
    )

    def resource_cost(self, outcome: Placement) -> Fraction:
        """Return the seller's own value of the items sold."""
        return self.start * len(outcome.items)

    def report_schema(self) -> Any:
        """Return the type of a demand: items in parameter order, each once."""
        return Annotated[Demand, _DemandOf(self.items)]

    def truthful(self, value: Worths, ask: Ask[Demand]) -> Demand:
        """Name the items whose worth exceeds their price by most; none where no price is at most the worth."""
        prices = {item: parse_exact(price) for item, price in ask.info["prices"].items()}
        gains = {item: value[item] - prices[item] for item in self.items if value[item] > 0}
        most = max(gains.values(), default=Fraction(-1))
        if most < 0:
            return Demand()
        return Demand(items=tuple(item for item, gain in gains.items() if gain == most), or_nothing=most == 0)

    def play(self, context: Context) -> Play[Placement]:
        """Raise prices until nothing is wanted too much."""
        refuse_off_grid(context, start=self.start, step=self.step)
        prices = dict.fromkeys(self.items, self.start)
        active: tuple[Player, ...] = context.players
        raised: list[Reason] = []
        while True:
            shown = {item: format_exact(price) for item, price in prices.items()}
            given = yield from ask(self.report_schema(), of=active, prices=shown)
            demands = {player: demand for player, demand in given.items() if demand.items}
            active = tuple(demands)
            wanted = {player: demand.items for player, demand in demands.items() if not demand.or_nothing}
            excess = _overdemanded(wanted, self.items)
            if not excess:
                break
            bidders = [player for player, items in wanted.items() if set(items) <= set(excess)]
            text = f"{', '.join(bidders)} want only {', '.join(excess)}: up by {format_exact(self.step)}"
            prices |= {item: prices[item] + self.step for item in excess}
            raised.append(Reason(text, {"items": excess, "players": bidders, "prices": dict(prices)}))
        return (yield from settle_breaking_ties(lambda known: self._closed(demands, prices, raised, known), context))

    def _closed(
        self,
        demands: Mapping[Player, Demand],
        prices: Mapping[str, Fraction],
        raised: Sequence[Reason],
        context: Context,
    ) -> Result[Placement]:
        """Give everybody an item that it named, items whose price rose to as many as can be."""
        players = list(demands)
        many = len(self.items) + 1  # a bidder that would not have nothing counts more than all prices that rose
        rows = []
        for player in players:
            must = 0 if demands[player].or_nothing else many
            named = set(demands[player].items)
            # An item that nobody must have and whose price never rose is given to nobody indifferent.
            rows.append([int(item in named) * (must + int(prices[item] > self.start)) for item in self.items])
        best = Assignment(rows)
        columns, ties = canonical(best, players, self.items, "an item each likes best", context)
        items = {
            player: self.items[column] for player, column in zip(players, columns, strict=True) if column is not None
        }
        outcome, flows = self.sold(items, {player: prices[item] for player, item in items.items()})
        shown = ", ".join(f"{item} {format_exact(price)}" for item, price in prices.items())
        why = Reason(f"at these prices nothing is wanted too much: {shown}", {"prices": dict(prices)})
        return Result(outcome, flows, (why, *raised), ties)


@dataclass(frozen=True, slots=True)
class _DemandOf:
    """The pydantic type of a demand for some of the items."""

    items: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema)

    def read(self, demand: Demand) -> Demand:
        """Return the demand with its items in parameter order."""
        unknown = [item for item in demand.items if item not in self.items]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of the items {', '.join(self.items)}")
        if len(set(demand.items)) < len(demand.items):
            raise ValueError("an item stands twice")
        return Demand(items=tuple(item for item in self.items if item in demand.items), or_nothing=demand.or_nothing)


def _overdemanded(wanted: Mapping[Player, Sequence[str]], items: Sequence[str]) -> tuple[str, ...]:
    """Return a minimal set of items that are all that too many bidders want, or nothing; canonical."""
    found = _excess(wanted)
    if not found:
        return ()
    for item in items:
        if item in found:
            inside = {player: own for player, own in wanted.items() if set(own) <= found - {item}}
            found = _excess(inside) or found
    return tuple(item for item in items if item in found)


def _excess(wanted: Mapping[Player, Sequence[str]]) -> set[str]:
    """Return items that are all that more bidders want than there are items, or an empty set.

    Bidders are matched to items one after the other along alternating paths; where that fails, the items seen are too
    few.
    """
    holder: dict[str, Player] = {}
    for player in wanted:
        came: dict[str, str | None] = dict.fromkeys(wanted[player])
        waiting = list(wanted[player])
        for item in waiting:
            if item not in holder:
                path: str | None = item
                while path is not None:
                    before = came[path]
                    holder[path] = player if before is None else holder[before]
                    path = before
                break
            for other in wanted[holder[item]]:
                if other not in came:
                    came[other] = item
                    waiting.append(other)
        else:
            return set(came)
    return set()
