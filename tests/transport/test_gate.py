"""The gate admits known CURVE keys, names connections by them, and meters how often a key connects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.transport.face import Strangers
from mechdesign.transport.gate import DOMAIN, Gate
from mechdesign.transport.visitors import Visitors

KNOWN, STRANGER = b"k" * 32, b"s" * 32


def request(key: bytes, *, domain: bytes = DOMAIN, mechanism: bytes = b"CURVE") -> list[bytes]:
    return [b"asker", b"", b"1.0", b"17", domain, b"192.0.2.1", b"", mechanism, key]


def test_a_known_key_is_admitted_and_named_by_its_hexadecimal_digits() -> None:
    reply = Gate([KNOWN], now=0).answer(request(KNOWN), 0)
    assert reply == [b"asker", b"", b"1.0", b"17", b"200", b"OK", KNOWN.hex().encode(), b""]


@pytest.mark.parametrize(
    "frames",
    [
        request(STRANGER),
        request(KNOWN, domain=b"elsewhere"),
        request(KNOWN, mechanism=b"NULL"),
        request(KNOWN)[:-1],
        [*request(KNOWN), b"more"],
    ],
    ids=["stranger", "other domain", "no encryption", "no key", "too many frames"],
)
def test_everything_else_is_refused_for_good_and_gets_no_name(frames: list[bytes]) -> None:
    gate = Gate([KNOWN], now=0)
    reply = gate.answer(frames, 0)
    assert reply is not None
    assert (reply[4], reply[6]) == (b"400", b"")
    assert gate.refused == 1


def test_a_key_that_connects_too_often_is_told_to_come_again_while_others_are_served() -> None:
    gate = Gate([KNOWN, b"o" * 32], now=0)
    statuses = [(gate.answer(request(KNOWN), 0) or [])[4] for _ in range(100)]
    assert statuses[0] == b"200"
    assert statuses[-1] == b"300"
    assert gate.delayed == statuses.count(b"300")
    assert (gate.answer(request(b"o" * 32), 0) or [])[4] == b"200"
    assert (gate.answer(request(KNOWN), SECOND) or [])[4] == b"200"


def test_a_key_may_be_added_and_taken_away() -> None:
    gate = Gate([], now=0)
    assert (gate.answer(request(KNOWN), 0) or [])[4] == b"400"
    gate.open(KNOWN, 0)
    assert (gate.answer(request(KNOWN), 0) or [])[4] == b"200"
    gate.shut(KNOWN)
    gate.shut(KNOWN)
    assert (gate.answer(request(KNOWN), 0) or [])[4] == b"400"


def test_strangers_pass_as_far_as_visitors_are_let_in_and_a_known_key_is_never_one() -> None:
    visitors = Visitors(Strangers(nobody, at_once=4, per_s=100), own=b"o" * 32, hold=SECOND, now=0)
    gate = Gate([KNOWN], visitors=visitors, now=0)
    statuses = [(gate.answer(request(key), 0) or [])[4] for key in (KNOWN, STRANGER, STRANGER, b"t" * 32, b"o" * 32)]
    assert statuses == [b"200", b"200", b"300", b"300", b"300"]
    assert (gate.delayed, gate.refused, len(visitors)) == (3, 0, 1)
    assert (gate.answer(request(b"a key of another length"), 0) or [])[4] == b"400"


def nobody(curve: bytes, introduction: bytes) -> MemberId | None:
    return None


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_no_frames_make_the_gate_raise_or_admit(frames: list[bytes]) -> None:
    reply = Gate([KNOWN], now=0).answer(frames, 0)
    assert reply is None or reply[4] == b"400"
