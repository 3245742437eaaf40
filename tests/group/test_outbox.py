"""Keys of broadcasts: what was said under one is never said again, and yet they do not pile up."""

import pytest

from mechdesign.group import outbox
from mechdesign.group.checkpoint import Count
from mechdesign.group.messages import Append, Broadcast, Compact
from mechdesign.group.outbox import Outbox
from mechdesign.group.records import read_records
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import encode
from tests.group.lockstep import MILLISECOND, Lockstep, make_roster, member, said

KEPT = 8
SAID = 60


@pytest.fixture
def talked(monkeypatch):
    """Members of which the first has said far more than it remembers, over many checkpoints."""
    monkeypatch.setattr(outbox, "KEYS_KEPT", KEPT)
    net = Lockstep(4, depth=8)
    for at in range(SAID):
        net.say(0, b"%d" % at)
        for place in (1, 2, 3):
            net.say(place, b"%d of %d" % (at, place))
        net.run(40 * MILLISECOND)
    net.run()
    return net


def own_records(net):
    return [key for table, key, _ in net.hosts[0].disk if table == "own"]


def settled(net):
    return [data for table, _, data in net.hosts[0].disk if table == "ordered"]


def test_of_what_was_ordered_long_ago_few_keys_are_in_memory_and_no_record_of_its_own_is_left(talked):
    core = talked.hosts[0].core
    assert len(talked.hosts[0].said) == 4 * SAID
    recent = len(own_records(talked))
    assert recent < SAID // 2
    assert len(core.outbox.keys) <= KEPT + recent
    # The newest ones are known, whether a checkpoint counts them or not.
    for at in range(SAID - KEPT, SAID):
        assert core.submit(Broadcast(b"%d" % at, 7, b"in other words"), talked.now) == ()


def test_a_restart_knows_every_key_of_the_epoch_and_says_nothing_twice(talked):
    before = list(talked.hosts[1].said)
    assert settled(talked)
    for _ in range(2):
        talked.crash(0)
        talked.restart(0)
        core = talked.hosts[0].core
        # The layer above is rebuilt from the log, and asks again for all that it ever said, in other words.
        for at in range(SAID):
            assert core.submit(Broadcast(b"%d" % at, 7, b"in other words"), talked.now) == ()
        talked.run()
    assert said(talked) == [before] * 4
    # What was never said is, under a number of its own.
    talked.say(0, b"news")
    talked.run()
    assert said(talked) == [[*before, b"news"]] * 4
    numbers = [entry.submission.sequence for entry in talked.hosts[1].log if entry.submission.sender == member(0)]
    assert sorted(numbers) == list(range(SAID + 1))


def test_a_life_keeps_the_keys_of_earlier_lives_and_the_newest_of_its_own(talked):
    talked.crash(0)
    talked.restart(0)
    earlier = set(talked.hosts[0].core.outbox.keys)
    assert len(earlier) == SAID
    for at in range(SAID, SAID + 20):
        talked.say(0, b"%d" % at)
        talked.run(40 * MILLISECOND)
    talked.run()
    assert earlier <= set(talked.hosts[0].core.outbox.keys)
    assert len(talked.hosts[0].core.outbox.keys) <= SAID + KEPT + len(own_records(talked)) < SAID + 20
    talked.crash(0)
    talked.restart(0)
    assert sorted(talked.hosts[0].core.outbox.keys, key=int) == [b"%d" % at for at in range(SAID + 20)]


def test_a_crash_before_any_record_leaves_each_key_in_one_place(monkeypatch):
    monkeypatch.setattr(outbox, "KEYS_KEPT", KEPT)
    net = Lockstep(4, depth=8)
    written: list[Append | Compact] = []
    perform = net.perform

    def watch(place, effects):
        if place == 0:
            written.extend(effect for effect in effects if isinstance(effect, Append | Compact))
        perform(place, effects)

    monkeypatch.setattr(net, "perform", watch)
    asked = []
    for at in range(30):
        asked.append(b"%d" % at)
        net.say(0, asked[-1])
        net.run(40 * MILLISECOND)
    assert any(record.table == "ordered" for each in written if isinstance(each, Compact) for record in each.records)
    for end in range(0, len(written) + 1, 3):
        disk: dict[tuple[str, bytes], bytes] = {}
        done = 0
        for write in written[:end]:
            records = (write,) if isinstance(write, Append) else write.records
            done += sum(record.table == "own" for record in records)
            disk.update({(record.table, record.key): record.data for record in records})
            for name in write.gone if isinstance(write, Compact) else ():
                disk.pop(name, None)
        core = net._core(0)
        core.restore([(*name, data) for name, data in disk.items()], 0)
        assert core.outbox.keys == asked[:done]
        for key in asked:
            assert bool(core.submit(Broadcast(key, 7, key), 0)) == (key not in asked[:done])
        core.tick(SECOND)


def test_what_a_checkpoint_does_not_count_is_remembered_however_old_it_is(monkeypatch):
    monkeypatch.setattr(outbox, "KEYS_KEPT", 2)
    box = Outbox(make_roster(4), member(0), 1 << 20)
    for at in range(10):
        box.add(Broadcast(b"%d" % at, 1, b""))
    # The first is in no block yet, and all others are ordered.
    assert box.settle(Count(0, (2**9 - 1).to_bytes(2, "big"))) == [b"%d" % at for at in range(1, 10)]
    assert box.keys == [b"8", b"9", b"0"]
    assert box.add(Broadcast(b"0", 1, b"")) is None
    assert box.settle(Count(0, (2**9 - 1).to_bytes(2, "big"))) == []
    assert box.settle(Count(10, b"")) == [b"0"]
    assert box.keys == [b"9", b"0"]


def test_what_would_matter_if_it_were_said_twice_is_remembered_for_the_whole_epoch(monkeypatch):
    monkeypatch.setattr(outbox, "KEYS_KEPT", 2)
    box = Outbox(make_roster(4), member(0), 1 << 20)
    for at in range(10):
        box.add(Broadcast(b"%d" % at, 1, b"", lasting=at == 3))
    box.settle(Count(10, b""))
    assert box.keys == [b"3", b"8", b"9"]
    assert box.add(Broadcast(b"3", 1, b"", lasting=True)) is None
    assert box.add(Broadcast(b"4", 1, b"")) is not None


def test_a_life_knows_all_keys_of_earlier_lives_however_late_it_is_asked_for_them_again(monkeypatch):
    monkeypatch.setattr(outbox, "KEYS_KEPT", 2)
    first = Outbox(make_roster(4), member(0), 1 << 20)
    records = [(b"%d" % at, first.add(Broadcast(b"%d" % at, 1, b""))) for at in range(6)]
    again = Outbox(make_roster(4), member(0), 1 << 20)
    again.remember([b"long ago"])
    for key, record in records:
        assert record is not None
        again.restore(key, record)
    for at in range(6, 20):
        again.add(Broadcast(b"%d" % at, 1, b""))
    again.settle(Count(20, b""))
    assert all(again.add(Broadcast(key, 1, b"")) is None for key in (b"long ago", *(key for key, _ in records)))


def test_keys_of_earlier_epochs_are_none_of_this_ones():
    box = Outbox(make_roster(4), member(0), 1 << 20)
    box.used(b"then")
    assert box.add(Broadcast(b"then", 1, b"")) is None
    assert box.keys == []
    assert not box.awaits(b"then")


@pytest.mark.parametrize(
    "records",
    [
        [("ordered", b"\0" * 8, b"\xc1")],
        [("ordered", b"\0" * 8, encode((b"a", 1)))],
        [("ordered", b"\0" * 8, encode(b"a"))],
        [("ordered", b"\0" * 7 + b"\1", encode((b"a",)))],
        [("ordered", b"\0" * 8, encode((b"a",))), ("ordered", b"\0" * 7 + b"\2", encode((b"b",)))],
    ],
    ids=["no encoding", "no key", "no list", "the first is missing", "one between is missing"],
)
def test_a_list_of_keys_that_is_damaged_or_missing_is_refused(records):
    with pytest.raises(JournalError, match="ordered"):
        read_records(records, make_roster(4), KeyedHash())
