"""`mechdesign mechanisms` and `mechdesign describe`."""

import json

import pytest

from mechdesign.mechanisms import registry
from tests.cli.command_line import run

NAMES = registry.names()


def test_the_list_has_every_registered_mechanism() -> None:
    lines = run("mechanisms").out.splitlines()
    assert lines[0].split() == ["mechanism", "summary"]
    assert [line.split()[0] for line in lines[1:]] == list(NAMES)
    assert [each["mechanism"] for each in run("mechanisms", "--json").json] == list(NAMES)


def test_a_family_narrows_the_list_and_a_wrong_one_is_refused() -> None:
    assert all(each["mechanism"].startswith("voting.") for each in run("mechanisms", "voting", "--json").json)
    wrong = run("mechanisms", "votes")
    assert wrong.code == 2
    families = sorted({name.partition(".")[0] for name in NAMES})
    assert f"the families are {', '.join(families)}" in wrong.err


@pytest.mark.parametrize("name", NAMES)
def test_describe_shows_rule_claims_accounts_schemas_and_an_example_that_decide_computes(name: str) -> None:
    described = run("describe", name, "--json").json
    for key in ("rule", "claims", "accounts", "parameters", "report", "outcome"):
        assert key in described
    example = described["example"]
    ran = run("decide", name, "-", "--json", "--orders", "0", stdin=json.dumps(example["input"]))
    keys = ("mechanism", "outcome", "transfers", "accounts", "ties", "why")
    assert ran.json == {key: example["output"][key] for key in keys}


def test_describe_for_people_names_each_part() -> None:
    out = run("describe", "public.clarke").out
    for part in ("claims", "accounts", "parameters (JSON schema)", "example input", "its output", "PROVIDER"):
        assert part in out


def test_describe_says_what_each_way_of_sealing_costs() -> None:
    shown = " ".join(run("describe", "auction.second-price").out.split())
    assert "t members who collude can read early, n - t + 1 who are absent keep all closed" in shown
    assert "withhold its opening, at the price of its deposit; at no cost where none is staked" in " ".join(
        shown.split()
    )


def test_describe_warns_of_open_reports_unless_truth_is_dominant() -> None:
    assert "never run this with `--seal open`" in run("describe", "auction.first-price").out
    assert "--seal open" not in run("describe", "auction.second-price").out


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    ran = run("describe", "voting.boarda")
    assert ran.code == 2
    assert "did you mean voting.borda" in ran.err
