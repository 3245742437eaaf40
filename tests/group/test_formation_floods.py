"""A liar that announces groups without end, in as many names as it likes, keeps no honest group from being formed."""

from dataclasses import replace

import pytest

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import Announcement, signed_by
from mechdesign.group.lobby.events import Announced
from mechdesign.group.lobby.messages import Announce
from mechdesign.group.lobby.packets import Records, encode_lobby_packet
from mechdesign.group.lobby.presence import Presence
from mechdesign.testing.lobby_cluster import WALL, LobbyCluster, line, ring, seat_of
from mechdesign.transport.messages import LinkEvent, Send
from tests.group.formations import announced, convene, enrol, formed, items, terms
from tests.long_form import mostly_long

CONFIG = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1, formations_max=8, formations_all_max=16)
FLOODS = [
    (shape, *many, known) for many in ((40, 1), (10, 6), (1, 40)) for shape in (line, ring) for known in (False, True)
]
DAY = terms(enrol_ms=23 * 3_600_000)


def silent(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
    return []


def announcement(convener: int, number: int) -> Announcement:
    """A group that nobody will form, announced for a day."""
    seat = seat_of(convener)
    of = replace(DAY, group=f"{convener}/{number}")
    unsigned = Announcement(seat.line.id, of, number.to_bytes(16, "big"), WALL)
    return replace(unsigned, signature=signed_by(unsigned, seat.signer))


def presence(place: int) -> bytes:
    seat = seat_of(place)
    made = Presence(seat.line, seat.possession, (f"sim:{place}",), WALL, 3600)
    return replace(made, signature=seat.signer.sign(made.signed)).wire


def flood(cluster: LobbyCluster, liar: int, conveners: int, each: int, *, known: bool) -> None:
    """Have the liar bring these conveners, with or without their presence records, and everything they announce."""
    places = range(1000, 1000 + conveners)
    for other in cluster.neighbours(liar):
        if known:
            records = Records(tuple((presence(place), 3_600_000, 0) for place in places))
            cluster.send(liar, Send(cluster.key(other), encode_lobby_packet(records)))
        for number in range(each):
            for place in places:
                cluster.send(liar, items(cluster.key(other), announcement(place, number)))
    cluster.run(2)


@pytest.mark.parametrize(("shape", "conveners", "each", "known"), mostly_long(FLOODS, short=5))
def test_a_group_forms_among_players_many_hops_behind_a_flood_of_announcements(shape, conveners, each, known):
    cluster = LobbyCluster(6, shape(6), config=CONFIG, liars={0: silent})
    cluster.run(2)
    flood(cluster, 0, conveners, each, known=known)
    for convener, others in ((1, [3, 5]), (5, [1, 2]), (3, [1, 5])):
        group = f"club {convener}"
        convene(cluster, convener, others, terms(group=group))
        cluster.run(8)
        assert formed(cluster, convener)[-1] == {convener, *others}
    assert all(len(cluster.lobby(place).status().formations) <= 16 + 3 for place in range(1, 6))


def test_an_announcement_for_which_we_enrolled_never_makes_room():
    cluster = LobbyCluster(4, line(4), config=CONFIG, liars={0: silent})
    flood(cluster, 0, 1, 1, known=True)
    (one,) = cluster.events(3, Announced)
    enrol(cluster, [3], one.announcement.terms.group)
    flood(cluster, 0, 30, 3, known=True)
    cluster.submit(1, Announce(terms(group="honest")))
    cluster.run(2)
    assert announced(cluster, 3, "honest")
    assert one.id in {id_ for id_, _, _ in cluster.lobby(3).status().formations}


def test_the_second_group_of_one_convener_goes_before_the_first_of_another():
    cluster = LobbyCluster(3, line(3), config=CONFIG, liars={0: silent})
    flood(cluster, 0, 2, 6, known=True)
    flood(cluster, 0, 8, 1, known=True)
    groups = {group for _, group, _ in cluster.lobby(1).status().formations}
    assert groups == {f"{convener}/0" for convener in range(1000, 1008)}
