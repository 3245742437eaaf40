"""A rule of the group that is broken on purpose, and how it is entered into a list."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

__all__ = ["Mutation", "into"]

Apply = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutation:
    """A broken rule.

    Attributes:
        name: what is wrong, as a test's name.
        breaks: part of the message of the violation.
        seed: the scenario that shows it.
        apply: breaks the rule.
    """

    name: str
    breaks: str
    seed: int
    apply: Apply


def into(entries: list[Mutation]) -> Callable[[str, int], Callable[[Apply], Apply]]:
    """What enters a function that breaks a rule into a list, under its own name."""

    def mutation(breaks: str, seed: int) -> Callable[[Apply], Apply]:
        def enter(apply: Apply) -> Apply:
            entries.append(Mutation(apply.__name__, breaks, seed, apply))
            return apply

        return enter

    return mutation
