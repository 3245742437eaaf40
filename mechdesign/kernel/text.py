"""What may stand in a name or a note that members judge: the same characters on every interpreter.

:meth:`str.isprintable` asks the Unicode tables of the Python that runs, and those of another version say something
else about newer characters. Members that judge differently part, so this rule is a list of its own.
"""

import re

__all__ = ["is_plain", "visible"]

_HIDDEN = re.compile(
    # Controls, spaces that look like others, marks that are not seen or that turn the direction of what is read.
    "[\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a"
    # Half a character, none at all, and what everybody may take for what he likes.
    "\ud800-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e00ff\U000e01f0-\U0010ffff]"
)
_NONE = frozenset({0xFFFE, 0xFFFF})


def is_plain(text: str) -> bool:
    r"""Whether a text shows all that it says: no controls, no other spaces than the common one, nothing invisible.

    >>> is_plain("Grace of Harbour 12"), is_plain("Αθήνα"), is_plain("")
    (True, True, True)
    >>> is_plain("two\nlines"), is_plain("car\u200bol"), is_plain("\u202elorac")
    (False, False, False)
    """
    return _HIDDEN.search(text) is None and not any(ord(letter) & 0xFFFF in _NONE for letter in text)


def visible(text: str) -> str:
    r"""A text as it can be shown: what is not plain is written out, so that it neither hides nor steers a terminal.

    >>> print(visible("tea\x1b[2J\u202e\nbob wins"))
    tea\x1b[2J\u202e\nbob wins
    """
    return "".join(letter if is_plain(letter) else letter.encode("unicode_escape").decode() for letter in text)
