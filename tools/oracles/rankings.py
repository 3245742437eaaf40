"""Votes on ranked ballots against pref-voting."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from pref_voting import (
    c1_methods,
    combined_methods,
    iterative_methods,
    margin_based_methods,
    other_methods,
    proportional_methods,
    scoring_methods,
)
from pref_voting.profiles import Profile
from pref_voting.profiles_with_ties import ProfileWithTies
from suite import LETTERS, Suite, counts

from mechdesign.testing.oracle_profiles import levels, split

Method = Callable[[Any], list[int]]

STRICT: Mapping[str, Method] = {
    "plurality": scoring_methods.plurality,
    "borda": scoring_methods.borda,
    "veto": scoring_methods.anti_plurality,
    "copeland": c1_methods.copeland,
    "minimax": margin_based_methods.minimax,
    "schulze": margin_based_methods.beat_path,
    "split-cycle": margin_based_methods.split_cycle,
    "ranked-pairs": lambda profile: margin_based_methods.ranked_pairs(profile, algorithm="from_stacks"),
    "kemeny": other_methods.kemeny_young,
    "black": combined_methods.blacks,
    "nanson": iterative_methods.weak_nanson,
    "nanson average=kept": iterative_methods.strict_nanson,
    "baldwin": iterative_methods.baldwin_put,
    "irv": iterative_methods.instant_runoff_put,
    "coombs": iterative_methods.coombs_put,
    "bucklin": other_methods.bucklin,
}


def _by_votes(method: Callable[..., list[int]]) -> Method:
    """Return a method that measures a victory by the votes of the winning side."""
    return lambda profile: method(profile, strength_function=profile.support)


WEAK: Mapping[str, Method] = {
    "copeland": c1_methods.copeland,
    "minimax": margin_based_methods.minimax,
    "schulze": margin_based_methods.beat_path,
    "split-cycle": margin_based_methods.split_cycle,
    "ranked-pairs": lambda profile: margin_based_methods.ranked_pairs(profile, algorithm="from_stacks"),
    "kemeny": other_methods.kemeny_young,
    "minimax strength=winning-votes": _by_votes(margin_based_methods.minimax),
    "schulze strength=winning-votes": _by_votes(margin_based_methods.beat_path),
    "split-cycle strength=winning-votes": _by_votes(margin_based_methods.split_cycle),
}


def _answer(winners: list[int]) -> str:
    return "".join(LETTERS[int(winner)] for winner in sorted(winners))


def strict() -> Suite:
    """Complete orders without ties."""

    def profile(draw: random.Random) -> str:
        options = LETTERS[: draw.choice((2, 3, 3, 4, 4, 4, 5))]
        orders = ["".join(draw.sample(options, len(options))) for _ in range(draw.randint(1, 7))]
        return f"{options} {counts(draw, orders)}"

    def ask(profile: str) -> dict[str, str | None]:
        options, ballots, _ = split(profile)
        ranked = [[options.index(name) for name in ballot] for _, ballot in ballots]
        known = Profile(ranked, [count for count, _ in ballots])
        return {rule: _answer(method(known)) for rule, method in STRICT.items()}

    return Suite(tuple(STRICT), profile, ask)


def _with_ties(profile: str, first: int = 1) -> ProfileWithTies:
    """Return the oracle's profile; the best level has the rank ``first``."""
    options, ballots, _ = split(profile)
    ranks = [
        {options.index(name): place + first for place, level in enumerate(levels(ballot)) for name in level}
        for _, ballot in ballots
    ]
    known = ProfileWithTies(ranks, [count for count, _ in ballots], candidates=list(range(len(options))))
    known.use_extended_strict_preference()
    return known


def weak() -> Suite:
    """Orders with ties, which may leave options out."""

    def ballot(draw: random.Random, options: str) -> str:
        named = draw.sample(options, draw.randint(1, len(options)))
        text = ""
        while named:
            size = min(draw.choice((1, 1, 1, 2, 3)), len(named))
            level, named = sorted(named[:size]), named[size:]
            text += level[0] if size == 1 else f"({''.join(level)})"
        return text

    def profile(draw: random.Random) -> str:
        options = LETTERS[: draw.choice((2, 3, 3, 4, 4, 4, 5))]
        return f"{options} {counts(draw, [ballot(draw, options) for _ in range(draw.randint(1, 7))])}"

    def ask(profile: str) -> dict[str, str | None]:
        known = _with_ties(profile)
        return {rule: _answer(method(known)) for rule, method in WEAK.items()}

    return Suite(tuple(WEAK), profile, ask)


def truncated() -> Suite:
    """Orders of some options, without ties."""
    rules = ("irv", "bucklin", "stv seats=1", "stv seats=2", "stv seats=3")

    def profile(draw: random.Random) -> str:
        options = LETTERS[: draw.choice((3, 4, 4, 5, 6))]
        orders = ["".join(draw.sample(options, draw.randint(1, len(options)))) for _ in range(draw.randint(1, 9))]
        return f"{options} {counts(draw, orders)}"

    def ask(profile: str) -> dict[str, str | None]:
        known = _with_ties(profile)
        found: dict[str, str | None] = {
            # This oracle eliminates all that are tied at once, so that it decides only where no tie occurs.
            "irv": _answer(iterative_methods.instant_runoff_for_truncated_linear_orders(known))
            if _irv_has_no_tie(profile)
            else None,
            # This oracle counts ranks from 0 and would miss the last level of a profile whose ranks start at 1.
            "bucklin": _answer(other_methods.bucklin_for_truncated_linear_orders(_with_ties(profile, first=0))),
        }
        for seats in (1, 2, 3):
            elected = proportional_methods.stv_wig(known, num_seats=seats, quota_rule="droop")
            found[f"stv seats={seats}"] = _answer(elected)
        return found

    return Suite(rules, profile, ask, letters=False)


def _irv_has_no_tie(profile: str) -> bool:
    """Say whether in every round the fewest votes belong to one option, or to several without votes."""
    options, ballots, _ = split(profile)
    left = set(options)
    while len(left) > 1:
        first = dict.fromkeys(sorted(left), 0)
        for count, ballot in ballots:
            name = next((name for name in ballot if name in left), None)
            if name is not None:
                first[name] += count
        least = min(first.values())
        last = {name for name, votes in first.items() if votes == least}
        if len(last) > 1 and least > 0:
            return False
        left -= last
    return True
