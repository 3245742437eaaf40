"""For each thing that a layer keeps beside the order, a rule broken so that it keeps more and more of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mechdesign.group.block_manager import BlockManager
from mechdesign.group.chronicle import Chronicle
from mechdesign.group.group import Group
from mechdesign.group.layer import GroupLayer
from mechdesign.group.multicast import direct
from mechdesign.group.multicast.direct import DirectMulticast
from mechdesign.group.outbox import Outbox
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.group.tolerance import Tolerance
from mechdesign.group.topology import Topology
from mechdesign.group.views.annals import Annals
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.guide import Guide
from mechdesign.group.views.proofs import Proofs
from mechdesign.group.views.said import Said
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.view import View
from mechdesign.group.whereabouts import Whereabouts
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.wire import digest
from mechdesign.transport.messages import LinkUp, Packet
from tests.simulation.layer_run import Layers, tight

__all__ = ["LEAKS", "Leak", "visits"]


def visits() -> Layers:
    """Members talk, and one comes and goes twice; raises a violation where one of them holds more than it may."""
    with tight():
        net = Layers()
        net.turn(16)
        net.visit()
        net.visit()
    return net


@dataclass(frozen=True)
class Leak:
    """A broken rule, and the name of what is kept too much of."""

    name: str
    kept: str
    apply: Callable[[pytest.MonkeyPatch], None]


LEAKS: list[Leak] = []


def leak(kept: str) -> Callable[[Callable[[pytest.MonkeyPatch], None]], Callable[[pytest.MonkeyPatch], None]]:
    """Enter a function that breaks a rule."""

    def enter(apply: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
        LEAKS.append(Leak(apply.__name__, kept, apply))
        return apply

    return enter


def after(patch: pytest.MonkeyPatch, kind: type, method: str, then: Callable[..., object]) -> None:
    """Break a method: ``then(self, result, *arguments)`` is done behind it."""
    right = getattr(kind, method)

    def wrong(self: Any, *arguments: Any) -> Any:
        result = right(self, *arguments)
        then(self, result, *arguments)
        return result

    patch.setattr(kind, method, wrong)


def for_ever(patch: pytest.MonkeyPatch, kind: type, method: str, table: str) -> None:
    """Break a method so that nothing goes out of a table of its object."""
    right = getattr(kind, method)

    def wrong(self: Any, *arguments: Any) -> Any:
        before = dict(getattr(self, table))
        result = right(self, *arguments)
        setattr(self, table, before | getattr(self, table))
        return result

    patch.setattr(kind, method, wrong)


def each_time(patch: pytest.MonkeyPatch, kind: type, method: str, table: str) -> None:
    """Break a method so that each call of it leaves something in a table of its object."""

    def then(self: Any, _result: object, *_arguments: object) -> None:
        getattr(self, table)[-1 - len(getattr(self, table))] = 0

    after(patch, kind, method, then)


# ---------------------------------------------------------------------------------------------------------- the layer


@leak("links of the layer")
def links_that_are_down_count_as_up_for_the_layer(patch):
    def then(self, _result, event, now):
        if isinstance(event, LinkUp):
            self._linked[event.peer, now] = None

    after(patch, GroupLayer, "receive", then)


@leak("links of the order")
def links_that_are_down_count_as_up_for_the_order(patch):
    def then(self, _result, event, now):
        if isinstance(event, LinkUp):
            self._linked[event.peer, now] = None

    after(patch, Group, "receive", then)


@leak("neighbours in the epoch")
def whoever_speaks_counts_as_a_neighbour(patch):
    def then(self, _result, event, _now):
        if isinstance(event, Packet):
            self._here[event.peer] = None

    after(patch, GroupLayer, "receive", then)


@leak("records of letters")
def the_names_of_deleted_records_are_kept(patch):
    for_ever(patch, GroupLayer, "_put", "_kept")


@leak("bytes of private messages")
def private_messages_are_kept_after_they_were_ordered(patch):
    patch.setattr(GroupLayer, "_forget", lambda self: [])
    patch.setattr(GroupLayer, "_whisper_again", lambda self, now: [])


@leak("addresses over epochs")
def all_that_somebody_ever_said_of_where_it_listens_is_kept(patch):
    def then(self, _result, said):
        self._addresses[MemberId(said.member + said.address.encode())] = said.address

    after(patch, Whereabouts, "hear", then)


# -------------------------------------------------------------------------------------------------- the order's epochs


@leak("ends of epochs")
def how_every_epoch_ended_is_kept(patch):
    for_ever(patch, Annals, "add", "_ends")


@leak("signers of two ends")
def every_second_end_is_kept(patch):
    def then(self, _result, channel, said, *_rest):
        if channel in self._ends:
            self._doubled[self._ends[channel].roster.epoch, said.state] = None

    after(patch, Annals, "doubled", then)


@leak("channels")
def the_channels_of_all_epochs_are_listened_to(patch):
    right = Group._listen

    def listen(self):
        before = self._channels
        right(self)
        self._channels = tuple(dict.fromkeys((*before, *self._channels)))

    patch.setattr(Group, "_listen", listen)


@leak("peers that were told")
def every_time_that_somebody_was_told_is_kept(patch):
    after(patch, Guide, "_affords", lambda self, result, peer, now: self._told.update({(peer, now): now}))


@leak("peers that moved on")
def every_word_on_the_present_channel_is_kept(patch):
    each_time(patch, Guide, "moved", "_moved")


@leak("members that have begun")
def anybody_may_say_that_the_next_epoch_has_begun(patch):
    after(patch, Guide, "begun", lambda self, result, peer, channel: self._begun.update({peer: None}))


@leak("keys of earlier epochs")
def all_keys_of_earlier_epochs_are_kept(patch):
    for_ever(patch, Said, "add", "_keys")


@leak("proofs over epochs")
def every_proof_is_kept_and_found_again_and_again(patch):
    after(patch, Closing, "heard", lambda self, result, said: self._proved.clear())
    after(patch, Annals, "doubled", lambda self, result, *rest: self._doubled.clear())

    def then(self, _result, found, _roster):
        about = next(iter(self._kept))
        self._kept[digest("leak", found.data), about[1]] = self._kept[about]

    after(patch, Proofs, "keep", then)


@leak("allowances of peers")
def the_allowances_of_all_peers_are_kept(patch):
    for_ever(patch, Tolerance, "charge", "_meters")


# ----------------------------------------------------------------------------------------------------------- letters


@leak("letters that were seen")
def all_letters_that_ever_came_are_kept_in_mind(patch):
    for_ever(patch, DirectMulticast, "_note", "_seen")


@leak("letters before their turn")
def letters_far_ahead_of_their_turn_are_kept(patch):
    def then(self, _result, letter):
        self._early[letter.sender][1_000 + letter.attempt] = None

    after(patch, DirectMulticast, "_take", then)


@leak("letters on their way")
def any_number_of_letters_may_wait_for_one_recipient(patch):
    right = DirectMulticast.submit

    def submit(self, request, now):
        with patch.context() as here:
            here.setattr(direct, "LETTERS_MAX", 10**9)
            return right(self, request, now)

    patch.setattr(DirectMulticast, "submit", submit)


# --------------------------------------------------------------------------------------------------- the map of links


@leak("statements of links")
def old_statements_are_kept_beside_the_new_ones(patch):
    def then(self, _result, _place, data, _now):
        self._known[-1 - len(self._known)] = 0, frozenset(), data

    after(patch, Topology, "receive", then)


@leak("times of statements")
def every_time_that_links_were_told_is_kept(patch):
    each_time(patch, Topology, "receive", "_taken_at")


@leak("addresses in the epoch")
def all_places_where_somebody_said_that_it_listens_are_kept(patch):
    each_time(patch, Topology, "receive", "_addresses")


@leak("addresses not handed up")
def addresses_are_handed_up_again_and_again(patch):
    patch.setattr(Topology, "located", lambda self: list(self._located))


# ------------------------------------------------------------------------------------------------------- of one epoch


@leak("bytes of the log that are in the journal")
def the_whole_log_stays_in_memory(patch):
    patch.setattr(Chronicle, "settle", lambda self, written: setattr(self, "written", max(self.written, written)))


@leak("bytes of parked blocks")
def parked_blocks_may_have_any_number_of_bytes(patch):
    def unlimited(self, _result, *_arguments, **_options):
        self._bytes_max, self._per_author, self._lacks_max = None, 10**9, 10**9

    after(patch, BlockManager, "reset", unlimited)


@leak("bytes of own submissions")
def what_was_ordered_still_counts_as_waiting(patch):
    after(patch, Outbox, "__init__", lambda self, result, *arguments: setattr(self, "_bytes_max", 10**9))

    def delivered(self, sequence):
        self._sequence = max(self._sequence, sequence + 1)
        self._waiting.pop(sequence, None)

    patch.setattr(Outbox, "delivered", delivered)


@leak("own keys below the checkpoint")
def all_keys_of_the_epoch_are_remembered(patch):
    for_ever(patch, Outbox, "settle", "_settled")


@leak("own keys of earlier epochs")
def keys_of_this_epoch_count_as_those_of_earlier_ones(patch):
    each_time(patch, Outbox, "delivered", "_past")


@leak("neighbours kept in mind")
def every_time_that_tips_came_is_kept(patch):
    each_time(patch, Synchronizer, "hear_tips", "_told_at")


@leak("signatures under the end")
def every_end_that_somebody_signed_is_kept(patch):
    def then(self, _result, said):
        statement = Statement(self._roster.digest, said.checkpoint, said.state, said.successor)
        self._said[-1 - len(self._said)] = statement, said.signatures[0][1]

    after(patch, Closing, "heard", then)


@leak("convicts of the end")
def every_conviction_is_kept(patch):
    each_time(patch, Closing, "heard", "_proved")


@leak("members that are ready")
def whoever_is_ready_twice_counts_twice(patch):
    after(patch, View, "_count", lambda self, result, sender, state: self._ready.update({(sender, state): state}))
