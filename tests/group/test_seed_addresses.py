"""From seed addresses alone players come to a connected network."""

from dataclasses import replace
from random import Random

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.dialing import Dial, Dialler
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import (
    LobbyCluster,
    star,
)
from tests.group.lobbies import everybody, records


def connected(cluster: LobbyCluster) -> bool:
    found, more = {cluster.honest[0]}, [cluster.honest[0]]
    while more:
        new = set(cluster.neighbours(more.pop())) - found
        found |= new
        more += new
    return found >= set(cluster.honest)


def test_a_network_forms_from_one_seed_and_outlives_it():
    config = LobbyConfig(links_all=4, links_chosen=3)
    cluster = LobbyCluster(14, star(14), config=config, dialling=True)
    cluster.run(30)
    assert everybody(cluster)
    degrees = [len(cluster.neighbours(place)) for place in range(1, 14)]
    assert min(degrees) >= 3
    assert sum(degrees) / 13 < 9, "it is no full mesh"
    cluster.crash(0)
    cluster.run(120)
    assert connected(cluster)
    assert everybody(cluster)


def test_few_players_link_with_all():
    cluster = LobbyCluster(6, star(6), dialling=True)
    cluster.run(10)
    assert all(cluster.neighbours(place) == [other for other in range(6) if other != place] for place in range(6))


def test_a_link_that_is_lost_is_dialled_again():
    cluster = LobbyCluster(4, star(4), dialling=True)
    cluster.run(10)
    cluster.cut(1, 2)
    cluster.run(10)
    assert 2 in cluster.neighbours(1)


def dialled(effects: list[Dial]) -> list[MemberId]:
    return [effect.record.member for effect in effects]


def test_a_peer_that_cannot_be_reached_is_tried_ever_more_rarely_and_another_takes_its_place():
    config = LobbyConfig(links_all=2, links_chosen=2, dial_s=1)
    known = records(range(6))
    dialler = Dialler(config, Random(1).randbytes)
    first = dialled(dialler.choose(known, (), 0))
    assert len(first) == 2
    assert dialler.choose(known, (), SECOND // 2) == []
    second = dialled(dialler.choose(known, (), SECOND))
    assert second[:2] == first
    assert len(set(second)) == 4
    tries = 0
    for second_ in range(2, 200):
        tries += len(dialled(dialler.choose(known, (), second_ * SECOND)))
    assert tries <= 6 * 10


def test_links_that_others_made_do_not_keep_us_from_choosing_our_own():
    config = LobbyConfig(links_all=2, links_chosen=2)
    known = records(range(8))
    hostile = [record.member for record in known[:4]]
    choices = set()
    for seed in range(20):
        choices |= set(dialled(Dialler(config, Random(seed).randbytes).choose(known, hostile, 0)))
    assert choices == {record.member for record in known[4:]}


def test_no_more_links_are_looked_for_than_we_allow():
    config = LobbyConfig(links_all=100, links_max=5)
    known = records(range(10))
    dialler = Dialler(config, Random(1).randbytes)
    assert len(dialler.choose(known, [record.member for record in known[:3]], 0)) == 2


def test_a_chosen_peer_that_moved_is_dialled_at_its_new_address():
    known = records([1])
    dialler = Dialler(LobbyConfig(), Random(1).randbytes)
    dialler.choose(known, (), 0)
    moved = replace(known[0], addresses=("sim:new",), sequence=known[0].sequence + 1)
    assert dialler.choose([moved], (), 1) == [Dial(moved)]
    assert dialler.choose([moved], (), 2) == []
