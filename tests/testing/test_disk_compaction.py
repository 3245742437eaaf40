"""The fake disk takes a compaction as the journal does: all at once, durable, with everything before it."""

from random import Random

from mechdesign.group.messages import Append, Compact
from mechdesign.testing.disk import Disk


def test_a_compaction_is_durable_with_everything_before_it_and_what_follows_may_be_lost():
    for seed in range(10):
        disk = Disk()
        for at in range(4):
            disk.write(Append("block", bytes([at]), b"block", sync=False))
        head = Append("checkpoint", b"newest", b"state", sync=False)
        disk.write(Compact((Append("block", bytes([3]), b"changed"), head), (("block", bytes([0])), ("own", b"none"))))
        disk.write(Append("block", bytes([9]), b"later", sync=False))
        disk.crash(Random(seed))
        records = [(record.table, record.key, record.data) for record in disk.records()]
        expected = [("block", bytes([at]), b"block") for at in (1, 2)]
        expected += [("block", bytes([3]), b"changed"), ("checkpoint", b"newest", b"state")]
        assert records[:4] == expected
        assert records[4:] in ([], [("block", bytes([9]), b"later")])


def test_records_are_read_by_their_keys_up_to_the_first_that_is_not_there():
    disk = Disk()
    disk.write(Compact((Append("log", b"0", b"first"), Append("log", b"1", b"second")), ()))
    disk.write(Append("block", b"2", b"of another table"))
    assert disk.read("log", [b"1", b"0"], 99) == (b"second", b"first")
    assert disk.read("log", [b"0", b"2", b"1"], 99) == (b"first",)
    disk.write(Compact((Append("log", b"0", b"changed"),), (("log", b"1"),)))
    assert disk.read("log", [b"0", b"1"], 99) == (b"changed",)
