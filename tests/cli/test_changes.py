"""Members come and go while the group runs: processes, told by the command line."""

import shutil
from pathlib import Path

from tests.cli.command_line import Ran, run, spawn
from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")


def _ran(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def test_a_fifth_player_joins_by_consent_of_a_quorum_and_another_leaves(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=20) as nodes:
        folder = nodes.folder.path
        nodes.will_propose("alice", after=0)
        nodes.start(*NAMES)
        nodes.wait_settled(list(NAMES), 1)

        # Three of the four consent; the third has a quorum and makes the invitation.
        _ran(run("keygen", folder / "erin.pem", "--name", "erin", "--record", folder / "erin-record.toml"))
        consents: list[Path] = []
        for name in NAMES[:2]:
            consent = folder / f"{name}.consent"
            ran = _ran(run("admit", nodes.folder.data(name), folder / "erin-record.toml", "--out", consent))
            assert "of 3 consents" in ran.err
            consents.append(consent)
        others = [option for consent in consents for option in ("--with", consent)]
        invitation = folder / "erin.invitation"
        ran = _ran(run("admit", nodes.folder.data("carol"), folder / "erin-record.toml", "--out", invitation, *others))
        assert "invited into epoch 1" in ran.err

        # Erin's node knows where the others listen from their roster file, and comes in with the invitation.
        (folder / "erin.toml").write_text(
            f'key = "erin.pem"\nroster = "roster.toml"\ndata = "erin"\npreset = "local"\n'
            f'invitation = "{invitation.name}"\n'
        )
        nodes.start("erin")
        nodes.wait(lambda: all(_epoch(nodes, name) == 1 for name in (*NAMES, "erin")), "all five are in the next epoch")
        seen = run("status", nodes.folder.data("erin"), "--json").json
        assert seen["members"] == [*NAMES, "erin"]
        assert (seen["state"], seen["unlinked"]) == ("running", [])

        # A consent of the last epoch is worth nothing now.
        stale = run("admit", nodes.folder.data("carol"), folder / "erin-record.toml", "--out", folder / "x", *others)
        assert stale.code == 2
        assert "another epoch" in stale.err

        _ran(run("leave", nodes.folder.data("dave")))
        rest_of = ("alice", "bob", "carol", "erin")
        nodes.wait(lambda: all(_epoch(nodes, name) == 2 for name in rest_of), "the others go on without dave")
        assert run("status", nodes.folder.data("alice"), "--json").json["members"] == list(rest_of)
        assert run("status", nodes.folder.data("dave"), "--json").json["state"] == "left"
        assert run("leave", nodes.folder.data("dave")).code == 2

        # Killed and started again, every node is where it was.
        nodes.kill(*rest_of)
        nodes.start(*rest_of)
        nodes.wait(lambda: all(_epoch(nodes, name) == 2 for name in rest_of), "all come back in epoch 2")
        for name in (*NAMES, "erin"):
            assert "Traceback" not in nodes.errors(name)


def test_who_is_killed_in_the_middle_of_a_change_comes_back_to_its_middle_and_sees_its_end(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=600) as nodes:
        # A session that waits for alice holds the change up as long as she is away.
        nodes.will_propose("carol", after=0)
        nodes.start("bob", "carol", "dave")
        nodes.wait(lambda: nodes.seen("bob").get("sessions"), "the session is there")
        _ran(run("leave", nodes.folder.data("dave")))
        nodes.wait(lambda: all(nodes.seen(name)["view"] for name in ("bob", "carol", "dave")), "the change was ordered")

        # The leaver, and two at once.
        for victims in (("dave",), ("bob", "carol")):
            nodes.kill(*victims)
            nodes.start(*victims)
            nodes.wait(lambda: all(nodes.seen(name).get("view") for name in ("bob", "carol", "dave")), "all are back")
            for name in victims:
                assert nodes.seen(name)["epoch"] == 0
                assert nodes.seen(name)["view"]["goes"] == ["dave"]

        nodes.start("alice")
        rest = ("alice", "bob", "carol")
        nodes.wait_members(*rest)
        nodes.wait(lambda: nodes.seen("dave").get("state") == "left", "dave has left")
        nodes.kill(*NAMES)
        before = {name: nodes.log(name) for name in rest}
        assert before["alice"] == before["bob"] == before["carol"], "the next epoch begins alike for all"
        assert all("Traceback" not in nodes.errors(name) for name in NAMES)


def test_who_lost_its_disk_comes_back_under_a_new_key_by_invitation_and_the_old_one_counts_as_silent(
    tmp_path: Path,
) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=5) as nodes:
        folder = nodes.folder.path
        nodes.will_propose("alice", after=0)
        nodes.start(*NAMES)
        nodes.wait_settled(list(NAMES), 1)
        nodes.kill("dave")
        # A disk that gives back something else than was written: the node does not start, and says what to do.
        for file in nodes.folder.data("dave").glob("journal.sqlite3*"):
            file.write_bytes(bytes(len(file.read_bytes())))
        refused = spawn("node", "--config", nodes.folder.config("dave"))
        assert refused.code == 2
        assert "come back under a new key with a new journal" in refused.err

        # With nothing left at all its own neighbours show it what it signed: it reads along and never signs again.
        shutil.rmtree(nodes.folder.data("dave"))
        nodes.start("dave")
        nodes.wait(lambda: nodes.seen("dave").get("state") == "refusing", "dave is told that its key is used up")
        (reason,) = nodes.seen("dave")["obstacles"]
        assert "come back under a new key" in reason
        assert not nodes.lives["alice"].of("convicted")
        nodes.kill("dave")

        # The same party under a new key and a new name, invited like anybody.
        _ran(run("keygen", folder / "dave2.pem", "--name", "dave2", "--record", folder / "dave2-record.toml"))
        consents: list[str | Path] = []
        for name in NAMES[:3]:
            out = folder / f"{name}.consent"
            _ran(run("admit", nodes.folder.data(name), folder / "dave2-record.toml", "--out", out, *consents))
            consents += ["--with", out]
        invitation = folder / "dave2.invitation"
        (folder / "carol.consent").replace(invitation)
        (folder / "dave2.toml").write_text(
            f'key = "dave2.pem"\nroster = "roster.toml"\ndata = "dave2"\npreset = "local"\n'
            f'invitation = "{invitation.name}"\n[player]\nvalues = "dave-values.toml"\n'
        )
        nodes.start("dave2")
        live = ("alice", "bob", "carol", "dave2")
        nodes.wait(lambda: all(_epoch(nodes, name) == 1 for name in live), "dave is back")
        seen = nodes.seen("alice")
        assert seen["members"] == [*NAMES, "dave2"]
        # The old key keeps its place, for silence proves nothing: one of the faulty that five members bear is it.
        assert seen["obstacles"] == ["no way to dave"]

        # What is decided now is decided with it, and without the old key.
        nodes.kill("bob")
        nodes.will_propose("bob", after=0)
        nodes.start("bob")
        nodes.wait(lambda: len(nodes.lives["dave2"].settled) >= 1, "a session settles", timeout_s=120)
        last = nodes.lives["dave2"].of("settled")[-1]
        assert sorted(last["players"]) == ["alice", "bob", "carol", "dave2"]
        assert all("Traceback" not in nodes.errors(name) for name in (*NAMES, "dave2"))


def test_what_proves_nothing_excludes_nobody(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=20) as nodes:
        nodes.start("alice")
        nodes.wait(lambda: nodes.lives["alice"].of("started"), "alice is up")
        rubbish = tmp_path / "rubbish.evidence"
        rubbish.write_bytes(b"\x90")
        ran = run("exclude", nodes.folder.data("alice"), rubbish)
        assert ran.code == 2
        assert "proves nothing" in ran.err


def _epoch(nodes: Nodes, name: str) -> int:
    ran = run("status", nodes.folder.data(name), "--json")
    return int(ran.json["epoch"]) if ran.code == 0 else -1
