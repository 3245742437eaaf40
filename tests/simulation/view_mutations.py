"""Rules about the change of members broken on purpose, one at a time, each with the seed that finds it out.

The seeds are of runs with changing members; ``python -m tests.simulation.mutations NAME 5 FAR 8`` finds others.
"""

from mechdesign.group import block
from mechdesign.group.committer import Commit
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


@mutation("begins another epoch", 1133)
def an_epoch_begins_without_the_signatures_of_a_quorum(patch):
    patch.setattr(EpochCertificate, "follow", lambda self, roster, scheme: self.successor(roster))


@mutation("convicts honest", 229)
def signatures_under_an_end_are_not_checked(patch):
    patch.setattr(Statement, "signed", lambda self, member, signature, scheme: True)


@mutation("settle", 717)
def signatures_under_another_end_are_counted(patch):
    patch.setattr(Closing, "_agreed", lambda self: [(place, sign) for place, (_, sign) in sorted(self._said.items())])


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


@mutation("convicts honest", 253)
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


@mutation("settle", 165)
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


@mutation("ordered twice", 613)
def who_missed_the_end_says_all_of_it_again(patch):
    right = Outbox.pending
    patch.setattr(Outbox, "pending", lambda self, counted: right(self, lambda number: False))


@mutation("settle", 357)
def what_an_epoch_did_not_order_is_gone(patch):
    patch.setattr(Outbox, "pending", lambda self, counted: iter(()))
