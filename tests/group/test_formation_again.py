"""Groups are formed again and again on one network, several at once, and nothing of them stays behind."""

import pytest

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.events import Announced
from mechdesign.group.lobby.messages import Announce
from mechdesign.testing.lobby_cluster import LobbyCluster, ring
from tests.group.formations import assert_signed_once, enrol, formed, terms

PLAYERS, ROUNDS = 7, 30
CONFIG = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1, lifetime_s=30, clocks_s=60, certificate_s=5)


def held(cluster: LobbyCluster) -> int:
    """The most that any player keeps of formations and writes about them."""
    sizes = [0]
    for place in range(PLAYERS):
        formations = cluster.lobby(place)._formations
        sizes.append(len(formations) + len(formations._records) + len(formations._brought))
        sizes.append(len(cluster.players[place].disk.records()))
    return max(sizes)


@pytest.mark.long
def test_ninety_groups_with_ever_different_members_three_at_once_leave_no_more_behind_than_nine():
    cluster = LobbyCluster(PLAYERS, ring(PLAYERS), config=CONFIG)
    cluster.run(2)
    most: list[int] = []
    for number in range(ROUNDS):
        wanted: dict[str, tuple[int, list[int]]] = {}
        for which in range(3):
            convener = (number + 2 * which) % PLAYERS
            others = [(convener + step) % PLAYERS for step in range(1, 2 + (number + which) % (PLAYERS - 1))]
            group = f"group {number}.{which}"
            wanted[group] = (convener, others)
            size = 1 + len(others)
            cluster.submit(convener, Announce(terms(group=group, size_min=size, size_max=size)))
        cluster.run(0.5)
        for group, (_, others) in wanted.items():
            enrol(cluster, others, group)
        cluster.run(6)
        for group, (convener, others) in wanted.items():
            members = {convener, *others}
            for place in members:
                assert members in formed(cluster, place)[-3:], f"{group} at {place}"
        assert all(len(cluster.events(place, Announced)) == 3 * (number + 1) for place in range(PLAYERS))
        most.append(held(cluster))
    # What is written is kept for a minute, which is ten rounds; from then on nothing grows.
    assert max(most[12:]) <= max(most[:12])
    assert_signed_once(cluster)
    cluster.run(70)
    assert [len(cluster.lobby(place).status().formations) for place in range(PLAYERS)] == [0] * PLAYERS
    assert all(len(player.disk.records()) == 1 for player in cluster.players), "the newest number of its record only"
