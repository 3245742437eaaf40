"""A convener that proposes different rosters to different players, and players that enrol for others."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.lobby.convention import (
    Announcement,
    Consent,
    Proposal,
    consent_signed,
    roster_of,
)
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed, Seat
from mechdesign.group.lobby.items import parse_item
from mechdesign.group.lobby.messages import Announce
from mechdesign.group.lobby.packets import Items, Records, decode_lobby_packet, encode_lobby_packet
from mechdesign.group.lobby.presence import Presence
from mechdesign.testing.lobby_cluster import (
    WALL,
    Liar,
    LobbyCluster,
    line,
    possession_of,
    ring,
    seat_of,
    star,
)
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send
from tests.group.formations import (
    CONFIG,
    TwoFaced,
    assert_signed_once,
    convene,
    enrol,
    enrolment_of,
    formed,
    items,
    terms,
    two_faced,
)


def test_a_convener_with_two_rosters_gets_no_signature_where_honest_players_talk():
    cluster, liar = two_faced(5, star(5) + ring(5)[1:4], [{0, 1, 2}, {0, 3, 4}], [0, 0])
    one, other = liar.proposals()
    for place, proposal in ((1, one), (2, one), (3, other), (4, other)):
        cluster.send(0, items(cluster.key(place), proposal))
    cluster.run(60)
    assert liar.heard == []
    assert liar.certificates() == []
    for place in range(1, 5):
        (event,) = cluster.events(place, FormationFailed)
        assert event.why == "the convener signed two rosters for attempt 0"


def test_once_seen_through_a_convener_gets_no_signature_for_later_attempts_either():
    cluster, liar = two_faced(4, [*ring(4), (0, 2)], [{0, 1, 2}, {0, 2, 3}, {0, 1, 2, 3}], [0, 0, 1])
    for proposal in liar.proposals():
        cluster.send(0, items(cluster.key(1), proposal))
        cluster.send(0, items(cluster.key(3), proposal))
    cluster.run(60)
    assert liar.heard == []


@given(st.data())
def test_a_convener_with_two_rosters_never_forms_two_that_share_an_honest_member(data):
    n = data.draw(st.integers(3, 6))
    others = st.sets(st.integers(1, n - 1), min_size=1)
    rosters = [{0, *data.draw(others)} for _ in range(2)]
    # The honest may be connected through the liar only, who passes nothing on; then they cannot compare notes.
    edges = star(n) + data.draw(st.lists(st.sampled_from(ring(n)), unique=True))
    cluster, liar = two_faced(n, edges, rosters, [0, 0], data.draw(st.integers(0, 99)))
    if not set().union(*rosters) <= set(liar.enrolments):
        return
    for proposal in liar.proposals():
        for place in data.draw(st.sets(st.integers(1, n - 1))):
            cluster.send(0, items(cluster.key(place), proposal))
        cluster.run(data.draw(st.floats(0, 2)))
    cluster.run(20)
    made = liar.certificates()
    for certificate in made:
        for place in range(1, n):
            cluster.send(0, items(cluster.key(place), certificate))
    cluster.run(20)
    if len(made) == 2 and rosters[0] != rosters[1]:
        assert rosters[0] & rosters[1] == {0}
    assert all(len(cluster.events(place, Formed)) <= 1 for place in range(1, n))
    assert_signed_once(cluster)


def test_a_member_that_signed_a_later_attempt_never_enters_an_earlier_one():
    cluster, liar = two_faced(3, star(3), [{0, 1, 2}, {0, 1}], [0, 1])
    first, second = liar.proposals()
    for place in (1, 2):
        cluster.send(0, items(cluster.key(place), first))
    cluster.run(2)
    cluster.send(0, items(cluster.key(1), second))
    cluster.run(2)
    assert len(liar.heard) == 3
    early, late = liar.certificates()
    for place in (1, 2):
        cluster.send(0, items(cluster.key(place), early))
    cluster.run(1)
    assert (formed(cluster, 1), formed(cluster, 2)) == ([], [{0, 1, 2}])
    cluster.send(0, items(cluster.key(1), late))
    cluster.run(1)
    assert formed(cluster, 1) == [{0, 1}]


def test_a_restarted_member_signs_no_other_roster_for_an_attempt_that_it_signed():
    cluster, liar = two_faced(3, [(0, 1), (0, 2)], [{0, 1, 2}, {0, 1}], [0, 0])
    one, other = liar.proposals()
    cluster.send(0, items(cluster.key(1), one))
    cluster.run(2)
    assert len(liar.heard) == 1
    cluster.crash(1)
    cluster.start(1)
    cluster.link(0, 1)
    cluster.send(0, items(cluster.key(1), other))
    cluster.run(2)
    assert len(liar.heard) == 1
    cluster.crash(1)
    cluster.start(1)
    cluster.link(0, 1)
    liar.heard.clear()
    cluster.send(0, items(cluster.key(1), one))
    cluster.run(2)
    assert [consent.roster for consent in liar.heard] == [roster_of(liar.announcement, one).digest], "the same again"


def test_a_member_that_gave_up_signs_nothing_any_more():
    cluster, liar = two_faced(3, star(3), [{0, 1, 2}], [0])
    cluster.run(60)
    assert len(cluster.events(1, FormationFailed)) == 1
    cluster.send(0, items(cluster.key(1), *liar.proposals()))
    cluster.run(10)
    assert liar.heard == []


def test_a_failure_is_told_once_however_often_the_player_restarts():
    cluster = LobbyCluster(2, line(2), config=CONFIG)
    convene(cluster, 0, [1], terms(size_min=3, enrol_ms=2000, attempt_ms=1000))
    cluster.run(20)
    for place in (0, 1):
        cluster.crash(place)
        cluster.start(place)
    cluster.link(0, 1)
    cluster.run(60)
    assert [len(cluster.events(place, FormationFailed)) for place in (0, 1)] == [1, 1]


def test_a_member_signs_no_roster_that_changes_its_line_or_leaves_the_convener_out():
    cluster, liar = two_faced(3, star(3), [{0, 1, 2}, {1, 2}], [0, 1])
    renamed = replace(liar.enrolments[1], line=replace(liar.enrolments[1].line, name="fool"))
    honest = liar.proposals()
    liar.enrolments[1] = renamed
    for proposal in (liar.proposals()[0], honest[1]):
        for place in (1, 2):
            cluster.send(0, items(cluster.key(place), proposal))
    cluster.run(10)
    assert liar.heard == []


def test_a_member_signs_for_the_line_that_it_enrolled_with_and_for_no_other_of_its_own():
    cluster, liar = two_faced(3, star(3), [{0, 1, 2}], [0])
    seat = seat_of(1)
    liar.enrolments[1] = enrolment_of(replace(seat, line=replace(seat.line, name="fool")), liar.announcement.id)
    for place in (1, 2):
        cluster.send(0, items(cluster.key(place), *liar.proposals()))
    cluster.run(10)
    assert [cluster.place(consent.member) for consent in liar.heard] == [2]


def test_a_member_does_not_sign_beyond_the_announced_attempts_and_sizes():
    liar = TwoFaced(0, [{0, 1}, {0, 1, 2}], [8, 0], terms(size_max=2, attempts=8))
    cluster = LobbyCluster(3, star(3), config=CONFIG, liars={0: liar})
    cluster.run(1)
    enrol(cluster, [1, 2])
    cluster.run(1)
    for proposal in liar.proposals():
        for place in (1, 2):
            cluster.send(0, items(cluster.key(place), proposal))
    cluster.run(10)
    assert liar.heard == []


def test_a_player_that_does_not_know_its_sealing_key_is_in_no_roster_that_the_honest_sign():
    cluster, liar = two_faced(3, star(3), [{0, 1, 2}], [0])
    rogue = replace(seat_of(2), possession=seat_of(1).possession)
    liar.enrolments[2] = enrolment_of(rogue, liar.announcement.id)
    for place in (1, 2):
        cluster.send(0, items(cluster.key(place), *liar.proposals()))
    cluster.run(10)
    assert liar.heard == []


def enrols_as(seat: Seat) -> Liar:
    """A listed player that enrols with that line at once, and says in its presence record that it is its own."""

    def liar(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        if isinstance(event, LinkUp):
            made = Presence(seat.line, seat.possession, ("sim:liar",), WALL + cluster.now, 60)
            record = replace(made, signature=seat.signer.sign(made.signed))
            return [Send(event.peer, encode_lobby_packet(Records(((record.wire, 60_000, 0),))))]
        packet = decode_lobby_packet(event.data) if isinstance(event, Packet) else None
        parts = [parse_item(wire) for wire in (packet.items if isinstance(packet, Items) else ())]
        return [items(event.peer, enrolment_of(seat, part.id)) for part in parts if isinstance(part, Announcement)]

    return liar


@pytest.mark.parametrize("proof", [seat_of(2).possession, seat_of(3).possession], ids=["its own", "stolen"])
@pytest.mark.parametrize("fields", [("name",), ("curve",), ("sealing",), ("name", "curve", "sealing")])
def test_a_listed_player_that_enrols_first_with_the_name_or_keys_of_another_does_not_keep_that_one_out(fields, proof):
    victim, liar = seat_of(3), seat_of(2)
    line_ = replace(liar.line, **{field: getattr(victim.line, field) for field in fields})
    cluster = LobbyCluster(
        4, [(0, 1), (1, 3)], config=CONFIG, liars={2: enrols_as(replace(liar, line=line_, possession=proof))}
    )
    cluster.run(2)
    cluster.link(1, 2)
    listed = Admission(Policy.ALLOW_LIST, tuple(sorted(cluster.key(place) for place in range(4))))
    cluster.submit(0, Announce(terms(admission=listed, size_min=3, size_max=4)))
    cluster.run(1)
    enrol(cluster, [1, 3])
    cluster.run(20)
    assert formed(cluster, 0) == formed(cluster, 1) == formed(cluster, 3) == [{0, 1, 3}]


def test_a_player_that_was_known_by_a_name_before_another_took_it_is_the_one_that_is_taken():
    late = replace(seat_of(3), line=replace(seat_of(3).line, name="player 2"))
    cluster = LobbyCluster(4, [(0, 1), (1, 2)], config=CONFIG)
    cluster.run(40)
    cluster.players[3].seat = late
    cluster.crash(3)
    cluster.start(3)
    cluster.link(1, 3)
    cluster.run(40)
    convene(cluster, 0, [3, 1, 2], terms())
    cluster.run(10)
    assert formed(cluster, 0) == [{0, 1, 2}]


def test_two_that_share_a_secret_are_not_both_taken_and_spoil_nothing():
    twin = replace(seat_of(3).line, curve=seat_of(2).line.curve)
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    cluster.players[3].seat = replace(seat_of(3), line=twin, possession=possession_of(twin))
    cluster.crash(3)
    cluster.start(3)
    cluster.link(2, 3)
    convene(cluster, 0, [1, 2, 3], terms())
    cluster.run(10)
    assert formed(cluster, 0) == [{0, 1, 2}]


def test_nobody_can_consent_for_another():
    def forger(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        packet = decode_lobby_packet(event.data) if isinstance(event, Packet) else None
        parts = [parse_item(wire) for wire in (packet.items if isinstance(packet, Items) else ())]
        forged = []
        for part in parts:
            if isinstance(part, Proposal):
                announcement = cluster.events(0, Announced)[0].announcement
                digest = roster_of(announcement, part).digest
                signature = seat_of(place).signer.sign(consent_signed(digest))
                forged.append(Consent(part.announcement, part.attempt, cluster.key(2), digest, signature))
        return [items(event.peer, *forged)] if forged and isinstance(event, Packet) else []

    cluster = LobbyCluster(4, [*line(3), (0, 3)], config=CONFIG, liars={3: forger})
    convene(cluster, 0, [1, 2], terms())
    cluster.crash(2)
    cluster.run(20)
    assert dict(cluster.lobby(0).status().dropped)["consent"] > 0
    assert formed(cluster, 0) == formed(cluster, 1) == [{0, 1}]
