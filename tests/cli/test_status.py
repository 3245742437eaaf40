"""``mechdesign status``: a running node says what it sees, and who is missing when nothing happens."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mechdesign.cli.obstacle import obstacles
from mechdesign.cli.rooms import room_standing
from mechdesign.cli.standing import Pulse, standing
from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND
from mechdesign.node import NodeStatus, Room, memory
from mechdesign.node.control import Control, call
from mechdesign.stack import StackStatus
from mechdesign.transport.memory import MemoryNetwork
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

        def only_carol_is_missing() -> bool:
            # In one look: what dave still tells of a link to carol may pass for a way to it, for a moment.
            back = _seen(nodes, "bob").json
            return (back["unreached"], back["obstacle"]) == (["carol"], "no way to carol")

        nodes.wait(only_carol_is_missing, "dave is back, and carol is not")


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
        nodes.wait(lambda: not _seen(nodes, "bob").json["obstacles"], "nothing is in the way of the next epoch")


def test_a_member_that_has_links_to_some_only_shows_whom_it_reaches_by_way_of_others_and_on_whom_that_hangs(
    tmp_path: Path,
) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=600) as nodes:
        # A chain: each is told a wrong address of all but its neighbours, and no link comes up with these.
        for place, name in enumerate(NAMES):
            far = [other for at, other in enumerate(NAMES) if abs(at - place) > 1]
            with nodes.folder.config(name).open("a") as config:
                config.write("\n[addresses]\n" + "".join(f'{other} = "tcp://127.0.0.1:1"\n' for other in far))
        nodes.will_propose("alice", after=0)
        nodes.start(*NAMES)
        nodes.wait_settled(list(NAMES), 1)
        nodes.wait(lambda: not _seen(nodes, "alice").json["unreached"], "alice knows that there is a way to everybody")
        seen = _seen(nodes, "alice").json
        assert (seen["linked"], seen["unlinked"]) == (["bob"], ["carol", "dave"])
        assert seen["obstacle"] is None, "all are reached, and nothing waits"
        assert sorted(seen["cut_vertices"]) == ["bob", "carol"]
        shown = run("status", nodes.folder.data("alice")).out
        rows = {line.split()[0]: line for line in shown.splitlines() if line.startswith(NAMES)}
        assert "by way of others" in rows["carol"]
        assert "by way of others" in rows["dave"]
        assert " up " in rows["bob"]
        assert "the network falls apart: add a link" in shown

        # With carol goes the only way to dave, who is up.
        nodes.kill("carol")
        nodes.wait(lambda: _seen(nodes, "alice").json["unreached"] == ["carol", "dave"], "alice sees it")
        assert _seen(nodes, "alice").json["obstacle"].startswith("the quorum is lost: 2 of 4 members are here")
        assert _seen(nodes, "dave").json["obstacle"].startswith("the quorum is lost: 1 of 4 members are here")


def test_nobody_is_said_to_be_missing_while_a_round_is_on_its_way() -> None:
    keys = {name: Identity.generate() for name in NAMES}
    roster = Roster("talk", tuple(member_of(identity, name) for name, identity in keys.items()), FaultModel.BYZANTINE)
    links = memory(MemoryNetwork(), keys["alice"].public, LOCAL.transport)
    alone = Room(roster, keys["alice"], transport=links, config=LOCAL.group)
    waits = replace(alone.status(), round=6, missing=roster.ids[1:])
    pulse = Pulse()

    def missing(now: int, round_: int) -> object:
        status = NodeStatus("alice", StackStatus(replace(waits, round=round_), ()), {})
        return standing(status, roster, now, pulse)["missing"]

    assert missing(5 * SECOND, 6) == []
    assert missing(6 * SECOND - 1, 6) == []
    assert missing(6 * SECOND, 6) == ["bob", "carol", "dave"]
    assert missing(9 * SECOND, 7) == [], "the next round is on its way"


async def test_a_member_that_was_away_for_too_long_says_how_much_of_the_log_it_lacks() -> None:
    keys = {name: Identity.generate() for name in NAMES}
    members = tuple(member_of(identity, name) for name, identity in keys.items())
    roster = Roster("talk", members, FaultModel.BYZANTINE, depth=4)
    # The others keep next to nothing of what was ordered, and no journal, so nobody can give him all of it.
    config = LOCAL.group.model_copy(update={"log_bytes_max": 500})
    network = MemoryNetwork()

    def room(name: str) -> Room:
        return Room(roster, keys[name], transport=memory(network, keys[name].public, LOCAL.transport), config=config)

    async with AsyncExitStack() as stack, asyncio.timeout(60):
        there = [await stack.enter_async_context(room(name)) for name in NAMES[:3]]
        number = 0
        while any(each.status().floor < 20 for each in there):
            there[number % 3].say(b"%d" % number)
            number += 1
            await asyncio.sleep(0.005)
        dave = await stack.enter_async_context(room("dave"))
        while "of the log" not in (seen := room_standing(dave, Pulse()))["detail"]:
            there[0].say(b"on")
            await asyncio.sleep(0.01)
        (told,) = obstacles(seen)
        assert told.startswith("behind: was away for long and fetches what was ordered since: ")
        lacking = told.split(": ")[2].split()
        assert int(lacking[0]) < int(lacking[2])
        # It is in nobody's way.
        while obstacles(room_standing(there[1], Pulse())):
            await asyncio.sleep(0.01)


def test_a_folder_where_no_node_runs_is_said_to_be_one(tmp_path: Path) -> None:
    ran = run("status", tmp_path)
    assert ran.code == 2
    assert "no node runs on" in ran.err
    assert run("status", tmp_path / "nothing").code == 2


async def test_a_request_that_is_none_is_answered_with_what_can_be_asked(tmp_path: Path) -> None:
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
