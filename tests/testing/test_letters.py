"""What the watchers of messages to some of the members, and of second lives, say where a rule is broken."""

from dataclasses import replace

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append
from mechdesign.group.multicast.direct import DirectDelivered, DirectMulticast
from mechdesign.group.multicast.outgoing import TABLE, Outgoing, prefix_of
from mechdesign.group.multicast.private import PrivateDelivered, PrivateMulticast
from mechdesign.group.proposer import Proposer
from mechdesign.kernel.wire import encode
from mechdesign.testing.boundaries import chat
from mechdesign.testing.scenario import Note
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster


def correspond():
    """The first of three members writes to the second, once in the order and once outside of it."""
    cluster = ViewCluster(3, 3, 1, letters=True)
    for place in range(3):
        cluster.start(place)
    cluster.run(0.3)
    for number, ordered in enumerate((True, False)):
        cluster.post.write(Note(0, 0, (1,), ordered), b"note %d" % number)
    cluster.assert_settled(10)
    assert cluster.post.received == 2
    return cluster


def told_next(cluster, key):
    """The second member tells that it took one more letter of the first: what was written under that key."""
    post = cluster.post._letters
    roster = cluster.roster_of(1)
    numbers = post._numbers[roster.epoch, 0, 1]
    data = post._written[0, key].request.data
    numbers.append((key, data))
    post._direct(1, DirectDelivered(cluster.signers[0].public, len(numbers) - 1, data))


def told_otherwise(patch, change):
    """Have members tell of private messages what ``change`` makes of it."""
    right = PrivateMulticast.delivered

    def delivered(self, entry):
        return tuple(
            change(event, entry) if isinstance(event, PrivateDelivered) else event for event in right(self, entry)
        )

    patch.setattr(PrivateMulticast, "delivered", delivered)


def test_nothing_is_wrong_where_no_rule_is_broken():
    correspond()


def test_a_recipient_that_keeps_letters_in_its_journal_for_good_is_found(monkeypatch):
    right = DirectMulticast._take

    def take(self, letter):
        effects = right(self, letter)
        name = prefix_of(self._roster) + b"kept"
        kept = [Append(TABLE, name, each.data or b"") for each in effects if isinstance(each, DirectDelivered)]
        return [*effects, *kept]

    monkeypatch.setattr(DirectMulticast, "_take", take)
    with pytest.raises(Violation, match="the journal of member 1 holds what only recipients are to read"):
        correspond()


def test_who_is_told_more_of_a_private_message_than_that_it_stands_there_is_found(monkeypatch):
    told_otherwise(
        monkeypatch,
        lambda event, entry: event if event.data is not None else replace(event, data=entry.submission.data),
    )
    with pytest.raises(Violation, match="is told a private message that is not for it"):
        correspond()


def test_who_is_told_something_else_than_was_written_is_found(monkeypatch):
    told_otherwise(
        monkeypatch, lambda event, entry: event if event.data is None else replace(event, data=event.data[:-1])
    )
    with pytest.raises(Violation, match="member 1 is told another private message of 0 than was written"):
        correspond()


def test_a_letter_that_stands_in_the_journal_without_its_numbers_is_found(monkeypatch):
    monkeypatch.setattr(Outgoing, "encode", lambda self, roster: encode((self.data, self.secret)))
    with pytest.raises(Violation, match="member 0 writes a letter down that it will not be able to read"):
        correspond()


def test_counts_of_letters_that_cannot_be_read_again_are_found(monkeypatch):
    right = DirectMulticast._counts
    monkeypatch.setattr(DirectMulticast, "_counts", lambda self: replace(right(self), data=encode(())))
    with pytest.raises(Violation, match="writes counts of letters down that it will not be able to read"):
        correspond()


def test_a_letter_that_is_taken_again_under_another_number_is_found():
    cluster = correspond()
    (direct,) = {key for key, _ in cluster.post._letters._numbers[cluster.roster_of(1).epoch, 0, 1]}
    with pytest.raises(Violation, match="member 1 takes a letter of 0 twice"):
        told_next(cluster, direct)


def test_a_letter_that_is_taken_after_one_that_was_written_later_is_found():
    cluster = correspond()
    first = next(key for (_, key), written in cluster.post._letters._written.items() if written.number == 0)
    cluster.post._letters._heard.clear()
    with pytest.raises(Violation, match="member 1 takes a letter of 0 after one that was written later"):
        told_next(cluster, first)


def test_a_second_life_that_goes_on_from_one_block_too_early_is_found(monkeypatch):
    restore, parents = GroupCore.restore, Proposer.parents

    def restored(core, records, now):
        records = list(records)
        core._proposer.again = bool(records)
        return restore(core, records, now)

    def rewound(self, round_):
        found = parents(self, round_)
        if self.newest is not None and self.again and len(found) > self._roster.q:
            found[0] = self.newest.header.parents[0]
        return found

    monkeypatch.setattr(GroupCore, "restore", restored)
    monkeypatch.setattr(Proposer, "parents", rewound)
    with pytest.raises(Violation, match="member 1 signed two blocks on one predecessor"):
        chat(1, 40, "kept")
