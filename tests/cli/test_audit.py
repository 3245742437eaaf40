"""``mechdesign audit`` over real files: transcripts, journals, data folders."""

from fractions import Fraction
from functools import cache

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.group.journal import Journal
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run


@cache
def lived(values, places):
    cluster = StackCluster([truthful(Fraction(value)) for value in values], 9, real=True)
    for place in places:
        cluster.simulator.start(place)
    cluster.propose(1, ProposeSession(mechanism=SecondPrice(), label="the item", **phases(400)))
    assert cluster.run(places=places)
    return cluster


@pytest.fixture
def folders(tmp_path):
    """The data folders of a member of each of two histories, and the roster."""
    made = []
    for values, places, place in (((18, 24, 21, 9), (0, 1, 2), 0), ((18, 9, 30, 26), (1, 2, 3), 3)):
        cluster = lived(values, places)
        folder = tmp_path / cluster.roster.members[place].name
        folder.mkdir()
        with Journal(folder / "journal.sqlite3", cluster.roster.ids[place], cluster.roster.digest) as journal:
            journal.write(cluster.simulator.processes[place].disk.records())
        (end,) = cluster.ended[place].values()
        (folder / "session.transcript").write_bytes(end.transcript)
        made.append(folder)
    roster = tmp_path / "roster.toml"
    roster.write_text(render_roster(lived((18, 24, 21, 9), (0, 1, 2)).roster, {}))
    return *made, roster


@pytest.mark.parametrize("source", ["", "journal.sqlite3", "session.transcript"])
def test_two_histories_name_who_signed_both_with_evidence_that_verify_accepts(source, folders, tmp_path):
    one, other, roster = folders
    out = tmp_path / "evidence"
    told = run("audit", one / source, other / source, "--roster", roster, "--out", out, "--json")
    assert told.code == 1
    assert told.json["agree"] is False
    assert told.json["least"] == 2
    assert {each["name"] for each in told.json["named"]} == {"bob", "carol"}
    for each in told.json["named"]:
        checked = run("verify", each["evidence"], "--roster", roster, "--json")
        assert checked.code == 0
        assert checked.json["member"] == each["name"]


def test_it_says_in_words_who_did_what(folders):
    one, other, roster = folders
    told = run("audit", one, other, "--roster", roster)
    assert told.code == 1
    assert "at least 2 members signed on both sides (2q - n); 2 are named:" in told.out
    assert "  bob: two " in told.out
    assert "alice:" not in told.out


def test_what_agrees_is_said_to_agree_and_what_is_longer_to_be_longer(folders):
    one, _, roster = folders
    told = run("audit", one / "session.transcript", one / "journal.sqlite3", "--roster", roster)
    assert told.code == 0
    assert "do not disagree; compared: " in told.out
    assert "journal.sqlite3 is longer by " in told.out
    same = run("audit", one, one, "--roster", roster, "--json")
    assert (same.code, same.json["agree"], same.json["only"]) == (0, True, [0, 0])


def test_a_journal_is_left_as_it_was(folders):
    one, other, roster = folders
    before = {path.name: path.read_bytes() for path in one.iterdir()}
    run("audit", one, other, "--roster", roster)
    assert {path.name: path.read_bytes() for path in one.iterdir()} == before


def test_a_journal_can_be_read_while_its_node_holds_it(folders):
    one, _, roster = folders
    cluster = lived((18, 24, 21, 9), (0, 1, 2))
    with Journal(one / "journal.sqlite3", cluster.roster.ids[0], cluster.roster.digest):
        assert run("audit", one / "journal.sqlite3", one / "session.transcript", "--roster", roster).code == 0


def test_what_is_no_history_is_refused_in_one_line(folders, tmp_path):
    one, _, roster = folders
    (tmp_path / "empty").mkdir()
    (tmp_path / "nonsense").write_bytes(b"nonsense")
    (tmp_path / "damaged").write_bytes((one / "journal.sqlite3").read_bytes()[:4096])
    for name, code in (("empty", 2), ("nonsense", 1), ("damaged", 2), ("absent", 2)):
        told = run("audit", tmp_path / name, one, "--roster", roster)
        assert told.code == code, name
        assert len((told.out + told.err).splitlines()) <= 2
    assert run("audit", one / "journal.sqlite3", one / "journal.sqlite3").code == 2
