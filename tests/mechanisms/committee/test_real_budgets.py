"""Real participatory budgets with published results; the files are not part of the repository."""

import os
from pathlib import Path

import pytest

from mechdesign.mechanisms.inputs import decide, read_document

DATA = Path(os.environ.get("MECHDESIGN_DATA") or Path(__file__).parents[4] / "shared" / "data")
FOLDER = DATA / "participatory_budgeting"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the folder of real participatory budgets is absent (set MECHDESIGN_DATA)"
)


def published(path):
    """Return the projects that the file says were selected."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = lines[lines.index("PROJECTS") + 2 : lines.index("VOTES")]
    return {row.split(";")[0] for row in rows if row.endswith(";1")}


def test_equal_shares_fund_the_published_projects_of_swiecie():
    path = FOLDER / "Poland_Swiecie_2023.pb"
    document = read_document(path)
    result = decide("committee.equal-shares", document).result
    assert len(result.outcome.elected) == 17
    assert set(result.outcome.elected) == published(path)
    assert result.why[0].data["raised"] == 226
    greedy = decide("committee.greedy-approval", document).result
    assert set(greedy.outcome.elected) != published(path)


def test_greedy_approval_funds_the_published_projects_of_aleksandrow():
    path = FOLDER / "Poland_Warszawa_2017_Aleksandrow.pb"
    result = decide("committee.greedy-approval", read_document(path)).result
    assert set(result.outcome.elected) == published(path) == {"261", "720"}
    assert "1112" in result.why[-1].text
