"""Attempts to form a group: nobody signs two rosters in one, through losses and crashes at every effect."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import (
    Certificate,
    Item,
    Proposal,
    roster_of,
)
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed
from mechdesign.group.lobby.items import parse_item
from mechdesign.group.lobby.messages import Announce
from mechdesign.group.lobby.packets import Items, decode_lobby_packet
from mechdesign.testing.lobby_cluster import (
    LobbyCluster,
    LobbyWeather,
    line,
    random_graph,
    ring,
)
from mechdesign.transport.messages import LinkEvent, Packet, Send
from tests.group.formations import CONFIG, assert_signed_once, convene, enrol, formed, items, terms, two_faced


def test_the_next_attempt_leaves_out_who_did_not_sign_and_has_another_identifier():
    cluster = LobbyCluster(5, ring(5), config=CONFIG)
    convene(cluster, 0, [1, 2, 3], terms())
    cluster.crash(3)
    cluster.run(20)
    (event,) = cluster.events(1, Formed)
    assert formed(cluster, 1) == [{0, 1, 2}]
    assert event.certificate.proposal.attempt == 1
    first = replace(event.certificate.proposal, attempt=0)
    assert roster_of(event.certificate.announcement, first).nonce != event.roster.nonce


def test_when_too_many_do_not_sign_the_formation_fails_and_says_so():
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    convene(cluster, 0, [1, 2], terms(size_min=3))
    cluster.crash(2)
    cluster.run(60)
    assert [event.why for event in cluster.events(0, FormationFailed)] == ["2 signed, and 3 are needed"]
    assert [event.why for event in cluster.events(1, FormationFailed)] == [
        "no roster was signed by all of its members in time"
    ]


def test_the_status_names_who_is_waited_for():
    cluster = LobbyCluster(3, line(3), config=CONFIG)
    convene(cluster, 0, [1, 2], terms())
    cluster.crash(2)
    cluster.run(3)
    ((_, group, state),) = cluster.lobby(1).status().formations
    assert (group, state) == ("club", "attempt 0: waits for the signature of player 2")


def test_a_member_that_was_cut_off_at_the_end_hears_of_its_group_later():
    cluster = LobbyCluster(4, line(4), config=CONFIG)
    convene(cluster, 0, [1, 2, 3], terms(attempts=1))
    # Player 2 has everybody's signature but the convener's, and player 3 gave its own.
    assert cluster.run_until(lambda: cluster.lobby(2).status().formations[0][2].endswith("the convener"), 6)
    cluster.cut(2, 3)
    cluster.run(60)
    assert formed(cluster, 0) == [{0, 1, 2, 3}]
    assert len(cluster.events(3, FormationFailed)) == 1
    cluster.link(2, 3)
    cluster.run(5)
    assert formed(cluster, 3) == [{0, 1, 2, 3}]


@settings(max_examples=30)
@given(st.integers(2, 7), st.integers(0, 10_000), st.data())
def test_through_loss_failing_links_and_crashes_at_any_effect_all_who_form_have_one_roster(n, seed, data):
    weather = LobbyWeather(loss=0.1, repeat=0.1, in_order=False)
    cluster = LobbyCluster(n, [], seed=seed, config=CONFIG, weather=weather)
    for a, b in random_graph(n, cluster.random, more=n // 2):
        cluster.link(a, b)
    cluster.run(2)
    cluster.submit(0, Announce(terms(enrol_ms=2000, attempt_ms=3000)))
    cluster.run(1)
    enrol(cluster, [place for place in range(1, n) if cluster.events(place, Announced)])
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, n - 1))
        cluster.run(data.draw(st.floats(0, 2)))
        links = cluster.neighbours(place)
        cluster.players[place].fuse = data.draw(st.integers(0, 30))
        cluster.run(data.draw(st.floats(0, 3)))
        cluster.crash(place)
        cluster.start(place)
        for other in links:
            cluster.link(place, other)
    for a, b in pairwise(range(n)):
        cluster.link(a, b)
    cluster.run(35)
    digests = {event.roster.digest for place in range(n) for event in cluster.events(place, Formed)}
    assert len(digests) <= 1
    members = {place for place in range(n) if formed(cluster, place)}
    if members:
        assert formed(cluster, min(members))[0] == members, "whoever is a member hears of it"
    assert_signed_once(cluster)


@pytest.mark.parametrize("fuse", range(40))
def test_a_convener_that_crashes_at_any_effect_forms_the_group_after_its_restart(fuse):
    cluster = LobbyCluster(3, ring(3), config=CONFIG)
    cluster.run(1)
    convene(cluster, 0, [1, 2], terms(enrol_ms=2000))
    cluster.players[0].fuse = fuse
    cluster.run(3)
    if cluster.players[0].lobby is not None:
        cluster.crash(0)
    cluster.start(0)
    for other in (1, 2):
        cluster.link(0, other)
    cluster.run(10)
    digests = {event.roster.digest for place in range(3) for event in cluster.events(place, Formed)}
    assert len(digests) == 1
    assert all(formed(cluster, place) for place in range(3))


class Listener:
    """A neighbour that says nothing and keeps every part of a formation that it hears."""

    def __init__(self) -> None:
        self.heard: list[Item] = []

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        packet = decode_lobby_packet(event.data) if isinstance(event, Packet) else None
        for wire in packet.items if isinstance(packet, Items) else ():
            part = parse_item(wire)
            if part is not None and part not in self.heard:
                self.heard.append(part)
        return []


@pytest.mark.parametrize("fuse", range(14))
def test_a_convener_that_crashes_at_any_effect_never_proposes_two_rosters_in_one_attempt(fuse):
    listener = Listener()
    cluster = LobbyCluster(4, [*ring(3), (0, 3)], config=CONFIG, liars={3: listener})
    cluster.run(1)
    convene(cluster, 0, [1], terms(enrol_ms=2000))
    cluster.players[0].fuse = fuse
    cluster.run(1)
    cluster.crash(0)
    cluster.start(0)
    if cluster.lobby(2).status().formations[0][2].startswith("enrolling"):
        enrol(cluster, [2])
    for other in (1, 2, 3):
        cluster.link(0, other)
    cluster.run(20)
    # What it did not say itself after its restart it said in the certificate.
    proposals = {part for part in listener.heard if isinstance(part, Proposal)}
    proposals |= {part.proposal for part in listener.heard if isinstance(part, Certificate)}
    assert len({part.attempt for part in proposals}) == len(proposals) > 0


@pytest.mark.parametrize("fuse", range(8))
def test_a_member_that_crashes_at_any_effect_never_signs_two_rosters_in_one_attempt(fuse):
    cluster, liar = two_faced(3, [(0, 1), (0, 2)], [{0, 1, 2}, {0, 1}], [0, 0])
    one, other = liar.proposals()
    cluster.send(0, items(cluster.key(1), one))
    cluster.run(0.1)
    # Nothing but the signature is due now.
    cluster.players[1].fuse = fuse
    cluster.run(1)
    cluster.crash(1)
    cluster.start(1)
    cluster.link(0, 1)
    cluster.send(0, items(cluster.key(1), other))
    cluster.run(2)
    assert len({consent.roster for consent in liar.heard}) <= 1


def test_a_group_that_formed_is_told_again_after_a_restart():
    cluster = LobbyCluster(2, line(2), config=CONFIG)
    convene(cluster, 0, [1], terms())
    cluster.run(10)
    cluster.crash(1)
    cluster.start(1)
    first, second = cluster.events(1, Formed)
    assert first == second


def test_the_journal_forgets_a_formation_once_its_date_alone_refuses_it():
    config = LobbyConfig(gossip_min_s=0.2, clocks_s=120, certificate_s=30)
    cluster = LobbyCluster(3, ring(3), config=config)
    convene(cluster, 0, [1], terms(enrol_ms=2000, attempt_ms=1000))
    cluster.run(10)
    kept = [record.key for record in cluster.players[1].disk.records()]
    assert len(kept) == 4
    cluster.run(150)
    assert [record.key for record in cluster.players[1].disk.records()] == [b"sequence"]
    assert [record.key for record in cluster.players[0].disk.records()] == [b"sequence"]
    assert all(cluster.lobby(place).status().formations == () for place in range(3))
