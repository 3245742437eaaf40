"""What every test of the command line needs."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _temporary_folders_go_with_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A demo keeps its transcripts in a temporary folder for the user to look at; nobody looks at those of a test.
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
