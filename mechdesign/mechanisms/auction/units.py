"""What auctions of several identical units have in common: bids unit by unit, and who wins how many."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise, product
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field

from mechdesign.kernel.money import Amount, format_exact
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player, pay
from mechdesign.mechanisms.result import Outcome
from mechdesign.mechanisms.ties import Tie

__all__ = ["UNITS_MAX", "Lots", "Margins", "UnitAuction", "ranked_bids", "share_out"]

UNITS_MAX = 10_000
"""Most units of one auction."""

Margins: TypeAlias = tuple[Fraction, ...]
"""What the first unit is worth, what a second one adds, and so on; non-increasing; further units are worth nothing."""


def _falling(values: Margins) -> Margins:
    if any(one < other for one, other in pairwise(values)):
        raise ValueError(
            "marginal values must not increase: what a further unit adds is at most what the one before added"
        )
    return values


class Lots(Outcome):
    """Who wins how many units, and what each pays.

    Attributes:
        units: of each winner, in roster order.
        payments: of each winner, for all its units together.
    """

    units: dict[Player, int] = Field(default_factory=dict)
    payments: dict[Player, Amount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = [
            f"{player} wins {count} {'unit' if count == 1 else 'units'}, pays {format_exact(paid)}"
            for player, count in self.units.items()
            for paid in (self.payments.get(player, Fraction(0)),)
        ]
        return "; ".join(parts) or "nothing is sold"


class UnitAuction(Mechanism[tuple[Amount, ...], tuple[Amount, ...], Lots]):
    """An auction of ``units`` identical units in which a report is a bid for each unit.

    Attributes:
        units: how many there are.
    """

    accounts = (Account.SELLER,)
    units: Annotated[int, Field(strict=True, ge=1, le=UNITS_MAX)]

    def type_schema(self) -> Any:
        """Return the type of marginal values: non-increasing, at most one for each unit."""
        return self.report_schema()

    def report_schema(self) -> Any:
        """Return the type of bids: non-increasing, at most one for each unit."""
        return Annotated[tuple[Amount, ...], Field(max_length=self.units), AfterValidator(_falling)]

    def valuation(self, player: Player, value: Margins, outcome: Lots) -> Fraction:
        """Return what the units won are worth to a player."""
        return sum(value[: outcome.units.get(player, 0)], Fraction(0))

    def type_grid(self) -> Sequence[Margins]:
        """Return bids for one and two units of up to three each."""
        length = min(self.units, 2)
        return [tuple(map(Fraction, reversed(values))) for values in combinations_with_replacement(range(4), length)]

    def outcomes(self, reports: Profile[Margins], context: Context) -> Iterator[Lots]:
        """Yield every way of sharing out the units."""
        for counts in product(range(self.units + 1), repeat=len(reports)):
            if sum(counts) <= self.units:
                yield Lots(units={player: count for player, count in zip(reports, counts, strict=True) if count})

    def sold(self, won: Mapping[Player, int], payments: Mapping[Player, Fraction]) -> tuple[Lots, tuple[Flow, ...]]:
        """Return the outcome and flows of a sale."""
        units = {player: count for player, count in won.items() if count}
        paid = {player: payments.get(player, Fraction(0)) for player in units}
        flows = [flow for player, amount in paid.items() for flow in pay(player, Account.SELLER, amount, "units")]
        return Lots(units=units, payments=paid), tuple(flows)


def ranked_bids(bids: Profile[Margins], without: Player | None = None) -> list[Fraction]:
    """Return all bids for a unit, the highest first; ``without`` leaves one player's out."""
    return sorted((bid for player, own in bids.items() if player != without for bid in own if bid > 0), reverse=True)


def share_out(bids: Profile[Margins], units: int, context: Context) -> tuple[dict[Player, int], tuple[Tie, ...]]:
    """Give units to the highest bids; bids of nothing win nothing.

    Where more equal bids than units are left, the tie rule orders their bidders, and each in turn has as many as it
    bids for.

    Returns:
        Units of every bidder, in roster order, and the tie for the last units if there was one.
    """
    ranked = ranked_bids(bids)
    if len(ranked) <= units:
        return {player: sum(bid > 0 for bid in own) for player, own in bids.items()}, ()
    last = ranked[units - 1]
    won = {player: sum(bid > last for bid in own) for player, own in bids.items()}
    equal = {player: sum(bid == last for bid in own) for player, own in bids.items()}
    left = units - sum(won.values())
    if sum(equal.values()) == left:
        return {player: won[player] + equal[player] for player in bids}, ()
    order, ties = context.rank([player for player in bids if equal[player]], f"the last units at {format_exact(last)}")
    for player in order:
        taken = min(left, equal[player])
        won[player] += taken
        left -= taken
    return won, ties
