"""Our committee rules against what independent implementations found; `make oracles` writes and extends the files."""

from pathlib import Path

import pytest

from mechdesign.testing.oracle_profiles import ANSWERS, read_golden

GOLDEN = Path(__file__).parents[2] / "golden" / "oracles"
COLUMNS = [(suite, column) for suite in ("committees", "budgets") for column in read_golden(GOLDEN / f"{suite}.tsv")]


@pytest.mark.parametrize(("suite", "column"), COLUMNS)
def test_committees_are_those_of_the_oracle(suite, column):
    rows = read_golden(GOLDEN / f"{suite}.tsv")[column]
    differ = [
        (profile, ours, theirs) for profile, theirs in rows if (ours := ANSWERS[suite](column, profile)) != theirs
    ]
    assert len(rows) == 300
    assert not differ
