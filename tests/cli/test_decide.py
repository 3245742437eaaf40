"""`mechdesign decide`: the pure computation, exactly as documented."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import run

VICKREY = {"reports": {"alice": 18, "bob": 24, "carol": 21}}


def document(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_json_has_exactly_the_documented_keys_and_exact_texts(tmp_path: Path) -> None:
    ran = run("decide", "auction.second-price", document(tmp_path / "bids.json", VICKREY), "--json")
    assert ran.code == 0
    assert list(ran.json) == ["mechanism", "outcome", "transfers", "accounts", "ties", "why"]
    assert ran.json["mechanism"] == "auction.second-price/1"
    assert ran.json["outcome"] == {"winner": "bob", "price": "21"}
    assert ran.json["transfers"] == {"alice": "0", "bob": "-21", "carol": "0"}
    assert ran.json["accounts"] == {"SELLER": "21"}
    assert ran.json["ties"] == []
    assert ran.json["why"][0]["text"] == "second-highest bid: carol"


def test_a_currency_does_not_change_the_keys_unless_explained(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", {**VICKREY, "parameters": {"currency": "EUR", "decimals": 2}})
    assert "settlement" not in run("decide", "auction.second-price", file, "--json").json
    explained = run("decide", "auction.second-price", file, "--json", "--explain").json
    assert explained["settlement"]["transfers"]["bob"] == "-21"
    assert explained["flows"] == [{"payer": "bob", "payee": "SELLER", "amount": "21", "reason": "price"}]


def test_fractions_stay_exact_from_file_to_output(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", '{"reports": {"alice": 0.1, "bob": "24", "carol": "1/3"}}')
    assert run("decide", "auction.second-price", file, "--json").json["transfers"]["bob"] == "-1/3"
    file = document(tmp_path / "bids.json", '{"reports": {"alice": 0.1, "bob": "24"}}')
    assert run("decide", "auction.second-price", file, "--json").json["transfers"]["bob"] == "-1/10"


def test_bailey_cavallo_prints_negative_fractions(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", {"reports": {"a": 18, "b": 24, "c": 21, "d": 2, "e": 1}})
    transfers = run("decide", "auction.bailey-cavallo", file, "--json").json["transfers"]
    assert transfers["b"] == "-87/5"


def test_toml_is_read_by_suffix_and_numbers_in_it_are_exact(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.toml", '[parameters]\nreserve = 0.3\n[reports]\nalice = 18.10\nbob = "24.5"\n')
    assert run("decide", "auction.second-price", file, "--json").json["accounts"] == {"SELLER": "181/10"}


@pytest.mark.parametrize("text", [json.dumps(VICKREY), "[reports]\nalice = 18\nbob = 24\ncarol = 21\n"])
def test_standard_input_may_be_json_or_toml(text: str) -> None:
    ran = run("decide", "auction.second-price", "-", "--json", stdin=text)
    assert ran.json["transfers"]["bob"] == "-21"


def test_a_name_may_carry_its_version(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", VICKREY)
    assert run("decide", "auction.second-price/1", file, "--json").json["mechanism"] == "auction.second-price/1"
    other = run("decide", "auction.second-price/7", file)
    assert other.code == 2
    assert "no version 7" in other.err


def test_the_order_of_reports_is_the_roster_order_and_breaks_ties(tmp_path: Path) -> None:
    for order in (("alice", "bob"), ("bob", "alice")):
        file = document(tmp_path / "bids.json", {"reports": dict.fromkeys(order, 20)})
        found = run("decide", "auction.second-price", file, "--json").json
        assert found["outcome"]["winner"] == order[0]
        assert found["ties"][0]["among"] == list(order)
        assert list(found["transfers"]) == list(order)


def test_people_see_what_another_order_of_the_tied_would_have_given(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", {"reports": {"alice": 20, "bob": 20, "carol": 3}})
    assert run("decide", "auction.second-price", file).out.splitlines()[1:5] == [
        "outcome  alice wins, pays 20",
        "tie      tie for the highest bid among alice, bob: alice first (lexicographic)",
        "instead  bob wins, pays 20 (the highest bid: bob before alice)",
        "",
    ]
    assert "instead" not in run("decide", "auction.second-price", file, "--orders", "0").out


def test_json_has_the_other_results_where_there_was_a_tie(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", {"reports": {"alice": 20, "bob": 20}})
    ran = run("decide", "auction.second-price", file, "--json").json
    assert list(ran) == ["mechanism", "outcome", "transfers", "accounts", "ties", "why", "alternatives"]
    broken = {"about": "the highest bid", "among": ["alice", "bob"], "order": ["bob", "alice"], "rule": "otherwise"}
    assert ran["alternatives"] == {
        "results": [
            {
                "ties": [broken],
                "outcome": {"winner": "bob", "price": "20"},
                "transfers": {"alice": "0", "bob": "-20"},
                "accounts": {"SELLER": "20"},
            }
        ],
        "complete": True,
    }
    assert "alternatives" not in run("decide", "auction.second-price", file, "--json", "--orders", "0").json
    assert run("decide", "auction.second-price", file, "--orders", "-1").code == 2


def test_results_that_differ_in_payments_only_and_results_left_out_are_told(tmp_path: Path) -> None:
    prior = [{"value": 1}, {"value": 3}]
    content = {"parameters": {"cost": 4, "prior": prior}, "reports": {"alice": 3, "bob": 2}}
    lines = run("decide", "public.agv", document(tmp_path / "values.json", content)).out.splitlines()
    about = "the value expected where values sum to exactly the cost: reject before build"
    assert [line for line in lines if line.startswith("instead")] == [
        f"instead  build, transfers alice -2, bob -2 ({about})"
    ]
    content = {"parameters": {"clicks": [3, 2, 1]}, "reports": dict.fromkeys(("alice", "bob", "carol"), 5)}
    file = document(tmp_path / "bids.json", content)
    lines = run("decide", "auction.gsp", file, "--orders", "3").out.splitlines()
    assert len([line for line in lines if line.startswith("instead")]) == 3
    assert "instead  and perhaps more: there are more ways to break the ties than were computed (--orders)" in lines
    assert run("decide", "auction.gsp", file, "--orders", "3", "--json").json["alternatives"]["complete"] is False


def test_a_tie_that_changes_nothing_is_said_to_change_nothing(tmp_path: Path) -> None:
    content = {"parameters": {"options": ["x", "y", "z"]}, "reports": {"a": ["x", "y", "z"], "b": ["x", "z", "y"]}}
    out = run("decide", "voting.kemeny", document(tmp_path / "ballots.json", content)).out
    assert "instead  nothing else: every way to break the tie gives this result" in out


def test_people_see_a_plain_table_and_with_explain_the_reasons(tmp_path: Path) -> None:
    file = document(tmp_path / "bids.json", VICKREY)
    assert run("decide", "auction.second-price", file).out.splitlines() == [
        "auction.second-price/1",
        "outcome  bob wins, pays 21",
        "",
        "party   transfer",
        "alice          0",
        "bob          -21",
        "carol          0",
        "SELLER        21",
    ]
    explained = run("decide", "auction.second-price", file, "--explain").out
    assert "why      second-highest bid: carol" in explained
    assert "bob    SELLER      21  price" in explained


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"reports": {"alice": -1}}', "reports.alice"),
        ('{"reports": {"alice": "eighteen"}}', "'eighteen' is not an exact amount"),
        ('{"reports": {"alice": 1, "alice": 2}}', "stands twice"),
        ('{"reports": {"alice": NaN}}', "NaN"),
        ('{"reports": {"SELLER": 1}}', "SELLER"),
        ('{"reports": {"alice": 1}, "parameters": {"reserv": 5}}', "reserv"),
        ('{"reprots": {"alice": 1}}', "reprots"),
        ('{"parameters": {}}', "reports: it is missing"),
        ("[1, 2]", "table"),
        ("{", "is not JSON"),
        ('{"reports": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ('{"reports": {"alice": 1' + "0" * 5000 + "}}", "digits"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_value(tmp_path: Path, content: str, said: str) -> None:
    ran = run("decide", "auction.second-price", document(tmp_path / "wrong.json", content))
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "wrong.json" in ran.err
    assert said in ran.err


def test_a_missing_file_and_an_unknown_mechanism_are_said_in_a_line(tmp_path: Path) -> None:
    missing = run("decide", "auction.second-price", tmp_path / "none.json")
    assert missing.code == 2
    assert "none.json cannot be read" in missing.err
    unknown = run("decide", "auction.secondprice", tmp_path / "none.json")
    assert unknown.code == 2
    assert "did you mean auction.second-price" in unknown.err


def test_a_mechanism_may_come_from_a_file(tmp_path: Path) -> None:
    from tests.cli.command_line import ROOT

    file = document(tmp_path / "bids.json", {"reports": {"alice": 2, "bob": 2, "carol": 5, "dave": 3}})
    ran = run("decide", f"{ROOT / 'examples' / 'your_own_mechanism.py'}:LowestUnique", file, "--json")
    assert ran.json["transfers"] == {"alice": "0", "bob": "0", "carol": "0", "dave": "-3"}
