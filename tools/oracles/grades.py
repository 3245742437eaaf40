"""Votes on scores and grades against pref-voting."""

import random
from typing import Any

from pref_voting import grade_methods
from pref_voting.grade_profiles import GradeProfile
from suite import LETTERS, Suite, counts

from mechdesign.testing.oracle_profiles import split


def _answer(winners: list[int]) -> str:
    return "".join(LETTERS[int(winner)] for winner in sorted(winners))


def _profile(grades: str) -> Any:
    def profile(draw: random.Random) -> str:
        options = LETTERS[: draw.choice((2, 3, 3, 4, 5))]
        few = "".join(draw.sample(grades, 3)) if draw.random() < 0.5 else grades
        ballots = ["".join(draw.choice(few) for _ in options) for _ in range(draw.randint(1, 8))]
        return f"{options} {counts(draw, ballots)}"

    return profile


def _known(profile: str, grades: list[int], best: int | None = None) -> GradeProfile:
    options, ballots, _ = split(profile)
    maps = [{place: _grade(int(one), best) for place, one in enumerate(ballot)} for _, ballot in ballots]
    return GradeProfile(maps, grades, gcounts=[count for count, _ in ballots], candidates=list(range(len(options))))


def _grade(score: int, best: int | None) -> int:
    return score if best is None else int(score >= best)


def scores() -> Suite:
    """Scores from 0 to 5; for approval, 3 and more approve; for quadratic, less 2, so that some are negative."""
    rules = ("score", "star", "approval", "quadratic")

    def ask(profile: str) -> dict[str, str | None]:
        known = _known(profile, list(range(6)))
        options, ballots, _ = split(profile)
        moved = [{place: int(one) - 2 for place, one in enumerate(ballot)} for _, ballot in ballots]
        below = GradeProfile(
            moved, list(range(-2, 4)), gcounts=[n for n, _ in ballots], candidates=list(range(len(options)))
        )
        return {
            "score": _answer(grade_methods.score_voting(known)),
            "star": _answer(grade_methods.star(known)),
            "approval": _answer(grade_methods.approval(_known(profile, [0, 1], 3))),
            "quadratic": _answer(grade_methods.score_voting(below)),
        }

    return Suite(rules, _profile("012345"), ask)


def judgment() -> Suite:
    """Grades from 0 to 5 against the majority gauge.

    The gauge (Balinski and Laraki 2011, chapter 14) knows of an option its median and the shares above and below it,
    and leaves ties that the majority value, which the mechanism uses, goes on to break. So the mechanism's co-winners
    must stand among the gauge's, and be the same where the gauge has one.
    """

    def ask(profile: str) -> dict[str, str | None]:
        return {"majority-judgment": _answer(_gauge(profile))}

    def agree(rule: str, ours: str, theirs: str) -> bool:
        return set(ours) <= set(theirs)

    return Suite(("majority-judgment",), _profile("012345"), ask, agree)


def _gauge(profile: str) -> list[int]:
    found: list[int] = grade_methods.majority_judgement(_known(profile, list(range(6))))
    return found
