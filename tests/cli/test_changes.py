"""Members come and go while the group runs: processes, told by the command line."""

from pathlib import Path

from tests.cli.command_line import Ran, run
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
