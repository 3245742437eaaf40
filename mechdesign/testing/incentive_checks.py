"""Whether a mechanism does what it claims: claims that hold are attacked, claims that fail are shown to fail.

::

    verdict = attack(SecondPrice(), "dsic")  # exhaustive on the mechanism's grid of private types
    verdict.violation  # None, or a shrunk Violation
    attack_randomly(SecondPrice(), "dsic", tries=500, seed=7)  # beyond the grid, by Hypothesis

On a grid the search is complete, so no violation means *proved on this grid* and nothing more. Random search says *not
refuted in so many tries*. Players of every profile tell the truth except those that deviate; a deviation is the
truthful behaviour of another private type.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

from mechdesign.mechanisms import codec
from mechdesign.mechanisms.claims import Claim, Fails, Holds, Witness
from mechdesign.testing.cases import AnyMechanism, Case, Types, Violation
from mechdesign.testing.concepts import CONCEPTS, INTERIM, Concept, welfare
from mechdesign.testing.deviations import bayesian_gain, misreport, two_names
from mechdesign.testing.verdicts import FULL, SHORT, USUAL, Effort, Verdict, grid_name

__all__ = [
    "FULL",
    "PLAYERS",
    "SHORT",
    "USUAL",
    "Effort",
    "Verdict",
    "attack",
    "attack_randomly",
    "check_claims",
    "complaint",
    "confirm",
    "examine",
    "variants",
]

PLAYERS: Final = ("alice", "bob", "carol", "dave", "erin")
"""Names of the players in searches."""


def attack(mechanism: AnyMechanism, concept: str, effort: Effort = USUAL) -> Verdict:
    """Search every profile of grid types for a violation, for one player, two, and so on.

    Where all profiles of a number of players are too many for the effort, types are left out evenly; the verdict names
    the grid that was searched.

    Args:
        mechanism: what to attack.
        concept: one of :data:`CONCEPTS`.
        effort: how much to search.

    Returns:
        The verdict; a violation in it is shrunk: fewest players, simplest types.
    """
    return _Search(mechanism, effort).attack(concept, CONCEPTS[concept])


def attack_randomly(mechanism: AnyMechanism, concept: str, *, tries: int = 100, seed: int = 0) -> Verdict:
    """Search random profiles beyond the grid, with Hypothesis.

    Args:
        mechanism: what to attack.
        concept: one of :data:`CONCEPTS`.
        tries: how many profiles.
        seed: names the search; the same one tries the same profiles.
    """
    return _Search(mechanism, Effort(tries=tries, seed=seed)).attack_randomly(concept, CONCEPTS[concept])


class _Search:
    """Searches of one mechanism; they share the results of profiles."""

    def __init__(self, mechanism: AnyMechanism, effort: Effort) -> None:
        self.mechanism = mechanism
        self.effort = effort
        self.grid = list(mechanism.type_grid()) if mechanism.overrides("type_grid") else self._given()
        self._cases: dict[int, Case] = {}

    def _given(self) -> list[Any]:
        """Return the types of the example, where there is no grid."""
        example = self.mechanism.example
        schema = self.mechanism.type_schema()
        return [codec.validate(schema, value, "example") for value in example.reports.values()] if example else []

    def case(self, count: int) -> Case:
        if count not in self._cases:
            self._cases[count] = Case(self.mechanism, PLAYERS[:count], coalition_max=self.effort.coalition_max)
        return self._cases[count]

    def attack(self, name: str, concept: Concept) -> Verdict:
        """Search the grid."""
        if lacking := self._lacking(concept):
            return Verdict(name, 0, lacking=lacking)
        tried = 0
        sizes: list[tuple[int, Sequence[Any]]] = []
        for count in range(1, self.effort.players_max + 1):
            grid = self.effort.affordable(self.grid, count, concept.cases)
            if len(grid) < min(2, len(self.grid)):
                break
            sizes.append((count, grid))
            case = self.case(count)
            for values in product(grid, repeat=count):
                tried += 1
                types = tuple(zip(PLAYERS, values, strict=False))
                for found in concept(case, types, grid):
                    return Verdict(name, tried, _shrunk(found, concept, self.grid, self.effort.coalition_max))
        return Verdict(name, tried, grid=grid_name(self.mechanism, sizes))

    def attack_randomly(self, name: str, concept: Concept) -> Verdict:
        """Search beyond the grid."""
        from mechdesign.testing.random_search import find  # needs Hypothesis, which is no dependency of the package

        if lacking := self._lacking(concept):
            return Verdict(name, 0, lacking=lacking)
        found = find(self.mechanism, concept, self.grid, PLAYERS, self.effort)
        if found is not None:
            smaller = _shrunk(found, concept, self.grid, self.effort.coalition_max)
            return Verdict(name, 0, replace(smaller, seed=self.effort.seed), tries=self.effort.tries)
        return Verdict(name, 0, tries=self.effort.tries, seed=self.effort.seed)

    def both(self, name: str, concept: Concept) -> Verdict:
        """Search the grid, then beyond it."""
        verdict = self.attack(name, concept)
        if verdict.violation is not None or verdict.lacking or not self.effort.tries:
            return verdict
        beyond = self.attack_randomly(name, concept)
        return replace(verdict, violation=beyond.violation, tries=beyond.tries, seed=self.effort.seed)

    def _lacking(self, concept: Concept) -> str:
        return concept.lacking(self.mechanism) or ("" if self.grid else "it defines no type_grid and has no example")


def _shrunk(violation: Violation, concept: Concept, grid: Sequence[Any], coalition_max: int) -> Violation:
    """Return a violation with fewer players or simpler types, as long as there is one."""
    lies = [*grid, *(value for _, value in violation.deviations if value not in grid)]
    while True:
        for types in _simpler(violation.types, grid):
            case = Case(violation.mechanism, [player for player, _ in types], coalition_max=coalition_max)
            smaller = next(concept(case, types, lies), None)
            if smaller is not None:
                violation = smaller
                break
        else:
            return violation


def _simpler(types: Types, grid: Sequence[Any]) -> Iterator[Types]:
    for gone in range(len(types) if len(types) > 1 else 0):
        yield types[:gone] + types[gone + 1 :]
    for place, (player, value) in enumerate(types):
        for lower in grid[: grid.index(value)] if value in grid else grid:
            yield (*types[:place], (player, lower), *types[place + 1 :])


def confirm(cls: type[AnyMechanism], concept: str, witness: Witness) -> Violation | None:
    """Recompute a witness; return the violation that it shows, or None where it shows none.

    Raises:
        InputError: where a value of the witness is not of its type.
    """
    mechanism = cls.from_parameters(witness.parameters)
    schema = mechanism.type_schema()

    def read(values: Mapping[str, Any]) -> Types:
        return tuple((player, codec.validate(schema, value, f"witness.{player}")) for player, value in values.items())

    types, deviations = read(witness.types), read(witness.deviations)
    case = Case(mechanism, [player for player, _ in types])
    single = len(deviations) == 1
    match concept:
        case "dsic" | "group_strategyproof":
            return misreport(concept, case, types, deviations) if single or concept != "dsic" else None
        case "bic" if mechanism.overrides("beliefs"):
            return bayesian_gain(case, types, *deviations[0]) if single else None
        case "bic" | "nash" if not mechanism.overrides("equilibrium"):
            return misreport(concept, case, types, deviations) if single else None
        case "false_name_proof":
            ordered = tuple(sorted(deviations, key=lambda one: one[0] not in witness.types))
            return two_names(case, types, ordered) if len(ordered) == 2 else None
    found = next(CONCEPTS[concept](case, types, [value for _, value in deviations]), None)
    if found is not None and concept == "efficient" and witness.outcome is not None:
        better = codec.validate(mechanism.outcome_schema(), witness.outcome, "witness.outcome")
        more = welfare(case, types, better) - welfare(case, types, case.run(types).outcome)
        return replace(found, text=f"{better} is worth more", gain=more) if more > 0 else None
    return found


# --------------------------------------------------------------------------------------------------------- all claims


def examine(
    cls: type[AnyMechanism], effort: Effort = USUAL, *, unclaimed: bool = False, only: str = ""
) -> Iterator[tuple[str, Claim, Verdict]]:
    """Test claims, and yield concept, claim and verdict.

    A claim that holds is attacked with the parameters of the example and with the defaults, where there are such; a
    claim that fails has its witness recomputed.

    Args:
        cls: the mechanism.
        effort: how much to search.
        unclaimed: whether to attack the concepts too of which nothing is claimed.
        only: one concept, where the others are not to be tested.
    """
    searches = [_Search(mechanism, effort) for mechanism in variants(cls)]
    for name, claim in cls.claims.items():
        if only not in ("", name):
            continue
        if isinstance(claim, Fails):
            yield name, claim, Verdict(name, 1, confirm(cls, name, claim.witness), witnessed=True)
        elif unclaimed or isinstance(claim, Holds):
            yield name, claim, _all(searches, name, claim)


def _all(searches: Sequence[_Search], name: str, claim: Claim) -> Verdict:
    interim = name == "individually_rational" and isinstance(claim, Holds) and "interim" in claim.when
    concept = INTERIM if interim else CONCEPTS[name]
    found: Verdict | None = None
    for search in searches:
        verdict = search.both(name, concept)
        if verdict.violation is not None:
            return verdict
        found = verdict if found is None else found.joined(verdict)
    return found or Verdict(name, 0, lacking="it has no example, and parameters without defaults")


def variants(cls: type[AnyMechanism]) -> list[AnyMechanism]:
    """Return the mechanism with the parameters of its example, and with its defaults where every parameter has one."""
    found = [cls.from_parameters(cls.example.parameters)] if cls.example else []
    if not any(field.is_required() for field in cls.model_fields.values()):
        default = cls.from_parameters({})
        found += [default] if default not in found else []
    return found


def complaint(cls: type[AnyMechanism], claim: Claim, verdict: Verdict) -> str:
    """Return what is wrong with a claim after its test; empty where nothing is."""
    if isinstance(claim, Holds) and verdict.lacking:
        return f"{cls.full_name()} claims {verdict.concept}, which cannot be tested: {verdict.lacking}"
    if isinstance(claim, Holds) and verdict.violation is not None:
        return f"claimed to hold ({claim.source}), but {verdict.violation}"
    if isinstance(claim, Fails) and verdict.violation is None:
        return f"{cls.full_name()}: the witness that {verdict.concept} fails shows no violation: {claim.witness}"
    return ""


def check_claims(cls: type[AnyMechanism], effort: Effort = USUAL, *, only: str = "") -> None:
    """Fail with the first claim that is refuted, or whose witness shows nothing.

    Args:
        cls: the mechanism.
        effort: how much to search.
        only: one concept, where the others are not to be tested.

    Raises:
        AssertionError: with the shrunk counterexample.
    """
    for _, claim, verdict in examine(cls, effort, only=only):
        if wrong := complaint(cls, claim, verdict):
            raise AssertionError(wrong)
