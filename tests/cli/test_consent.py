"""A consent comes from another member: whatever is in its file, that is said in a line."""

import pytest

from mechdesign.cli.consent import Consent
from mechdesign.cli.reading import parse, read, validate
from mechdesign.kernel.errors import ConfigError

GIVEN = Consent(roster=bytes(32), place=1, signature=bytes(64), member="erin", quorum=3, epoch=2, group="harbour")


def test_a_consent_reads_as_it_was_written():
    assert validate(Consent, parse(GIVEN.text, "consent.json", ".json"), "consent.json") == GIVEN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[1, 2]", "holds a list"),
        ("7", "holds a int"),
        ("{", "is not JSON"),
        (GIVEN.text.replace('"place": 1', '"place": [1]'), "place"),
        (GIVEN.text.replace('"place": 1', '"place": -1'), "place"),
        (GIVEN.text.replace('"place": 1,', ""), "the key 'place' is missing"),
        (GIVEN.text.replace("00" * 64, "00" * 63), "128 hexadecimal digits"),
        (GIVEN.text.replace('"00', '"zz', 1), "is not hexadecimal"),
        (GIVEN.text.replace('"place"', '"spot"'), "unknown key 'spot'"),
    ],
)
def test_what_is_no_consent_is_refused_with_the_file_and_the_fault(text, said, tmp_path):
    path = tmp_path / "erin-consent.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as refused:
        validate(Consent, read(path, "consent"), str(path))
    assert "erin-consent.json" in str(refused.value)
