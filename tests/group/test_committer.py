"""The commit rule on small DAGs drawn as tables: direct commit, direct skip, indirect, undecided, and forks."""

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from mechdesign.group.block import Block, Reference, genesis, make_block
from mechdesign.group.committer import SKIP, UNDECIDED, Commit, CommitRule, Committer
from mechdesign.group.dag import Dag
from mechdesign.group.roster import FaultModel
from tests.group.lockstep import make_roster, signer


class Picture:
    """A DAG drawn block by block; blocks are named by round, author and a letter for twins."""

    def __init__(self, n: int = 4, faults: FaultModel | None = None, rule: CommitRule | None = None) -> None:
        self.roster = make_roster(n, faults)
        self.dag = Dag(self.roster)
        self.committer = Committer(self.roster, self.dag, rule)
        self.blocks: dict[tuple[int, int, str], Block] = {}

    def block(self, round_: int, author: int, parents: Iterable[int | tuple[int, str]] = (), twin: str = "") -> Block:
        """Add a block; parents are authors of the round before (or author and twin), the own one need not be named."""
        own = [ref for (r, a, _), ref in self.refs() if a == author and r < round_]
        named = [self.name(round_ - 1, parent) for parent in parents]
        mine = [ref for ref in named if ref.author == author]
        first = mine[0] if mine else max(own, default=genesis(self.roster, author))
        links = [first, *(ref for ref in named if ref.author != author)]
        # The leaf makes twins differ.
        made = make_block(self.roster, signer(author), round_, links, (), [twin.encode()] if twin else ())
        self.blocks[round_, author, twin] = made
        self.dag.add(made)
        self.committer.add(made)
        return made

    def refs(self) -> list[tuple[tuple[int, int, str], Reference]]:
        return [(key, block.ref) for key, block in self.blocks.items()]

    def name(self, round_: int, parent: int | tuple[int, str]) -> Reference:
        author, twin = (parent, "") if isinstance(parent, int) else parent
        return self.blocks[round_, author, twin].ref

    def round(self, round_: int, authors: Sequence[int], parents: Sequence[int] = ()) -> None:
        """A round in which each author names the same parents (all that exist, unless given)."""
        for author in authors:
            before = parents or [a for r, a, _ in self.blocks if r == round_ - 1]
            self.block(round_, author, before if round_ else ())

    def decided(self) -> list[tuple[int, int, str]]:
        """The decided prefix as (round, author, "commit" or "skip")."""
        return [
            (round_, author, "skip" if verdict == SKIP else "commit")
            for (round_, author), verdict in self.committer.decide()
        ]


def test_three_full_rounds_commit_every_leader_of_the_first() -> None:
    picture = Picture()
    for round_ in range(2):
        picture.round(round_, range(4))
    assert picture.decided() == []
    picture.round(2, range(3))
    assert picture.decided() == [(0, author, "commit") for author in range(4)]


def test_two_certificates_of_three_leave_a_slot_undecided() -> None:
    picture = Picture()
    for round_ in range(2):
        picture.round(round_, range(4))
    picture.round(2, range(2))
    assert picture.committer.direct((0, 0)) == UNDECIDED
    assert picture.decided() == []


def test_a_member_alone_commits_by_itself() -> None:
    picture = Picture(1)
    for round_ in range(3):
        picture.round(round_, [0])
    assert picture.decided() == [(0, 0, "commit")]


def test_a_silent_leader_is_skipped_by_a_quorum_of_blame() -> None:
    picture = Picture()
    for round_ in range(3):
        picture.round(round_, [0, 1, 2])
    assert picture.committer.direct((0, 3)) == SKIP
    assert picture.decided() == [(0, 0, "commit"), (0, 1, "commit"), (0, 2, "commit"), (0, 3, "skip")]


def test_the_order_of_slots_rotates_unless_a_broken_rule_fixes_it() -> None:
    assert Picture().committer.slots(6) == [(6, 2), (6, 3), (6, 0), (6, 1)]
    assert Picture(rule=CommitRule(rotate=False)).committer.slots(6) == [(6, 0), (6, 1), (6, 2), (6, 3)]


def split_vote(certifier: bool) -> Picture:
    """Slot (0, 3) gets 2 votes, or 3 of which only one block of round 2 sees all; then three full rounds follow."""
    picture = Picture()
    picture.round(0, range(4))
    for author in range(4):
        votes = author in ((0, 1, 3) if certifier else (0, 1))
        picture.block(1, author, range(4) if votes or (author == 3 and certifier) else range(3))
    picture.block(2, 0, [0, 1, 3] if certifier else [0, 1, 2])
    picture.block(2, 1, [0, 1, 2])
    picture.block(2, 2, [1, 2, 3])
    return picture


def test_an_undecided_slot_stops_the_log_even_when_later_ones_are_decided() -> None:
    picture = split_vote(certifier=True)
    assert picture.committer.direct((0, 3)) == UNDECIDED
    decided = picture.decided()
    assert (0, 3, "commit") not in decided
    assert (0, 3, "skip") not in decided


def test_an_anchor_with_a_certificate_in_its_history_commits_the_slot() -> None:
    picture = split_vote(certifier=True)
    for round_ in range(3, 7):
        picture.round(round_, range(3))
    assert picture.committer.direct((0, 3)) == UNDECIDED
    assert (0, 3, "commit") in picture.decided()


def test_an_anchor_without_a_certificate_in_its_history_skips_the_slot() -> None:
    picture = split_vote(certifier=False)
    for round_ in range(3, 7):
        picture.round(round_, range(3))
    assert picture.committer.direct((0, 3)) == UNDECIDED
    assert (0, 3, "skip") in picture.decided()


def test_authors_are_counted_and_not_blocks() -> None:
    picture = Picture()
    picture.round(0, range(4))
    # Member 3 blames slot (0, 2) with one twin and votes for it with the other; member 0 blames; that is two authors.
    picture.block(1, 0, [0, 1, 3])
    picture.block(1, 1, range(4))
    picture.block(1, 2, range(4))
    picture.block(1, 3, [0, 1, 3], "a")
    picture.block(1, 3, [0, 1, 3], "b")
    assert picture.committer.direct((0, 2)) == UNDECIDED
    picture.block(1, 3, range(4), "c")
    for author in range(3):
        picture.block(2, author, [0, 1, 2, (3, "c")])
    assert picture.committer.direct((0, 2)) == Commit(picture.blocks[0, 2, ""])


def test_two_certified_twins_are_a_fork_and_nothing_is_decided_any_more() -> None:
    # Quorums of two among three with a liar: the fault model's assumption is broken on purpose.
    picture = Picture(3, FaultModel.MAJORITY)
    picture.round(0, [0, 1])
    picture.block(0, 2, twin="a")
    picture.block(0, 2, twin="b")
    picture.block(1, 0, [0, 1, (2, "a")])
    picture.block(1, 1, [0, 1, (2, "b")])
    picture.block(1, 2, [0, (2, "a")], "a")
    picture.block(1, 2, [0, (2, "b")], "b")
    picture.block(2, 0, [0, (2, "a")])
    assert picture.committer.forked is None
    picture.block(2, 1, [1, (2, "b")])
    assert picture.committer.forked == (0, 2)
    assert picture.decided() == []


def test_a_twin_certified_after_the_other_was_committed_is_a_fork_too() -> None:
    picture = Picture(3, FaultModel.MAJORITY)
    picture.round(0, [0, 1])
    picture.block(0, 2, twin="a")
    for author in (0, 1):
        picture.block(1, author, [0, 1, (2, "a")])
    picture.round(2, [0, 1])
    assert (0, 2, "commit") in picture.decided()
    picture.block(0, 2, twin="b")
    picture.block(1, 2, [0, 1, (2, "b")], "x")
    picture.block(1, 1, [0, 1, (2, "b")], "x")
    picture.block(2, 2, [(1, "x"), (2, "x")])
    assert picture.committer.forked == (0, 2)


def test_a_two_round_wave_takes_one_vote_for_a_certificate() -> None:
    picture = Picture(3, FaultModel.MAJORITY, CommitRule(wave=2))
    picture.round(0, range(3))
    picture.round(1, range(2))
    assert picture.decided() == [(0, author, "commit") for author in range(3)]


def test_a_verdict_is_the_same_whatever_the_order_in_which_blocks_came() -> None:
    drawn = split_vote(certifier=True)
    for round_ in range(3, 7):
        drawn.round(round_, range(3))
    expected = drawn.decided()
    again = Picture()
    steps: list[tuple[int, int, str]] = []
    # Author by author as far as parents allow, asking for decisions after every block.
    waiting = sorted(drawn.blocks.values(), key=lambda block: (block.author, block.round))
    while waiting:
        for block in waiting:
            if all(again.dag.holds(link) for link in block.links):
                waiting.remove(block)
                again.dag.add(block)
                again.committer.add(block)
                steps += again.decided()
                break
    assert steps == expected


@pytest.mark.parametrize("seed", range(30))
def test_looking_only_when_a_count_comes_to_a_quorum_misses_no_verdict(seed: int) -> None:
    chance = Random(seed)
    picture = Picture(chance.choice((4, 5, 7)))
    roster = picture.roster
    other = Committer(roster, picture.dag)
    decided = 0
    for round_ in range(12):
        silent = chance.sample(range(roster.n), chance.randint(0, roster.n - roster.q))
        before = [author for r, author, twin in picture.blocks if r == round_ - 1 and not twin]
        speakers = [author for author in range(roster.n) if author not in silent]
        for author in chance.sample(speakers, len(speakers)):
            named = chance.sample(before, chance.randint(roster.q, len(before))) if before else []
            made = [picture.block(round_, author, named)]
            if author == 0 and chance.random() < 0.2:
                made.append(picture.block(round_, author, named, twin="x"))
            for block in made:
                other.add(block)
            # This one looks at all slots again after each block.
            other._stale = True
            found = picture.committer.decide()
            assert found == other.decide()
            assert picture.committer.forked == other.forked
            decided += len(found)
    assert decided > 0
