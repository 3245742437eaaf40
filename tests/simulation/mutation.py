"""A rule of the group that is broken on purpose, and how it is entered into a list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest

from mechdesign.testing.runs import run_seed

__all__ = ["Mutation", "Play", "campaign", "into"]

Apply = Callable[[pytest.MonkeyPatch], None]
Play = Callable[[int], str | None]


def campaign(seed: int) -> str | None:
    """What does not hold in the campaign's run of a seed, or None."""
    return run_seed(seed).violation


@dataclass(frozen=True)
class Mutation:
    """A broken rule.

    Attributes:
        name: what is wrong, as a test's name.
        breaks: part of the message of the violation.
        seed: the scenario that shows it.
        apply: breaks the rule.
        play: goes through a scenario and says what does not hold.
    """

    name: str
    breaks: str
    seed: int
    apply: Apply
    play: Play


class Enter(Protocol):
    """Enters a function that breaks a rule into a list, under its own name."""

    def __call__(self, breaks: str, seed: int, play: Play = campaign) -> Callable[[Apply], Apply]:
        """Give the decorator of such a function."""
        ...


def into(entries: list[Mutation]) -> Enter:
    """What enters a function that breaks a rule into a list, under its own name."""

    def mutation(breaks: str, seed: int, play: Play = campaign) -> Callable[[Apply], Apply]:
        def enter(apply: Apply) -> Apply:
            entries.append(Mutation(apply.__name__, breaks, seed, apply, play))
            return apply

        return enter

    return mutation
