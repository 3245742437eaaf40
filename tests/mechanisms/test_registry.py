import importlib.metadata
import platform
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.describe import claim_table, describe, needs_funder, summary
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.public.clarke import Clarke

MINE = '''
from fractions import Fraction
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.result import Result

class Total(Mechanism[Amount, Amount, Amount]):
    """The sum of all reports."""

    name = "mine.total"

    def settle(self, reports, context):
        return Result(sum(reports.values(), Fraction(0)))
'''


@pytest.mark.parametrize(
    "name",
    ["auction.second-price", "auction.second-price/1", "mechdesign.mechanisms.auction.second_price:SecondPrice"],
)
def test_a_mechanism_is_found_by_its_names(name: str) -> None:
    assert registry.load(name) is SecondPrice


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("auction.second-prize", "did you mean auction.second-price"),
        ("second-price", "did you mean auction.second-price"),
        ("xyzzy", "mechdesign mechanisms"),
        ("auction.second-price/7", "has no version 7 here; there is auction.second-price/1"),
        ("auction.second-price/x", "has no version x"),
        ("no.such.module:Thing", "cannot be imported"),
        ("mechdesign.mechanisms.base:Thing", "no class Thing"),
        ("mechdesign.mechanisms.base:Example", "not a subclass of Mechanism"),
        ("mechdesign.mechanisms.base:Mechanism", "has no name"),
        ("missing.py:Thing", "cannot be read"),
    ],
)
def test_a_wrong_name_is_answered_with_what_to_do(name: str, hint: str) -> None:
    with pytest.raises(MechanismError, match=hint):
        registry.load(name)


def test_a_class_in_a_file_is_loaded_and_reloaded_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    loaded = registry.load(f"{file}:Total")
    assert registry.load(str(file)) is loaded
    assert decide(loaded, {"reports": {"a": 1, "b": "1/2"}}).document()["outcome"] == "3/2"
    file.write_text(MINE.replace("mine.total", "mine.sum"))
    assert registry.load(f"{file}:Total").name == "mine.sum"
    assert registry.load(f"{file}:Total").code_digest() != loaded.code_digest()


def test_the_code_digest_follows_the_text_and_not_the_place(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.py", "two.py", "other.py")]
    for file in files[:2]:
        file.write_text(MINE)
    files[2].write_text(MINE.replace("Fraction(0)", "Fraction(1)"))
    one, two, other = (registry.load(str(file)).code_digest() for file in files)
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    "module", ["mechanisms.ties", "mechanisms.limits", "mechanisms.computation", "kernel.flow", "kernel.wire"]
)
def test_the_code_digest_covers_the_framework_so_that_nobody_is_convicted_of_having_another(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    from mechdesign.mechanisms import digest

    text = digest._text
    before = SecondPrice.code_digest()
    monkeypatch.setattr(digest, "_text", lambda name: (text(name) or "") + "#" * (name == f"mechdesign.{module}"))
    assert digest.code_digest.__wrapped__(SecondPrice) == before, "what is loaded is read once"
    monkeypatch.setattr(digest, "_framework", digest._framework.__wrapped__)
    assert digest.code_digest.__wrapped__(SecondPrice) != before


def test_the_code_digest_covers_the_release_of_pydantic_that_writes_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    from mechdesign.mechanisms import digest

    before = digest._framework()
    monkeypatch.setattr("pydantic.VERSION", "999.0.1")
    assert digest._framework.__wrapped__() != before


def test_the_code_digest_covers_the_release_of_python_but_not_its_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    from mechdesign.mechanisms import digest

    before = digest._framework()
    assert ".".join(platform.python_version_tuple()[:2]) == digest._PYTHON
    monkeypatch.setattr(digest, "_PYTHON", "3.99")
    assert digest._framework.__wrapped__() != before


def test_the_code_digest_covers_the_release_of_each_library_that_a_rule_imports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also of what a helper below the mechanism imports, and inside a function; not what only others import."""
    from mechdesign.mechanisms import digest

    file = tmp_path / "mine.py"
    file.write_text(MINE.replace("    def settle", "    def helped(self):\n        import msgpack\n\n    def settle"))
    mine, solver = registry.load(str(file)), registry.load("auction.vcg")
    library = importlib.metadata.version
    assert digest.releases(SecondPrice) == ()
    assert digest.releases(mine) == (f"msgpack {library('msgpack')}",)
    assert digest.releases(solver) == (f"ortools {library('ortools')}",)

    def told() -> list[bytes]:
        for cached in (digest.releases, digest.code_digest):
            cached.cache_clear()
        return [digest.code_digest(each) for each in (SecondPrice, mine, solver)]

    plain, packed, solved = told()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: library(name) + ".1" * (name == "msgpack"))
    assert told()[1] != packed
    assert (told()[0], told()[2]) == (plain, solved)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: library(name) + ".1" * (name == "ortools"))
    assert told()[2] != solved
    assert told()[:2] == [plain, packed]
    monkeypatch.undo()
    assert told() == [plain, packed, solved]


def test_the_code_digest_covers_what_families_share() -> None:
    from mechdesign.mechanisms import digest

    covered = digest._sources(Clarke)
    families = "mechdesign.mechanisms"
    assert set(covered) == {"the mechanism", f"{families}.public.project", f"{families}.shared.groves"}
    assert set(digest._sources(SecondPrice)) == {"the mechanism", "mechdesign.mechanisms.auction.one_item"}
    assert SecondPrice.code_digest() == SecondPrice.code_digest()
    assert SecondPrice.code_digest() != Clarke.code_digest()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("raise RuntimeError('no')", "raises RuntimeError"),
        ("x = 1", "mechanisms in it: none"),
        (MINE.replace('"mine.total"', '"Mine"'), "family.name"),
    ],
)
def test_a_file_that_defines_no_mechanism_is_an_error(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(MechanismError, match=complaint):
        registry.load(str(file))


@pytest.fixture
def looked_up() -> Iterator[list[str]]:
    """The groups of entry points that are looked up."""
    registry.look_again()
    yield []
    registry.look_again()


def test_entry_points_add_mechanisms_and_cannot_replace_ours(
    monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    ours = "mechdesign.mechanisms.auction.first_price:FirstPrice"

    def installed(group: str) -> list[EntryPoint]:
        looked_up.append(group)
        return [
            EntryPoint("mine.total", f"{__name__}_missing:Total", group),
            EntryPoint("mine.wrong", ours, group),
            EntryPoint("auction.second-price", ours, group),
        ]

    monkeypatch.setattr(registry, "entry_points", installed)
    assert "mine.total/1" in registry.names()
    assert registry.load("auction.second-price") is SecondPrice
    with pytest.raises(MechanismError, match=r"entry point mine\.total"):
        registry.load("mine.total")
    with pytest.raises(MechanismError, match=r"calls itself auction.first-price/1"):
        registry.load("mine.wrong")
    assert looked_up == ["mechdesign.mechanisms"], "a lookup reads the metadata of every package that is installed"


def test_what_is_installed_later_is_found_by_looking_again(
    monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    assert "mine.total/1" not in registry.names()
    late = EntryPoint("mine.total", f"{__name__}_missing:Total", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [late])
    assert "mine.total/1" not in registry.names()
    registry.look_again()
    assert "mine.total/1" in registry.names()


def test_describe_says_all_that_an_input_needs() -> None:
    shown: dict[str, Any] = describe(Clarke)
    assert shown["mechanism"] == "public.clarke/1"
    assert shown["parameters"]["required"] == ["cost"]
    assert shown["report"]["type"] == ["string", "number"]
    assert set(shown["accounts"]) == {"SINK", "PROVIDER"}
    assert shown["claims"]["dsic"]["claim"] == "holds"
    assert shown["claims"]["budget_balanced"]["witness"]["parameters"] == {"cost": 300}
    assert shown["claims"]["core"] == {"claim": "unknown"}
    assert decide(Clarke, shown["example"]["input"]).document() == shown["example"]["output"]
    assert summary(Clarke).startswith("Public project, built if and only if")
    assert ">>>" not in shown["rule"]
    assert not needs_funder(Clarke)
    assert claim_table(Clarke.claims) == shown["claims"]


def test_describe_shows_the_ballot_of_the_example() -> None:
    report = describe(registry.load("voting.plurality"))["report"]
    assert {"type": "string", "enum": ["coffee", "tea", "water"]} in report["anyOf"]
