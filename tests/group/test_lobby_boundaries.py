"""A player may crash before any effect of its lobby, whatever its part is: discovery and formation come right."""

from collections.abc import Iterator

import pytest

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.events import Announced, Formed
from mechdesign.group.lobby.messages import Announce, Enrol
from mechdesign.testing.lobby_cluster import LobbyCluster, line
from tests.group.formations import assert_signed_once, formed, terms
from tests.group.lobbies import everybody
from tests.long_form import mostly_long

CONVENER, RELAY, MEMBER, BYSTANDER = range(4)
CONFIG = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1, lifetime_s=6)
TERMS = terms(size_min=2, size_max=2, attempt_ms=1500)
MANY = 10**6
EVERY = 4


def enrolled(cluster: LobbyCluster, place: int) -> bool:
    """Whether it stands in a player's journal that it takes part."""
    return any(record.key.startswith(b"enrolled/") for record in cluster.players[place].disk.records())


def steps(cluster: LobbyCluster) -> Iterator[None]:
    """What people ask of the players; they ask again where a crash came before anything was written."""
    for _ in range(24):
        if not enrolled(cluster, CONVENER):
            cluster.submit(CONVENER, Announce(TERMS))
        elif not enrolled(cluster, MEMBER):
            offers = [each.id for each in cluster.events(MEMBER, Announced)][-1:]
            known = {id_ for id_, _, _ in cluster.lobby(MEMBER).status().formations}
            for offer in known.intersection(offers):
                cluster.submit(MEMBER, Enrol(offer))
        yield


def play(victim: int, fuse: int) -> tuple[LobbyCluster, int]:
    """The scene with a crash before that effect of the victim; gives the network and how many effects there were."""
    cluster = LobbyCluster(4, line(4), config=CONFIG)
    player = cluster.players[victim]
    player.fuse, counted = fuse, 0
    for _ in steps(cluster):
        cluster.run(0.25)
        if player.lobby is None:
            cluster.start(victim)
            for other in (victim - 1, victim + 1):
                if 0 <= other < 4:
                    cluster.link(victim, other)
    counted = fuse - (player.fuse or 0)
    player.fuse = None
    cluster.run(8)
    return cluster, counted


@pytest.mark.parametrize("victim", [CONVENER, RELAY, MEMBER, BYSTANDER], ids=["convener", "relay", "member", "other"])
@pytest.mark.parametrize("begin", mostly_long(range(EVERY), short=1))
def test_a_crash_before_any_effect_of_any_part_neither_splits_nor_loses_the_group(victim, begin):
    _, count = play(victim, MANY)
    assert count > 25
    for fuse in range(begin, count, EVERY):
        cluster, _ = play(victim, fuse)
        assert cluster.players[victim].lives == 2, f"no crash before effect {fuse}"
        assert everybody(cluster), f"somebody is not found after a crash before effect {fuse}"
        assert formed(cluster, CONVENER)[-1] == formed(cluster, MEMBER)[-1] == {CONVENER, MEMBER}, fuse
        assert len({each.roster.digest for place in range(4) for each in cluster.events(place, Formed)}) == 1, fuse
        assert formed(cluster, RELAY) == formed(cluster, BYSTANDER) == []
        assert_signed_once(cluster)
