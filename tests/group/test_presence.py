"""Presence records and the book of them: the newest wins, the dead stay dead, strangers cannot fill the memory."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import PRESENCE_BYTES_MAX, Herald, Presence, holds, parse_presence
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId
from mechdesign.kernel.errors import JournalError, LocalProtocolError
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.lobby_cluster import WALL, holds_test_key, seat_of

DAY = 86_400 * SECOND
LIFE = 60
NEIGHBOUR, OTHER = MemberId(b"n" * 32), MemberId(b"o" * 32)


def book(**config: float) -> Book:
    return Book(KeyedHash(), holds_test_key, LobbyConfig.model_validate(config), WALL)


def herald(place: int, wall: int = WALL, addresses: tuple[str, ...] = ("tcp://10.0.0.1:1",)) -> Herald:
    seat = seat_of(place)
    return Herald(seat.signer, seat.line, seat.possession, addresses, LIFE, wall)


def record(place: int, sequence: int, lifetime_s: int = LIFE, address: str = "tcp://10.0.0.1:1") -> Presence:
    seat = seat_of(place)
    made = Presence(seat.line, seat.possession, (address,), sequence, lifetime_s)
    return replace(made, signature=seat.signer.sign(made.signed))


def at(now: Instant, second: int = 0) -> int:
    """A sequence number of that moment."""
    return WALL + now + second * SECOND


def take(to: Book, said: Presence, now: Instant, left_s: float | None = None, source: MemberId = NEIGHBOUR) -> bool:
    """Whether the book takes a record for new; the record comes with all its life unless told otherwise."""
    left = round((said.lifetime_s if left_s is None else left_s) * SECOND)
    return to.take(said, left, source, now) is not None


# The record. ---------------------------------------------------------------------------------------------------------


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


# Our own records. ----------------------------------------------------------------------------------------------------


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


# The book. -----------------------------------------------------------------------------------------------------------


def test_the_newest_number_wins_and_an_older_one_changes_nothing():
    known = book()
    old, new = record(1, at(0), address="old"), record(1, at(0, 1), address="new")
    assert take(known, new, 0)
    assert not take(known, old, SECOND)
    assert known.get(new.member) == new
    assert known.dropped == {"stale": 1}


def test_the_same_record_again_is_no_news():
    known = book()
    assert take(known, record(1, at(0)), 0)
    assert not take(known, record(1, at(0)), 1, source=OTHER)
    assert known.dropped == {}


def test_a_record_lives_from_when_its_number_was_first_seen_however_often_it_comes_again():
    known = book()
    said = record(1, at(0))
    take(known, said, 0)
    for second in range(1, LIFE):
        take(known, said, second * SECOND)
    assert known.expire(LIFE * SECOND - 1) == []
    assert known.expire(LIFE * SECOND) == [said]
    assert known.get(said.member) is None
    assert len(known) == 0


def test_a_replay_never_brings_the_dead_back():
    known = book()
    older, said = record(1, at(0)), record(1, at(0, 2))
    take(known, older, 0)
    take(known, said, 2 * SECOND)
    known.expire(100 * SECOND)
    for replay in (older, said):
        assert not take(known, replay, 101 * SECOND, source=OTHER)
    assert known.get(said.member) is None
    assert known.dropped == {"stale": 2}


def test_the_dead_are_forgotten_only_when_their_date_alone_refuses_them():
    known = book(clocks_s=3600)
    said = record(1, at(0, 30))
    take(known, said, 0)
    known.expire(LIFE * SECOND)
    known.expire(3629 * SECOND)
    assert known.remembered == 1
    known.expire(3630 * SECOND + 1)
    assert known.remembered == 0
    assert not take(known, said, 3630 * SECOND + 1)
    assert known.dropped == {"clock": 1}


def test_a_living_signer_is_never_shut_out_by_its_dead_record():
    known = book()
    take(known, record(1, at(0)), 0)
    known.expire(2 * LIFE * SECOND)
    back = record(1, at(3 * LIFE * SECOND))
    assert take(known, back, 3 * LIFE * SECOND)
    assert known.get(back.member) == back


@pytest.mark.parametrize("off", [-DAY - SECOND, DAY + SECOND])
def test_a_record_dated_further_than_a_day_from_our_clock_is_refused(off):
    known = book()
    assert not take(known, record(1, at(off)), 0)
    assert take(known, record(2, at(off - off // 10)), 0)
    assert known.dropped == {"clock": 1}


def test_a_chain_of_newcomers_does_not_keep_the_dead_alive():
    said, passed, now = record(1, at(0)), LIFE * SECOND, 0
    for newcomer in range(20):
        known = book()
        alive = known.take(said, passed, NEIGHBOUR, now) is not None
        assert alive == (now < LIFE * SECOND), f"newcomer {newcomer}"
        if not alive:
            break
        now += LIFE * SECOND // 4
        known.expire(now)
        passed = known.left(said.member, now)
    else:
        pytest.fail("the record outlived its signer")


def test_a_liar_that_says_a_record_is_nearly_over_hides_nobody():
    known = book()
    said = record(1, at(0))
    assert take(known, said, 0, left_s=0.001)
    known.expire(SECOND)
    assert known.get(said.member) is None
    assert take(known, said, 2 * SECOND, left_s=LIFE - 2, source=OTHER), "an honest copy makes it good"
    assert known.expire(LIFE * SECOND - 1) == []
    assert known.expire(LIFE * SECOND) == [said]


def test_a_liar_that_shortens_a_newer_record_does_not_shorten_the_older_one():
    known = book()
    first, second = record(1, at(0)), record(1, at(0, 2))
    take(known, first, 0)
    take(known, second, 2 * SECOND, left_s=0.001)
    assert known.expire(LIFE * SECOND - 1) == []


def test_a_generous_liar_keeps_nobody_alive_for_longer_than_the_signer_said():
    known = book()
    said = record(1, at(0))
    take(known, said, 0, left_s=10**6)
    take(known, said, SECOND, left_s=10**6)
    assert known.expire(LIFE * SECOND) == [said]


def test_a_farewell_ends_a_life_at_once_and_for_good():
    known = book()
    said, farewell = record(1, at(0)), record(1, at(0) + 1, lifetime_s=0)
    take(known, said, 0)
    sighting = known.take(farewell, 0, NEIGHBOUR, 1)
    assert sighting is not None
    assert sighting.before == said
    assert known.get(said.member) is None
    assert not take(known, said, 2)
    assert not take(known, farewell, 2)


def test_of_two_records_under_one_number_the_first_stays_and_the_key_is_disputed():
    known = book()
    one, other = record(1, at(0), address="one"), record(1, at(0), address="other")
    take(known, one, 0)
    assert not take(known, other, 1)
    assert known.get(one.member) == one
    assert known.disputed == (one.member,)
    after = record(1, at(0, 5), address="after")
    assert take(known, after, 5 * SECOND)
    assert known.get(one.member) == after


def test_a_forged_second_record_disputes_nobody():
    known = book()
    said = record(1, at(0))
    take(known, said, 0)
    assert not take(known, replace(said, addresses=("evil",)), 1)
    assert known.disputed == ()


def test_a_forged_record_is_refused_and_leaves_no_trace():
    known = book()
    assert not take(known, replace(record(1, at(0)), addresses=("evil",)), 0)
    assert known.remembered == 0
    assert take(known, record(1, at(0)), 0)


def test_a_peer_that_renews_too_often_is_not_passed_on_each_time():
    known = book(renewal_min_s=1)
    taken = [take(known, record(1, at(0) + number), number * SECOND // 100) for number in range(300)]
    assert sum(taken) == 3


def test_farewells_of_somebody_who_is_gone_are_not_passed_on_each_time():
    known = book(renewal_min_s=1)
    take(known, record(1, at(0)), 0)
    taken = [take(known, record(1, at(0) + 1 + number, lifetime_s=0), number) for number in range(300)]
    assert sum(taken) == 1


def test_a_neighbour_that_brings_strangers_without_end_fills_its_own_share_only():
    known = book(peers_max=10, remembered_max=40)
    kept = record(0, at(0))
    take(known, kept, 0, source=OTHER)
    for wave in range(6):
        now = wave * LIFE * SECOND
        known.expire(now)
        for place in range(1, 30):
            take(known, record(1000 * wave + place, at(now)), now)
    assert known.remembered == 11
    now = 6 * LIFE * SECOND
    known.expire(now)
    assert take(known, record(5, at(now)), now, source=OTHER)
    assert take(known, record(0, at(now)), now, source=NEIGHBOUR), "a known key is renewed by whoever brings it"


def test_a_share_that_was_filled_is_free_again_once_its_dead_are_forgotten():
    known = book(peers_max=5, clocks_s=600)
    for place in range(5):
        take(known, record(place, at(0)), 0)
    later = 601 * SECOND
    assert not take(known, record(9, at(later)), LIFE * SECOND)
    known.expire(later)
    assert take(known, record(9, at(later)), later)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),  # seconds that pass
            st.integers(0, 3),  # whose record
            st.integers(0, 5),  # which of its numbers
            st.sampled_from([0.0, 0.5, 30.0, 1e6]),  # what is said to be left
            st.sampled_from([NEIGHBOUR, OTHER]),
            st.booleans(),  # whether lives are looked at before
        ),
        max_size=60,
    )
)
def test_whatever_is_replayed_nobody_lives_past_its_number_and_no_number_goes_back(steps):
    known = book(renewal_min_s=1)
    # Five numbers of each peer, the last of them a farewell; all of them were once on the wire.
    said = {(p, s): record(p, at(0, 10 * s), lifetime_s=0 if s == 5 else 20) for p in range(4) for s in range(6)}
    seen: dict[int, tuple[int, Instant]] = {}
    now = 0
    for seconds, peer, number, left, source, look in steps:
        now += seconds * SECOND
        if look:
            known.expire(now)
        one = said[peer, number]
        newest = seen.get(peer, (-1, 0))
        if take(known, one, now, left, source):
            assert number >= newest[0], "an older record was passed on for new"
            if number > newest[0]:
                seen[peer] = (number, now)
        known.expire(now)
        for place in range(4):
            living = known.get(seat_of(place).line.id)
            if living is None:
                continue
            newest = seen[place]
            assert living == said[place, newest[0]]
            assert now < newest[1] + living.lifetime_s * SECOND
    assert len(known) == sum(1 for _ in known)


def test_records_hold_under_the_real_keys_too():
    from mechdesign.decision.membership import holds_key, member_of, possession
    from mechdesign.testing.links import seeded_identity

    alice = seeded_identity("alice")
    ours = Herald(alice, member_of(alice, "alice"), possession(alice), ("tcp://10.0.0.1:1",), LIFE, WALL)
    _, said = ours.renew(0)
    known = Book(Ed25519(), holds_key, LobbyConfig(), WALL)
    assert take(known, said, 0)
    thief = seeded_identity("mallory")
    stolen = Presence(member_of(alice, "alice"), possession(alice), ("tcp://10.0.0.1:1",), at(0, 9), LIFE)
    assert not take(known, replace(stolen, signature=thief.sign(stolen.signed)), 9 * SECOND)
    rogue = replace(member_of(thief, "mallory"), sealing=member_of(alice, "alice").sealing)
    made = Presence(rogue, possession(alice), (), at(0), LIFE)
    assert not take(known, replace(made, signature=thief.sign(made.signed)), 0)
