"""Real elections with published results; the files are not part of the repository."""

import os
from pathlib import Path

import pytest

from mechdesign.mechanisms.inputs import decide, read_document

DATA = Path(os.environ.get("MECHDESIGN_DATA") or Path(__file__).parents[4] / "shared" / "data")
pytestmark = pytest.mark.skipif(
    not (DATA / "elections").is_dir(), reason="the folder of real elections is absent (set MECHDESIGN_DATA)"
)


@pytest.fixture(scope="module")
def debian():
    return read_document(DATA / "elections" / "debian-2002-leader.soi")


@pytest.fixture(scope="module")
def burlington():
    return read_document(DATA / "elections" / "burlington-2009-mayor.csv")


@pytest.mark.parametrize(
    "rule",
    ["copeland", "minimax", "schulze", "ranked-pairs", "kemeny", "black", "nanson", "baldwin", "split-cycle"],
)
def test_every_condorcet_method_elects_garbee_leader_of_debian_in_2002(rule, debian):
    assert decide(f"voting.{rule}", debian).result.outcome.tied == ("Bdale Garbee",)


def test_garbee_beats_the_others_by_the_published_votes(debian):
    support = decide("voting.copeland", debian).result.why[-1].data["support"]
    against = {name: (votes, support[name]["Bdale Garbee"]) for name, votes in support["Bdale Garbee"].items()}
    assert against == {
        "Branden Robinson": (291, 180),
        "Raphael Hertzog": (327, 140),
        "Bdale Garbee": (0, 0),
        "None Of The Above": (444, 18),
    }


def test_instant_runoff_elects_kiss_in_burlington(burlington):
    result = decide("voting.irv", burlington).result
    last = result.why[-1].data
    assert str(result.outcome) == "Bob Kiss wins"
    assert (last["counts"], last["exhausted"]) == ({"Bob Kiss": 4313, "Kurt Wright": 4060}, 607)


def test_the_condorcet_winner_of_burlington_is_montroll(burlington):
    result = decide("voting.schulze", burlington).result
    assert result.outcome.tied == ("Andy Montroll",)
    assert "Condorcet winner" in result.why[-1].text
