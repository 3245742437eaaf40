"""docs/simulation.md tells of the broken rules that there are."""

from pathlib import Path

from tests.simulation.documented import leaks, mutations

TOLD = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()


def test_every_rule_that_is_broken_on_purpose_is_listed_with_what_it_breaks():
    assert mutations() in TOLD, "print it anew: python -m tests.simulation.documented"
    assert leaks() in TOLD, "print it anew: python -m tests.simulation.documented"
