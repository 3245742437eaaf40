"""What a mechanism may know besides the reports: the roster, the currency, the tie rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.flow import ACCOUNTS
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, Tie, TieRule

__all__ = ["Context", "Profile"]

T = TypeVar("T")

Profile = Mapping[Player, T]
"""Reports by player, in roster order; a player that is absent has no key."""


@dataclass(frozen=True, slots=True)
class Context:
    """The signed circumstances of a session, the same at every member.

    Attributes:
        players: everyone that may report, in roster order, absent or not.
        currency: what amounts are counted in; its minor unit is the grid of mechanisms that pay critical values.
        ties: how equals are told apart.
        seed: the coin, once one was tossed for a tie.
    """

    players: tuple[Player, ...]
    currency: Currency = field(default_factory=Currency)
    ties: TieRule = LEXICOGRAPHIC
    seed: Seed | None = None

    def __post_init__(self) -> None:
        """Refuse rosters in which a name would be ambiguous."""
        object.__setattr__(self, "players", tuple(self.players))
        for player in self.players:
            if not player or type(player) is not str:
                raise InputError(f"a player's name must be a non-empty text, not {player!r}")
            if player in ACCOUNTS:
                raise InputError(f"a player cannot be called {player}: that is the name of an account")
        if len(set(self.players)) != len(self.players):
            raise InputError("two players have the same name")

    def with_seed(self, seed: Seed) -> "Context":
        """Return the same circumstances with a tossed coin."""
        return replace(self, seed=seed)

    def absent(self, reports: Mapping[Player, Any]) -> tuple[Player, ...]:
        """Return the players without a report, in roster order."""
        return tuple(player for player in self.players if player not in reports)

    def pick(self, candidates: Sequence[T], about: str) -> tuple[T, tuple[Tie, ...]]:
        """Choose one of equal candidates by the session's tie rule, and return it with the tie to show.

        Args:
            candidates: at least one, in roster or parameter order.
            about: what they are equal in, for people to read.
        """
        if not candidates:
            raise InputError(f"there is no candidate for {about}")
        order, ties = self.rank(candidates, about)
        return order[0], ties

    def rank(self, candidates: Sequence[T], about: str) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Order equal candidates by the session's tie rule; see :meth:`pick`."""
        return self.ties.rank(candidates, about, self.seed)
