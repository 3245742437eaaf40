"""Errors that name a place in a file."""

from mechdesign.kernel.errors import InputError

__all__ = ["wrong"]


def wrong(line: int, column: int, what: str) -> InputError:
    """Return the error for a place; lines and columns (characters) count from 1."""
    return InputError(f"line {line}, column {column}: {what}")
