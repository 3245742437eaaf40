from decimal import Decimal

import pytest

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.formats import read_format
from mechdesign.mechanisms.inputs import decide, read_document

HEAD = (
    "# NUMBER ALTERNATIVES: 3\n# ALTERNATIVE NAME 1: tea\n# ALTERNATIVE NAME 2: milk\n# ALTERNATIVE NAME 3: rum, old\n"
)
BUDGET = "META\nkey;value\nbudget;10,5\nvote_type;{kind}\nPROJECTS\nproject_id;cost;name\np1;6;a park\np2;4.5;a road\n"


def test_orders_become_players_with_weights():
    document = read_format(HEAD + "2: 3,1\n1: 2\n", ".soi")
    assert document == {
        "parameters": {"options": ["tea", "milk", "rum, old"], "weights": {"2 x 3,1": 2}},
        "reports": {"2 x 3,1": ["rum, old", "tea"], "1 x 2": ["milk"]},
    }


def test_ties_stand_in_braces():
    document = read_format(HEAD + "2: 3,{1,2}\n4: {1,3}, 2\n", ".toc")
    assert list(document["reports"].values()) == [["rum, old", ["tea", "milk"]], [["tea", "rum, old"], "milk"]]


def test_the_first_category_is_what_is_approved():
    document = read_format(HEAD + "2: {1,3},2\n4: {},{1,2,3}\n1: 2,{1,3}\n", ".cat")
    assert list(document["reports"].values()) == [["tea", "rum, old"], [], ["milk"]]


@pytest.mark.parametrize(
    ("ending", "lines", "place"),
    [
        (".soi", "2: 3,4", "line 5, column 6: there is no option 4"),
        (".soi", "2: 3,3", "line 5, column 6: option 3 stands twice"),
        (".soi", "2: {1,2}", "line 5, column 4: ties belong into"),
        (".toi", "2: {1,2", "line 5, column 8: a brace is not closed"),
        (".toi", "2: 1,2}", "line 5, column 7: this brace closes nothing"),
        (".toi", "2: 1,x", "line 5, column 6: 'x' is no number"),
        (".toi", "2: 1 2", "line 5, column 6: a comma is missing"),
        (".toi", "2: 1,,2", "line 5, column 6: two commas"),
        (".soi", "3,1,2", "line 5, column 1: a ballot looks like"),
        (".soi", "0: 1", "line 5, column 1: a ballot looks like"),
        (".soi", "1: 1\n1: 1", "line 6, column 1: the ballot 1 stands twice"),
        (".soi", "# NUMBER VOTERS: 7\n2: 1", "line 5, column 1: NUMBER VOTERS is 7, but the file has 2"),
    ],
)
def test_errors_of_elections_name_line_and_column(ending, lines, place):
    with pytest.raises(InputError, match="line") as caught:
        read_format(HEAD + lines + "\n", ending)
    assert str(caught.value).startswith(place)


def test_a_budget_becomes_options_costs_and_ballots():
    document = read_format(BUDGET.format(kind="approval") + "VOTES\nvoter_id;vote;age\n7;p1,p2;30\n8;;31\n", ".pb")
    assert document == {
        "parameters": {"options": ["p1", "p2"], "costs": {"p1": "6", "p2": "9/2"}, "budget": "21/2"},
        "reports": {"7": ["p1", "p2"], "8": []},
    }
    assert decide("committee.greedy-approval", document).result.outcome.elected == ("p1", "p2")


def test_points_and_orders_of_budgets_are_read_too():
    points = read_format(BUDGET.format(kind="cumulative") + "VOTES\nvoter_id;vote;points\n7;p2,p1;3,1\n", ".pb")
    assert points["reports"] == {"7": {"p2": 3, "p1": 1}}
    order = read_format(BUDGET.format(kind="ordinal") + "VOTES\nvoter_id;vote\n7;p2,p1\n", ".pb")
    assert order["reports"] == {"7": ["p2", "p1"]}


@pytest.mark.parametrize(
    ("votes", "place"),
    [
        ("VOTES\nvoter_id;vote\n7;p1,p3\n", "line 11, column 3: there is no project p3"),
        ("VOTES\nvoter_id;vote\n7;p1,p1\n", "line 11, column 3: a project stands twice"),
        ("VOTES\nvoter_id;vote\n7;p1\n7;p2\n", "line 12, column 1: voter 7 stands twice"),
        ("VOTES\nvoter_id;points\n", "line 10, column 1: the section VOTES has no column vote"),
        ("p1;3;again\n", "line 9, column 1: project p1 stands twice"),
        ("p3;much;again\n", "line 9, column 4: the cost of p3"),
    ],
)
def test_errors_of_budgets_name_line_and_column(votes, place):
    with pytest.raises(InputError, match="line") as caught:
        read_format(BUDGET.format(kind="approval") + votes, ".pb")
    assert str(caught.value).startswith(place)


def test_a_table_of_bids_with_parameters():
    document = read_format("# reserve: 5\nplayer,bid\nalice,18\nbob,24.50\ncarol,\n", ".csv")
    assert document["reports"] == {"alice": 18, "bob": Decimal("24.50"), "carol": None}
    result = decide("auction.second-price", document).result
    assert str(result.outcome) == "bob wins, pays 18"


def test_a_table_of_orders_approvals_or_scores():
    orders = read_format("player,order\nalice,tea > milk = rum\nbob,rum\n", ".csv")
    assert orders["parameters"] == {"options": ["tea", "milk", "rum"]}
    assert orders["reports"] == {"alice": ["tea", ["milk", "rum"]], "bob": ["rum"]}
    approvals = read_format('# options: ["rum","tea","milk"]\nplayer,approvals\nalice,tea | milk\n', ".csv")
    assert approvals == {"parameters": {"options": ["rum", "tea", "milk"]}, "reports": {"alice": ["tea", "milk"]}}
    scores = read_format("player,tea,milk\nalice,5,\nbob,,2\n", ".csv")
    assert scores["reports"] == {"alice": {"tea": 5}, "bob": {"milk": 2}}
    assert decide("voting.score", scores).result.outcome.winner == "tea"


def test_a_table_of_choices_skips_undervotes_and_ends_at_an_overvote():
    text = "ballot_id,rank,choice\n1,2,tea\n1,1,milk\n2,1,undervote\n2,2,tea\n3,1,$OVERVOTE\n3,2,tea\n"
    assert read_format(text, ".csv")["reports"] == {"1": ["milk", "tea"], "2": ["tea"], "3": []}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("player,bid\nalice,1\nalice,2\n", "line 3, column 1: alice stands twice"),
        ("player,bid\nalice,1,2\n", "line 2, column 1: this row has 3 cells"),
        ("player,bid\n\n,2\n", "line 3, column 1: a player has no name"),
        ("player,bid,bid\n", "line 1, column 1: two columns"),
        ("", "line 1, column 1: the table has no header"),
        ("ballot,rank,choice\n1,first,tea\n", "line 2, column 3: a rank is a whole number"),
        ("ballot,rank,choice\n1,1,tea\n1,2,tea\n", "line 3, column 5: ballot 1 names tea twice"),
        ('player,bid\nalice,"1\n', "line 2, column 1: this is no row"),
    ],
)
def test_errors_of_tables_name_line_and_column(text, place):
    with pytest.raises(InputError, match="line") as caught:
        read_format(text, ".csv")
    assert str(caught.value).startswith(place)


def test_a_file_is_read_by_its_ending_and_named_in_errors(tmp_path):
    path = tmp_path / "vote.SOI"
    path.write_text(HEAD + "2: 3,1\n", encoding="utf-8")
    assert decide("voting.schulze", read_document(path)).result.outcome.winner == "rum, old"
    path.write_text(HEAD + "2: 9\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"vote\.SOI: line 5, column 4"):
        read_document(path)
