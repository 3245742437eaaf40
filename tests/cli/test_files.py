"""The files that people write: what docs/files.md shows is read, and mistakes are named with file and key."""

import re
from pathlib import Path

import pytest

from mechdesign.cli.fields import render_value
from mechdesign.cli.node_files import NodeFile, ValuesFile, load_node_file, load_values_file
from mechdesign.cli.reading import parse, validate
from mechdesign.cli.roster_files import (
    KeyRecord,
    RosterFile,
    key_record,
    load_roster_file,
    render_record,
    render_roster,
)
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.inputs import decide
from tests.cli.command_line import ROOT

DOCS = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
EXAMPLES: list[tuple[str, str, str]] = [
    (kind, form, text) for form, kind, text in re.findall(r"^```(toml|json) (\w+)\n(.*?)^```$", DOCS, re.M | re.S)
]


def example(kind: str) -> str:
    """The first example of a kind in docs/files.md."""
    return next(text for found, _, text in EXAMPLES if found == kind)


def test_the_documentation_shows_every_kind_of_file() -> None:
    assert {kind for kind, _, _ in EXAMPLES} == {"record", "roster", "node", "values", "input"}


@pytest.mark.parametrize(("kind", "form", "text"), EXAMPLES)
def test_every_documented_file_is_read(kind: str, form: str, text: str) -> None:
    data = parse(text, "docs/files.md", f".{form}")
    match kind:
        case "record":
            assert validate(KeyRecord, data, "docs/files.md").address == "tcp://192.0.2.11:7411"
        case "roster":
            assert validate(RosterFile, data, "docs/files.md").roster.q == 3
        case "node":
            assert validate(NodeFile, data, "docs/files.md").propose[1].after == 1
        case "values":
            assert len(validate(ValuesFile, data, "docs/files.md").answer) == 4
        case _:
            assert decide("auction.second-price", data).document()["outcome"]["winner"] == "bob"


@pytest.mark.parametrize("model", [KeyRecord, RosterFile, NodeFile, ValuesFile])
def test_every_key_of_a_file_is_documented(model: type[NodeFile]) -> None:
    missing = [name for name in model.model_fields if f"`{name}" not in DOCS and f"[{name}]" not in DOCS]
    assert not [name for name in missing if f"{name} =" not in DOCS]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('preset = "lan"', 'preset = "moon"', "preset: input should be"),
        ('seal = "commit_reveal"', 'seal = "wax"', "propose[0].seal"),
        ('deposit = "10.00"', "deposit = -3", "propose[0].deposit: an amount must be at least 0"),
        ('roster = "roster.toml"', 'rooster = "roster.toml"', "unknown key 'rooster': did you mean 'roster'?"),
        ('data = "alice"\n', "", "the key 'data' is missing"),
        ('values = "alice-values.toml"', 'values = "a.toml"\nask = true', "from a file or from a person"),
        ('label = "the jetty"', 'label = "the red boat"', "same label"),
        ("tcp://0.0.0.0:7411", "0.0.0.0:7411", "write it as tcp://HOST:PORT"),
        ('preset = "lan"', "preset = lan", "is not TOML"),
    ],
)
def test_a_mistake_in_a_configuration_is_named_with_its_file_and_key(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    text = example("node")
    assert before in text
    path = tmp_path / "alice.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_node_file(path)
    assert "alice.toml" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('key = "52', 'key = "zz', "member[0].key"),
        ('key = "52f3', 'key = "52', "64 hexadecimal digits are needed, not 62"),
        ('name = "bob"', 'name = "alice"', "share a name or a key"),
        ('faults = "byzantine"', 'faults = "optimistic"', "faults"),
        ('nonce = "9f', 'nonce = "9', "nonce"),
        ('group = "harbour"\n', "", "the key 'group' is missing"),
    ],
)
def test_a_mistake_in_a_roster_is_named_with_its_file_and_key(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(example("roster").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_roster_file(path)
    assert "roster.toml" in str(caught.value)
    assert said in str(caught.value)


def test_an_answer_has_exactly_one_form(tmp_path: Path) -> None:
    path = tmp_path / "values.toml"
    path.write_text("[[answer]]\nvalue = 3\nabsent = true\n")
    with pytest.raises(ConfigError, match="exactly one of"):
        load_values_file(path)


def test_paths_of_a_configuration_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "alice.toml"
    path.write_text(example("node"), encoding="utf-8")
    file = load_node_file(path)
    assert file.key == tmp_path / "alice.pem"
    assert file.player.values == tmp_path / "alice-values.toml"
    assert file.load == (f"{tmp_path / 'raffle.py'}:Raffle",)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    identity = Identity.generate()
    record = key_record(identity, 'na"me\\', "tcp://[::1]:7411")
    assert validate(KeyRecord, parse(render_record(record), "record"), "record") == record
    roster = validate(RosterFile, parse(example("roster"), "roster"), "roster")
    path = tmp_path / "roster.toml"
    path.write_text(render_roster(roster.roster, roster.addresses), encoding="utf-8")
    assert load_roster_file(path).roster == roster.roster
    value = {"a b": [1, "x\ny", True, {"c": "1/3"}], "d": {}}
    assert parse(f"value = {render_value(value)}", "value")["value"] == value
