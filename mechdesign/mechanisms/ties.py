"""How equals are told apart: by an explicit rule that the session signs, shown in the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.coin import Seed

__all__ = ["LEXICOGRAPHIC", "CoinNeeded", "Tie", "TieRule"]

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
        order: the same candidates as the rule ordered them; the first is preferred.
        rule: the name of the rule.
    """

    about: str
    among: tuple[str, ...]
    order: tuple[str, ...]
    rule: str

    @property
    def chosen(self) -> str:
        """The candidate that the rule put first."""
        return self.order[0]

    def __str__(self) -> str:
        return f"tie for {self.about} among {', '.join(self.among)}: {self.chosen} first ({self.rule})"


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

    def rank(self, candidates: Sequence[T], about: str, seed: Seed | None) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Order equal candidates.

        Args:
            candidates: in roster or parameter order, without repetition.
            about: what they are equal in.
            seed: the tossed coin, where there is one.

        Returns:
            The candidates in the rule's order, and the tie to show in the result (none where there is only one).

        Raises:
            CoinNeeded: where the rule needs a coin that was not tossed.
        """
        if len(candidates) < 2:
            return tuple(candidates), ()
        if self.kind == "by_coin":
            if seed is None:
                raise CoinNeeded(about)
            order = seed.shuffled(candidates, about)
        else:
            place = {name: number for number, name in enumerate(self.order)}
            order = tuple(sorted(candidates, key=lambda candidate: place.get(str(candidate), len(place))))
        return order, (Tie(about, tuple(map(str, candidates)), tuple(map(str, order)), self.kind),)


LEXICOGRAPHIC = TieRule()
"""The rule of a session that names none."""
