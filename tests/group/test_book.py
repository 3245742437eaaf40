"""The book of presence records: the newest wins, the dead stay dead, strangers cannot fill the memory."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.book import Book
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.presence import Herald, Presence
from mechdesign.group.lobby.shares import NOBODY
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.lobby_cluster import WALL, seat_of
from tests.group.presences import DAY, LIFE, NEIGHBOUR, OTHER, at, book, record, take


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


@pytest.mark.parametrize(("seconds", "dead"), [(1, 10), (100, 20)], ids=["ousted", "run out"])
def test_what_a_neighbour_left_behind_is_nobodys_also_when_it_is_dead(seconds, dead):
    """No other neighbour answers for it, and it is one share: else who comes under many keys has as many."""
    known = book(peers_max=20, remembered_max=200)
    for each in range(5):
        gone = MemberId(bytes([each]) * 32)
        for place in range(4):
            assert take(known, record(10 * each + place, at(0)), 0, source=gone)
        known.unlinked(gone)
    now = seconds * SECOND
    known.expire(now)
    for place in range(100, 110):
        assert take(known, record(place, at(now)), now)
    assert {source: known._dead.size(source) for source in known._dead._shares} == {NOBODY: dead}
    assert known._living.size(NEIGHBOUR) == 10


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
