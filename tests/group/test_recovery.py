"""Fetching the log backwards: the right part or none, whoever sends it."""

from mechdesign.group.block import Block, genesis, make_block
from mechdesign.group.checkpoint import Certified, Checkpoint, Count
from mechdesign.group.chronicle import Chronicle, link
from mechdesign.group.packets import BATCH_BLOCKS, BATCH_BYTES, LogPart
from mechdesign.group.recovery import Recovery
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.wire import encode
from tests.group.lockstep import make_roster, signer

ROSTER = make_roster(4)
RETRY = 100


def log_of(count: int, kept: int = 1 << 20) -> tuple[Chronicle, list[Block]]:
    chronicle = Chronicle(ROSTER, kept)
    blocks = [
        make_block(ROSTER, signer(at % 4), 0, [genesis(ROSTER, at % 4)], (), [b"leaf %d" % at]) for at in range(count)
    ]
    for block in blocks:
        chronicle.append(block)
    return chronicle, blocks


def target(chronicle: Chronicle) -> Certified:
    checkpoint = Checkpoint(
        256, 70, 0, 69, 5, (), chronicle.count, chronicle.count, chronicle.chain, (Count(0, b""),) * 4
    )
    return Certified(checkpoint, checkpoint.encode(), bytes(32), ())


def returning(theirs: Chronicle, own: list[Block]) -> tuple[Recovery, Chronicle]:
    mine = Chronicle(ROSTER, 1 << 20)
    for block in own:
        mine.append(block)
    recovery = Recovery(ROSTER, KeyedHash(), mine, RETRY, lambda place: (place + 1) % 4)
    recovery.begin(target(theirs), 1, 0)
    return recovery, mine


def serve(theirs: Chronicle, recovery: Recovery, now: int, blocks_max: int = 3) -> LogPart:
    asked = recovery.due(now)
    assert asked is not None
    found = theirs.before(asked[1].end, asked[1].named, asked[1].begin, blocks_max, 1 << 20)
    assert found is not None
    return LogPart(asked[1].end, found[0], tuple(found[1]))


def test_parts_come_backwards_until_they_meet_our_own_log() -> None:
    theirs, blocks = log_of(10)
    recovery, _ = returning(theirs, blocks[:2])
    sizes = []
    for now in range(3):
        assert recovery.whole() is None
        part = serve(theirs, recovery, now)
        sizes.append((part.end, len(part.blocks)))
        assert recovery.take(part, now) is None
    assert sizes == [(10, 3), (7, 3), (4, 2)]
    assert [block.digest for block in recovery.whole() or ()] == [block.digest for block in blocks[2:]]
    assert recovery.due(10**9) is None


def test_whoever_sends_little_at_a_time_is_not_asked_twice_in_a_row_and_whoever_sends_whole_batches_is() -> None:
    theirs, _ = log_of(2 * BATCH_BLOCKS + 3)
    recovery, _ = returning(theirs, [])
    asked = []
    for now, blocks in enumerate((1, 1, BATCH_BLOCKS, BATCH_BLOCKS, 1)):
        part = serve(theirs, recovery, now, blocks)
        fetch = recovery._fetch
        assert fetch is not None
        asked.append(fetch.asked)
        assert recovery.take(part, now) is None
    # Each is asked at once: nobody waits for the time after which a silent one is passed over.
    assert asked == [1, 2, 3, 3, 3]
    assert recovery.whole() is not None


def test_long_blocks_make_a_whole_batch_too() -> None:
    theirs = Chronicle(ROSTER, 1 << 20)
    for at in range(8):
        block = make_block(ROSTER, signer(at % 4), 0, [genesis(ROSTER, at % 4)], (), [bytes(BATCH_BYTES // 4)])
        theirs.append(block)
    recovery, _ = returning(theirs, [])
    for now in range(4):
        assert recovery.take(serve(theirs, recovery, now, 2), now) is None
        assert (fetch := recovery._fetch) is not None
        assert fetch.asked == 1


def test_whatever_is_not_the_expected_part_is_refused() -> None:
    theirs, blocks = log_of(6)
    recovery, _ = returning(theirs, [])
    good = serve(theirs, recovery, 0)
    other = make_block(ROSTER, signer(0), 0, [genesis(ROSTER, 0)], (), [b"other"])
    unsigned = encode((blocks[5].encoded, bytes(64), blocks[5].leaves))
    emptied = encode((blocks[5].encoded, blocks[5].signature, ()))
    lies = [
        LogPart(5, good.before, good.blocks),
        LogPart(6, bytes(32), good.blocks),
        LogPart(6, good.before, good.blocks[1:]),
        LogPart(6, good.before, good.blocks[::-1]),
        LogPart(6, good.before, (*good.blocks[:-1], other.wire)),
        LogPart(6, good.before, (*good.blocks[:-1], unsigned)),
        LogPart(6, good.before, (*good.blocks[:-1], emptied)),
        LogPart(6, good.before, (*good.blocks[:-1], b"garbage")),
        LogPart(6, good.before, good.blocks * 3),
    ]
    refused = [recovery.take(lie, 0) for lie in lies]
    assert all(refused)
    # Where the right blocks came with a wrong signature or payload, somebody lied.
    assert [at for at, reason in enumerate(refused) if reason == "forged log"] == [5, 6]
    assert recovery.take(good, 0) is None


def test_who_does_not_answer_is_passed_over_and_all_are_asked_more_slowly_in_the_end() -> None:
    theirs, _ = log_of(3)
    recovery, _ = returning(theirs, [])
    asked, now, dues = [], 0, []
    for _ in range(9):
        found = recovery.due(now)
        assert found is not None
        asked.append(found[0])
        assert recovery.due(now) is None
        assert recovery.deadline is not None
        dues.append(recovery.deadline - now)
        now = recovery.deadline
    assert asked == [1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert dues[0] == RETRY
    assert dues[-1] > RETRY


def test_what_we_ordered_ourselves_in_the_meantime_is_left_out_and_another_log_is_found_out() -> None:
    theirs, blocks = log_of(6)
    recovery, mine = returning(theirs, blocks[:1])
    assert recovery.take(serve(theirs, recovery, 0, 10), 0) is None
    mine.append(blocks[1])
    assert [block.digest for block in recovery.whole() or ()] == [block.digest for block in blocks[2:]]
    forked, other = returning(theirs, blocks[:1])
    assert forked.take(serve(theirs, forked, 0, 10), 0) is None
    other.append(blocks[3])
    assert forked.whole() == []


def test_the_chronicle_keeps_what_the_journal_lacks_and_of_the_rest_what_fits() -> None:
    theirs, blocks = log_of(10, kept=3 * 200)
    assert theirs.first == 0
    assert [number for number, _ in theirs.unwritten(4)] == [0, 1, 2, 3]
    theirs.settle(4)
    assert theirs.first == 4
    theirs.settle(10)
    assert 7 <= theirs.first < 10
    assert theirs.hash_at(3) is None
    assert theirs.before(5, bytes(32), 0, 9, 1 << 20) is None
    chain = theirs.hashes()[0]
    assert link(chain, [block.digest for block in blocks[theirs.first :]]) == theirs.chain
