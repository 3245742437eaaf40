"""Where the passphrase of a key file comes from: an environment variable, a file, or the person at the terminal."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from mechdesign.kernel.errors import ConfigError

__all__ = ["PASSPHRASE_VARIABLE", "passphrase_source"]

PASSPHRASE_VARIABLE = "MECHDESIGN_PASSPHRASE"
"""The environment variable that is looked at where no other source is named."""


def passphrase_source(
    *, env: str | None = None, file: Path | None = None, confirm: bool = False, of: str = "the key file"
) -> Callable[[], str]:
    """Return a function that obtains the passphrase when it is needed.

    Args:
        env: the environment variable to read, which then has to be set.
        file: the file whose first line it is.
        confirm: whether a person types it twice, as for a new key.
        of: what the prompt says that it opens.

    Raises:
        ConfigError: both sources are named; the returned function raises it where the source has no passphrase.
    """
    if env is not None and file is not None:
        raise ConfigError("the passphrase comes from an environment variable or from a file, not from both")

    def obtain() -> str:
        if file is not None:
            return _from_file(file)
        if env is not None:
            return _from_environment(env)
        if PASSPHRASE_VARIABLE in os.environ:
            return _from_environment(PASSPHRASE_VARIABLE)
        return _from_person(of, confirm)

    return obtain


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"the environment variable {name} is not set or empty: it should hold the passphrase")
    return value


def _from_file(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the passphrase file {path} cannot be read: {error}") from error
    if not lines or not lines[0]:
        raise ConfigError(f"the passphrase file {path} is empty: its first line should be the passphrase")
    return lines[0]


def _from_person(of: str, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"no passphrase for {of}: set {PASSPHRASE_VARIABLE}, name a file that holds it, or run on a terminal"
        )
    from getpass import getpass

    first = getpass(f"passphrase of {of}: ")
    if confirm and getpass("the same again: ") != first:
        raise ConfigError("the two passphrases differ: nothing was written, try again")
    return first
