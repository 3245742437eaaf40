"""The commit rule broken on purpose, one clause at a time, each with the seed that finds it out.

Mostly a seed of the campaign; where it takes more twins than its liars sign, one of a staging.
"""

from collections import Counter
from dataclasses import replace

from mechdesign.group.committer import SKIP, Commit, Committer
from tests.simulation.mutation import Mutation, into
from tests.simulation.stagings import three_faces, triplets

__all__ = ["COMMIT_MUTATIONS"]

COMMIT_MUTATIONS: list[Mutation] = []
mutation = into(COMMIT_MUTATIONS)


@mutation("not ordered", 3)
def a_quorum_is_one_too_few(patch):
    made = Committer.__init__

    def init(self, *arguments):
        made(self, *arguments)
        self._q = max(1, self._q - 1)

    patch.setattr(Committer, "__init__", init)


@mutation("logs differ", 18)
def an_undecided_anchor_is_passed_over(patch):
    right = Committer.verdicts

    def verdicts(self):
        found = right(self)
        for slot in found:
            if slot[0] < self._dag.highest - 4:
                self._verdicts.setdefault(slot, SKIP)
        return found

    patch.setattr(Committer, "verdicts", verdicts)


@mutation("logs differ", 18)
def one_blame_less_than_a_quorum_skips(patch):
    right = Committer.direct

    def direct(self, slot):
        return SKIP if self._blames.get(slot, 0).bit_count() >= self._q - 1 else right(self, slot)

    patch.setattr(Committer, "direct", direct)


@mutation("logs differ", 0, three_faces)
def blocks_that_certify_are_counted_and_not_their_authors(patch):
    right = Committer._certify

    def certify(self, leader, mine):
        right(self, leader, 1 << self._certs.get(leader.digest, 0).bit_length())

    patch.setattr(Committer, "_certify", certify)


@mutation("decided twice", 1, triplets)
def blocks_that_blame_are_counted_and_not_their_authors(patch):
    right = Committer._blame

    def blame(self, slot, mine):
        right(self, slot, 1 << self._blames.get(slot, 0).bit_length())

    patch.setattr(Committer, "_blame", blame)


@mutation("not ordered", 16)
def one_honest_vote_certifies(patch):
    right, look = Committer.add, Committer._look_for_fork

    def add(self, block):
        self._q = self._roster.b + 1
        right(self, block)
        self._q = self._roster.q

    def look_for_fork(self, slot):
        self._q = self._roster.q
        look(self, slot)
        self._q = self._roster.b + 1

    patch.setattr(Committer, "add", add)
    patch.setattr(Committer, "_look_for_fork", look_for_fork)


@mutation("not ordered", 1)
def whatever_is_in_the_history_is_voted_for(patch):
    right = Committer.add

    def add(self, block):
        right(self, block)
        support: Counter[bytes] = Counter()
        for parent in block.header.parents:
            voter = self._dag.get(parent.digest)
            if voter is not None and voter.round == block.round - 1:
                below = self._dag.history(voter, block.round - 2)
                support.update(leader.digest for leader in below if leader.round == block.round - 2)
        certified = [self._dag.get(digest) for digest, votes in support.items() if votes >= self._q]
        for leader in certified:
            self._certify(leader, 1 << block.author)
        known = self._certifies.get(block.digest, ())
        found = dict.fromkeys((*known, *(leader for leader in certified if leader.round >= self._next_round)))
        if found:
            self._certifies[block.digest] = tuple(found)

    patch.setattr(Committer, "add", add)


@mutation("logs differ", 2816)
def a_slot_is_decided_by_a_leader_two_rounds_on(patch):
    right = Committer.verdicts

    def verdicts(self):
        rule, self._rule = self._rule, replace(self._rule, wave=2)
        found = right(self)
        self._rule = rule
        return found

    patch.setattr(Committer, "verdicts", verdicts)


@mutation("logs differ", 67)
def what_follows_an_undecided_slot_is_committed_before_it(patch):
    right = Committer.decide

    def decide(self):
        decided = right(self)
        behind = self.slots(self._next_round)[self._next_place + 1 :]
        found = [(slot, self._verdicts.get(slot)) for slot in behind]
        # In its turn it comes again, and brings nothing then.
        return [*decided, *((slot, verdict) for slot, verdict in found if isinstance(verdict, Commit))]

    patch.setattr(Committer, "decide", decide)
