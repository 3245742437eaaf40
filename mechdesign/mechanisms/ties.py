"""How equals are told apart: by an explicit rule that the session signs, shown in the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.coin import Seed

__all__ = ["LEXICOGRAPHIC", "CoinNeeded", "Tie", "TieBreaker", "TieRule"]

T = TypeVar("T")

_RULES = ("lexicographic", "by_coin", "given")


class CoinNeeded(Exception):
    """A tie is to be broken by a coin that was not tossed yet; the run tosses one and computes again."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A tie that occurred and how it was broken.

    Attributes:
        about: what the candidates are equal in, such as ``highest bid``.
        among: the tied candidates, in roster or parameter order.
        order: the same candidates as the rule ordered them; the first is preferred. Empty where a coin would decide
            but need not fall, because each candidate counts for its chance.
        rule: the name of the rule, or ``otherwise`` in a result that another order would have given.
    """

    about: str
    among: tuple[str, ...]
    order: tuple[str, ...]
    rule: str

    @property
    def chosen(self) -> str | None:
        """The candidate that the rule put first, or None where each counts for its chance."""
        return self.order[0] if self.order else None

    def __str__(self) -> str:
        how = f"{self.chosen} first" if self.order else "each as likely"
        return f"tie for {self.about} among {', '.join(self.among)}: {how} ({self.rule})"


class TieBreaker(Protocol):
    """What orders equal candidates: the session's rule, or one that tries what other orders would have given."""

    @property
    def kind(self) -> str:
        """The name of the rule."""

    def rank(
        self, candidates: Sequence[T], about: str, seed: Seed | None, within: Sequence[T] = ()
    ) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Order candidates of which more than the first place counts; see :meth:`TieRule.rank`."""

    def pick(self, candidates: Sequence[T], about: str, seed: Seed | None) -> tuple[T, tuple[Tie, ...]]:
        """Choose one of at least one candidate; see :meth:`TieRule.pick`."""

    def ordered(self, candidates: Sequence[T]) -> tuple[T, ...]:
        """Order candidates without a coin; see :meth:`TieRule.ordered`."""


@dataclass(frozen=True, slots=True)
class TieRule:
    """The rule that orders equal candidates.

    Attributes:
        kind: ``lexicographic`` (roster order among players, parameter order among options), ``by_coin`` (a shared
            toss), or ``given`` (the order that follows).
        order: for ``given``, names of players or options; whoever it does not name comes after, in lexicographic order.
    """

    kind: Literal["lexicographic", "by_coin", "given"] = "lexicographic"
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rules that would be read differently by different members."""
        if self.kind not in _RULES:
            raise InputError(f"ties must be one of {', '.join(_RULES)}, not {self.kind!r}")
        if (self.kind == "given") != bool(self.order):
            raise InputError("an order of candidates belongs to the tie rule 'given', and only to it")
        if len(set(self.order)) != len(self.order):
            raise InputError("the given order of ties names a candidate twice")

    @classmethod
    def parse(cls, value: Any) -> "TieRule":
        """Read the rule from a parameter: ``"lexicographic"``, ``"by_coin"``, or a list of names (``given``).

        Raises:
            InputError: for anything else.
        """
        if isinstance(value, TieRule):
            return value
        if isinstance(value, str) and value in ("lexicographic", "by_coin"):
            return cls("by_coin" if value == "by_coin" else "lexicographic")
        if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
            return cls("given", tuple(value))
        raise InputError(
            f'ties must be "lexicographic", "by_coin", or a list of names that gives the order, not {value!r}'
        )

    def dump(self) -> str | list[str]:
        """Return the parameter that :meth:`parse` reads back."""
        return list(self.order) if self.kind == "given" else self.kind

    def ordered(self, candidates: Sequence[T]) -> tuple[T, ...]:
        """Return candidates in the order that is known without a coin: the given one, else as they stand.

        This decides who gets a last minor unit where amounts are rounded: nobody tosses a coin for that.
        """
        place = {name: number for number, name in enumerate(self.order)}
        return tuple(sorted(candidates, key=lambda candidate: place.get(str(candidate), len(place))))

    def rank(
        self, candidates: Sequence[T], about: str, seed: Seed | None, within: Sequence[T] = ()
    ) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Order equal candidates.

        Args:
            candidates: in roster or parameter order, without repetition.
            about: what they are equal in.
            seed: the tossed coin, where there is one.
            within: all that the coin orders, the candidates among them, where it must not depend on who is tied.

        Returns:
            The candidates in the rule's order, and the tie to show in the result (none where there is only one).

        Raises:
            CoinNeeded: where the rule needs a coin that was not tossed.
        """
        if len(candidates) < 2:
            return tuple(candidates), ()
        if self.kind != "by_coin":
            order = self.ordered(candidates)
        elif seed is None:
            raise CoinNeeded(about)
        else:
            order = tuple(one for one in seed.shuffled(within or candidates, about) if one in candidates)
        return order, (Tie(about, tuple(map(str, candidates)), tuple(map(str, order)), self.kind),)

    def pick(self, candidates: Sequence[T], about: str, seed: Seed | None) -> tuple[T, tuple[Tie, ...]]:
        """Return the first of equal candidates, and the tie to show; see :meth:`rank`."""
        order, ties = self.rank(candidates, about, seed)
        return order[0], ties


LEXICOGRAPHIC = TieRule()
"""The rule of a session that names none."""
