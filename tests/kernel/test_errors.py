"""What an error says."""

from pathlib import Path

import mechdesign
from mechdesign.kernel.errors import DamagedError


def test_damage_is_named_with_its_cause_and_with_what_to_do():
    told = str(DamagedError("the journal's record of a letter", "3 bytes are missing"))
    assert told.startswith(
        "the journal's record of a letter is damaged: 3 bytes are missing. Do not go on with this key"
    )
    assert told.endswith("come back under a new key with a new journal")
    assert "a letter is damaged. Do not" in str(DamagedError("the journal's record of a letter"))


def test_nobody_says_that_a_journal_is_damaged_without_it():
    root = Path(mechdesign.__file__).parent
    plain = [path for path in root.rglob("*.py") if 'damaged"' in path.read_text() or "damaged: {" in path.read_text()]
    assert [path.name for path in plain if "Journal" in path.read_text()] == []
