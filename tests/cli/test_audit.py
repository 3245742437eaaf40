"""``mechdesign audit`` over real files: transcripts, journals, data folders."""

import re
from fractions import Fraction
from functools import cache

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.membership import member_of
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.evidence import TwoCheckpoints, encode_evidence
from mechdesign.group.journal import Journal
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.settlement import settle_sync
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


@cache
def unfinished(places):
    """A run that has ordered a proposal and answers to it, and decided nothing."""
    cluster = StackCluster([truthful(Fraction(value)) for value in (18, 24, 21, 9)], 9, real=True)
    for place in places:
        cluster.simulator.start(place)
    cluster.propose(1, ProposeSession(mechanism=SecondPrice(), label=f"of {places}", **phases(60_000)))
    cluster.simulator.run(cluster.simulator.now + 2_000_000)
    assert cluster.ended == [{}] * 4
    return cluster


def journal_of(cluster, place, path):
    with Journal(path, cluster.roster.ids[place], cluster.roster.digest) as journal:
        journal.write(cluster.simulator.processes[place].disk.records())
    return path


def test_journals_without_a_decision_show_where_their_logs_part_and_who_signed_both(tmp_path):
    one = journal_of(unfinished((0, 1, 2)), 0, tmp_path / "one")
    other = journal_of(unfinished((1, 2, 3)), 3, tmp_path / "other")
    roster = tmp_path / "roster.toml"
    roster.write_text(render_roster(unfinished((0, 1, 2)).roster, {}))
    told = run("audit", one, other, "--roster", roster, "--out", tmp_path / "evidence", "--json")
    assert (told.code, told.json["agree"], told.json["least"]) == (1, False, 2)
    (about,) = told.json["disagreements"]
    found = re.fullmatch(r"what stands at position 0 of the log: (.*) by round \d+, or (.*) by round \d+", about)
    assert found is not None, about
    assert [each.split()[0] for each in found.groups()] == ["PROPOSE", "PROPOSE"]
    assert {each["name"] for each in told.json["named"]} == {"bob", "carol"}
    for each in told.json["named"]:
        assert run("verify", each["evidence"], "--roster", roster).code == 0


def test_journals_of_one_log_agree_position_by_position(tmp_path):
    cluster = lived((18, 24, 21, 9), (0, 1, 2))
    paths = [journal_of(cluster, place, tmp_path / str(place)) for place in (0, 2)]
    roster = tmp_path / "roster.toml"
    roster.write_text(render_roster(cluster.roster, {}))
    told = run("audit", *paths, "--roster", roster, "--json")
    assert (told.code, told.json["disagreements"]) == (0, [])
    assert told.json["compared"]["log positions"] >= 10


def test_histories_of_different_groups_are_not_compared(tmp_path):
    strange = settle_sync(SecondPrice(), {"alice": 1, "bob": 2})
    other = settle_sync(SecondPrice(), {"alice": 1, "bob": 2})
    for name, made in (("one", strange), ("other", other)):
        (tmp_path / name).write_bytes(made.transcript)
    told = run("audit", tmp_path / "one", tmp_path / "other")
    assert told.code == 2
    assert "no epoch in common" in " ".join(told.err.split())
    journal = journal_of(lived((18, 24, 21, 9), (0, 1, 2)), 0, tmp_path / "journal")
    told = run("audit", journal, tmp_path / "one")
    assert told.code == 2
    assert "name it with --roster" in " ".join(told.err.split())


def test_two_signed_checkpoints_are_evidence_that_verify_accepts(tmp_path):
    liar = Identity.generate()
    keys = [liar, *(Identity.generate() for _ in range(3))]
    members = tuple(member_of(each, name) for each, name in zip(keys, ("alice", "bob", "carol", "dave"), strict=True))
    roster = Roster("harbour", members, FaultModel.BYZANTINE)
    signed = [(name, sign_checkpoint(64, name, roster, liar)) for name in (b"a" * 32, b"b" * 32)]
    (tmp_path / "proof").write_bytes(encode_evidence(TwoCheckpoints(liar.public, 64, signed[0], signed[1])))
    (tmp_path / "roster.toml").write_text(render_roster(roster, {}))
    told = run("verify", tmp_path / "proof", "--roster", tmp_path / "roster.toml", "--json")
    assert (told.code, told.json["member"], told.json["offence"]) == (0, "alice", "two-checkpoints")


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
