"""What auctions of bundles have in common: exclusive-or bids, who wins what, and winner determination."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import lcm
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.codec import validate
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason
from mechdesign.mechanisms.shared.optimisation import Packed, Packing
from mechdesign.mechanisms.ties import Tie

__all__ = [
    "BIDS_MAX",
    "ITEMS_MAX",
    "Allocation",
    "Bid",
    "Bids",
    "BidsOn",
    "BundleAuction",
    "Items",
    "Winners",
    "chosen",
    "determine",
    "packing_of",
    "sold",
]

ITEMS_MAX: Final = 200
"""Most items of one auction."""

BIDS_MAX: Final = 1_000
"""Most bids of one player."""

_WORTH_MOST: Final = "the bids worth most together"
_DECIMALS_MAX: Final = 18
_VALUE_BELOW: Final = 10**18


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) != len(items):
        raise ValueError("an item stands twice")
    return items


Items = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(min_length=1, max_length=ITEMS_MAX),
    AfterValidator(_distinct),
]
"""The names of the items for sale; their order decides ties between bundles."""


class Bid(BaseModel):
    """A bid for a bundle.

    Attributes:
        items: the items, in parameter order.
        value: what they are worth together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[str, ...]
    value: Amount


Bids = tuple[Bid, ...]
"""Bids of one player of which it wins one at most, ordered by their items."""


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("bids", "{reason}", {"reason": reason})


@dataclass(frozen=True, slots=True)
class BidsOn:
    """The pydantic type of exclusive-or bids on some items: ``Annotated[Bids, BidsOn(items)]``.

    Attributes:
        items: what is for sale.
        count_max: most bids of one player.
    """

    items: tuple[str, ...]
    count_max: int = BIDS_MAX

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value = {"type": ["string", "number"], "description": "an exact amount with at most 18 decimals"}
        items = {
            "type": "array",
            "items": {"type": "string", "enum": list(self.items)},
            "minItems": 1,
            "uniqueItems": True,
        }
        return {
            "type": "array",
            "maxItems": self.count_max,
            "items": {
                "type": "object",
                "properties": {"items": items, "value": value},
                "required": ["items", "value"],
                "additionalProperties": False,
            },
            "description": "bids for bundles, of which at most one wins",
        }

    def read(self, value: object) -> Bids:
        """Return the bids with items in parameter order, ordered by their items, so that they have one text."""
        if not isinstance(value, list | tuple):
            raise _wrong('bids are a list such as [{"items": ["a", "b"], "value": 10}]')
        if len(value) > self.count_max:
            raise _wrong(f"{len(value)} bids are more than the {self.count_max} that one player may make")
        place = _places(self.items)
        found: dict[tuple[int, ...], Bid] = {}
        for one in value:
            bid = one if isinstance(one, Bid) else Bid.model_validate(one)
            for item in bid.items:
                if item not in place:
                    raise _wrong(f"{item!r} is none of the items {', '.join(self.items)}")
            key = tuple(sorted(place[item] for item in bid.items))
            if not key or len(set(key)) < len(key):
                raise _wrong("a bundle needs items, each once")
            if key in found:
                raise _wrong(f"two bids are for the same bundle {', '.join(bid.items)}")
            if bid.value >= _VALUE_BELOW or (bid.value * 10**_DECIMALS_MAX).denominator != 1:
                shown = format_exact(bid.value)
                raise _wrong(f"a bid must be less than 10**18 and have at most 18 decimals, not {shown}")
            found[key] = Bid(items=tuple(self.items[number] for number in key), value=bid.value)
        return tuple(found[key] for key in sorted(found))


@lru_cache(maxsize=64)
def _places(items: tuple[str, ...]) -> Mapping[str, int]:
    return {item: number for number, item in enumerate(items)}


def _written(bids: Bids) -> list[dict[str, Any]]:
    return [{"items": list(bid.items), "value": format_exact(bid.value)} for bid in bids]


class Allocation(Outcome):
    """Who wins which bundle, and what each pays.

    Attributes:
        bundles: items of each winner, in roster order, items in parameter order.
        payments: of each winner.
    """

    bundles: dict[Player, tuple[str, ...]] = Field(default_factory=dict)
    payments: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{player} wins {' + '.join(items)}, pays {format_exact(self.payments.get(player, Fraction(0)))}"
            for player, items in self.bundles.items()
        ]
        return "; ".join(parts) or "nothing is sold"


class BundleAuction(Mechanism[Bids, Bids, Allocation]):
    """An auction of different ``items`` in which a report is a list of bids for bundles, at most one of which wins.

    Attributes:
        items: what is for sale.
        bids_max: most bids of one player.
    """

    accounts = (Account.SELLER,)
    items: Items
    bids_max: Annotated[int, Field(strict=True, ge=1, le=BIDS_MAX)] = 50

    def type_schema(self) -> Any:
        """Return the type of exclusive-or bids on the items."""
        return self.report_schema()

    def report_schema(self) -> Any:
        """Return the type of exclusive-or bids on the items."""
        return Annotated[Bids, BidsOn(self.items, self.bids_max)]

    def valuation(self, player: Player, value: Bids, outcome: Allocation) -> Fraction:
        """Return what the best bid is worth whose items were all won."""
        won = set(outcome.bundles.get(player, ()))
        return max((bid.value for bid in value if won.issuperset(bid.items)), default=Fraction(0))

    def type_grid(self) -> Sequence[Bids]:
        """Return bids for the first item, for the first two, and for either of them."""
        one, two = (self.items[0],), self.items[:2]
        last = (self.items[1],) if len(self.items) > 1 else one
        plain: list[dict[tuple[str, ...], int]] = [
            {},
            {one: 1},
            {two: 2},
            {one: 2, last: 1},
            {last: 2},
            {two: 3, one: 1},
        ]
        schema = self.type_schema()
        return [
            validate(schema, [{"items": items, "value": value} for items, value in bids.items()], "type")
            for bids in plain
            if len(bids) <= self.bids_max
        ]

    def outcomes(self, reports: Profile[Bids], context: Context) -> Iterator[Allocation]:
        """Yield every way of giving items to players."""
        for owners in product((None, *reports), repeat=len(self.items)):
            bundles = {
                player: tuple(item for item, owner in zip(self.items, owners, strict=True) if owner == player)
                for player in reports
            }
            yield Allocation(bundles={player: items for player, items in bundles.items() if items})


@dataclass(frozen=True, slots=True)
class Winners:
    """An efficient choice of bids.

    Attributes:
        bids: the winning bid of each winner, in roster order.
        ties: the tie between equally good choices, if there was one.
        problem: the choice as a packing of ``options``, weights scaled by ``scale``.
        options: player and bid of each option.
        best: the packing that was taken.
        scale: weights are values times this.
    """

    bids: Mapping[Player, Bid]
    ties: tuple[Tie, ...]
    problem: Packing
    options: tuple[tuple[Player, Bid], ...]
    best: Packed
    scale: int

    @property
    def worth(self) -> Fraction:
        """What the winning bids are worth together."""
        return Fraction(self.best.value, self.scale)

    def worths_without(self) -> dict[Player, Fraction]:
        """Return for each winner the most that bids of the others are worth together; nobody misses a loser."""
        own: dict[Player, list[int]] = {player: [] for player in self.bids}
        for number, (player, _) in enumerate(self.options):
            if player in own:
                own[player].append(number)
        values = self.problem.best_without_each(list(own.values()), self.best)
        return {player: Fraction(value, self.scale) for player, value in zip(own, values, strict=True)}


def packing_of(options: Sequence[tuple[Player, tuple[str, ...], Fraction]]) -> tuple[Packing, int]:
    """Return the packing problem of bids, each item once and each player once, and the scale of its weights."""
    scale = lcm(*(value.denominator for _, _, value in options))
    groups: dict[tuple[str, str], list[int]] = {}
    for number, (player, items, _) in enumerate(options):
        for key in (("player", player), *(("item", item) for item in items)):
            groups.setdefault(key, []).append(number)
    return Packing([int(value * scale) for _, _, value in options], groups.values()), scale


def determine(items: Sequence[str], reports: Profile[Bids], context: Context) -> Winners:
    """Choose the bids that are worth most together; bids of nothing win nothing.

    Among equally good choices the tie rule orders the players that fare differently in them; in this order, each has
    the earliest of its bundles that it can have. Where players may have one or another of their bundles, the tie rule
    orders the items too, and by them the bundles.
    """
    options = tuple((player, bid) for player, bids in reports.items() for bid in bids if bid.value > 0)
    problem, scale = packing_of([(player, bid.items, bid.value) for player, bid in options])
    best = problem.best()
    varying = problem.varying(best)
    ties: tuple[Tie, ...] = ()
    if varying:
        own: dict[Player, list[int]] = {}
        for number in varying:
            own.setdefault(options[number][0], []).append(number)
        order, ties = context.rank(tuple(own), _WORTH_MOST)
        place, more = _item_places([[options[one][1].items for one in bids] for bids in own.values()], items, context)
        ties += more

        def key(number: int) -> list[int]:
            return sorted(place[item] for item in options[number][1].items)

        best = problem.first([number for player in order for number in sorted(own[player], key=key)], best)
    bids = {options[number][0]: options[number][1] for number in best.taken}
    return Winners(bids, ties, problem, options, best, scale)


def _item_places(
    bundles: Sequence[Sequence[tuple[str, ...]]], items: Sequence[str], context: Context
) -> tuple[dict[str, int], tuple[Tie, ...]]:
    """Return the places of items by which bundles are compared, and the tie between items, if any bundles are.

    Args:
        bundles: of each player the ones that it may have.
        items: in parameter order.
        context: the tie rule.
    """
    choice = {item for several in bundles if len(several) > 1 for bundle in several for item in bundle}
    order, ties = context.rank([item for item in items if item in choice], f"{_WORTH_MOST}, bundle by bundle")
    turn = iter(order)
    # Items of which no player has a choice keep their places.
    places = [next(turn) if item in choice else item for item in items]
    return {item: number for number, item in enumerate(places)}, ties


def sold(bids: Mapping[Player, Bid], payments: Mapping[Player, Fraction]) -> tuple[Allocation, tuple[Flow, ...]]:
    """Return the outcome and flows of winning bids."""
    flows = [flow for player in bids for flow in pay(player, Account.SELLER, payments[player], "bundle")]
    bundles = {player: bid.items for player, bid in bids.items()}
    return Allocation(bundles=bundles, payments={player: payments[player] for player in bids}), tuple(flows)


def chosen(winners: Winners) -> Reason:
    """Say which bids were worth most together."""
    names = ", ".join(f"{player} for {' + '.join(bid.items)}" for player, bid in winners.bids.items())
    data = {"worth": winners.worth, "bids": {player: bid.value for player, bid in winners.bids.items()}}
    return Reason(f"the bids worth most together, {format_exact(winners.worth)}: {names or 'none'}", data)
