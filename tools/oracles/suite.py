"""What a comparison consists of; profiles are texts, see mechdesign/testing/oracle_profiles.py."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Suite:
    """One family of comparisons.

    Attributes:
        rules: what is compared, as columns of the golden file.
        profile: draws a profile.
        ask: what the oracles say, by rule; None where an oracle does not define it.
        agree: whether two answers agree.
        letters: whether an answer is a set of single options.
    """

    rules: Sequence[str]
    profile: Callable[[random.Random], str]
    ask: Callable[[str], Mapping[str, str | None]]
    agree: Callable[[str, str, str], bool] = field(default=lambda rule, ours, theirs: ours == theirs)
    letters: bool = True


def counts(draw: random.Random, ballots: Sequence[str]) -> str:
    """Return ballots with random counts; equal ones are added up."""
    total: dict[str, int] = {}
    for ballot in ballots:
        total[ballot] = total.get(ballot, 0) + draw.choice((1, 1, 2, 3))
    return " ".join(f"{count}*{ballot}" for ballot, count in total.items())
