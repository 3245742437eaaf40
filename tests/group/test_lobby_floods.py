"""A liar with as many keys as it likes keeps no honest player from being found, however many hops away they are."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.packets import Records, decode_lobby_packet, encode_lobby_packet
from mechdesign.group.lobby.presence import Presence
from mechdesign.group.lobby.shares import RANK_MAX
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import WALL, Edges, LobbyCluster, line, random_graph, ring, seat_of
from mechdesign.transport.messages import LinkEvent, Packet, Send
from tests.long_form import mostly_long

PEERS_MAX = 48
CONFIG = LobbyConfig(peers_max=PEERS_MAX, remembered_max=144, lifetime_s=60)


class Flooder:
    """Brings records of made-up players to every neighbour, all of them with the best of ranks, and renews them."""

    def __init__(self, crowd: int) -> None:
        self.crowd = crowd
        self._said: dict[int, Presence] = {}

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        return []

    def flood(self, cluster: LobbyCluster, place: int, first: int = 1000) -> None:
        """Say the newest of every key to all neighbours; to each of them other keys first."""
        for number, other in enumerate(cluster.neighbours(place)):
            keys = [first + (number * 37 + each) % self.crowd for each in range(self.crowd)]
            wires = [(self._record(key, cluster.now).wire, 3_600_000, 0) for key in keys]
            for at in range(0, len(wires), 64):
                cluster.send(place, Send(cluster.key(other), encode_lobby_packet(Records(tuple(wires[at : at + 64])))))

    @staticmethod
    def _record(place: int, now: int) -> Presence:
        seat = seat_of(place)
        made = Presence(seat.line, seat.possession, (f"sim:{place}",), WALL + now, 3600)
        return replace(made, signature=seat.signer.sign(made.signed))


def all_honest_are_known(cluster: LobbyCluster) -> bool:
    """Whether all who run a lobby know all who do."""
    return all(cluster.known(place) >= set(cluster.honest) - {place} for place in cluster.honest)


def besieged(n: int, edges: Edges, liars: dict[int, Flooder], seed: int = 0) -> LobbyCluster:
    """A network whose books are full of strangers before its last player comes to it; that one has no link yet."""
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG, liars=dict(liars))
    cluster.run(2)
    for _ in range(3):
        for place, flooder in liars.items():
            flooder.flood(cluster, place)
        cluster.run(2)
    return cluster


def keep_flooding(cluster: LobbyCluster, liars: dict[int, Flooder], seconds: int) -> None:
    for second in range(seconds):
        for place, flooder in liars.items():
            flooder.flood(cluster, place, first=1000 + 10_000 * (second % 7))
        cluster.run(1)


@pytest.mark.parametrize("door", mostly_long([1, 2, 5], short=1))
@pytest.mark.parametrize("shape", mostly_long([ring, line], short=1))
def test_a_newcomer_is_found_by_everybody_on_a_line_and_a_ring_full_of_strangers(shape, door):
    flooder = Flooder(80)
    cluster = besieged(8, shape(7), {0: flooder})
    assert all(len(cluster.lobby(place).status().known) == PEERS_MAX for place in range(1, 7)), "the books are full"
    cluster.link(7, door)
    assert cluster.run_until(lambda: all_honest_are_known(cluster), 5)
    keep_flooding(cluster, {0: flooder}, 90)
    assert all_honest_are_known(cluster), "and stays known while the flood goes on"


@settings(max_examples=5, deadline=None)
@given(st.integers(4, 7), st.integers(0, 10_000), st.integers(0, 6), st.data())
def test_on_any_graph_a_flooder_hides_nobody_to_whom_a_path_without_it_leads(n, seed, more, data):
    edges = random_graph(n - 1, Random(seed), more)
    # The liar hangs on some of them, and the honest are connected without it.
    doors = data.draw(st.sets(st.integers(0, n - 2), min_size=1, max_size=3))
    flooder = Flooder(80)
    edges += [(n, door) for door in sorted(doors)]
    cluster = LobbyCluster(n + 1, edges, seed=seed, config=CONFIG, liars={n: flooder})
    cluster.run(2)
    for _ in range(3):
        flooder.flood(cluster, n)
        cluster.run(2)
    cluster.link(n - 1, data.draw(st.integers(0, n - 2)))
    assert cluster.run_until(lambda: all_honest_are_known(cluster), 5)
    keep_flooding(cluster, {n: flooder}, 6)
    assert cluster.run_until(lambda: all_honest_are_known(cluster), 25)


def test_a_flood_makes_nobody_forget_who_was_known_before_it():
    flooder = Flooder(80)
    cluster = LobbyCluster(6, line(6), config=CONFIG, liars={0: flooder})
    cluster.run(5)
    for _ in range(40):
        flooder.flood(cluster, 0)
        cluster.run(0.6)
        assert all_honest_are_known(cluster)


def test_a_flood_of_short_lives_leaves_memory_bounded_and_brings_no_dead_back():
    flooder = Flooder(80)
    cluster = LobbyCluster(6, [*ring(6), (2, 4)], config=CONFIG, liars={0: flooder})
    cluster.run(5)
    last = cluster.lobby(3).record
    assert last is not None
    cluster.crash(3)
    cluster.run(61)
    replay = encode_lobby_packet(Records(((last.wire, 60_000, 0),)))
    for number in range(60):
        flooder.flood(cluster, 0, first=1000 + 60 * number)
        for other in cluster.neighbours(0):
            cluster.send(0, Send(cluster.key(other), replay))
        cluster.run(1)
        for place in cluster.honest:
            book = cluster.lobby(place)._book
            assert len(book) <= PEERS_MAX
            assert book.remembered <= 144
            assert 3 not in cluster.known(place)
    assert cluster.now > 120 * SECOND
    assert all_honest_are_known(cluster)


def test_new_links_make_no_new_shares():
    """A liar that comes again and again under other keys has one share for all that it brought."""
    crowd = 6
    cluster = LobbyCluster(6 + crowd, line(6), config=CONFIG, liars={6 + each: Flooder(8) for each in range(crowd)})
    cluster.run(5)
    for each in range(crowd):
        liar, flooder = 6 + each, cluster.players[6 + each].liar
        assert isinstance(flooder, Flooder)
        cluster.link(liar, 2)
        flooder.flood(cluster, liar, first=1000 + 100 * each)
        cluster.run(1)
        cluster.cut(liar, 2)
    cluster.run(30)
    assert all_honest_are_known(cluster)


class FrontRunner(Flooder):
    """Passes on what it hears at once and says that it ranks last of all."""

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        packet = decode_lobby_packet(event.data) if isinstance(event, Packet) else None
        if not isinstance(packet, Records):
            return []
        data = encode_lobby_packet(Records(tuple((wire, left, RANK_MAX - 1) for wire, left, _ in packet.records)))
        return [Send(cluster.key(other), data) for other in cluster.neighbours(place)]


def test_a_liar_that_ranks_the_honest_last_hides_nobody_for_longer_than_until_it_speaks_again():
    front = FrontRunner(60)
    edges = [*ring(7), (0, 3), (0, 5)]
    cluster = LobbyCluster(7, edges, config=CONFIG, liars={0: front})
    cluster.run(5)
    keep_flooding(cluster, {0: front}, 5)
    cluster.run(21)
    for _ in range(3):
        keep_flooding(cluster, {0: front}, 10)
        assert all_honest_are_known(cluster)
