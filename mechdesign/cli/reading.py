"""Reading TOML and JSON files so that no number loses exactness and every error names the file and the key."""

import difflib
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mechdesign.kernel.errors import ConfigError
from mechdesign.mechanisms.codec import decimal, read_json

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = ["FILE_BYTES_MAX", "dotted", "explain", "explained", "parse", "read", "read_bytes", "validate"]

FILE_BYTES_MAX = 16 << 20
"""A longer file is refused before it is parsed."""

ModelT = TypeVar("ModelT", bound="BaseModel")


def read_bytes(path: Path, what: str) -> bytes:
    """The content of a file, or of standard input for ``-``.

    Args:
        path: the file.
        what: what it is to the user, such as ``"roster"``.

    Raises:
        ConfigError: it cannot be read, or is larger than :data:`FILE_BYTES_MAX`.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"the {what} file {path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"the {what} file {path} is larger than {FILE_BYTES_MAX >> 20} MB: is it the right one?")
    return data


def read(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML or JSON file; standard input (``-``) may be either.

    Decimals become :class:`~decimal.Decimal`, never binary floats.

    Raises:
        ConfigError: it cannot be read, or is neither.
    """
    text = _text(read_bytes(path, what), path)
    source = "standard input" if str(path) == "-" else str(path)
    return parse(text, source, path.suffix.lower())


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def parse(text: str, source: str, suffix: str = "") -> dict[str, Any]:
    """Parse JSON or TOML by the suffix of its name or, without one of these, by its first character.

    Raises:
        ConfigError: naming ``source`` and the place in it.
    """
    is_json = suffix == ".json" or (suffix != ".toml" and text.lstrip()[:1] == "{")
    try:
        parsed: Any = read_json(text, decimal) if is_json else tomllib.loads(text, parse_float=decimal)
    except RecursionError as error:
        raise ConfigError(f"{source} is nested too deeply") from error
    except ValueError as error:  # both parsers' errors are ValueErrors and say line and column
        raise ConfigError(f"{source} is not {'JSON' if is_json else 'TOML'}: {error}") from error
    if not isinstance(parsed, dict):
        raise ConfigError(f"{source} holds a {type(parsed).__name__} where a table of keys and values belongs")
    return parsed


@contextmanager
def explained(source: str) -> Iterator[None]:
    """Turn a pydantic error inside the block into one that names ``source`` and the key.

    Raises:
        ConfigError: in its place.
    """
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in explain(error))) from error


def validate(model: type[ModelT], data: Any, source: str) -> ModelT:
    """Check a parsed file against its schema.

    Raises:
        ConfigError: one line for each value that does not fit, with file, key, and what to do.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in explain(error, model))) from error


def explain(error: "ValidationError", model: "type[BaseModel] | None" = None) -> list[str]:
    """One line for each problem that pydantic found: key, problem, and for an unknown key the nearest known one."""
    lines: list[str] = []
    for each in error.errors(include_url=False):
        key = dotted(each["loc"])
        match each["type"]:
            case "extra_forbidden":
                lines.append(f"unknown key {key!r}{_nearest(each['loc'], model)}")
            case "missing":
                lines.append(f"the key {key!r} is missing")
            case "value_error" if "error" in each.get("ctx", {}):
                lines.append(f"{key}: {each['ctx']['error']}" if key else str(each["ctx"]["error"]))
            case _:
                value = repr(each.get("input"))
                shown = value if len(value) <= 60 else value[:59] + "…"
                lines.append(f"{key or 'value'}: {each['msg'][:1].lower()}{each['msg'][1:]}, not {shown}")
    return lines


def dotted(place: Sequence[str | int]) -> str:
    """A place in a file as people write it: ``member[2].key``; numbers count from 0."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{step}"
    return text


def _nearest(place: Sequence[str | int], model: "type[BaseModel] | None") -> str:
    if model is None or len(place) != 1:
        return ""
    known = sorted(field.alias or name for name, field in model.model_fields.items())
    close: Callable[..., list[str]] = difflib.get_close_matches
    found = close(str(place[0]), known, n=1)
    return f": did you mean {found[0]!r}?" if found else f": known keys are {', '.join(known)}"
