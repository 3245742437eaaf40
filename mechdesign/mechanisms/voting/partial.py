"""Ballots that order some of the options without ties."""

from collections.abc import Sequence
from itertools import permutations
from typing import Annotated, Any

from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.voting.ballots import OrderOf, Ranked

__all__ = ["PartlyRanked"]


class PartlyRanked(Ranked):
    """Base of votes in which a ballot orders some or all options, or none."""

    def type_schema(self) -> Any:
        """Return the type of an order of some options."""
        return Annotated[Order, OrderOf(self.options, complete=False, blank=True)]

    def report_schema(self) -> Any:
        """Return the type of a ballot: an order of some options."""
        return Annotated[Order, OrderOf(self.options, complete=False, blank=True)]

    def type_grid(self) -> Sequence[Order]:
        """Return all orders of the options, and the single options."""
        return [*permutations(self.options), *((option,) for option in self.options)]
