"""Strangers are few, from many hosts, for a short time, and heard once."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.transport.face import Strangers
from mechdesign.transport.frames import INTRODUCE, INTRODUCTION_BYTES_MAX, OPEN
from mechdesign.transport.visitors import Visitors

OWN, KEY, OTHER = b"o" * 32, b"k" * 32, b"x" * 32
HOME = b"192.0.2.1"
INTRODUCTION = bytes((INTRODUCE,)) + b"it is me"


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Owner:
    """Admits everybody as one member, and remembers whom it was asked about."""

    def __init__(self, member: bytes | None = b"m" * 32) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self._member = member

    def __call__(self, curve: bytes, introduction: bytes) -> MemberId | None:
        self.asked.append((curve, introduction))
        return None if self._member is None else MemberId(self._member)


def visitors(owner: Owner | None = None, *, at_once: int = 8, per_s: int = 100, hold: Instant = SECOND) -> Visitors:
    return Visitors(Strangers(owner or Owner(), at_once=at_once, per_s=per_s), own=OWN, hold=hold, now=0)


def test_an_introduction_is_judged_under_the_key_of_its_connection() -> None:
    owner = Owner()
    door = visitors(owner)
    assert door.knock(KEY, HOME, 0)
    assert door.hear(KEY, INTRODUCTION, 0) == b"m" * 32
    assert owner.asked == [(KEY, b"it is me")]


def test_nobody_is_heard_who_did_not_come_in() -> None:
    owner = Owner()
    door = visitors(owner)
    assert door.hear(KEY, INTRODUCTION, 0) is None
    door.knock(KEY, HOME, 0)
    assert door.hear(OTHER, INTRODUCTION, 0) is None
    assert owner.asked == []


def test_a_visitor_is_judged_once() -> None:
    owner = Owner(None)
    door = visitors(owner)
    door.knock(KEY, HOME, 0)
    assert [door.hear(KEY, INTRODUCTION, 0) for _ in range(3)] == [None, None, None]
    assert (len(owner.asked), door.refused) == (1, 1)


def test_who_was_sent_away_comes_back_after_its_time_and_who_was_admitted_at_once() -> None:
    door = visitors()
    for came, admitted in ((0, False), (SECOND, True), (SECOND, True)):
        assert door.knock(KEY, HOME, came)
        door.hear(KEY, INTRODUCTION, came)
        door.end(KEY, admitted=admitted)
        assert door.knock(KEY, HOME, came) is admitted
        door.end(KEY, admitted=True)
        door = door if admitted else visitors()


def test_a_hello_whose_introduction_was_lost_is_read_past_and_the_next_one_is_heard() -> None:
    door = visitors()
    door.knock(KEY, HOME, 0)
    assert door.hear(KEY, bytes((OPEN,)) + bytes(32), 0) == b""
    assert door.hear(KEY, INTRODUCTION, 0) == b"m" * 32


def test_a_visit_is_over_after_its_time() -> None:
    owner = Owner()
    door = visitors(owner)
    door.knock(KEY, HOME, 0)
    assert door.hear(KEY, INTRODUCTION, SECOND) is None
    assert owner.asked == []
    assert door.knock(KEY, HOME, SECOND)


def test_one_host_cannot_keep_the_others_out() -> None:
    door = visitors(at_once=8)
    assert [door.knock(key(number), HOME, 0) for number in range(4)] == [True, True, False, False]
    assert [door.knock(key(10 + number), b"host %d" % number, 0) for number in range(8)] == [True] * 6 + [False] * 2
    assert len(door) == 8
    assert door.knock(key(30), HOME, SECOND)


def test_strangers_beyond_the_rate_come_again_later() -> None:
    door = visitors(at_once=100, per_s=3)
    assert sum(door.knock(key(number), key(number), 0) for number in range(10)) == 3
    assert door.knock(key(99), HOME, SECOND // 2)


def test_nobody_comes_in_under_our_own_key() -> None:
    assert not visitors().knock(OWN, HOME, 0)


def test_an_introduction_has_between_one_byte_and_the_limit() -> None:
    for length, heard in (
        (0, None),
        (1, b"m" * 32),
        (INTRODUCTION_BYTES_MAX, b"m" * 32),
        (INTRODUCTION_BYTES_MAX + 1, None),
    ):
        door = visitors()
        door.knock(KEY, HOME, 0)
        assert door.hear(KEY, bytes((INTRODUCE,)) + bytes(length), 0) == heard


def test_a_visitor_that_goes_on_talking_is_cut_off() -> None:
    door = visitors()
    door.knock(KEY, HOME, 0)
    answers = [door.hear(KEY, b"noise", 0) for _ in range(100)]
    assert answers.index(None) < 20
    assert set(answers[answers.index(None) :]) == {None}
    door.knock(OTHER, HOME, 0)
    assert door.hear(OTHER, bytes(100_000), 0) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.integers(0, 3), st.integers(0, SECOND // 4), st.binary(max_size=20), st.booleans()
        )
    )
)
def test_whatever_strangers_do_they_are_bounded_and_judged_once_a_visit(
    acts: list[tuple[int, int, Instant, bytes, bool]],
) -> None:
    owner, now, let_in = Owner(None), 0, 0
    door = visitors(owner, at_once=4, per_s=5)
    for number, host, pause, frame, knocks in acts:
        now += pause
        if knocks:
            let_in += door.knock(key(number), b"host %d" % host, now)
        else:
            assert door.hear(key(number), bytes((INTRODUCE,)) + frame, now) is None
        assert len(door) <= 4
    assert len(owner.asked) <= let_in <= 5 + 5 * now // SECOND + 1
