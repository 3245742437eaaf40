"""``mechdesign verify`` on the transcript of a session that ended without an outcome."""

from pathlib import Path

from mechdesign.mechanisms.events import ProposeSession, SessionAborted
from mechdesign.mechanisms.registry import load
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run


def aborted() -> bytes:
    """Three of four enrol where all four are wanted; real signatures."""
    cluster = StackCluster([truthful(value) for value in (5, 6, 7, 8)], 11, real=True)
    cluster.start()
    cluster.run(1, seconds=2)
    cluster.simulator.crash(3)
    cluster.propose(0, ProposeSession(mechanism=load("auction.second-price")(), players_min=4, **phases(500)))
    assert cluster.run(1, seconds=60, places=[0, 1, 2])
    ends = [end for place in range(3) for end in cluster.ended[place].values()]
    assert len({end.transcript for end in ends}) == 1
    (first, *_) = ends
    assert isinstance(first, SessionAborted)
    assert first.transcript is not None
    return first.transcript


def test_an_aborted_session_verifies_with_its_cause(tmp_path: Path) -> None:
    data = aborted()
    file = tmp_path / "aborted.transcript"
    file.write_bytes(data)
    ran = run("verify", file)
    assert ran.code == 0, ran.err
    assert "auction.second-price/1 aborted: 3 of at least 4 players enrolled" in ran.out
    assert "that no entry is left out nobody signs" in ran.out
    found = run("verify", file, "--json").json
    assert (found["holds"], found["verdict"]) == (True, "aborted")
    assert found["aborted"] == "3 of at least 4 players enrolled"
    assert (found["signers"], found["players"]) == ([], [])
    # One bit of somebody's signature, and it is nobody's.
    file.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    assert run("verify", file).code == 1
