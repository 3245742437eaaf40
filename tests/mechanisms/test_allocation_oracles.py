"""Our matchings and allocations against what independent implementations found; `make oracles` writes the file."""

from pathlib import Path

import pytest

from mechdesign.testing.allocation_profiles import allocate
from mechdesign.testing.oracle_profiles import read_golden

FOUND = read_golden(Path(__file__).parents[1] / "golden" / "oracles" / "allocations.tsv")


@pytest.mark.parametrize("column", FOUND)
def test_everybody_gets_what_the_oracle_says(column):
    differ = [
        (profile, ours, theirs) for profile, theirs in FOUND[column] if (ours := allocate(column, profile)) != theirs
    ]
    assert len(FOUND[column]) >= 300
    assert not differ


@pytest.mark.parametrize("column", FOUND)
def test_the_kept_profiles_are_not_all_alike(column):
    assert len({theirs for _, theirs in FOUND[column]}) >= 6
