"""Rules of the group broken on purpose, one at a time, each with the seed of the campaign that finds it out.

Every seed was found by playing one after the other until a run with the broken rule failed; the right rules hold in all
of them. When scenarios change, ``python -m tests.simulation.mutations NAME FIRST LAST [STEP]`` finds others.
"""

import sys
from dataclasses import replace

import pytest

from mechdesign.group import intake, linearizer, proposer
from mechdesign.group.block import Standing, inclusions, judge
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.certifier import Certifier
from mechdesign.group.committer import UNDECIDED, Committer
from mechdesign.group.core import GroupCore
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.messages import Append, Broadcast, Delivered
from mechdesign.group.outbox import Outbox
from mechdesign.group.proposer import Proposer
from mechdesign.group.pulls import Pulls
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.group.watch import Watch
from mechdesign.kernel.machine import SECOND
from tests.simulation.commit_mutations import COMMIT_MUTATIONS
from tests.simulation.mutation import Mutation, into
from tests.simulation.stagings import last_word_of_a_liar, two_checkpoints
from tests.simulation.view_mutations import VIEW_MUTATIONS

__all__ = ["MUTATIONS"]


MUTATIONS: list[Mutation] = []
mutation = into(MUTATIONS)


# ------------------------------------------------------------------------------------------------------ the linearizer


@mutation("logs differ", 18)
def the_collection_round_follows_what_a_member_has(patch):
    def linearise(self, leader):
        self._dag.collection = max(self._dag.collection, self._dag.highest - self._roster.depth)
        out = sorted(self._dag.unordered_history(leader), key=lambda block: block.ref)
        for block in out:
            self._dag.mark_ordered(block)
        return out

    patch.setattr(Linearizer, "linearise", linearise)


@mutation("rests on a block", 10)
def a_history_is_ordered_by_digest(patch):
    right = Linearizer.linearise
    patch.setattr(
        Linearizer, "linearise", lambda self, leader: sorted(right(self, leader), key=lambda block: block.digest)
    )


@mutation("logs differ", 0)
def a_history_is_ordered_as_it_came(patch):
    def linearise(self, leader):
        self._dag.collection = max(self._dag.collection, leader.round - self._roster.depth)
        held = {block.digest for block in self._dag.unordered_history(leader)}
        out = [block for block in self._dag.blocks() if block.digest in held]
        for block in out:
            self._dag.mark_ordered(block)
        return out

    patch.setattr(Linearizer, "linearise", linearise)


@mutation("logs of epoch", 5)
def the_blocks_of_a_history_are_ordered_as_they_came(patch):
    a_history_is_ordered_as_it_came(patch)


@mutation("number", 0)
def copies_are_counted_again(patch):
    carried = Outbox.carried

    def repeat(self, block):
        waiting = dict(self._waiting)
        carried(self, block)
        if block.round % 2:
            self._waiting.update(waiting)

    patch.setattr(Outbox, "carried", repeat)
    patch.setattr(linearizer._Numbers, "has", lambda self, number: False)


@mutation("said once stands", 0)
def keys_that_were_used_before_a_crash_mean_nothing(patch):
    right = Outbox.restore

    def restore(self, key, record):
        right(self, key, record)
        del self._keys[key], self._lasting[key]

    patch.setattr(Outbox, "restore", restore)


@mutation("tells position", 0)
def what_was_told_before_a_crash_is_not_told_again(patch):
    right = GroupCore._deliver

    def deliver(self, ordered, now):
        right(self, ordered, now)
        if self._restoring:
            self._up = [event for event in self._up if not isinstance(event, Delivered)]

    patch.setattr(GroupCore, "_deliver", deliver)


@mutation("after -1 of epoch", 13)
def what_an_epoch_told_before_a_crash_is_not_told_again(patch):
    what_was_told_before_a_crash_is_not_told_again(patch)


@mutation("the proof that comes with", 0)
def all_entries_of_a_block_come_with_the_proof_of_the_first(patch):
    patch.setattr(linearizer, "inclusions", lambda block: [inclusions(block)[0]] * len(block.leaves))


# ---------------------------------------------------------------------------------------------------------- acceptance


@mutation("logs differ", 0)
def a_block_is_accepted_without_its_ancestors(patch):
    def offer(self, block, source):
        if block.round >= self._dag.collection and self._room(block):
            yield block

    patch.setattr(BlockManager, "offer", offer)


@mutation("not ordered", 54)
def only_the_first_of_two_twins_is_accepted(patch):
    patch.setattr(BlockManager, "_room", lambda self, block: not self._dag.slot(block.round, block.author))
    patch.setattr(BlockManager, "_warranted", lambda self, block, barren, fruitful: False)


# -------------------------------------------------------------------------------------------------------- block making


@mutation("leaves out one", 1)
def blocks_that_no_parent_covers_are_left_out(patch):
    patch.setattr(Proposer, "weak", lambda self, round_, parents: [])


@mutation("leaves out one", 0)
def a_block_refers_to_a_quorum_and_no_more(patch):
    right = Proposer.parents

    def parents(self, round_):
        own, *others = right(self, round_)
        return [own, *others[: self._roster.q - (own.round == round_ - 1)]]

    patch.setattr(Proposer, "parents", parents)
    patch.setattr(proposer, "WEAK_PER_MEMBER", 0)


@mutation("does not sync", 0)
def own_blocks_are_not_synced(patch):
    right = GroupCore._effects

    def effects(self):
        return [replace(e, sync=False) if isinstance(e, Append) and e.table == "block" else e for e in right(self)]

    patch.setattr(GroupCore, "_effects", effects)


@mutation("before it is on disk", 0)
def a_block_is_sent_before_it_is_written(patch):
    right = GroupCore._effects
    patch.setattr(
        GroupCore, "_effects", lambda self: sorted(right(self), key=lambda effect: isinstance(effect, Append))
    )


@mutation("signed two blocks", 2)
def a_restarted_member_forgets_which_rounds_it_signed(patch):
    right = GroupCore.restore

    def restore(self, records, now):
        effects = right(self, records, now)
        self._proposer.newest = None
        return effects

    patch.setattr(GroupCore, "restore", restore)


@mutation("nothing to decide", 2)
def a_member_that_hears_anything_makes_a_block(patch):
    right = Proposer.causes
    patch.setattr(Proposer, "causes", lambda self, round_: right(self, round_) or [self._me])


@mutation("nothing to decide", 0)
def filling_up_begins_a_new_round(patch):
    right = Proposer.causes
    patch.setattr(Proposer, "causes", lambda self, round_: right(self, round_ - 1))


# ---------------------------------------------------------------------------------------------------------- conviction


@mutation("found no Equivocation", 4)
def twins_of_one_round_are_not_compared(patch):
    patch.setattr(Watch, "accepted", lambda self, block: [])


@mutation("found no Equivocation", 4)
def twins_are_compared_only_once_they_are_accepted(patch):
    patch.setattr(Watch, "arrived", lambda self, block, parked: [])


@mutation("found no Equivocation", 121)
def blocks_on_one_predecessor_are_not_compared(patch):
    right = Watch.accepted

    def accepted(self, block):
        self._predecessors.clear()
        return right(self, block)

    patch.setattr(Watch, "accepted", accepted)


@mutation("found no ConflictingSubmissions", 18)
def two_submissions_under_one_number_are_let_pass(patch):
    patch.setattr(Watch, "conflict", lambda self, found: [])


@mutation("found no TwoCheckpoints", 1, two_checkpoints)
def two_checkpoints_of_one_index_are_let_pass(patch):
    patch.setattr(Certifier, "proofs", lambda self: [])


@mutation("found no InvalidBlock", 46)
def signed_invalid_blocks_are_let_pass(patch):
    patch.setattr(Watch, "invalid", lambda self, block: [])


@mutation("convicts honest", 0)
def neighbouring_rounds_are_taken_for_one(patch):
    right = Watch.accepted

    def accepted(self, block):
        before = self._slots.get((block.author, block.round - 1))
        if before is not None:
            self._slots.setdefault((block.author, block.round), before)
        return right(self, block)

    patch.setattr(Watch, "accepted", accepted)


@mutation("does not hold for others", 46)
def a_damaged_copy_convicts_its_author(patch):
    def strict(block, roster, scheme):
        return Standing.VALID if judge(block, roster, scheme) is Standing.VALID else Standing.INVALID

    patch.setattr(intake, "judge", strict)


# -------------------------------------------------------------------------------------------------------------- memory


@mutation("parked blocks", 327)
def parking_has_no_bound(patch):
    made = BlockManager.__init__

    def init(self, *arguments):
        made(self, *arguments)
        self._per_author = self._lacks_max = 10**9

    patch.setattr(BlockManager, "__init__", init)


@mutation("rounds where", 14)
def no_checkpoint_is_ever_certified(patch):
    patch.setattr(Certifier, "certified", lambda self: None)


@mutation("verdicts", 154)
def verdicts_are_never_forgotten(patch):
    right = Committer._prune

    def prune(self, round_):
        verdicts = dict(self._verdicts)
        right(self, round_)
        self._verdicts = verdicts

    patch.setattr(Committer, "_prune", prune)


@mutation("uncovered blocks", 3272)
def links_to_what_was_let_go_are_kept_in_mind(patch):
    def collected(self):
        for digest in [key for key, block in self._speaking.items() if block.round < self._dag.collection]:
            self._silence(digest)

    patch.setattr(Proposer, "collected", collected)


# ------------------------------------------------------------------------------------------------------------ liveness


@mutation("not ordered", 18)
def what_was_collected_is_not_proposed_again(patch):
    patch.setattr(Outbox, "collected", lambda self, collection: None)


@mutation("not ordered", 0)
def nobody_asks_for_what_it_lacks(patch):
    patch.setattr(Pulls, "missing", lambda self, found, now: [])
    patch.setattr(Synchronizer, "_want", lambda self, now: [])


@mutation("not ordered", 638)
def a_certified_checkpoint_is_served_to_nobody(patch):
    right = Synchronizer.serve_want
    patch.setattr(
        Synchronizer, "serve_want", lambda self, place, want, snapshot, now: right(self, place, want, None, now)
    )


@mutation("rounds after it was said", 14)
def leaders_are_committed_long_after_they_could_be(patch):
    right = Committer.direct

    def direct(self, slot):
        return right(self, slot) if self._dag.highest >= slot[0] + 50 else UNDECIDED

    patch.setattr(Committer, "direct", direct)


@mutation("nothing to decide", 0)
def what_is_out_still_keeps_the_group_awake(patch):
    patch.setattr(Proposer, "ordered", lambda self, block: None)


@mutation("different lengths", 0, last_word_of_a_liar)
def the_first_member_keeps_to_itself_what_the_last_one_says(patch):
    right = GroupCore._deliver

    def deliver(self, ordered, now):
        if self._me or ordered.block.author != self._roster.n - 1:
            right(self, ordered, now)

    patch.setattr(GroupCore, "_deliver", deliver)


def chatter(patch, silence):
    """Whoever has accepted nothing for so long says something."""
    right = GroupCore.tick

    def tick(self, now):
        quiet_since = self._sync._progress_at
        if quiet_since is not None and now > quiet_since + silence:
            self.submit(Broadcast(b"%d" % now, 0, b"anybody there at %d" % now), now)
        return right(self, now)

    patch.setattr(GroupCore, "tick", tick)


@mutation("after a silence", 6)
def a_member_that_heard_nothing_for_long_asks_whether_anybody_is_there(patch):
    chatter(patch, 3 * SECOND)


@mutation("does not fall quiet", 6)
def a_member_that_heard_nothing_for_a_moment_asks_whether_anybody_is_there(patch):
    chatter(patch, SECOND)


def main() -> int:
    """Play seeds with one rule broken, and print those that show it."""
    name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    step = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    broken = next(each for each in (*COMMIT_MUTATIONS, *MUTATIONS, *VIEW_MUTATIONS) if each.name == name)
    with pytest.MonkeyPatch.context() as patch:
        broken.apply(patch)
        for seed in range(first, last, step):
            violation = broken.play(seed)
            if violation is not None and broken.breaks in violation:
                print(f"seed {seed}: {violation}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
