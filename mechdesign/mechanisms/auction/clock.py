"""What auctions with a price clock have in common: steps on the money grid, and ties between rounds."""

from collections.abc import Generator, Sequence
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.money import Amount, format_exact, parse_exact
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.play import Ask, Coin, toss
from mechdesign.mechanisms.ties import CoinNeeded, Tie

__all__ = ["Step", "pick_between_rounds", "refuse_off_grid", "shown_price"]

T = TypeVar("T")


def _positive(amount: Fraction) -> Fraction:
    if amount <= 0:
        raise ValueError("a step must be more than 0")
    return amount


Step = Annotated[Amount, AfterValidator(_positive)]
"""A positive amount by which a price moves."""


def refuse_off_grid(context: Context, **amounts: Fraction) -> None:
    """Refuse prices that could not be paid.

    Raises:
        MechanismError: naming the parameter that is no whole number of minor units.
    """
    for name, amount in amounts.items():
        if context.currency.to_minor(amount).denominator != 1:
            unit = format_exact(context.currency.from_minor(1))
            raise MechanismError(f"{name} is {format_exact(amount)}, no multiple of the smallest payable amount {unit}")


def shown_price(ask: Ask[Any]) -> Fraction:
    """Return the price of the round that an ask shows."""
    return parse_exact(ask.info["price"])


def pick_between_rounds(
    candidates: Sequence[T], about: str, context: Context
) -> Generator[Coin, Seed, tuple[T, tuple[Tie, ...]]]:
    """Choose one of equal candidates before the auction goes on; tosses a coin where the tie rule wants one."""
    try:
        return context.pick(candidates, about)
    except CoinNeeded as needed:
        seed = yield from toss(str(needed))
    return context.with_seed(seed).pick(candidates, about)
