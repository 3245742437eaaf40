"""The token bucket admits its rate in the long run and its burst at once."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.machine import SECOND
from mechdesign.transport.meter import TokenBucket


def test_a_full_bucket_admits_one_second_of_units_and_no_more() -> None:
    bucket = TokenBucket(5, now=0)
    assert [bucket.take(1, 0) for _ in range(6)] == [True] * 5 + [False]


def test_units_come_back_at_the_rate() -> None:
    bucket = TokenBucket(10, burst=1, now=0)
    assert bucket.take(1, 0)
    assert not bucket.take(1, SECOND // 10 - 1)
    assert bucket.take(1, SECOND // 10)


def test_a_refused_request_takes_nothing() -> None:
    bucket = TokenBucket(3, now=0)
    assert not bucket.take(4, 0)
    assert bucket.take(3, 0)


def test_a_clock_that_runs_backwards_adds_nothing() -> None:
    bucket = TokenBucket(1, now=10 * SECOND)
    assert bucket.take(1, 10 * SECOND)
    assert not bucket.take(1, 0)
    assert not bucket.take(1, 10 * SECOND)


@given(
    rate=st.integers(1, 1_000),
    burst=st.integers(1, 1_000),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 50)), max_size=60),
)
def test_no_schedule_gets_more_than_burst_plus_rate_times_time(
    rate: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    bucket = TokenBucket(rate, burst=burst, now=0)
    now = taken = 0
    for passed, units in steps:
        now += passed
        if bucket.take(units, now):
            taken += units
    assert taken * SECOND <= burst * SECOND + rate * now
