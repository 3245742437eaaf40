import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.inputs import decide, parse_document, read_document, split_parameters

JSON = """{"parameters": {"reserve": 5, "currency": "EUR", "decimals": 2},
           "reports": {"alice": 18.10, "bob": 24.3, "carol": "21.10"}}"""
TOML = """
[parameters]
reserve = 5
currency = "EUR"
decimals = 2
[reports]
alice = 18.10
bob = 24.3
carol = "21.10"
"""


def test_json_and_toml_are_read_exactly_and_give_one_result(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(JSON)
    (tmp_path / "in.toml").write_text(TOML)
    documents = [
        decide("auction.second-price", read_document(tmp_path / name)).document() for name in ("in.json", "in.toml")
    ]
    assert documents[0] == documents[1]
    assert documents[0]["transfers"] == {"alice": "0", "bob": "-211/10", "carol": "0"}
    assert list(documents[0]) == ["mechanism", "outcome", "transfers", "accounts", "ties", "why", "settlement"]


def test_the_order_of_reports_is_the_roster_order() -> None:
    document = decide("auction.second-price", parse_document('{"reports": {"zoe": 3, "adam": 3}}')).document()
    assert document["outcome"]["winner"] == "zoe"
    assert list(document["transfers"]) == ["zoe", "adam"]


def test_amounts_are_printed_exactly_and_settled_in_minor_units() -> None:
    reports = {"A": 1, "B": 3, "C": 2}
    exact = decide("auction.bailey-cavallo", {"reports": reports}).document()
    assert exact["transfers"] == {"A": "2/3", "B": "-5/3", "C": "1/3"}
    assert "settlement" not in exact
    settled = decide("auction.bailey-cavallo", {"parameters": {"decimals": 2}, "reports": reports}).document()
    assert settled["transfers"] == exact["transfers"]
    assert settled["settlement"] == {
        "currency": "",
        "decimals": 2,
        "transfers": {"A": "67/100", "B": "-167/100", "C": "33/100"},
        "accounts": {"SINK": "67/100"},
    }


@pytest.mark.parametrize(
    ("mechanism", "text", "complaint"),
    [
        ("auction.second-price", '{"reports": {"alice": -1}}', r"reports\.alice: .*at least 0, not -1"),
        ("auction.second-price", '{"reports": {"alice": "ten"}}', r"reports\.alice: 'ten' is not an exact amount"),
        ("auction.second-price", '{"reports": {"alice": NaN}}', "NaN is not an exact number"),
        ("auction.second-price", '{"reports": {"alice": 1e99999}}', r"reports\.alice: .*digits"),
        ("auction.second-price", '{"reports": {"a": 1, "a": 2}}', "'a' stands twice"),
        ("auction.second-price", '{"reports": [1, 2]}', "reports: it is list; write an object"),
        ("auction.second-price", "{}", "reports: it is missing"),
        ("auction.second-price", "[]", "must be an object"),
        ("auction.second-price", "{", "this is no JSON document"),
        ("auction.second-price", '{"report": {}}', 'report: a document has "parameters" and "reports"'),
        ("auction.second-price", '{"reports": {"SINK": 1}}', "cannot be called SINK"),
        ("auction.second-price", '{"reports": {}, "parameters": {"reserv": 1}}', "parameters.reserv"),
        ("auction.second-price", '{"reports": {}, "parameters": {"ties": "random"}}', "ties must be"),
        ("auction.second-price", '{"reports": {}, "parameters": {"decimals": 99}}', "decimals must lie"),
        ("auction.second-price", '{"reports": {}, "parameters": {"currency": 1}}', "parameters.currency"),
        ("auction.second-price", '{"reports": {}, "mechanism": "voting.borda"}', "is for 'voting.borda'"),
        ("public.clarke", '{"reports": {"a": 1}}', r"parameters\.cost: Field required"),
        ("public.clarke", '{"reports": {}, "parameters": {"cost": 1, "tie": "maybe"}}', r"parameters\.tie"),
        (
            "voting.borda",
            '{"reports": {"a": ["x"]}, "parameters": {"options": ["x", "y"]}}',
            r"reports\.a: .*missing: y",
        ),
        (
            "voting.borda",
            '{"reports": {"a": ["x", "z"]}, "parameters": {"options": ["x", "y"]}}',
            "none of the options",
        ),
        ("voting.borda", '{"reports": {"a": ["x", "x"]}, "parameters": {"options": ["x", "y"]}}', "stands twice"),
        ("voting.borda", '{"reports": {}, "parameters": {"options": ["x", "x"]}}', "stands twice"),
        ("voting.borda", '{"reports": {}, "parameters": {"options": []}}', r"parameters\.options"),
        ("voting.plurality", '{"reports": {"a": [["x"]]}, "parameters": {"options": ["x"]}}', "no ties on a ballot"),
    ],
)
def test_an_error_says_which_value_is_wrong(mechanism: str, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        decide(mechanism, parse_document(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        read_document(tmp_path / "none.json")
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(InputError, match=r"bad\.toml: this is no TOML"):
        read_document(tmp_path / "bad.toml")


def test_settings_of_the_session_are_parted_from_parameters() -> None:
    own, session = split_parameters({"cost": 5, "currency": "EUR", "ties": ["b", "a"]})
    assert own == {"cost": 5}
    assert session.currency.code == "EUR"
    assert session.ties.dump() == ["b", "a"]
    assert session.rounded


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_raise_anything_but_its_error(text: str) -> None:
    for kind in ("json", "toml"):
        with suppress(InputError):
            assert isinstance(parse_document(text, kind), dict)


def test_a_deeply_nested_text_is_an_error_and_no_crash() -> None:
    with pytest.raises(InputError):
        parse_document("[" * 100_000)


@given(st.dictionaries(st.sampled_from("abcdef"), st.fractions(0, 100, max_denominator=50), max_size=6))
def test_every_profile_of_exact_bids_gives_a_document_that_json_keeps(bids: dict[str, Fraction]) -> None:
    for mechanism in ("auction.second-price", "auction.bailey-cavallo", "cost.airport"):
        reports: dict[str, Any] = {player: str(bid) for player, bid in bids.items()}
        document = decide(mechanism, {"reports": reports}).document()
        assert json.loads(json.dumps(document)) == document
        moved = [Fraction(text) for part in ("transfers", "accounts") for text in document[part].values()]
        assert sum(moved) == 0
