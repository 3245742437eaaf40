"""For each thing that a member keeps, a rule broken so that it keeps more and more of it; and a run that shows all.

The run is a conversation of three members beside a liar of four, with small settings, under the watcher of the
campaign alone. The campaign would find most of the leaks too, but some of them only where another promise breaks first.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from mechdesign.group import certifier, pacing
from mechdesign.group.block import Reference, genesis, make_block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.checkpoint import sign_checkpoint
from mechdesign.group.committer import Committer
from mechdesign.group.dag import Dag
from mechdesign.group.evidence import encode_evidence
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.messages import EvidenceFound, Submission
from mechdesign.group.outbox import Outbox
from mechdesign.group.pacing import Pacing
from mechdesign.group.packets import Vouch, decode_packet, encode_blocks, encode_packet
from mechdesign.group.proposer import Proposer
from mechdesign.group.pulls import Pulls
from mechdesign.group.records import Records
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.group.watch import Watch
from mechdesign.testing.bounds import Bounds
from mechdesign.testing.simulated import settings
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import MILLISECOND, Lockstep, member, signer

__all__ = ["LEAKS", "Leak", "conversation"]

LIAR, DEPTH = 3, 4
NOBODY_VOUCHES = range(60, 125)
"""Between these words no signature over a checkpoint gets through."""


# --------------------------------------------------------------------------------------------------------- the staging


class Watched(Lockstep):
    """A lockstep network that tells whoever watches of each step."""

    def __init__(self, n, **options):
        self.watchers: list[Callable[[int], None]] = []
        super().__init__(n, **options)
        Bounds(self, self.live, self.config, lambda place: [self.hosts[place].core])

    def watch_steps(self, watcher):
        self.watchers.append(watcher)

    def perform(self, place, effects):
        super().perform(place, effects)
        for watcher in self.watchers:
            watcher(place)


class Hoarder:
    """Makes the others keep things: each of its blocks is late or rests on nothing, and it signs what will never be."""

    def __init__(self, net: Watched) -> None:
        self.net = net
        self.chance = Random("hoarder")
        self.own = genesis(net.roster, LIAR)
        self.numbers = iter(range(1_000_000))
        net.liars[LIAR] = lambda source, data: None
        for place in net.live:
            net.perform(place, net.hosts[place].core.receive(LinkUp(member(LIAR)), net.now))

    def lie(self) -> None:
        """Say all that there is to say at one time."""
        dag = self.net.hosts[0].core._dag
        for packet in (self.late(dag.collection), self.endless(dag.highest + 1), self.early()):
            for place in self.net.live:
                self.net.give(LIAR, place, packet)

    def nothing(self, round_: int) -> Reference:
        return Reference(round_, self.chance.randrange(LIAR), self.chance.randbytes(32))

    def block(self, round_: int, weak: list[Reference], leaves: list[bytes]):
        parents = [self.own, *(Reference(round_ - 1, place, self.chance.randbytes(32)) for place in range(LIAR))]
        return make_block(self.net.roster, signer(LIAR), round_, parents, weak, leaves)

    def late(self, collection: int) -> bytes:
        """A block with a word that nobody refers to any more, and a twin of it: they come as late as they may."""
        if not collection:
            return b""
        found = []
        for word in (b"late", b"twin"):
            leaf = encode_leaf(Submission(0, member(LIAR), next(self.numbers), word))
            found.append(self.block(collection, [], [leaf]))
        return encode_blocks(self.net.roster, [block.wire for block in found])

    def endless(self, round_: int) -> bytes:
        """Blocks that rest on as much as they may, none of which there is."""
        weak = sorted(self.nothing(max(0, round_ - 2)) for _ in range(4))
        blocks = [self.block(round_, weak, [b"%d" % number]) for number in range(3)]
        return encode_blocks(self.net.roster, [block.wire for block in blocks])

    def early(self) -> bytes:
        """A signature over a checkpoint of a day to come."""
        index, named = 1_000 + next(self.numbers), self.chance.randbytes(32)
        signature = sign_checkpoint(index, named, self.net.roster, signer(LIAR))
        return encode_packet(self.net.roster, Vouch(index, named, ((LIAR, signature),)))


def conversation(words: int = 160) -> Watched:
    """Three members talk; raises a violation where one of them holds more than it may."""
    net = Watched(4, silent=[LIAR], depth=DEPTH, config=settings(tight=True))
    hoarder = Hoarder(net)

    def vouches(source: int, target: int, data: bytes) -> bool:
        return isinstance(decode_packet(net.roster, data), Vouch)

    nothing = net.lose
    for number in range(words):
        net.lose = vouches if number in NOBODY_VOUCHES else nothing
        net.say(number % LIAR, b"word %d" % number)
        hoarder.lie()
        net.run(3 * MILLISECOND)
    net.run()
    net.assert_agreement()
    return net


# ------------------------------------------------------------------------------------------------------------ the leaks


@dataclass(frozen=True)
class Leak:
    """A broken rule, and the name of what is kept too much of."""

    name: str
    kept: str
    apply: Callable[[pytest.MonkeyPatch], None]


LEAKS: list[Leak] = []


def leak(kept: str):
    """Enter a function that breaks a rule."""

    def enter(apply):
        LEAKS.append(Leak(apply.__name__, kept, apply))
        return apply

    return enter


def after(patch, kind, method, then):
    """Break a method: ``then(self, result, *arguments)`` is done behind it."""
    right = getattr(kind, method)

    def wrong(self, *arguments):
        result = right(self, *arguments)
        then(self, result, *arguments)
        return result

    patch.setattr(kind, method, wrong)


@leak("rounds below the certified collection round")
def what_a_checkpoint_stands_for_is_not_let_go(patch):
    patch.setattr(Dag, "prune", lambda self, floor: [])


@leak("rounds from collection to commit")
def the_collection_round_stays_where_it_is(patch):
    def linearise(self, leader):
        out = sorted(self._dag.unordered_history(leader), key=lambda block: block.ref)
        for block in out:
            self._dag.mark_ordered(block)
        return out

    patch.setattr(Linearizer, "linearise", linearise)


@leak("blocks")
def old_blocks_are_kept_by_their_digests(patch):
    after(patch, Dag, "prune", lambda self, gone, floor: self._blocks.update({block.digest: block for block in gone}))


@leak("rounds of blocks")
def old_rounds_are_kept_empty(patch):
    after(patch, Dag, "prune", lambda self, gone, floor: self._rounds.update({block.round: {} for block in gone}))


@leak("tips")
def old_blocks_are_kept_in_the_chains(patch):
    def prune(self, gone, floor):
        for block in gone:
            insort(self._chains[block.author], (block.round, block.digest))

    after(patch, Dag, "prune", prune)


@leak("ordered digests")
def what_is_out_is_remembered_for_ever(patch):
    def prune(self, gone, floor):
        for block in gone:
            self.mark_ordered(block)

    after(patch, Dag, "prune", prune)


@leak("entries in blocks that were let go")
def where_every_entry_was_first_ordered_is_kept(patch):
    patch.setattr(Linearizer, "pruned", lambda self, gone: None)


def counts_kept(patch, name):
    """Forget all counts of a decided round but one kind."""
    right = Committer._prune

    def prune(self, round_):
        counts = dict(getattr(self, name))
        right(self, round_)
        setattr(self, name, counts)

    patch.setattr(Committer, "_prune", prune)


@leak("certificates")
def certificates_of_decided_slots_are_kept(patch):
    counts_kept(patch, "_certs")


@leak("certifying blocks")
def who_certified_decided_slots_is_kept(patch):
    counts_kept(patch, "_certifies")


@leak("blames")
def blame_for_decided_slots_is_kept(patch):
    counts_kept(patch, "_blames")


@leak("verdicts")
def verdicts_that_were_told_are_kept(patch):
    counts_kept(patch, "_verdicts")


@leak("committed slots")
def committed_slots_below_the_collection_round_are_kept(patch):
    counts_kept(patch, "_committed")


def room(patch, **limits):
    def unlimited(self, result, *arguments):
        for name, limit in limits.items():
            setattr(self, name, limit)

    after(patch, BlockManager, "__init__", unlimited)


@leak("parked blocks")
def any_number_of_blocks_is_parked(patch):
    room(patch, _per_author=10**9, _lacks_max=10**9)


@leak("missing references")
def parked_blocks_may_lack_any_number_of_others(patch):
    room(patch, _lacks_max=10**9)


@leak("references vouched for")
def all_that_a_parked_block_lacks_counts_as_vouched_for(patch):
    after(patch, BlockManager, "_park", lambda self, result, block, lacks, source: self._vouched.update(lacks))


@leak("pulls")
def what_nobody_needs_is_asked_for_on_and_on(patch):
    patch.setattr(Pulls, "_sweep", lambda self: None)
    after(patch, Pulls, "__init__", lambda self, result, *arguments: setattr(self, "_needed", lambda reference: True))


@leak("shown blocks")
def who_showed_a_block_is_kept_in_mind_for_ever(patch):
    after(patch, Synchronizer, "__init__", lambda self, result, *arguments: setattr(self, "_shown_max", 10**9))


def collected_of(patch, kept):
    """Let payloads and links below the collection round be, where they are to be kept."""

    def collected(self):
        for digest in [key for key, block in self._speaking.items() if block.round < self._dag.collection]:
            if kept != "speaking":
                self._silence(digest)
        for digest in [key for key, block in self._uncovered.items() if block.round < self._dag.collection]:
            if kept != "uncovered":
                del self._uncovered[digest]

    patch.setattr(Proposer, "collected", collected)


@leak("uncovered blocks")
def blocks_below_the_collection_round_wait_for_a_link(patch):
    collected_of(patch, "uncovered")
    patch.setattr(Proposer, "weak", lambda self, round_, parents: [])


@leak("speaking blocks")
def payloads_below_the_collection_round_count_as_open(patch):
    collected_of(patch, "speaking")


def compared_for_ever(patch, name):
    """Let one kind of what blocks are compared with outlast the blocks."""
    right = Watch.pruned

    def pruned(self, gone):
        before = dict(getattr(self, name))
        right(self, gone)
        setattr(self, name, before)

    patch.setattr(Watch, "pruned", pruned)


@leak("compared rounds")
def blocks_are_compared_with_all_of_their_round_that_ever_were(patch):
    compared_for_ever(patch, "_slots")


@leak("compared predecessors")
def blocks_are_compared_with_all_on_their_predecessor_that_ever_were(patch):
    compared_for_ever(patch, "_predecessors")


@leak("proofs")
def every_proof_is_kept(patch):
    def prove(self, author, evidence):
        self._proved[author, encode_evidence(evidence)] = None
        self._proved[author, type(evidence)] = None
        return [EvidenceFound(self._roster.ids[author], encode_evidence(evidence))]

    patch.setattr(Watch, "_prove", prove)


@leak("carried submissions")
def what_blocks_carried_is_kept_after_it_was_ordered(patch):
    patch.setattr(Outbox, "ordered", lambda self, digest: None)
    patch.setattr(Outbox, "collected", lambda self, collection: None)


@leak("quorum instants")
def the_instant_of_every_quorum_is_kept(patch):
    patch.setattr(pacing, "_INSTANTS_MAX", 10**9)
    right = Pacing.proposed

    def proposed(self, round_, now):
        instants = dict(self._quorum_at)
        right(self, round_, now)
        self._quorum_at = instants

    patch.setattr(Pacing, "proposed", proposed)


@leak("pending checkpoints")
def all_checkpoints_wait_for_signatures(patch):
    patch.setattr(certifier, "_PENDING_MAX", 10**9)


@leak("early signatures")
def signatures_over_any_number_of_later_checkpoints_are_kept(patch):
    patch.setattr(certifier, "_EARLY_MAX", 10**9)


@leak("blocks in the journal")
def the_names_of_old_records_are_kept(patch):
    right = Records.compact

    def compact(self, *arguments):
        before = dict(self._rounds)
        found = right(self, *arguments)
        self._rounds = before
        return found

    patch.setattr(Records, "compact", compact)
