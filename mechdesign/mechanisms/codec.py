"""Canonical texts of typed values: what a report, an outcome or a parameter is as bytes.

The text is JSON of the pydantic value with sorted keys and no spaces, exact amounts as strings. One value has one
text, so a digest of received bytes is a digest of the value. Whether bytes are a value of a type is decided alike on
every host: nesting, digits and length are bounded here and never by a limit of the interpreter.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mechdesign.kernel.errors import InputError
from mechdesign.kernel.money import DIGITS_MAX

__all__ = ["BYTES_MAX", "DEPTH_MAX", "VOID", "Void", "adapter", "canonical", "encode", "parse", "plain", "validate"]

BYTES_MAX: Final = 4096
"""Default bound of an encoded report, in bytes."""

DEPTH_MAX: Final = 16
"""Arrays and objects of a report may nest this deep."""


class Void(Enum):
    """The type of :data:`VOID`."""

    VOID = "void"


VOID: Final = Void.VOID
"""What bytes outside the type stand for: the sender counts as absent, which is neither an error nor evidence."""


@lru_cache(maxsize=512)
def _cached(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def adapter(schema: Any) -> TypeAdapter[Any]:
    """Return the pydantic adapter of a type; types that can be hashed are compiled once."""
    try:
        hash(schema)
    except TypeError:
        return TypeAdapter(schema)
    return _cached(schema)


def validate(schema: Any, value: Any, where: str) -> Any:
    """Return the value as the type, or raise with its name.

    Args:
        schema: a pydantic type.
        value: what a caller or a file gave.
        where: the path that the message starts with, such as ``reports.alice``.

    Raises:
        InputError: saying which value is wrong and what the type wants.
    """
    try:
        return adapter(schema).validate_python(value)
    except ValidationError as error:
        raise InputError(explain(error, where)) from None


def explain(error: ValidationError, where: str) -> str:
    """Return what pydantic found, one clause for each wrong value, each with its path."""
    clauses = []
    for item in error.errors(include_url=False, include_context=False):
        path = ".".join([where, *(str(part) for part in item["loc"])]).strip(".")
        clauses.append(f"{path}: {item['msg']}")
    return "; ".join(dict.fromkeys(clauses))


def plain(schema: Any, value: Any) -> Any:
    """Return the value as plain JSON data: lists, objects, texts, whole numbers; amounts as exact texts."""
    return adapter(schema).dump_python(value, mode="json")


def canonical(data: Any) -> str:
    """Return the one JSON text of plain data.

    Raises:
        ValueError: for NaN and infinities, which have no exact text.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(schema: Any, value: Any, bytes_max: int = BYTES_MAX) -> bytes:
    """Return the canonical bytes of one's own value.

    Raises:
        InputError: the value is not of the type, its text is too long, or the type does not read its own text back.
    """
    checked = validate(schema, value, "report")
    try:
        data = canonical(plain(schema, checked)).encode()
    except ValueError as error:
        raise InputError(f"report: {value!r} has no exact text: {error}") from None
    if len(data) > bytes_max:
        raise InputError(f"report: its text takes {len(data)} bytes, more than the {bytes_max} that the session allows")
    if parse(schema, data, bytes_max) is VOID:
        why = "it passes a limit on digits or nesting, or its type does not read its own text"
        raise InputError(f"report: {value!r} cannot be sent: {why}")
    return data


def parse(schema: Any, data: bytes, bytes_max: int = BYTES_MAX) -> Any | Void:
    """Return the value that canonical bytes stand for, or :data:`VOID`; never raises, whatever the bytes."""
    if len(data) > bytes_max:
        return VOID
    try:
        text = data.decode()
        if _depth(text) > DEPTH_MAX:
            return VOID
        value = adapter(schema).validate_python(read_json(text, parse_float=_refuse))
        return value if canonical(plain(schema, value)).encode() == data else VOID
    except Exception:  # also what an author's validator raises: bytes that it cannot judge are not in the type
        return VOID


def read_json(text: str, parse_float: Callable[[str], Any]) -> Any:
    """Read JSON exactly: every key once, bounded whole numbers, no NaN; fractions go through ``parse_float``.

    Raises:
        ValueError: saying what is wrong with the text.
    """
    return json.loads(
        text, parse_float=parse_float, parse_int=_whole, parse_constant=_refuse, object_pairs_hook=_object
    )


def decimal(text: str) -> Decimal:
    """A number as it is written, for ``parse_float``; bounds are for whoever turns it into an amount.

    Raises:
        ValueError: it is none, or has an exponent beyond all bounds.
    """
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]} is not a decimal number") from error


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_MAX + 1:
        raise ValueError(f"a whole number has more than {DIGITS_MAX} digits")
    return int(digits)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not an exact number")


def _depth(text: str) -> int:
    """Return how deep brackets nest outside strings."""
    deepest = depth = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
