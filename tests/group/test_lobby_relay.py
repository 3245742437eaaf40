"""What one liar with as many keys as it likes makes an honest player pass on, and what is left for everybody else."""

from random import Random

import pytest

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.packets import Records, Root, decode_lobby_packet, encode_lobby_packet
from mechdesign.group.lobby.relay import Relay, cost
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import LobbyCluster, line, seat_of
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send
from tests.group.test_lobby_floods import Flooder, all_honest_are_known
from tests.long_form import mostly_long

CONFIG = LobbyConfig(peers_max=200, remembered_max=600, lifetime_s=60, cost_per_s=100, cost_burst=1000)
KEYS = [MemberId(bytes([number]) * 32) for number in range(64)]


def passed(
    relay: Relay, sources: list[MemberId], links: list[MemberId], seconds: int, each: int
) -> dict[MemberId, int]:
    """How much of what sources bring in turn goes on: of each in every tenth of a second so many things of cost 2."""
    linked = dict.fromkeys(links)
    gone = dict.fromkeys(sources, 0)
    for tenth in range(10 * seconds):
        for _ in range(each):
            for source in sources:
                gone[source] += 2 * relay.admits(source, 2, linked, SECOND + tenth * SECOND // 10)
    return gone


@pytest.mark.parametrize("links", mostly_long([4, 1, 64], short=1))
def test_what_goes_on_is_bounded_over_all_links_however_many_there_are(links):
    gone = passed(Relay(CONFIG), KEYS[:links], KEYS[:links], 60, 40)
    # A quarter of what a neighbour takes: so much at once, and the rate from then on.
    assert sum(gone.values()) <= 1000 // 4 + 60 * 100 // 4 + 4 * links


def test_each_link_has_its_part_however_much_the_others_bring():
    relay = Relay(CONFIG)
    liars, honest = KEYS[:7], KEYS[7]
    linked = dict.fromkeys([*liars, honest])
    passed(relay, liars, list(linked), 60, 40)
    # An eighth of the half, 25 / 2 / 8 a second: five things of cost 2 in eight seconds and more.
    said = 0
    for tenth in range(600):
        now = 61 * SECOND + tenth * SECOND // 10
        for liar in liars:
            for _ in range(20):
                relay.admits(liar, 2, linked, now)
        if tenth % 20 == 0:
            assert relay.admits(honest, 2, linked, now) or tenth == 0
            said += 1
    assert said == 30


def test_where_nobody_floods_there_is_room_for_one_link_that_brings_much():
    gone = passed(Relay(CONFIG), KEYS[:1], KEYS[:8], 60, 1)
    assert gone[KEYS[0]] >= 1000 // 8 + 60 * 100 // 8


def test_to_come_again_fills_nothing_up():
    relay = Relay(CONFIG)
    passed(relay, KEYS[:2], KEYS[:2], 5, 40)
    gone = 0
    for _ in range(100):
        relay.admits(KEYS[1], 2, {KEYS[1]: None}, 6 * SECOND)
        gone += relay.admits(KEYS[0], 2, dict.fromkeys(KEYS[:2]), 6 * SECOND)
    assert gone <= 20


class Hearing(Flooder):
    """Notes what it costs to read what its neighbours tell it, and says nothing."""

    def __init__(self) -> None:
        super().__init__(0)
        self.costs: list[tuple[int, int]] = []

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        if isinstance(event, LinkUp):
            self.costs.clear()
        if isinstance(event, Packet):
            packet = decode_lobby_packet(event.data)
            signed = len(packet.records) if isinstance(packet, Records) else 0
            self.costs.append((cluster.now, cost(len(event.data), signed)))
        return []


@pytest.mark.parametrize("doors", mostly_long([1, 6], short=1))
def test_an_honest_relay_of_a_flood_is_never_throttled_and_the_honest_behind_it_are_found(doors):
    """Place 1 has the liar's links, one or many; what it says to 2, and 2 to 3, stays within what they take."""
    n = 5
    flooders = {n + door: Flooder(60) for door in range(doors)}
    edges = [*((place - 1, place) for place in range(2, n)), *((1, liar) for liar in flooders)]
    ear = Hearing()
    cluster = LobbyCluster(n + doors, [*edges, (0, 1)], config=CONFIG, liars={**flooders, 0: ear})
    cluster.run(1)
    chance = Random(0)
    for second in range(60):
        for liar, flooder in flooders.items():
            flooder.flood(cluster, liar, first=10_000 * liar + 100 * chance.randrange(4))
        if second == 30:
            cluster.crash(4)
        if second == 40:
            cluster.start(4)
            cluster.link(3, 4)
        cluster.run(1)
    for place in (2, 3, 4):
        dropped = dict(cluster.lobby(place).status().dropped)
        assert "throttled" not in dropped, "an honest neighbour was cut short for what a liar said"
    assert dict(cluster.lobby(1).status().dropped)["deferred"] > 0
    assert cluster.run_until(lambda: all_honest_are_known_but(cluster, {0}), 10)
    # The same in numbers: at no time more than it has been given, and the waves and roots beside it.
    spent = sum(amount for _, amount in ear.costs)
    assert spent <= 1000 + 60 * 100


def all_honest_are_known_but(cluster: LobbyCluster, others: set[int]) -> bool:
    honest = set(cluster.honest) - others
    return all(cluster.known(place) >= honest - {place} for place in honest)


def test_the_flood_on_a_line_reaches_everybody_in_the_end():
    """What was not sent on at once is found missing by comparison."""
    cluster = LobbyCluster(6, line(6), config=CONFIG.model_copy(update={"cost_burst": 40, "cost_per_s": 40}))
    assert cluster.run_until(lambda: all_honest_are_known(cluster), 30)


@pytest.mark.parametrize("links", [1, 16, 200])
def test_a_liar_with_one_link_for_each_of_its_keys_makes_work_for_thirty_of_them_at_most(links):
    n = 1 + links
    cluster = LobbyCluster(n, [(0, liar) for liar in range(1, n)], liars=dict.fromkeys(range(1, n), Flooder(0)))
    lobby = cluster.lobby(0)
    config = LobbyConfig()
    garbage = b"\xc1" * 4000
    for _ in range(config.cost_burst // 8 + 10):
        for liar in range(1, n):
            lobby.receive(Packet(cluster.key(liar), garbage), cluster.now)
    read = dict(lobby.status().dropped)["malformed"]
    assert read * cost(len(garbage), 0) <= min(links, 32) * (config.cost_burst + cost(len(garbage), 0))
    assert read * cost(len(garbage), 0) >= min(links, 16) * config.cost_burst // 2


@pytest.mark.parametrize("silent", [0, 64, 1000])
def test_links_on_which_nothing_is_said_take_nothing_from_an_honest_relay(silent):
    lobby = Lobby(seat_of(0), ("tcp://x:1",), LobbyConfig(), bytes, 1_700_000_000 * SECOND)
    lobby.restore((), 0)
    for key in (KEYS[0], *(MemberId(b"s" * 28 + number.to_bytes(4, "big")) for number in range(silent))):
        lobby.receive(LinkUp(key), 0)
    root = encode_lobby_packet(Root(bytes(32)))
    # Half of what relay and comparison together let it send to one neighbour.
    for tick in range(20 * 125):
        lobby.receive(Packet(KEYS[0], root), SECOND + tick * SECOND // 125)
    assert "throttled" not in dict(lobby.status().dropped)
