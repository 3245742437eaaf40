"""Searching random profiles with Hypothesis, which also shrinks what it finds."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from mechdesign.kernel.errors import MechdesignError
from mechdesign.mechanisms import codec
from mechdesign.testing.cases import AnyMechanism, Case, Violation
from mechdesign.testing.concepts import Concept
from mechdesign.testing.random_types import types_of
from mechdesign.testing.verdicts import Effort

__all__ = ["find"]


class _Found(Exception):
    """A violation, on its way through Hypothesis."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


def find(
    mechanism: AnyMechanism, concept: Concept, grid: Sequence[Any], players: Sequence[str], effort: Effort
) -> Violation | None:
    """Return the simplest violation that random profiles and deviations show, or None.

    Args:
        mechanism: what to attack.
        concept: what to search for.
        grid: types to start from.
        players: names; profiles have up to so many players.
        effort: its tries, its seed and its size of coalitions are used.
    """
    schema = mechanism.type_schema()
    bases = list(grid)
    if mechanism.example is not None:
        bases += [codec.validate(schema, value, "example") for value in _readable(mechanism, schema)]
    kinds = types_of(mechanism, bases)
    cases = {
        count: Case(mechanism, players[:count], coalition_max=min(2, effort.coalition_max))
        for count in range(1, len(players) + 1)
    }

    @seed(effort.seed)
    @settings(
        max_examples=effort.tries,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(kinds, min_size=1, max_size=len(players)), st.lists(kinds, min_size=1, max_size=3))
    def search(values: list[Any], lies: list[Any]) -> None:
        types = tuple(zip(players, values, strict=False))
        case = cases[len(types)]
        try:
            found = next(concept(case, types, lies), None)
        except MechdesignError as error:
            found = case.found("total", types, f"it raises {type(error).__name__}: {error}")
        if found is not None:
            raise _Found(found)

    try:
        search()
    except _Found as found:
        return found.violation
    return None


def _readable(mechanism: AnyMechanism, schema: Any) -> list[Any]:
    """Return the reports of the example that are private types; some mechanisms take reports of another kind."""
    assert mechanism.example is not None
    found = []
    for value in mechanism.example.reports.values():
        try:
            found.append(codec.validate(schema, value, "example"))
        except MechdesignError:
            continue
    return found
