"""Discovery: players find one another over any topology, and the dead stay dead."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.messages import Leave, PeerGone, PeerKnown
from mechdesign.group.lobby.packets import (
    Records,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import (
    LobbyCluster,
    LobbyWeather,
    line,
    random_graph,
    ring,
    seat_of,
)
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send
from tests.group.lobbies import everybody


@given(st.integers(1, 12), st.integers(0, 1000), st.integers(0, 12), st.floats(0, 0.3))
def test_on_any_connected_topology_everybody_finds_everybody(n, seed, more, loss):
    weather = LobbyWeather(loss=loss, repeat=0.2, in_order=False)
    cluster = LobbyCluster(n, random_graph(n, Random(seed), more), seed=seed, weather=weather)
    assert cluster.run_until(lambda: everybody(cluster), 60)


def test_those_who_stay_are_known_for_as_long_as_they_stay_and_nobody_is_told_twice():
    cluster = LobbyCluster(6, ring(6))
    cluster.run(600)
    assert everybody(cluster)
    for place in range(6):
        assert len(cluster.events(place, PeerKnown)) == 5
        assert cluster.events(place, PeerGone) == []


def test_an_idle_network_is_nearly_quiet():
    cluster = LobbyCluster(8, ring(8))
    cluster.run(60)
    before = cluster.sent
    cluster.run(600)
    # In ten minutes each player renews thirty times, which crosses each of the eight links once or twice, and each
    # compares with two neighbours every eight seconds at most.
    assert cluster.sent - before <= 8 * 30 * 16 + 8 * 2 * 75


def test_a_newcomer_learns_of_everybody_and_everybody_of_it():
    cluster = LobbyCluster(6, line(5))
    cluster.run(30)
    cluster.link(5, 0)
    assert cluster.run_until(lambda: everybody(cluster), 1)


def test_two_halves_that_meet_learn_of_each_other():
    cluster = LobbyCluster(8, [*line(4), (4, 5), (5, 6), (6, 7)])
    cluster.run(30)
    assert cluster.known(0) == {1, 2, 3}
    cluster.link(3, 4)
    assert cluster.run_until(lambda: everybody(cluster), 2)


def test_what_was_lost_while_a_link_came_up_is_made_good_by_a_later_comparison():
    cluster = LobbyCluster(4, [(0, 1), (2, 3)])
    cluster.run(30)
    cluster.weather = LobbyWeather(loss=1.0)
    cluster.link(1, 2)
    cluster.run(0.1)
    assert cluster.known(1) == {0}
    cluster.weather = LobbyWeather()
    assert cluster.run_until(lambda: everybody(cluster), 1)


def test_one_who_dies_is_gone_everywhere_within_its_lifetime_and_stays_gone():
    cluster = LobbyCluster(6, ring(6))
    cluster.run(30)
    cluster.crash(3)
    cluster.run(61)
    assert everybody(cluster)
    gone = [len(cluster.events(place, PeerGone)) for place in cluster.honest]
    assert gone == [1] * 5
    cluster.run(300)
    assert [len(cluster.events(place, PeerKnown)) for place in cluster.honest] == [5] * 5


def test_one_who_says_farewell_is_gone_at_once():
    cluster = LobbyCluster(6, ring(6))
    cluster.run(30)
    cluster.submit(3, Leave())
    cluster.run(1)
    assert all(3 not in cluster.known(place) for place in range(6))
    cluster.run(120)
    assert all(3 not in cluster.known(place) for place in range(6))


def test_one_who_comes_back_is_known_again_whatever_its_clock_says():
    cluster = LobbyCluster(5, ring(5))
    cluster.run(30)
    cluster.crash(2)
    cluster.run(120)
    cluster._skew[2] = -3600 * SECOND
    cluster.start(2)
    cluster.link(1, 2)
    cluster.run(2)
    assert everybody(cluster)


@pytest.mark.parametrize("away_s", [0, 120])
def test_one_whose_journal_is_lost_and_whose_clock_is_behind_is_known_all_the_same(away_s):
    cluster = LobbyCluster(5, ring(5))
    cluster.run(30)
    cluster.crash(2)
    cluster.run(away_s)
    cluster.players[2].disk = type(cluster.players[2].disk)()
    cluster._skew[2] = -3600 * SECOND
    cluster.start(2)
    cluster.link(1, 2)
    cluster.run(40)
    assert all(2 in cluster.known(place) for place in (0, 1, 3, 4))
    cluster.run(120)
    assert everybody(cluster)


def introduction(cluster: LobbyCluster, place: int) -> bytes:
    record = cluster.lobby(place).record
    assert record is not None
    return record.wire


def test_an_introduction_admits_its_owner_over_its_own_connection_only():
    cluster = LobbyCluster(3, line(2))
    cluster.run(5)
    said = introduction(cluster, 2)
    ours, curve = cluster.lobby(0), seat_of(2).line.curve
    assert ours.admit(curve, said, cluster.now) == cluster.key(2)
    assert ours.admit(seat_of(1).line.curve, said, cluster.now) is None, "replayed by a man in the middle"
    assert ours.admit(curve, said[:-1] + b"x", cluster.now) is None
    assert ours.admit(curve, b"", cluster.now) is None
    assert ours.admit(seat_of(0).line.curve, introduction(cluster, 0), cluster.now) is None
    assert ours.admit(curve, said, cluster.now + 2 * 86_400 * SECOND) is None


def test_an_introduction_of_the_dead_admits_nobody_but_a_newer_one_of_theirs_does():
    cluster = LobbyCluster(2, line(2))
    cluster.run(5)
    said, curve = introduction(cluster, 1), seat_of(1).line.curve
    assert cluster.lobby(0).admit(curve, said, cluster.now) == cluster.key(1)
    cluster.crash(1)
    cluster.run(100)
    assert cluster.lobby(0).admit(curve, said, cluster.now) is None
    cluster.start(1)
    cluster.run(1)
    assert cluster.lobby(0).admit(curve, introduction(cluster, 1), cluster.now) == cluster.key(1)


def test_a_life_that_a_liar_understated_is_made_good_by_comparison_even_if_its_owner_is_gone():
    def liar(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        if not isinstance(event, LinkUp):
            return []
        said = Records(((introduction(cluster, 0), 1, 0),))
        return [Send(event.peer, encode_lobby_packet(said))]

    cluster = LobbyCluster(4, [(0, 1)], liars={3: liar})
    cluster.run(5)
    cluster.link(2, 3)
    cluster.run(1)
    assert len(cluster.events(2, PeerKnown)) == len(cluster.events(2, PeerGone)) == 1
    cluster.crash(0)
    cluster.link(1, 2)
    cluster.run(2)
    assert cluster.known(2) == {0, 1}
    cluster.run(60)
    assert cluster.known(2) == {1}


class Replayer:
    """Keeps every presence record that it ever saw and sends all of them to everybody, again and again."""

    def __init__(self) -> None:
        self.kept: dict[bytes, None] = {}

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        if not isinstance(event, Packet):
            return []
        packet = decode_lobby_packet(event.data)
        if isinstance(packet, Records):
            self.kept.update(dict.fromkeys(data for data, *_ in packet.records))
        return []

    def replay(self, cluster: LobbyCluster, place: int) -> None:
        data = encode_lobby_packet(Records(tuple((wire, 2**31, 0) for wire in list(self.kept)[-64:])))
        for other in cluster.neighbours(place):
            cluster.send(place, Send(cluster.key(other), data))


def test_a_replayer_never_brings_the_dead_back_while_time_runs():
    replayer = Replayer()
    cluster = LobbyCluster(6, [*ring(6), (0, 2), (1, 4)], liars={0: replayer})
    cluster.run(50)
    cluster.crash(3)
    cluster.run(61)
    assert all(3 not in cluster.known(place) for place in cluster.honest)
    for _ in range(80):
        replayer.replay(cluster, 0)
        cluster.run(3)
        assert all(3 not in cluster.known(place) for place in cluster.honest)
    assert len(replayer.kept) > 10


def test_a_replayer_does_not_bring_the_long_dead_back_to_one_who_was_restarted():
    replayer = Replayer()
    cluster = LobbyCluster(4, [(0, 1), (0, 2), (1, 2), (1, 3)], liars={0: replayer})
    cluster.run(5)
    last = cluster.lobby(3).record
    assert last is not None
    cluster.crash(3)
    cluster.run(2 * 3600)
    cluster.crash(2)
    cluster.run(1)
    cluster.start(2)
    cluster.link(0, 2)
    data = encode_lobby_packet(Records(((last.wire, 2**31, 0),)))
    for _ in range(10):
        for other in cluster.neighbours(0):
            cluster.send(0, Send(cluster.key(other), data))
        cluster.run(3)
        assert cluster.honest == [1, 2]
        assert all(3 not in cluster.known(place) for place in (1, 2))


def test_one_who_was_restarted_knows_those_at_once_whose_clocks_are_half_an_hour_behind_or_ahead():
    half = 1800 * SECOND
    cluster = LobbyCluster(3, line(3), skew_us={0: -half, 2: half})
    cluster.run(100)
    cluster.crash(1)
    cluster.run(1)
    cluster.start(1)
    for other in (0, 2):
        cluster.link(1, other)
    cluster.run(1)
    assert cluster.known(1) == {0, 2}
