"""Rules about the change of members broken on purpose, one at a time, each with the seed that finds it out.

The seeds are of runs with changing members; ``python -m tests.simulation.mutations NAME 5 FAR 8`` finds others.
"""

from dataclasses import replace

from mechdesign.group import block
from mechdesign.group.committer import UNDECIDED, Commit, Committer
from mechdesign.group.layer import GroupLayer
from mechdesign.group.linearizer import Linearizer
from mechdesign.group.messages import Broadcast
from mechdesign.group.multicast import direct, letters
from mechdesign.group.multicast.direct import DirectMulticast
from mechdesign.group.multicast.letters import sign_post
from mechdesign.group.multicast.private import PRIVATE, PrivateMulticast
from mechdesign.group.ordering import Committed, Ordered, Ordering
from mechdesign.group.outbox import Outbox
from mechdesign.group.proposer import Proposer
from mechdesign.group.turn import Turn
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.pursuit import Pursuit
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.group.views.transition import Transition
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.wire import decode, encode
from tests.simulation.mutation import Mutation, into

__all__ = ["VIEW_MUTATIONS"]

VIEW_MUTATIONS: list[Mutation] = []
mutation = into(VIEW_MUTATIONS)


# -------------------------------------------------------------------------------------------------- the end of an epoch


@mutation("settle", 421)
def an_epoch_ends_where_a_member_happens_to_look(patch):
    def decide(self):
        if self.final is not None:
            return
        last = None
        for slot, verdict in self.committer.decide():
            if isinstance(verdict, Commit):
                last = slot
                self.commits += 1
                self.committed_round = slot[0]
                for block in self.linearizer.linearise(verdict.leader):
                    yield Ordered(block, self.enter(block))
                yield Committed(None)
        if self.view.settled is not None and last is not None:
            self.final = self._checkpoint(last, [])
            yield Committed(self.final)

    patch.setattr(Ordering, "decide", decide)


@mutation("begins another epoch", 1965)
def an_epoch_begins_without_the_signatures_of_a_quorum(patch):
    patch.setattr(EpochCertificate, "follow", lambda self, roster, scheme: self.successor(roster))


@mutation("convicts honest", 229)
def signatures_under_an_end_are_not_checked(patch):
    patch.setattr(Statement, "signed", lambda self, member, signature, scheme: True)


@mutation("settle", 25325)
def signatures_under_another_end_are_counted(patch):
    patch.setattr(Closing, "_agreed", lambda self: [(place, sign) for place, (_, sign) in sorted(self._said.items())])


@mutation("found no Forking", 2053)
def two_ends_of_an_epoch_under_one_name_are_let_pass(patch):
    right = Closing.heard

    def heard(self, said):
        fresh, _, hold = right(self, said)
        return fresh, [], hold

    patch.setattr(Closing, "heard", heard)


# ------------------------------------------------------------------------------------------------ from one to the next


@mutation("settle", 53)
def a_state_is_believed_whoever_sends_it(patch):
    def offer(self, states):
        for state in states:
            if self.wanted and state:
                self.state = state
                return True
        return False

    patch.setattr(Pursuit, "offer", offer)


@mutation("convicts honest", 1045)
def blocks_of_a_retired_epoch_are_taken_for_those_of_the_present_one(patch):
    right = block.parse_header

    def parse_header(data, roster):
        found = right(data, roster)
        if found is None:
            value = decode(data, bytes_max=len(data))
            if isinstance(value, tuple) and len(value) == 9:
                version, _, _, *rest = value
                found = right(encode((version, roster.digest, roster.epoch, *rest)), roster)
        return found

    patch.setattr(block, "parse_header", parse_header)


@mutation("settle", 5)
def who_is_behind_is_not_shown_the_way(patch):
    patch.setattr(Guide, "announce", lambda self, now: [])
    patch.setattr(Guide, "point", lambda self, peer, channel, now: None)


@mutation("settle", 493)
def who_missed_the_end_waits_for_the_rest_of_the_log_for_ever(patch):
    right = Transition._may_go_on

    def may_go_on(self, now):
        self._given_up = False
        return right(self, now) and (self._epoch is None or self._epoch.closing.statement is not None)

    patch.setattr(Transition, "_may_go_on", may_go_on)


@mutation("still serve", 5)
def nobody_opens_an_epoch_without_a_reason(patch):
    def causes(self, round_):
        return [self._me] if self._outbox.waiting else Proposer.causes(self._proposer, round_)

    patch.setattr(Turn, "_causes", causes)


# --------------------------------------------------------------------------------------------- what was not ordered yet


@mutation("ordered twice", 61)
def keys_of_earlier_epochs_mean_nothing(patch):
    patch.setattr(Outbox, "used", lambda self, key: None)


@mutation("ordered twice", 1701)
def who_missed_the_end_says_all_of_it_again(patch):
    right = Outbox.pending
    patch.setattr(Outbox, "pending", lambda self, counted: right(self, lambda number: False))


@mutation("settle", 357)
def what_an_epoch_did_not_order_is_gone(patch):
    patch.setattr(Outbox, "pending", lambda self, counted: iter(()))


# ------------------------------------------------------------------------------------------------ the order, once more


@mutation("rests on a block", 1133)
def a_history_is_ordered_by_digest_in_later_epochs(patch):
    right = Linearizer.linearise

    def linearise(self, leader):
        out = right(self, leader)
        return sorted(out, key=lambda block: block.digest) if self._roster.epoch else out

    patch.setattr(Linearizer, "linearise", linearise)


@mutation("rounds of its epoch", 45)
def leaders_are_committed_late_in_later_epochs(patch):
    right = Committer.direct

    def direct(self, slot):
        late = self._roster.epoch and self._dag.highest < slot[0] + 50
        return UNDECIDED if late else right(self, slot)

    patch.setattr(Committer, "direct", direct)


# --------------------------------------------------------------------------------- messages to some of the members only


@mutation("takes letter", 45)
def letters_are_taken_as_they_come(patch):
    right = DirectMulticast._take

    def take(self, letter):
        sequence = letter.sequences[letter.to.index(self._me)]
        self._taken[letter.sender] = max(self._taken[letter.sender], sequence)
        return right(self, letter)

    patch.setattr(DirectMulticast, "_take", take)


@mutation("takes letter", 29)
def a_letter_is_taken_whenever_it_comes(patch):
    right = DirectMulticast._take

    def take(self, letter):
        self._taken[letter.sender] = letter.sequences[letter.to.index(self._me)]
        return right(self, letter)

    patch.setattr(DirectMulticast, "_take", take)


@mutation("has taken", 45)
def which_letters_were_taken_is_forgotten_in_a_restart(patch):
    right = DirectMulticast.restore

    def restore(self, records, now):
        untold = right(self, records, now)
        self._taken = [0] * len(self._taken)
        return untold

    patch.setattr(DirectMulticast, "restore", restore)


@mutation("gives number", 45)
def numbers_of_letters_begin_anew_after_a_restart(patch):
    right = DirectMulticast.restore

    def restore(self, records, now):
        untold = right(self, records, now)
        self._sent = [0] * len(self._sent)
        return untold

    patch.setattr(DirectMulticast, "restore", restore)


@mutation("did not write", 7301)
def letters_need_no_signature(patch):
    class Credulous(KeyedHash):
        def verify(self, member, message, signature):
            return True

    right = letters.parse_post
    patch.setattr(direct, "parse_post", lambda data, roster, scheme: right(data, roster, Credulous()))


@mutation("did not take the letter", 45)
def receipts_are_given_for_what_came_too_early(patch):
    right = DirectMulticast._take

    def take(self, letter):
        effects = right(self, letter)
        held = {*range(self._taken[letter.sender]), *self._early[letter.sender]}
        upto = max(held, default=-1) + 1
        number = letter.sequences[letter.to.index(self._me)]
        fields = (33, self._me, (letter.sender,), upto, number, letter.attempt)
        return [*effects, *self._pass_on(sign_post(fields, self._roster, self._signer), [letter.sender], None)]

    patch.setattr(DirectMulticast, "_take", take)


@mutation("has not got", 1493)
def letters_without_a_receipt_end_with_their_epoch(patch):
    patch.setattr(GroupLayer, "_hand_on", lambda self, letters, now: [])


@mutation("only recipients are to read", 29)
def private_messages_are_said_in_clear(patch):
    patch.setattr(PrivateMulticast, "broadcast", lambda self, request: Broadcast(request.key, PRIVATE, request.data))


@mutation("has not got", 101)
def private_messages_that_are_not_ordered_end_with_their_epoch(patch):
    patch.setattr(GroupLayer, "_whisper_again", lambda self, now: [])


@mutation("private message of", 45)
def private_messages_have_another_key_in_each_epoch(patch):
    right = PrivateMulticast.broadcast

    def broadcast(self, request):
        return right(self, replace(request, key=b"%d/" % self._roster.epoch + request.key))

    patch.setattr(PrivateMulticast, "broadcast", broadcast)
