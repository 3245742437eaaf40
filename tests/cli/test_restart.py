"""Processes that are killed and started again: three settle, a returned player counts, nothing committed is lost."""

import signal
from pathlib import Path

from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")


def is_prefix(one: list[tuple[bytes, int, int, bytes]], other: list[tuple[bytes, int, int, bytes]]) -> bool:
    """Whether one log is the beginning of the other."""
    return one == other[: len(one)]


def test_killed_players_return_and_the_group_goes_on_with_the_same_log(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=1) as nodes:
        nodes.will_propose("alice", after=0)
        nodes.will_propose("dave", after=1)
        nodes.will_propose("bob", after=2)

        # One player is killed in mid-session: the other three settle.
        nodes.start(*NAMES)
        alice = nodes.lives["alice"]
        nodes.wait(lambda: [each for each in alice.of("progress") if each["phase"] == "sealing"], "sealing begins")
        nodes.kill("dave")
        nodes.wait_settled(["alice", "bob", "carol"], 1)
        first = dict(list(alice.settled.items())[:1])
        assert not nodes.lives["dave"].settled

        # It returns, catches up from its journal and the others, and proposes the second session: all four settle it.
        nodes.start("dave")
        nodes.wait_settled(list(NAMES), 2)
        assert nodes.lives["dave"].settled.items() >= first.items()

        # Another one is killed for good: three are a quorum only together with the one that returned.
        nodes.kill("carol")
        nodes.wait_settled(["alice", "bob", "dave"], 3)
        agreed = nodes.lives["dave"].settled
        assert nodes.lives["alice"].settled == nodes.lives["bob"].settled == agreed
        last = nodes.lives["bob"].of("settled")[-1]
        assert last["signatures"] == 3

        # All are killed: what any of them told as settled is in every journal but the dead one's, in one order.
        nodes.kill("alice", "bob", "dave")
        before = {name: nodes.log(name) for name in NAMES}
        longest = max(before.values(), key=len)
        assert all(is_prefix(log, longest) for log in before.values())
        assert longest

        # All four start again: nothing that was committed is lost, and carol catches up with what she missed.
        nodes.start(*NAMES)
        nodes.wait_settled(list(NAMES), 3)
        for name in NAMES:
            assert nodes.lives[name].settled == agreed
        for name in NAMES:
            nodes.lives[name].end(signal.SIGTERM)
            assert nodes.lives[name].process.returncode == 0, nodes.errors(name)
        after = {name: nodes.log(name) for name in NAMES}
        longest = max(after.values(), key=len)
        assert all(is_prefix(log, longest) for log in after.values())
        assert all(is_prefix(before[name], after[name]) for name in NAMES)
        for name in NAMES:
            assert not nodes.lives[name].of("convicted")
            assert "Traceback" not in nodes.errors(name)


def test_a_second_process_with_the_same_key_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    from tests.cli.command_line import spawn

    with Nodes(auction(("alice",)), tmp_path / "group", seconds=2) as nodes:
        nodes.will_propose("alice", after=0)
        nodes.start("alice")
        nodes.wait_settled(["alice"], 1)
        ran = spawn("node", "--config", nodes.folder.config("alice"))
        assert ran.code == 2
        assert "journal" in ran.err
