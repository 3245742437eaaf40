"""An election of participants that are not members: their ballots by the command line, four members as processes."""

import json
from pathlib import Path

from mechdesign.decision.ballots.ballot import Ballot
from tests.cli.command_line import Ran, run
from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")
VOTERS = ("vera", "victor", "viola")


def _ran(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def _roll(folder: Path) -> tuple[Path, str]:
    records = []
    for voter in VOTERS:
        record = folder / f"{voter}.toml"
        _ran(run("keygen", folder / f"{voter}.pem", "--name", voter, "--record", record))
        records.append(record)
    path = folder / "election.roll"
    return path, _ran(run("roll", *records, "-o", path)).out


def test_an_election_from_key_files_to_a_transcript_that_verifies(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=60) as nodes:
        folder = nodes.folder.path
        roll, terms = _roll(folder)
        config = nodes.folder.config("alice")
        config.write_text(
            config.read_text()
            + '\n[[propose]]\nmechanism = "voting.plurality"\nparameters = { options = ["tea", "coffee"] }\n'
            + f"enrol_s = 60\nreport_s = 60\nopen_s = 60\nattest_s = 60\n{terms}"
        )
        nodes.start(*NAMES)
        data = nodes.folder.data("bob")
        nodes.wait(lambda: bool(list(data.glob("*.notice"))), "bob's node has written the notice")
        (notice,) = data.glob("*.notice")
        nodes.wait(
            lambda: all(
                any(record["phase"] == "gathering" for record in nodes.lives[name].of("progress")) for name in NAMES
            ),
            "ballots are gathered",
        )
        ballots = []
        for voter, choice in zip(VOTERS, ("coffee", "tea", "coffee"), strict=True):
            ballot = folder / f"{voter}.ballot"
            key = ("--key", folder / f"{voter}.pem", "--roll", roll, "--roster", folder / "roster.toml")
            _ran(run("ballot", notice, json.dumps(choice), *key, "-o", ballot))
            ballots.append(ballot)
        _ran(run("carry", data, *ballots[:2], notice))
        _ran(run("carry", nodes.folder.data("carol"), *ballots))
        nodes.wait_settled(list(NAMES), 1)
        carried = nodes.lives["bob"].of("carried")
        assert [record["taken"] for record in carried if record["taken"]] == [1, 1]
        assert [record["refused"] for record in carried if record["refused"]] == [
            ["no open session with a roll is called so"]
        ]
        waited = run("status", data, "--json").json["waited"]
        assert {each["member"] for each in waited} == set(NAMES)
        assert all(each["longest_s"] <= each["total_s"] for each in waited)
        (transcript,) = data.glob("*.transcript")
        found = _ran(run("verify", transcript, "--roster", folder / "roster.toml", "--json")).json
        assert found["players"] == list(VOTERS)
        assert found["outcome"] == "coffee wins with 2"


def test_a_ballot_says_what_is_wrong_with_it_before_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "no.notice").write_bytes(b"nothing")
    roll, terms = _roll(tmp_path)
    assert terms.splitlines()[1] == "rolled = 3"
    options = ("--key", tmp_path / "vera.pem", "--roll", roll, "-o", tmp_path / "ballot")
    ran = run("ballot", tmp_path / "no.notice", "1", *options)
    assert ran.code == 2
    assert "not a notice of a session" in ran.err
    twice = run("roll", tmp_path / "vera.toml", tmp_path / "vera.toml", "-o", tmp_path / "twice")
    assert "share a key or a name" in twice.err
    assert Ballot.parse((tmp_path / "no.notice").read_bytes()) is None
