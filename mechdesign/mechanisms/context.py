"""What a mechanism may know besides the reports: the roster, the currency, the tie rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeVar

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.flow import ACCOUNTS
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, Tie, TieBreaker

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
    ties: TieBreaker = LEXICOGRAPHIC
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
        return self.ties.pick(candidates, about, self.seed)

    def first_chances(self, candidates: Sequence[T], about: str) -> tuple[tuple[Fraction, ...], tuple[Tie, ...]]:
        """Return how likely each of some candidates is to come first wherever they are equal, and the tie to show.

        For a rule whose payments depend on how ties of other profiles would be broken. No coin is tossed: it puts each
        of them first as often as any other.
        """
        if self.ties.kind == "by_coin":
            chance = Fraction(1, len(candidates))
            return (chance,) * len(candidates), (Tie(about, tuple(map(str, candidates)), (), "by_coin"),)
        first, ties = self.pick(candidates, about)
        return tuple(Fraction(one == first) for one in candidates), ties

    def rank(
        self, candidates: Sequence[T], about: str, within: Sequence[T] = ()
    ) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Order equal candidates of which more than the first place counts.

        Args:
            candidates: in roster or parameter order.
            about: what they are equal in, for people to read.
            within: all that a coin orders, where a report that adds or removes a candidate must not move the others.
        """
        return self.ties.rank(candidates, about, self.seed, within)
