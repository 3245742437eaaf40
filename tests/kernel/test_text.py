"""What is plain is a list of characters, the same on every interpreter."""

import sys
from hashlib import sha256

from mechdesign.decision.ballots.roll import is_name
from mechdesign.kernel.text import is_plain

NEWER = "\U0001fae8"
"""Came with Unicode 15, which Python 3.11 does not know and 3.12 does."""


def test_the_characters_are_the_same_ones_on_every_interpreter() -> None:
    plain = bytearray(is_plain(chr(code)) for code in range(sys.maxunicode + 1))
    assert sum(plain) == 909_079
    assert sha256(plain).hexdigest()[:16] == "df8355df1c6442fe"


def test_what_came_after_the_tables_of_this_interpreter_is_judged_as_by_newer_ones() -> None:
    assert is_plain(NEWER)
    assert is_name(f"voter {NEWER}")


def test_whatever_is_printable_here_is_plain() -> None:
    assert [
        hex(code) for code in range(sys.maxunicode + 1) if chr(code).isprintable() and not is_plain(chr(code))
    ] == []
