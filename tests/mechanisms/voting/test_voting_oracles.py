"""Our votes against what independent implementations found; `make oracles` writes and extends the files."""

from pathlib import Path

import pytest

from mechdesign.testing.oracle_profiles import ANSWERS, read_golden

GOLDEN = Path(__file__).parents[2] / "golden" / "oracles"
SUITES = ("rankings", "weak-rankings", "truncated", "scores")
COLUMNS = [(suite, column) for suite in SUITES for column in read_golden(GOLDEN / f"{suite}.tsv")]


@pytest.mark.parametrize(("suite", "column"), COLUMNS)
def test_co_winners_are_those_of_the_oracle(suite, column):
    rows = read_golden(GOLDEN / f"{suite}.tsv")[column]
    differ = [
        (profile, ours, theirs) for profile, theirs in rows if (ours := ANSWERS[suite](column, profile)) != theirs
    ]
    assert len(rows) >= 150
    assert not differ


def test_majority_judgment_breaks_only_ties_that_the_majority_gauge_leaves():
    # Balinski and Laraki 2011, chapter 14: the gauge knows medians and the shares on either side, and may tie.
    rows = read_golden(GOLDEN / "judgment.tsv")["majority-judgment"]
    answers = [(ANSWERS["judgment"]("majority-judgment", profile), gauge) for profile, gauge in rows]
    assert all(set(ours) <= set(gauge) for ours, gauge in answers)
    assert sum(ours == gauge for ours, gauge in answers) > 200
