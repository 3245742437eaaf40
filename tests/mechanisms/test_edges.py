"""Defined results for one player, no reports, all tied, and some absent."""

from typing import Any

import pytest

from mechdesign.mechanisms.inputs import decide

VOTE = {"options": ["x", "y", "z"]}


def decided(mechanism: str, reports: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return decide(mechanism, {"parameters": parameters, "reports": reports}).document()


@pytest.mark.parametrize(
    ("mechanism", "reports", "parameters", "outcome", "transfers"),
    [
        ("auction.second-price", {"a": 9}, {"reserve": 5}, {"winner": "a", "price": "5"}, ["-5"]),
        ("auction.second-price", {"a": 9}, {}, {"winner": "a", "price": "0"}, ["0"]),
        ("auction.second-price", {"a": 4, "b": 3}, {"reserve": 5}, {"winner": None, "price": "0"}, ["0", "0"]),
        ("auction.second-price", {"a": 7, "b": 3}, {"reserve": 5}, {"winner": "a", "price": "5"}, ["-5", "0"]),
        ("auction.second-price", {"a": 7, "b": 6}, {"reserve": 5}, {"winner": "a", "price": "6"}, ["-6", "0"]),
        ("auction.second-price", {"a": 5}, {"reserve": 5}, {"winner": "a", "price": "5"}, ["-5"]),
        ("auction.second-price", {}, {}, {"winner": None, "price": "0"}, []),
        ("auction.second-price", {"a": None, "b": 3}, {}, {"winner": "b", "price": "0"}, ["0", "0"]),
        ("auction.second-price", {"b": 7, "a": 7, "c": 7}, {}, {"winner": "b", "price": "7"}, ["-7", "0", "0"]),
        ("auction.second-price", {"a": 0, "b": 0}, {}, {"winner": "a", "price": "0"}, ["0", "0"]),
        ("auction.first-price", {"a": "18.50", "b": "1/3"}, {}, {"winner": "a", "price": "37/2"}, ["-37/2", "0"]),
        ("auction.first-price", {}, {}, {"winner": None, "price": "0"}, []),
        ("auction.bailey-cavallo", {"a": 9}, {}, {"winner": "a", "price": "0"}, ["0"]),
        ("auction.bailey-cavallo", {"a": 9, "b": 7}, {}, {"winner": "a", "price": "7"}, ["-7", "0"]),
        ("auction.bailey-cavallo", {"a": 6, "b": 6, "c": 6}, {}, {"winner": "a", "price": "6"}, ["-4", "2", "2"]),
        ("public.clarke", {"a": 10}, {"cost": 10}, {"built": True}, ["-10"]),
        ("public.clarke", {}, {"cost": 10}, {"built": False}, []),
        ("public.clarke", {"a": None, "b": None}, {"cost": 10}, {"built": False}, ["0", "0"]),
        ("public.clarke", {"a": None, "b": 10}, {"cost": 10}, {"built": True}, ["-5", "-10"]),
        ("cost.equal-share", {}, {"cost": 6}, {"served": [], "shares": {}}, []),
        ("cost.equal-share", {"a": 5}, {"cost": 6}, {"served": [], "shares": {}}, ["0"]),
        ("cost.equal-share", {"a": 6}, {"cost": 6}, {"served": ["a"], "shares": {"a": "6"}}, ["-6"]),
        (
            "cost.equal-share",
            {"a": True, "b": 1, "c": False, "d": 3},
            {"cost": 6},
            {"served": ["a", "d"], "shares": {"a": "3", "d": "3"}},
            ["-3", "0", "0", "-3"],
        ),
        ("cost.airport", {}, {}, {"cost": "0", "shares": {}}, []),
        ("cost.airport", {"a": 7, "b": None}, {}, {"cost": "7", "shares": {"a": "7"}}, ["-7", "0"]),
        (
            "cost.airport",
            {"a": 0, "b": 5, "c": 5},
            {},
            {"cost": "5", "shares": {"a": "0", "b": "5/2", "c": "5/2"}},
            ["0", "-5/2", "-5/2"],
        ),
        ("voting.plurality", {}, VOTE, {"winner": None, "tied": [], "scores": {"x": "0", "y": "0", "z": "0"}}, []),
        (
            "voting.plurality",
            {"a": "z"},
            VOTE,
            {"winner": "z", "tied": ["z"], "scores": {"x": "0", "y": "0", "z": "1"}},
            ["0"],
        ),
        (
            "voting.borda",
            {"a": ["z", "x", "y"], "b": ["x", "z", "y"]},
            VOTE,
            {"winner": "x", "tied": ["x", "z"], "scores": {"x": "3", "y": "0", "z": "3"}},
            ["0", "0"],
        ),
    ],
)
def test_the_result_is_defined(
    mechanism: str, reports: dict[str, Any], parameters: dict[str, Any], outcome: dict[str, Any], transfers: list[str]
) -> None:
    document = decided(mechanism, reports, **parameters)
    assert document["outcome"] == outcome
    assert list(document["transfers"]) == list(reports)
    assert list(document["transfers"].values()) == transfers


def test_a_tie_is_shown_with_the_rule_that_broke_it() -> None:
    reports = {"a": 7, "b": 7, "c": 3}
    plain = decided("auction.second-price", reports)
    assert plain["ties"] == [
        {"about": "the highest bid", "among": ["a", "b"], "order": ["a", "b"], "rule": "lexicographic"}
    ]
    given = decided("auction.second-price", reports, ties=["b"])
    assert given["outcome"]["winner"] == "b"
    assert given["ties"][0]["rule"] == "given"


def test_a_coin_breaks_ties_alike_for_one_seed_and_both_ways_over_seeds() -> None:
    reports = {"a": 7, "b": 7}
    winners = [
        decided("auction.second-price", reports, ties="by_coin", seed=seed)["outcome"]["winner"] for seed in range(20)
    ]
    again = [
        decided("auction.second-price", reports, ties="by_coin", seed=seed)["outcome"]["winner"] for seed in range(20)
    ]
    assert winners == again
    assert set(winners) == {"a", "b"}


def test_who_is_pivotal_is_said() -> None:
    why = decided("public.clarke", {"A": 110, "B": 80, "C": 120}, cost=300)["why"]
    assert [reason["text"] for reason in why] == ["build is worth most", "C is pivotal: without it, reject"]


def test_who_would_not_pay_is_said_round_by_round() -> None:
    why = decided("cost.equal-share", {"A": 7, "B": 3, "C": 5}, cost=12)["why"]
    assert [reason["text"] for reason in why] == [
        "nobody is left",
        "round 1: B would not pay the share",
        "round 2: C would not pay the share",
        "round 3: A would not pay the share",
    ]
