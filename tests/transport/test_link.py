"""A link comes up by a handshake, stays up by heartbeats, goes down by silence, and heals after a restart."""

import pytest

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.links import LinkPair, seeded_identity
from mechdesign.transport.frames import OVERHEAD_BYTES
from mechdesign.transport.link import Link, Redial, Transmit
from mechdesign.transport.messages import LinkDown, LinkUp


@pytest.fixture
def pair() -> LinkPair:
    made = LinkPair()
    made.connect()
    return made


def test_a_handshake_of_three_frames_brings_both_ends_up() -> None:
    pair = LinkPair()
    assert (pair.dialler.up, pair.answerer.up) == (False, False)
    pair.tick()
    assert (pair.dialler.up, pair.answerer.up) == (True, True)
    assert pair.reported(pair.dialler) == pair.reported(pair.answerer) == ["LinkUp"]
    assert [from_dialler for from_dialler, _ in pair.wire[:3]] == [True, False, True]


def test_frames_go_both_ways_in_order_under_the_identity_that_was_proved(pair: LinkPair) -> None:
    for number in range(5):
        pair.send(pair.dialler, b"down %d" % number)
        pair.send(pair.answerer, b"up %d" % number)
    assert pair.packets(pair.answerer) == [b"down %d" % number for number in range(5)]
    assert pair.packets(pair.dialler) == [b"up %d" % number for number in range(5)]
    assert {event.peer for link, event in pair.events if link is pair.answerer} == {pair.keys[0].public}


def test_an_empty_frame_is_a_frame(pair: LinkPair) -> None:
    assert pair.send(pair.dialler, b"")
    assert pair.packets(pair.answerer) == [b""]


def test_a_link_that_is_down_takes_nothing_and_counts_it() -> None:
    pair = LinkPair()
    assert not pair.send(pair.answerer, b"too early")
    assert pair.answerer.counters.dropped_down == 1


def test_a_quiet_link_stays_up_by_heartbeats(pair: LinkPair) -> None:
    pair.run(100 * SECOND)
    assert (pair.dialler.up, pair.answerer.up) == (True, True)
    assert pair.events == []


def test_silence_takes_both_ends_down_once_and_not_before_its_time(pair: LinkPair) -> None:
    silence = microseconds(pair.config.silence_s)
    pair.run(silence - 1, deliver=False)
    assert (pair.dialler.up, pair.answerer.up) == (True, True)
    pair.run(10 * silence, deliver=False)
    assert pair.reported(pair.dialler) == pair.reported(pair.answerer) == ["LinkDown"]


def test_a_link_survives_a_time_in_which_its_own_driver_did_not_run(pair: LinkPair) -> None:
    pair.run(SECOND // 2)
    pair.now += 100 * SECOND
    pair.tick()
    pair.run(10 * SECOND)
    assert (pair.dialler.up, pair.answerer.up) == (True, True)
    assert pair.events == []


def test_a_peer_that_fell_silent_while_our_driver_did_not_run_is_found_all_the_same(pair: LinkPair) -> None:
    pair.now += 100 * SECOND
    pair.tick(deliver=False)
    assert pair.dialler.up
    pair.run(2 * microseconds(pair.config.silence_s), deliver=False)
    assert pair.reported(pair.dialler) == ["LinkDown"]


def test_a_link_that_was_silent_comes_back_by_itself(pair: LinkPair) -> None:
    pair.run(20 * SECOND, deliver=False)
    pair.events.clear()
    pair.run(10 * SECOND)
    assert pair.reported(pair.dialler) == pair.reported(pair.answerer) == ["LinkUp"]


def test_an_end_that_is_not_answered_asks_for_a_fresh_connection_again_and_again() -> None:
    pair = LinkPair()
    asked = hellos = 0
    for _ in range(40):
        pair.now = pair.dialler.deadline or pair.now
        effects = pair.dialler.tick(pair.now)
        asked += sum(isinstance(each, Redial) for each in effects)
        hellos += sum(isinstance(each, Transmit) for each in effects)
    assert hellos == 40
    assert asked == 5
    # Retries back off to one a heartbeat.
    assert pair.dialler.deadline == pair.now + microseconds(pair.config.heartbeat_s)


def test_an_answerer_has_nothing_to_do_until_it_is_dialled() -> None:
    assert LinkPair().answerer.deadline is None


def test_a_restarted_dialler_replaces_its_old_link(pair: LinkPair) -> None:
    old = pair.dialler
    pair.dialler, pair.route = pair.make(dials=True), b"route 2"
    pair.tick()
    assert pair.dialler.up
    assert pair.reported(pair.answerer) == ["LinkDown", "LinkUp"]
    effects = old.submit(b"from an earlier life", pair.now)
    pair.events.clear()
    for effect in effects:
        assert isinstance(effect, Transmit)
        pair.answerer.receive((b"route 1", effect.data), pair.now)
        pair.answerer.receive((b"route 2", effect.data), pair.now)
    assert pair.packets(pair.answerer) == []
    assert pair.answerer.counters.stale == 2


def test_a_restarted_answerer_makes_the_dialler_dial_again_at_its_next_frame(pair: LinkPair) -> None:
    pair.answerer = pair.make(dials=False)
    pair.send(pair.dialler, b"lost")
    assert pair.reported(pair.dialler) == ["LinkDown", "LinkUp"]
    assert pair.reported(pair.answerer) == ["LinkUp"]
    assert pair.packets(pair.answerer) == []
    pair.send(pair.dialler, b"heard")
    assert pair.packets(pair.answerer) == [b"heard"]


def test_a_restarted_answerer_is_found_within_a_heartbeat_on_an_idle_link(pair: LinkPair) -> None:
    pair.answerer = pair.make(dials=False)
    pair.run(microseconds(pair.config.heartbeat_s))
    assert pair.dialler.up
    assert pair.answerer.up


def test_a_connection_that_was_replaced_below_gets_a_new_handshake_and_full_credit(pair: LinkPair) -> None:
    pair.send(pair.dialler, b"x" * 1000, deliver=False)
    assert pair.dialler.outstanding > 1000
    pair.route = b"route 2"
    pair.send(pair.dialler, b"first over the new connection")
    assert pair.reported(pair.answerer) == ["LinkDown", "LinkUp"]
    assert (pair.dialler.up, pair.dialler.outstanding) == (True, 0)


def test_many_stale_frames_do_not_use_up_what_the_new_hello_needs(pair: LinkPair) -> None:
    stale = [effect for _ in range(1000) for effect in pair.dialler.submit(b"x", pair.now)]
    pair.answerer = pair.make(dials=False)
    pair.perform(pair.dialler, stale)
    assert pair.dialler.up
    assert pair.answerer.up


def test_what_is_not_read_stops_the_sender_at_its_credit() -> None:
    pair = LinkPair(TransportConfig(credit_bytes=10_000))
    pair.connect()
    taken = sum(pair.send(pair.dialler, b"x" * 936, deliver=False) for _ in range(50))
    assert taken == 10
    assert pair.dialler.outstanding == 10_000
    assert pair.dialler.counters.dropped_credit == 40


def test_reading_gives_credit_back_without_waiting_for_a_heartbeat() -> None:
    pair = LinkPair(TransportConfig(credit_bytes=10_000))
    pair.connect()
    assert all(pair.send(pair.dialler, b"x" * 936) for _ in range(500))
    assert len(pair.packets(pair.answerer)) == 500
    assert pair.dialler.outstanding <= 10_000


def test_a_heartbeat_reports_what_is_too_little_to_report_at_once(pair: LinkPair) -> None:
    pair.send(pair.dialler, b"x")
    assert pair.dialler.outstanding == 1 + OVERHEAD_BYTES
    pair.run(2 * SECOND)
    assert pair.dialler.outstanding == 0


def test_one_frame_may_go_even_if_it_is_larger_than_the_credit() -> None:
    pair = LinkPair(TransportConfig(credit_bytes=10, frame_bytes_max=1000))
    pair.connect()
    assert pair.send(pair.dialler, b"x" * 1000)
    assert pair.send(pair.dialler, b"y" * 1000)
    assert len(pair.packets(pair.answerer)) == 2


def test_a_frame_that_the_socket_refused_gives_its_charge_back(pair: LinkPair) -> None:
    (effect,) = pair.dialler.submit(b"x" * 100, pair.now)
    assert isinstance(effect, Transmit)
    pair.dialler.refused(effect)
    counters = pair.dialler.counters
    assert (pair.dialler.outstanding, counters.sent, counters.sent_bytes, counters.dropped_full) == (0, 0, 0, 1)


def test_a_goodbye_takes_both_ends_down_after_everything_before_it(pair: LinkPair) -> None:
    pair.send(pair.dialler, b"last words")
    pair.perform(pair.dialler, pair.dialler.close())
    assert pair.packets(pair.answerer) == [b"last words"]
    assert pair.reported(pair.answerer) == pair.reported(pair.dialler) == ["LinkDown"]
    assert pair.answerer.counters.stale == 0


@pytest.mark.parametrize("leaving", ["dialler", "answerer"])
def test_a_link_that_said_goodbye_makes_no_new_session(pair: LinkPair, leaving: str) -> None:
    link = pair.dialler if leaving == "dialler" else pair.answerer
    pair.perform(link, link.close())
    pair.run(60 * SECOND)
    assert (pair.dialler.up, pair.answerer.up) == (False, False)
    assert link.deadline is None


def test_an_oversize_frame_of_our_own_is_our_mistake(pair: LinkPair) -> None:
    with pytest.raises(LocalProtocolError, match="limit"):
        pair.dialler.submit(b"x" * (pair.config.frame_bytes_max + 1), pair.now)


def test_a_link_to_ourselves_is_our_mistake() -> None:
    alice = seeded_identity("alice")
    with pytest.raises(LocalProtocolError, match="somebody else"):
        LinkPair(dialler=alice, answerer=alice)


def test_a_link_counts_how_often_it_came_and_went(pair: LinkPair) -> None:
    pair.run(20 * SECOND, deliver=False)
    pair.run(10 * SECOND)
    assert (pair.dialler.counters.links_up, pair.dialler.counters.links_down) == (2, 1)


def test_events_name_the_peer_of_the_link() -> None:
    pair = LinkPair()
    pair.tick()
    link: Link = pair.answerer
    assert [event for at, event in pair.events if at is link] == [LinkUp(pair.keys[0].public)]
    pair.run(20 * SECOND, deliver=False)
    assert [event for at, event in pair.events if at is link][-1] == LinkDown(pair.keys[0].public)


@pytest.mark.parametrize("parting", ["dialler", "answerer"])
def test_a_link_that_parts_is_down_at_once_for_good_and_tells_the_other_end(pair: LinkPair, parting: str) -> None:
    link, other = (pair.dialler, pair.answerer) if parting == "dialler" else (pair.answerer, pair.dialler)
    pair.send(link, b"last words")
    pair.perform(link, link.part(pair.now))
    assert (link.up, link.parted, link.deadline, link.counters.links_down) == (False, True, None, 1)
    assert pair.reported(link) == ["LinkDown"]
    assert pair.packets(other) == [b"last words"]
    assert pair.reported(other) == ["LinkDown"]
    pair.run(60 * SECOND)
    assert not link.up


def test_a_link_that_parts_before_it_was_up_has_nothing_to_say() -> None:
    pair = LinkPair()
    assert pair.dialler.part(0) == ()
    assert (pair.dialler.parted, pair.dialler.deadline, pair.dialler.counters.links_down) == (True, None, 0)
