"""``mechdesign status``: a running node says what it sees, and who is missing when nothing happens."""

from pathlib import Path

import pytest

from mechdesign.kernel.errors import ConfigError
from mechdesign.node.control import Control, call
from tests.cli.command_line import Ran, run, spawn
from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")


def _seen(nodes: Nodes, name: str) -> Ran:
    ran = run("status", nodes.folder.data(name), "--json")
    assert ran.code == 0, ran.err
    return ran


def test_a_group_that_lost_its_quorum_names_the_missing_members(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=600) as nodes:
        nodes.will_propose("alice", after=0)
        nodes.start(*NAMES)
        nodes.wait_settled(list(NAMES), 1)
        healthy = _seen(nodes, "bob").json
        assert (healthy["state"], healthy["obstacle"], healthy["sessions"]) == ("running", None, [])
        assert (healthy["members"], healthy["quorum"], healthy["epoch"]) == (list(NAMES), 3, 0)

        nodes.kill("carol", "dave")
        # That nobody else has a link to them either is known as soon as alice has said so.
        nodes.wait(lambda: _seen(nodes, "bob").json["unreached"] == ["carol", "dave"], "bob sees that they are gone")
        lost = _seen(nodes, "bob").json
        assert sorted(lost["unreached"]) == ["carol", "dave"]
        assert lost["obstacle"] == (
            "the quorum is lost: 2 of 4 members are here and 3 are needed; missing are carol, dave"
        )
        # The same by a process of its own, as a person sees it, by the configuration file instead of the folder.
        shown = spawn("status", nodes.folder.config("bob"))
        assert shown.code == 0, shown.err
        assert "the quorum is lost" in shown.out
        rows = {line.split()[0]: line for line in shown.out.splitlines() if line.startswith(NAMES)}
        assert "down" in rows["carol"]
        assert "down" in rows["dave"]
        assert "up" in rows["alice"]

        nodes.start("dave")
        nodes.wait(lambda: _seen(nodes, "bob").json["unreached"] == ["carol"], "dave is back")
        back = _seen(nodes, "bob").json
        assert back["obstacle"] == "no way to carol"


def test_a_change_of_the_members_that_waits_for_a_session_says_so_and_for_whom_the_session_waits(
    tmp_path: Path,
) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=600) as nodes:
        nodes.will_propose("carol", after=0)
        nodes.start("bob", "carol", "dave")
        nodes.wait(lambda: all(nodes.lives[name].of("started") for name in NAMES[1:]), "they run")
        nodes.wait(lambda: _seen(nodes, "bob").json["sessions"], "the session is there")
        assert run("leave", nodes.folder.data("dave")).code == 0
        nodes.wait(lambda: _seen(nodes, "bob").json["view"], "the change was ordered")
        seen = _seen(nodes, "bob").json
        session = seen["sessions"][0]["session"][:16]
        absent, change, waits = seen["obstacles"]
        assert absent == "no way to alice"
        assert change == (
            "the members change (-dave) once 3 members are ready: not yet alice, bob, carol, dave; the change of "
            f"members waits for the end of {session}"
        )
        assert waits.startswith(f"session {session} (auction.second-price/1) waits in enrolling for alice, ")
        shown = run("status", nodes.folder.data("bob"))
        assert absent in shown.out
        assert change in shown.out

        nodes.start("alice")
        nodes.wait(lambda: _seen(nodes, "bob").json["epoch"] == 1, "all that was waited for came")
        gone = _seen(nodes, "dave").json
        assert (gone["state"], gone["obstacles"]) == ("left", ["left: this member is in the group no more"])
        assert _seen(nodes, "bob").json["obstacles"] == []


def test_a_folder_where_no_node_runs_is_said_to_be_one(tmp_path: Path) -> None:
    ran = run("status", tmp_path)
    assert ran.code == 2
    assert "no node runs on" in ran.err
    assert run("status", tmp_path / "nothing").code == 2


async def test_a_request_that_is_none_is_answered_with_what_can_be_asked(tmp_path: Path) -> None:
    import asyncio

    deep = tmp_path / ("d" * 60) / ("e" * 60)
    for folder in (tmp_path, deep):
        folder.mkdir(parents=True, exist_ok=True)

        def refuse(_: object) -> dict[str, object]:
            raise ConfigError("no")

        control = Control(folder, {"echo": lambda request: {"said": request["what"]}, "refuse": refuse})
        await control.start()
        try:
            assert await asyncio.to_thread(call, folder, "echo", what="é") == {"said": "é"}
            with pytest.raises(ConfigError, match="`do` is one of echo, refuse"):
                await asyncio.to_thread(call, folder, "sing")
            with pytest.raises(ConfigError, match=r"^no$"):
                await asyncio.to_thread(call, folder, "refuse")
            path = (folder / "control").read_text()
            for line in (b"", b"\n", b"[]\n", b"[" * 5000 + b"\n", b"\xff\n", b'{"do": []}\n'):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(line)
                writer.write_eof()
                assert b"error" in await reader.read()
                writer.close()
        finally:
            await control.close()
        with pytest.raises(ConfigError, match="no node runs"):
            await asyncio.to_thread(call, folder, "echo", what="")
        assert not (folder / "control").exists()
