"""What a mechanism draws from a shared coin: the same draws at every member."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mechdesign.kernel import wire
from mechdesign.kernel.errors import MechanismError

__all__ = ["Seed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seed:
    """The bytes of a tossed coin, from which any number of unbiased draws are derived.

    Attributes:
        data: what the toss gave, usually 32 bytes.
    """

    data: bytes

    @classmethod
    def of(cls, text: str | int) -> "Seed":
        """Return the seed that a text or number names, for pure runs that have no group to toss with."""
        return cls(wire.digest("mechdesign/pure-seed/1", str(text).encode()))

    def below(self, limit: int, about: str = "") -> int:
        """Return an unbiased whole number from 0 to ``limit - 1``; one number per ``about``.

        Raises:
            MechanismError: for a limit below 1 or past 128 bits.
        """
        if not 1 <= limit <= 1 << 128:
            raise MechanismError(f"a draw needs a limit between 1 and 2**128, not {limit}")
        ceiling = (1 << 256) - (1 << 256) % limit
        attempt = 0
        while True:  # ends: an attempt fails with probability under 2**-128
            drawn = wire.digest("mechdesign/draw/1", self.data, about.encode(), attempt.to_bytes(8, "big"))
            number = int.from_bytes(drawn, "big")
            if number < ceiling:
                return number % limit
            attempt += 1

    def shuffled(self, items: Sequence[T], about: str = "") -> tuple[T, ...]:
        """Return the items in an order drawn uniformly; one order per ``about`` and number of items."""
        order = list(items)
        for place in range(len(order) - 1, 0, -1):
            other = self.below(place + 1, f"{about}/{len(items)}/{place}")
            order[place], order[other] = order[other], order[place]
        return tuple(order)
