"""A member that lies is convicted by processes of the others, and the group goes on without it."""

from pathlib import Path

from tests.cli.command_line import run
from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")
HONEST = ("alice", "bob", "carol")
STAKES = 'deposit = 6\naccounts = { SELLER = "harbour" }\n'


def test_under_the_sanction_exclude_a_liar_is_out_of_the_group_by_its_own_signatures(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=3) as nodes:
        nodes.will_propose("alice", 0, STAKES + 'sanctions = ["recompute", "forfeit", "exclude"]\n')
        nodes.start("dave", more=("--misbehave", "equivocate"))
        nodes.start(*HONEST)
        nodes.wait_settled(list(HONEST), 1)
        nodes.wait_members(*HONEST)
        for name in HONEST:
            # Its twins are two blocks and hold two reports under one number: one offence, or both.
            assert {each["member"] for each in nodes.lives[name].of("convicted")} == {"dave"}
            assert [each["left"] for each in nodes.lives[name].of("members changed")] == [["dave"]]
            assert "quorum" not in " ".join(nodes.seen(name)["obstacles"])
        nodes.wait(lambda: nodes.seen("dave")["state"] == "left", "dave knows it")
        first = set(nodes.lives["alice"].settled)

        # All are killed and started again: the three go on and wait for no fourth, who is out still.
        nodes.kill(*NAMES)
        nodes.will_propose("bob", 0)
        nodes.start(*NAMES)
        # A member that was killed before it had put the old epoch away tells the first session once more.
        nodes.wait(lambda: all(set(nodes.lives[name].settled) - first for name in HONEST), "the second session settles")
        second = [each for name in HONEST for each in nodes.lives[name].of("settled") if each["session"] not in first]
        assert len(second) == len(HONEST)
        assert len({(each["session"], each["digest"]) for each in second}) == 1
        assert sorted(second[0]["players"]) == list(HONEST)
        nodes.wait_members(*HONEST)
        nodes.wait(lambda: nodes.seen("dave").get("state") == "left", "dave is out still")
        assert all("Traceback" not in nodes.errors(name) for name in NAMES)


def test_who_was_convicted_without_that_sanction_is_out_once_a_member_hands_in_the_proof(tmp_path: Path) -> None:
    with Nodes(auction(NAMES), tmp_path / "group", seconds=3) as nodes:
        nodes.will_propose("alice", 0, STAKES)
        nodes.start("dave", more=("--misbehave", "wrong-outcome"))
        nodes.start(*HONEST)
        nodes.wait(lambda: all(nodes.lives[name].of("convicted") for name in HONEST), "dave is convicted")
        assert nodes.seen("bob")["members"] == list(NAMES)
        proof = nodes.lives["bob"].of("convicted")[0]["evidence"]
        assert run("verify", proof, "--roster", nodes.folder.roster_path).code == 0

        ran = run("exclude", nodes.folder.data("bob"), proof)
        assert ran.code == 0, ran.err
        assert "dave is out with the beginning of epoch 1" in ran.err
        nodes.wait_members(*HONEST)

        # It is no member any more that the proof is against, and no old key comes back in by itself.
        again = run("exclude", nodes.folder.data("carol"), proof)
        assert again.code == 2
        assert "proves nothing" in again.err
        assert all("Traceback" not in nodes.errors(name) for name in NAMES)
