"""A journal read by somebody who takes no part shows the log that its member has."""

import pytest

from mechdesign.group.messages import Delivered
from mechdesign.group.reading import read_journal
from mechdesign.group.roster import FaultModel
from mechdesign.group.views.epoch import beginning
from mechdesign.kernel.errors import JournalError
from tests.group.lockstep import MILLISECOND, SCHEME, SECOND, Lockstep, make_roster, member
from tests.long_form import mostly_long


def journal(net, place, epoch=0):
    """The records of a member's journal, as they stand in its file."""
    return [(table, epoch.to_bytes(4, "big") + key, data) for table, key, data in net.hosts[place].disk]


def shown(*given):
    """What a journal whose epoch is known shows."""
    found = read_journal(*given)
    assert found is not None
    return found


def talked(n=4, messages=40, **more):
    net = Lockstep(n, depth=4, **more)
    for at in range(messages):
        net.say(net.live[at % len(net.live)], b"%d" % at)
        net.run(3 * MILLISECOND)
    net.run(SECOND)
    return net


@pytest.mark.parametrize("n", mostly_long([1, 2, 4, 7], short=2))
def test_the_log_is_the_members_own_also_where_a_checkpoint_took_the_place_of_blocks(n):
    net = talked(n)
    for place in range(n):
        assert any(table == "checkpoint" for table, *_ in net.hosts[place].disk)
        found = shown(journal(net, place), net.roster, SCHEME)
        assert (found.roster, found.state) == (net.roster, b"")
        assert list(found.entries) == net.hosts[place].log


@pytest.mark.parametrize("messages", range(0, 12, 3))
def test_at_every_length_it_shows_what_the_member_has_delivered_and_nothing_else(messages):
    net = Lockstep(4, depth=4)
    for at in range(messages):
        net.say(at % 4, b"%d" % at)
        net.run(2 * MILLISECOND)
    for place in range(4):
        found = shown(journal(net, place), net.roster, SCHEME)
        assert list(found.entries) == net.hosts[place].log
        assert all(isinstance(entry, Delivered) for entry in found.entries)


def test_a_later_epoch_is_read_by_the_roster_with_which_it_began():
    later = make_roster(4, FaultModel.BYZANTINE, depth=4, epoch=3)
    net = talked(4, 10, epoch=3)
    assert net.roster == later
    record = beginning(later, b"state")
    whole = [(record.table, record.key, record.data), *journal(net, 0, 3)]
    found = shown(whole, None, SCHEME)
    assert (found.roster, found.state) == (later, b"state")
    assert list(found.entries) == net.hosts[0].log
    assert read_journal(whole[1:], None, SCHEME) is None


def test_records_of_another_epoch_are_passed_over():
    net = talked(4, 10)
    found = shown([*journal(net, 0), *journal(net, 1, 1)], net.roster, SCHEME)
    assert list(found.entries) == net.hosts[0].log
    assert shown(journal(net, 0, 1), net.roster, SCHEME).entries == ()


def test_a_changed_record_is_refused():
    net = talked()
    records = journal(net, 0)
    for at, (table, key, data) in enumerate(records):
        if table in ("block", "log", "checkpoint"):
            changed = data[:-1] + bytes([data[-1] ^ 1])
            with pytest.raises(JournalError):
                shown([*records[:at], (table, key, changed), *records[at + 1 :]], net.roster, SCHEME)


def test_a_record_that_is_missing_from_the_log_is_noticed():
    net = talked()
    records = [record for record in journal(net, 0) if record[0] != "log"]
    with pytest.raises(JournalError, match=r"is damaged: lost, or of another group.*come back under a new key"):
        shown(records, net.roster, SCHEME)


def test_a_group_with_a_silent_member_is_read_as_well():
    net = talked(4, 12, silent=[3])
    assert member(3) not in {entry.submission.sender for entry in net.hosts[0].log}
    found = shown(journal(net, 0), net.roster, SCHEME)
    assert list(found.entries) == net.hosts[0].log
