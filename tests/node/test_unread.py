"""What waits for a slow reader is bounded, and what falls out is told where it is missing."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.errors import MissedError
from mechdesign.node.room import Heard
from mechdesign.node.unread import Unread

ROOM = 4 * (256 + 100)


def message(position: int, length: int = 100) -> Heard:
    return Heard("alice", bytes(length), position=position)


def test_who_reads_in_time_misses_nothing() -> None:
    unread: Unread[Heard] = Unread(ROOM)
    for position in range(50):
        unread.put(message(position))
        assert unread.take().position == position
    assert not unread


def test_a_slow_reader_is_told_how_many_it_missed_and_then_reads_the_newest() -> None:
    unread: Unread[Heard] = Unread(ROOM)
    for position in range(10):
        unread.put(message(position))
    with pytest.raises(MissedError, match="6 messages") as caught:
        unread.take()
    assert caught.value.count == 6
    assert [unread.take().position for _ in range(4)] == [6, 7, 8, 9]
    assert not unread


def test_a_message_that_is_longer_than_the_bound_is_kept_alone() -> None:
    unread: Unread[Heard] = Unread(ROOM)
    unread.put(message(0))
    unread.put(message(1, length=10 * ROOM))
    with pytest.raises(MissedError, match="1 messages"):
        unread.take()
    assert unread.take().position == 1
    unread.put(message(2))
    assert unread.take().position == 2


def test_what_is_told_again_is_kept_whole_and_read_first() -> None:
    unread: Unread[Heard] = Unread(ROOM)
    for position in range(100):
        unread.put(message(position), again=True)
    for position in range(100, 110):
        unread.put(message(position))
    assert [unread.take().position for _ in range(100)] == list(range(100))
    with pytest.raises(MissedError) as caught:
        unread.take()
    assert unread.take().position == 100 + caught.value.count


@given(st.lists(st.integers(-1, 600), max_size=200))
def test_every_message_is_read_or_counted_at_its_place_and_memory_has_a_bound(acts: list[int]) -> None:
    unread: Unread[Heard] = Unread(ROOM)
    sent, expected = count(), 0
    for act in acts:
        if act >= 0:
            unread.put(message(next(sent), length=act))
            assert sum(256 + len(each.data or b"") for each in unread._new) <= max(ROOM, 256 + act)
        elif unread:
            try:
                assert unread.take().position == expected
                expected += 1
            except MissedError as missed:
                expected += missed.count
