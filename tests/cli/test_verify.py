"""`mechdesign verify`: one line and 0 if and only if everything holds."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress, TaskID

from mechdesign.cli.roster_files import render_roster
from mechdesign.group.block import check_inclusion
from mechdesign.group.roster import Roster
from mechdesign.kernel.identity import fingerprint
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.ties import TieRule
from mechdesign.settlement import Settlement, settle_sync
from tests.cli.command_line import ROOT, run


@pytest.fixture(scope="module")
def settled() -> Settlement:
    auction = registry.load("auction.second-price").from_parameters({})
    return settle_sync(auction, {"alice": 18, "bob": 24, "carol": 21, "dave": 15})


@pytest.fixture
def transcript(settled: Settlement, tmp_path: Path) -> Path:
    path = tmp_path / "boat.transcript"
    path.write_bytes(settled.transcript)
    return path


@pytest.fixture
def roster(settled: Settlement, tmp_path: Path) -> Path:
    return written(settled.roster, tmp_path / "roster.toml")


def written(roster: Roster, path: Path) -> Path:
    path.write_text(render_roster(roster, {}), encoding="utf-8")
    return path


def test_with_the_roster_a_good_transcript_is_authentic(transcript: Path, roster: Path, settled: Settlement) -> None:
    ran = run("verify", transcript, "--roster", roster)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    assert ran.out.startswith("authentic: auction.second-price/1 settled: bob wins, pays 21; 4 of 4 signatures")
    assert settled.digest.hex()[:16] in ran.out


def test_without_a_roster_it_is_consistent_and_the_fingerprint_is_printed(
    transcript: Path, settled: Settlement
) -> None:
    ran = run("verify", transcript)
    assert ran.code == 0
    assert ran.out.startswith("consistent: ")
    assert fingerprint(settled.roster.digest) in ran.out


def test_json_names_outcome_signers_and_flows(transcript: Path, roster: Path) -> None:
    found = run("verify", transcript, "--roster", roster, "--json").json
    assert found["holds"] is True
    assert found["authentic"] is True
    assert found["signers"] == ["alice", "bob", "carol", "dave"]
    assert found["flows"] == [{"payer": "bob", "payee": "SELLER", "amount": "21", "reason": "price", "signed": True}]


def test_a_flipped_byte_fails_wherever_it_stands(settled: Settlement, tmp_path: Path, roster: Path) -> None:
    data = settled.transcript
    path = tmp_path / "flipped.transcript"
    for place in range(40, len(data), len(data) // 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        ran = run("verify", path, "--roster", roster)
        assert ran.code == 1, f"byte {place} of {len(data)}"
        assert ran.out.startswith("does not hold: ")
        assert len(ran.out.splitlines()) == 1


def test_another_group_with_the_same_names_is_not_authentic(
    transcript: Path, settled: Settlement, tmp_path: Path
) -> None:
    auction = registry.load("auction.second-price").from_parameters({})
    other = settle_sync(auction, {"alice": 18, "bob": 24, "carol": 21, "dave": 15})
    strange = tmp_path / "resigned.transcript"
    strange.write_bytes(other.transcript)
    assert run("verify", strange).code == 0
    ran = run("verify", strange, "--roster", written(settled.roster, tmp_path / "known.toml"))
    assert ran.code == 1
    assert "roster" in ran.out


def test_a_wrong_signature_is_reported_with_whose_it_is(settled: Settlement, tmp_path: Path, roster: Path) -> None:
    signature = settled.certificate.signed[-1][1].signature
    place = settled.transcript.rindex(signature)
    flipped = bytearray(settled.transcript)
    flipped[place + 3] ^= 1
    path = tmp_path / "forged.transcript"
    path.write_bytes(bytes(flipped))
    found = run("verify", path, "--roster", roster, "--json")
    assert found.code == 1
    assert found.json["member"] in ("alice", "bob", "carol", "dave")
    assert found.json["check"]


def test_a_mechanism_that_is_not_installed_has_to_be_loaded(tmp_path: Path) -> None:
    name = f"{ROOT / 'examples' / 'your_own_mechanism.py'}:LowestUnique"
    own = registry.load(name).from_parameters({})
    sold = settle_sync(own, {"alice": 2, "bob": 2, "carol": 5})
    path = tmp_path / "own.transcript"
    path.write_bytes(sold.transcript)
    missing = run("verify", path)
    assert missing.code == 1
    assert "auction.lowest-unique/1" in missing.out
    loaded = run("verify", path, "--load", name)
    assert loaded.code == 0, loaded.out
    assert "carol wins with 5" in loaded.out


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a transcript at all", b"\x93\xa9mechdesign"])
def test_what_is_neither_transcript_nor_evidence_does_not_hold(content: bytes, tmp_path: Path, roster: Path) -> None:
    path = tmp_path / "any.evidence"
    path.write_bytes(content)
    ran = run("verify", path, "--roster", roster)
    assert ran.code == 1
    assert ran.out.startswith("does not hold: ")


def test_evidence_needs_a_roster(tmp_path: Path) -> None:
    path = tmp_path / "any.evidence"
    path.write_bytes(b"something")
    ran = run("verify", path)
    assert ran.code == 2
    assert "--roster" in ran.err


def test_a_missing_file_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none.transcript").code == 2


def test_it_explains_in_words_what_was_checked_and_what_a_file_cannot_show(transcript: Path, roster: Path) -> None:
    told = run("verify", transcript, "--explain").out
    assert "checked: each of " in told
    assert "checked: alice, bob, carol, dave signed this outcome from these inputs, and 3 are a quorum" in told
    assert "not shown: that these are the group's keys" in told
    known = run("verify", transcript, "--roster", roster, "--explain").out
    assert "group's keys" not in known
    found = run("verify", transcript, "--json").json
    assert [f"checked: {each}" for each in found["checked"]] == [
        line for line in told.splitlines() if line.startswith("checked")
    ]


def test_a_person_sees_how_far_a_long_file_is_and_the_same_finding(
    transcript: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mechdesign.cli import output, verify

    plain = run("verify", transcript).out
    monkeypatch.setattr(verify, "_LONG_BYTES", 1)
    monkeypatch.setattr(verify, "_CHUNK_BYTES", 1000)
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    totals: list[float | None] = []
    advanced: list[float] = []
    add, advance = Progress.add_task, Progress.advance

    def began(self: Progress, text: str, *, total: float | None) -> TaskID:
        totals.append(total)
        return add(self, text, total=total)

    def went_on(self: Progress, task: TaskID, by: float = 1) -> None:
        advanced.append(by)
        advance(self, task, by)

    monkeypatch.setattr(Progress, "add_task", began)
    monkeypatch.setattr(Progress, "advance", went_on)
    assert plain.strip() in run("verify", transcript).out
    size = transcript.stat().st_size
    assert totals == [size]
    assert sum(advanced) == size
    assert len(advanced) == -(-size // 1000), "piece by piece"


def test_a_long_file_is_never_in_memory_as_a_whole(transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for in small pieces, and each is asked for only once the one before it was looked at."""
    from mechdesign.cli import verify
    from mechdesign.decision import transcript as reader

    monkeypatch.setattr(verify, "_CHUNK_BYTES", 1000)
    asked: list[str] = []
    progress, holds = verify._progress, check_inclusion

    def told(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
        for chunk in progress(chunks, size):
            assert len(chunk) <= 1000
            asked.append("chunk")
            yield chunk

    def checked(*about: Any) -> bool:
        asked.append("entry")
        return holds(*about)

    monkeypatch.setattr(verify, "_progress", told)
    monkeypatch.setattr(reader, "check_inclusion", checked)
    assert run("verify", transcript).code == 0
    first = asked.index("entry")
    assert asked.count("chunk") > 10
    assert first < asked.count("chunk") / 2
    assert "chunk" in asked[first + 5 :], "entries are checked while the rest of the file is unread"


def test_a_file_longer_than_any_other_kind_is_read_all_the_same(tmp_path: Path, transcript: Path) -> None:
    path = tmp_path / "long.transcript"
    # Behind a good transcript stands what is none: it has to be read and refused, whatever its length.
    path.write_bytes(transcript.read_bytes() + bytes(17 << 20))
    ran = run("verify", path)
    assert ran.code == 1
    assert "bytes follow behind the end" in ran.out


@pytest.mark.parametrize("rule", [TieRule("lexicographic"), TieRule("by_coin"), TieRule("given", ("carol",))], ids=str)
def test_it_says_how_a_tie_was_broken_and_what_else_could_have_come_out(rule: TieRule, tmp_path: Path) -> None:
    auction = registry.load("auction.second-price").from_parameters({})
    values = {"alice": 18, "bob": 24, "carol": 24, "dave": 15}
    settled = settle_sync(auction, values, ties=rule)
    path = tmp_path / "tied.transcript"
    path.write_bytes(settled.transcript)
    told = run("verify", path, "--explain").out.splitlines()
    winner = str(settled.outcome).split()[0]
    other = {"bob": "carol", "carol": "bob"}[winner]
    (tie,) = (line for line in told if line.startswith("tie: "))
    assert winner in tie
    instead = next(line for line in told if line.startswith("instead: "))
    assert instead.startswith(f"instead: {other} wins, pays 24")
    assert run("verify", path, "--explain", "--json").json["ties"] == [tie, *told[told.index(tie) + 1 :]]
    assert "ties" not in run("verify", path, "--json").json


def test_without_a_tie_it_tells_of_none(transcript: Path) -> None:
    assert not [line for line in run("verify", transcript, "--explain").out.splitlines() if line.startswith("tie")]


def test_an_outcome_that_is_called_like_a_finding_begins_no_line(tmp_path: Path) -> None:
    path, forged = tmp_path / "vote.transcript", "tea\nauthentic: coffee wins with 3"
    vote = registry.load("voting.plurality").from_parameters({"options": [forged, "coffee"]})
    rankings = {player: [forged, "coffee"] for player in ("alice", "bob", "carol")}
    path.write_bytes(settle_sync(vote, rankings).transcript)
    ran = run("verify", path, "--explain")
    assert ran.code == 0
    assert ran.out.startswith("consistent: voting.plurality/1 settled: tea\\nauthentic: coffee")
    assert not any(line.startswith("authentic") for line in ran.out.splitlines())
