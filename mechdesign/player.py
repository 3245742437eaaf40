"""Strategies: the side of a party. A strategy is asked, and answers with a report.

Private types stay in here. A running mechanism sees reports only, and nothing obliges a strategy to tell the truth.

A strategy may be a plain function or a coroutine function; a person takes time. It gives no report by returning
``PASS`` (or None).
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mechdesign.kernel.errors import ConfigError, InputError
from mechdesign.kernel.text import visible
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.events import Asked
from mechdesign.mechanisms.play import PASS

__all__ = ["Person", "Strategy", "read_script", "scripted", "silent", "truthful"]

Strategy: TypeAlias = Callable[[Asked], Any | Awaitable[Any]]
"""What a player answers when it is asked: a report, ``PASS``, or something to await that gives one of them."""


def truthful(value: Any) -> Strategy:
    """A player that tells the truth about its private type.

    Args:
        value: the private type, as plain data or as a value of the mechanism's private type.
    """

    def answer(asked: Asked) -> Any:
        checked = codec.validate(asked.mechanism.type_schema(), value, f"value of {asked.player}")
        return asked.mechanism.truthful(checked, asked.ask)

    return answer


def scripted(reports: Sequence[Any]) -> Strategy:
    """A player that gives these reports in turn, the first to the first ask of a session; None passes, as does an end.

    The place in the script is the ask's own number, so that a player that was restarted goes on where it was.
    """
    given = tuple(reports)

    def answer(asked: Asked) -> Any:
        number = asked.step - asked.tosses
        return given[number] if number < len(given) else PASS

    return answer


def silent(asked: Asked) -> Any:
    """A player that passes."""
    return PASS


def read_script(path: Path) -> Strategy:
    """Read a script from a JSON file: a list of reports, one for each ask, null to pass; numbers are exact.

    Raises:
        ConfigError: the file cannot be read or is no such list.
    """
    try:
        data = codec.read_json(path.read_text(encoding="utf-8"), codec.decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no script of reports: {error}") from error
    if not isinstance(data, list):
        raise ConfigError(f"{path} must hold a list of reports, one for each ask, such as [18, null]")
    return scripted(data)


class Person:
    """A player who is asked at a terminal, again and again until the answer is a report.

    Args:
        read: shows a prompt and returns the line typed; awaited. Raises ``EOFError`` at the end of the input, which
            passes.
        write: shows a text.
    """

    def __init__(self, read: Callable[[str], Awaitable[str]], write: Callable[[str], None]) -> None:
        self._read = read
        self._write = write

    async def __call__(self, asked: Asked) -> Any:
        """Ask until the answer fits the type of the report; an empty line passes."""
        schema = asked.ask.json_schema()
        self._write(f"{asked.mechanism.identifier} asks {asked.player} (with {', '.join(asked.players)})")
        for name, shown in asked.ask.info.items():
            self._write(f"  {visible(name)}: {visible(str(shown))}")
        self._write(f"  wanted: {visible(_wanted(schema))}; an empty line passes")
        while True:
            try:
                line = (await self._read(f"{asked.player}> ")).strip()
            except EOFError:
                return PASS
            if not line:
                return PASS
            try:
                report = codec.validate(asked.ask.schema, _typed(line, schema), "your answer")
                asked.ask.encode(report)
            except InputError as error:
                self._write(f"  {visible(str(error))}")
                continue
            return report


def _typed(line: str, schema: dict[str, Any]) -> Any:
    """What a line stands for: JSON where it is such, else words separated by commas, else the text itself."""
    try:
        return codec.read_json(line, codec.decimal)
    except (ValueError, RecursionError):
        pass
    if schema.get("type") == "array":
        return [word.strip() for word in line.split(",")]
    return line


def _wanted(schema: dict[str, Any]) -> str:
    """What a report looks like, in a few words, from its JSON schema."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        items = schema.get("items")
        return f"a list, separated by commas, of items that are {_wanted(items) if isinstance(items, dict) else 'any'}"
    if "description" in schema:
        return str(schema["description"])
    if isinstance(schema.get("type"), str) and "properties" not in schema:
        return f"a value of type {schema['type']}"
    return "JSON by the schema " + json.dumps(schema, sort_keys=True)
