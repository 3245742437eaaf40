"""Whoever trusts a group's first roster alone checks what it settled after its members changed."""

from functools import cache
from pathlib import Path

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import Equivocation, Signed, encode_evidence
from mechdesign.group.journal import Journal
from mechdesign.kernel.wire import decode, encode
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run

JOINS, LEAVES = 4, 3


@cache
def lived() -> StackCluster:
    """Four members settle a session, erin joins, a second one, dave leaves, a third one."""
    cluster = StackCluster([truthful(10 + place) for place in range(5)], 6, founders=4, real=True)
    cluster.start()
    sale = ProposeSession(mechanism=SecondPrice(), accounts={"SELLER": "the harbour"}, **phases(1500))
    cluster.propose(0, sale)
    assert cluster.run(1, places=range(4))
    cluster.invite(JOINS)
    assert cluster.in_epoch(1)
    cluster.propose(0, sale)
    assert cluster.run(2, places=range(4))
    cluster.leave(LEAVES)
    assert cluster.in_epoch(2, places=[0, 1, 2, JOINS])
    cluster.propose(0, sale)
    assert cluster.run(3, places=range(3))
    assert cluster.run(2, places=[JOINS])
    return cluster


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The first roster, everybody's journal, and the transcripts of the three epochs."""
    cluster = lived()
    (tmp_path / "first.toml").write_text(render_roster(cluster.roster, {}))
    for place in range(5):
        (tmp_path / cluster.name(place)).mkdir()
        path = tmp_path / cluster.name(place) / "journal.sqlite3"
        with Journal(path, cluster.stack(place).signer.public, cluster.roster.digest) as journal:
            journal.write(cluster.simulator.processes[place].disk.records())
    for epoch, end in enumerate(cluster.ended[0].values()):
        (tmp_path / f"{epoch}.transcript").write_bytes(end.transcript or b"")
    return tmp_path


def followed(folder: Path) -> Path:
    """What the command writes from alice's data folder."""
    out = folder / "club.succession"
    assert run("succession", folder / "alice", "--roster", folder / "first.toml", "--out", out).code == 0
    return out


def test_it_shows_every_epoch_with_its_members(folder: Path) -> None:
    told = run("succession", folder / "alice", "--roster", folder / "first.toml", "--json")
    assert [(each["epoch"], "".join(name[0] for name in each["members"])) for each in told.json["epochs"]] == [
        (0, "abcd"),
        (1, "abcde"),
        (2, "abce"),
    ]
    table = run("succession", folder / "alice", "--roster", folder / "first.toml")
    assert all(each["fingerprint"] in table.out for each in told.json["epochs"])


@pytest.mark.parametrize("epoch", range(3))
def test_a_transcript_of_any_epoch_is_authentic_by_the_first_roster_and_what_followed(folder: Path, epoch: int) -> None:
    path, first = folder / f"{epoch}.transcript", folder / "first.toml"
    for source in (followed(folder), folder / "bob", folder / "bob" / "journal.sqlite3"):
        told = run("verify", path, "--roster", first, "--succession", source, "--json")
        assert (told.code, told.json["authentic"], told.json["epoch"]) == (0, True, epoch)
    alone = run("verify", path, "--roster", first)
    assert alone.code == (1 if epoch else 0)
    if epoch:
        assert alone.out.startswith("does not hold: roster: the transcript is of roster ")
        assert f"(epoch {epoch}), not " in alone.out


def test_a_transcript_of_another_group_is_refused_all_the_same(folder: Path) -> None:
    other = StackCluster([truthful(10), truthful(20)], 9, real=True)
    other.start()
    other.propose(0, ProposeSession(mechanism=SecondPrice(), **phases(1500)))
    assert other.run(1)
    (end,) = other.ended[0].values()
    (folder / "other.transcript").write_bytes(end.transcript or b"")
    trusted = "--roster", folder / "first.toml", "--succession", followed(folder)
    told = run("verify", folder / "other.transcript", *trusted)
    assert told.code == 1
    assert told.out.endswith("nor of one that follows from it\n")


def test_an_evidence_holds_against_a_member_that_came_later(folder: Path) -> None:
    stack, proof = lived().stack(JOINS), folder / "cheat.evidence"
    place = stack.roster.ids.index(stack.signer.public)
    parents = [genesis(stack.roster, place)]
    blocks = [make_block(stack.roster, stack.signer, 0, parents, (), [leaf]) for leaf in (b"one", b"two")]
    proof.write_bytes(encode_evidence(Equivocation(*(Signed(block.encoded, block.signature) for block in blocks))))
    first = "--roster", folder / "first.toml"
    assert run("verify", proof, *first).code == 1
    told = run("verify", proof, *first, "--succession", followed(folder), "--json")
    assert (told.code, told.json["member"]) == (0, "erin")


def held(*arguments: str | Path) -> dict[str, str]:
    told = run("ledger", "balances", *arguments, "--json")
    assert told.code == 0, told.out
    return {line["party"]: line["amount"] for line in told.json["balances"] if line["amount"] != "0"}


def test_the_ledger_of_all_epochs_needs_the_first_roster_and_what_followed(folder: Path) -> None:
    paths = [folder / f"{epoch}.transcript" for epoch in range(3)]
    first = "--roster", folder / "first.toml"
    for given in (paths, [folder / "alice"], [folder / "erin"]):
        assert run("ledger", "balances", *given, *first).code == 1
        assert held(*given, *first, "--succession", followed(folder)) == held(folder / "alice")


def test_journals_are_compared_by_the_first_roster_and_what_followed(folder: Path) -> None:
    trusted = "--roster", folder / "first.toml", "--succession", followed(folder)
    assert run("audit", folder / "alice", folder / "erin", *trusted, "--json").json["agree"]


def test_whoever_came_later_has_only_what_followed_since_and_an_older_file_leads_there(folder: Path) -> None:
    first, older = folder / "first.toml", folder / "older.succession"
    epochs = run("succession", folder / "erin", "--roster", first, "--json").json["epochs"]
    assert len(epochs) in (1, 3), "erin's journal begins with the end of the first epoch, or behind it"
    certificates = decode(followed(folder).read_bytes())
    assert isinstance(certificates, tuple)
    older.write_bytes(encode(certificates[:1]))
    assert len(run("succession", older, "--roster", first, "--json").json["epochs"]) == 2
    assert len(run("succession", older, folder / "erin", "--roster", first, "--json").json["epochs"]) == 3


def test_a_certificate_that_no_quorum_signed_is_refused(folder: Path) -> None:
    path = followed(folder)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # in the last signature
    path.write_bytes(data)
    told = run("succession", path, "--roster", folder / "first.toml")
    assert told.code == 1
    assert told.out.startswith("does not hold: succession: ")
    told = run("verify", folder / "2.transcript", "--roster", folder / "first.toml", "--succession", path)
    assert told.code == 1
    assert told.out.startswith("does not hold: succession: ")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x01", b"nonsense", b"\xdd\xff\xff\xff\xff"])
def test_a_file_that_is_something_else_is_named(folder: Path, data: bytes) -> None:
    path = folder / "club.succession"
    path.write_bytes(data)
    told = run("succession", path, "--roster", folder / "first.toml")
    assert told.code == 2
    assert "club.succession: neither a journal nor what `mechdesign succession` writes" in told.err


def test_nothing_follows_from_no_roster(folder: Path) -> None:
    told = run("verify", folder / "1.transcript", "--succession", folder / "alice")
    assert told.code == 2
    assert "name that with --roster" in told.err
