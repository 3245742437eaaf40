"""Committee and budget rules against abcvoting and pabutools."""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from abcvoting import abcrules
from abcvoting.preferences import Profile
from pabutools.election import ApprovalBallot, ApprovalProfile, Cardinality_Sat, Cost_Sat, Instance, Project
from pabutools.rules import greedy_utilitarian_welfare, method_of_equal_shares, sequential_phragmen
from suite import LETTERS, Suite, counts

from mechdesign.testing.oracle_profiles import sets, split


def _ballots(draw: random.Random, options: str) -> str:
    ballots = ["".join(sorted(draw.sample(options, draw.randint(1, len(options))))) for _ in range(draw.randint(2, 8))]
    return counts(draw, ballots)


def committees() -> Suite:
    """Committees of a given size; every option is approved by somebody."""
    rules = ("proportional-approval", "phragmen", "equal-shares completion=none satisfaction=cardinality")

    def profile(draw: random.Random) -> str:
        while True:
            options = LETTERS[: draw.choice((3, 4, 5, 6))]
            ballots = _ballots(draw, options)
            if set(options) <= set(ballots):
                return f"{options} seats={draw.randint(1, len(options) - 1)} {ballots}"

    def ask(profile: str) -> dict[str, str | None]:
        options, ballots, settings = split(profile)
        seats = int(settings["seats"])
        known = Profile(len(options))
        for count, ballot in ballots:
            for _ in range(count):
                known.add_voter([options.index(name) for name in ballot])

        def compute(rule: str, **how: Any) -> str:
            found = abcrules.compute(rule, known, committeesize=seats, resolute=False, **how)
            return sets([LETTERS[int(one)] for one in committee] for committee in found)

        return {
            rules[0]: compute("pav", algorithm="brute-force"),
            rules[1]: compute("seqphragmen", algorithm="standard-fractions"),
            rules[2]: _shares(known, seats),
        }

    return Suite(rules, profile, ask, letters=False)


def _shares(known: Profile, seats: int) -> str:
    """Return what equal shares elect without completion."""
    found = abcrules.compute_equal_shares(known, seats, algorithm="standard-fractions", resolute=False, completion=None)
    return sets([LETTERS[int(one)] for one in committee] for committee in found)


def budgets() -> Suite:
    """Projects with costs. Rules that complete are compared with ties broken by the order of names."""
    plain: dict[str, Callable[[Instance, ApprovalProfile], Sequence[Iterable[Project]]]] = {
        "greedy-approval": lambda budget, known: greedy_utilitarian_welfare(
            budget, known, sat_class=Cost_Sat, resoluteness=False
        ),
        "phragmen": lambda budget, known: sequential_phragmen(budget, known, resoluteness=False),
        "equal-shares completion=none": lambda budget, known: method_of_equal_shares(
            budget, known, sat_class=Cost_Sat, resoluteness=False
        ),
        "equal-shares completion=none satisfaction=cardinality": lambda budget, known: method_of_equal_shares(
            budget, known, sat_class=Cardinality_Sat, resoluteness=False
        ),
        "equal-shares completion=add1": lambda budget, known: [
            method_of_equal_shares(budget, known, sat_class=Cost_Sat, voter_budget_increment=1)
        ],
        "equal-shares completion=greedy": lambda budget, known: [_completed(budget, known, None)],
        "equal-shares completion=add1-greedy": lambda budget, known: [_completed(budget, known, 1)],
    }

    def profile(draw: random.Random) -> str:
        options = LETTERS[: draw.choice((2, 3, 4, 5, 6))]
        most = draw.choice((3, 10, 60))
        costs = {name: draw.randint(1, most) for name in options}
        budget = draw.randint(min(costs.values()), sum(costs.values()))
        priced = ",".join(f"{name}:{cost}" for name, cost in costs.items())
        return f"{options} costs={priced} budget={budget} {_ballots(draw, options)}"

    def ask(profile: str) -> dict[str, str | None]:
        options, ballots, settings = split(profile)
        costs = _costs(settings)
        projects = {name: Project(name, costs[name]) for name in options}
        budget = Instance(projects.values(), int(settings["budget"]))
        known = ApprovalProfile(
            ApprovalBallot(projects[name] for name in ballot) for count, ballot in ballots for _ in range(count)
        )
        approved = {name for _, ballot in ballots for name in ballot}
        # The oracle also takes what nobody approves where it fits; nobody misses it in a comparison.
        return {
            rule: sets([one.name for one in chosen if one.name in approved] for chosen in method(budget, known))
            for rule, method in plain.items()
        }

    return Suite(tuple(plain), profile, ask, letters=False)


def _completed(budget: Instance, known: ApprovalProfile, increment: int | None) -> Iterable[Project]:
    """Return equal shares completed by the most approved projects that fit."""
    first = method_of_equal_shares(budget, known, sat_class=Cost_Sat, voter_budget_increment=increment)
    found: Iterable[Project] = greedy_utilitarian_welfare(
        budget, known, sat_class=Cost_Sat, initial_budget_allocation=first
    )
    return found


def _costs(settings: dict[str, str]) -> dict[str, int]:
    return {name: int(cost) for name, cost in (pair.split(":") for pair in settings["costs"].split(","))}
