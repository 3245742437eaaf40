"""A node's folder: whole names, and nothing in it is ever replaced by something else."""

import os
from fractions import Fraction
from pathlib import Path

import pytest

from mechdesign.mechanisms.events import MemberConvicted, Progress, SessionAborted, SessionProposed, UserEvent
from mechdesign.node.archive import Archive


def ended(session: bytes, transcript: bytes) -> SessionAborted:
    return SessionAborted(session, "auction.second-price/1", "too few take part", (), (), transcript)


def convicted(evidence: bytes, member: str = "mallory") -> MemberConvicted:
    return MemberConvicted(member, bytes(32), "equivocation", evidence, ())  # type: ignore[arg-type] # any key will do


def proposed(session: bytes, notice: bytes) -> SessionProposed:
    terms = "alice", "voting.plurality/1", "{}", ("alice",), "open", Fraction(0), "enrolled", ""
    return SessionProposed(session, *terms, notice=notice)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "data")


def test_sessions_that_agree_in_their_first_half_have_files_of_their_own(archive: Archive) -> None:
    one, other = bytes(31) + b"\1", bytes(31) + b"\2"
    files = [archive.keep(ended(session, session)) for session in (one, other)]
    notices = [archive.keep(proposed(session, session)) for session in (one, other)]
    assert [file.read_bytes() for file in (*files, *notices) if file] == [one, other, one, other]
    assert files[0] is not None
    assert files[0].name == f"{one.hex()}.transcript"


def test_a_replay_finds_the_same_files_again(archive: Archive, tmp_path: Path) -> None:
    events: list[UserEvent] = [
        ended(bytes(32), b"transcript"),
        convicted(b"one proof"),
        convicted(b"another"),
        proposed(bytes(32), b"n"),
    ]
    first = [archive.keep(event) for event in events]
    assert [archive.keep(event) for event in events] == first
    assert sorted(file for file in first if file) == sorted((tmp_path / "data").iterdir())


def test_a_second_proof_of_one_offence_stands_beside_the_first(archive: Archive) -> None:
    first, second = archive.keep(convicted(b"one proof")), archive.keep(convicted(b"another"))
    assert first is not None
    assert second is not None
    assert first.name == "equivocation-mallory.evidence"
    assert (first.read_bytes(), second.read_bytes()) == (b"one proof", b"another")
    assert second.suffix == ".evidence"


def test_a_file_that_was_damaged_is_left_as_it_is_and_the_transcript_is_written_beside_it(archive: Archive) -> None:
    first = archive.keep(ended(bytes(32), b"transcript"))
    assert first is not None
    first.write_bytes(b"")
    again = archive.keep(ended(bytes(32), b"transcript"))
    assert again is not None
    assert (first.read_bytes(), again.read_bytes()) == (b"", b"transcript")
    assert again.suffix == ".transcript"


@pytest.mark.parametrize("member", ["../../etc", "\N{PILE OF POO}" * 64, "\N{MATHEMATICAL BOLD SMALL A}" * 64, "a b"])
def test_a_name_that_makes_no_file_name_is_replaced_by_the_whole_key(archive: Archive, member: str) -> None:
    file = archive.keep(convicted(b"proof", member))
    assert file is not None
    assert file.name == f"equivocation-{bytes(32).hex()}.evidence"


def test_what_carries_nothing_is_not_kept(archive: Archive, tmp_path: Path) -> None:
    assert archive.keep(Progress(bytes(32), "sealing", 0, 0, 1, ("alice",))) is None
    assert archive.keep(proposed(bytes(32), b"")) is None
    assert Archive(None).keep(ended(bytes(32), b"transcript")) is None
    assert list((tmp_path / "data").iterdir()) == []


def test_a_transcript_is_durable_before_the_journal_may_forget_its_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(number: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{number}") else "file")
        sync(number)

    def put(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", put)
    Archive(tmp_path).keep(SessionAborted(bytes(32), "m/1", "why", (), (), b"transcript"))
    assert steps == ["file", "name", "folder"]
