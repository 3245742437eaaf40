"""Presence records: what holds of them, and the numbers of our own."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.presence import PRESENCE_BYTES_MAX, Presence, holds, parse_presence
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError, LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import WALL, holds_test_key, seat_of
from tests.group.presences import DAY, LIFE, at, herald, record


def test_a_record_comes_back_from_its_bytes_and_holds():
    said = record(1, at(0))
    assert parse_presence(said.wire) == said
    assert holds(said, KeyedHash(), holds_test_key)
    assert len(said.wire) <= PRESENCE_BYTES_MAX


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": at(0) + 1},
        {"lifetime_s": LIFE + 1},
        {"addresses": ("tcp://10.0.0.2:1",)},
        {"addresses": ()},
        {"possession": b"another"},
        {"line": replace(seat_of(1).line, curve=bytes(32))},
        {"line": replace(seat_of(1).line, sealing=bytes(32))},
        {"line": replace(seat_of(1).line, name="mallory")},
        {"line": replace(seat_of(1).line, id=seat_of(2).line.id)},
        {"signature": bytes(64)},
    ],
)
def test_no_field_of_a_record_can_be_changed_by_others(change):
    assert not holds(replace(record(1, at(0)), **change), KeyedHash(), holds_test_key)


def test_a_sealing_key_without_its_proof_of_possession_does_not_hold():
    seat = seat_of(1)
    made = Presence(seat.line, seat_of(2).possession, (), at(0), LIFE)
    assert not holds(replace(made, signature=seat.signer.sign(made.signed)), KeyedHash(), holds_test_key)


@given(st.binary(max_size=300))
def test_bytes_of_strangers_are_no_record_and_raise_nothing(data):
    assert parse_presence(data) is None


@given(st.data())
def test_a_record_with_a_field_of_another_type_or_size_is_refused(data):
    said = record(1, at(0))
    line = said.line
    fields = [*line_fields(said), said.possession, said.addresses, said.sequence, said.lifetime_s, said.signature]
    bad = [
        st.just(line.id[:31]), st.sampled_from(["", "a\nb", "x" * 65]), st.just(bytes(33)), st.just(b""),
        st.just(bytes(513)), st.sampled_from([("a",) * 2, ("",), ("x" * 129,), ("é",), tuple("abcde"), (1,)]),
        st.sampled_from([0, -1, 2**62 + 1, True, None]), st.sampled_from([-1, 3601, False, "60"]), st.just(bytes(63)),
    ]  # fmt: skip
    place = data.draw(st.integers(0, len(fields) - 1))
    fields[place] = data.draw(bad[place])
    assert parse_presence(msgpack.packb(fields)) is None


def line_fields(said: Presence) -> list[object]:
    line = said.line
    return [line.id, line.name, line.curve, line.sealing]


def test_a_record_that_is_too_long_for_an_introduction_is_not_read():
    assert parse_presence(record(1, at(0)).wire + bytes(PRESENCE_BYTES_MAX)) is None


def test_a_restart_goes_past_the_newest_number_even_if_the_clock_was_set_back():
    append, first = herald(1).renew(5 * SECOND)
    again = herald(1, wall=WALL - DAY)
    again.restore(append.data)
    assert again.renew(0)[1].sequence > first.sequence


def test_a_restart_without_its_journal_goes_past_the_newest_number_by_the_clock():
    _, first = herald(1).renew(5 * SECOND)
    assert herald(1, wall=WALL + 6 * SECOND).renew(0)[1].sequence > first.sequence


def test_a_restart_without_journal_and_clock_learns_its_newest_number_from_others():
    _, first = herald(1).renew(5 * SECOND)
    again = herald(1, wall=WALL - DAY)
    _, low = again.renew(0)
    assert low.sequence < first.sequence
    assert again.overtaken(first)
    assert again.renew(1)[1].sequence > first.sequence


def test_an_older_record_of_our_own_is_not_news():
    ours = herald(1)
    _, first = ours.renew(0)
    _, second = ours.renew(1)
    assert not ours.overtaken(first)
    assert not ours.overtaken(second)


def test_every_record_is_in_the_journal_with_a_number_that_no_other_has():
    ours = herald(1)
    made = [ours.renew(0), ours.renew(0), ours.farewell(0), ours.renew(0)]
    assert [int.from_bytes(append.data, "big") for append, _ in made] == [said.sequence for _, said in made]
    assert len({said.sequence for _, said in made}) == len(made)


def test_a_damaged_journal_record_of_our_number_is_refused():
    with pytest.raises(JournalError):
        herald(1).restore(b"123")


def test_an_address_that_no_record_can_hold_is_refused_at_once():
    with pytest.raises(LocalProtocolError):
        herald(1, addresses=("tcp://" + "x" * 200,))
