"""Forming a group: it exists once every listed member signed the same roster."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.admission import Admission, Policy, invite
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import (
    Certificate,
    Consent,
    signed_by,
)
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed
from mechdesign.group.lobby.items import ITEM_BYTES_MAX, parse_item
from mechdesign.group.lobby.messages import Announce, Enrol
from mechdesign.group.lobby.terms import UNPOLICED
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import decode, encode
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    line,
    ring,
    seat_of,
    star,
)
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send
from tests.group.formations import (
    CONFIG,
    TwoFaced,
    announced,
    certificate,
    convene,
    enrol,
    enrolment_of,
    formed,
    items,
    terms,
)

# Everybody plays by the rules. ---------------------------------------------------------------------------------------


def test_a_group_forms_over_a_line_and_all_members_have_the_same_roster():
    cluster = LobbyCluster(8, line(8), config=CONFIG)
    convene(cluster, 0, [2, 5, 7], terms())
    cluster.run(10)
    rosters = {event.roster.digest for place in (0, 2, 5, 7) for event in cluster.events(place, Formed)}
    assert len(rosters) == 1
    assert [formed(cluster, place) for place in (0, 2, 5, 7)] == [[{0, 2, 5, 7}]] * 4
    assert [formed(cluster, place) for place in (1, 3, 4, 6)] == [[]] * 4


def test_the_roster_says_what_was_announced():
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    convene(cluster, 0, [1, 2, 3], terms(slots=2, depth=32, submission_bytes_max=1000, payload_bytes_max=2000))
    cluster.run(10)
    (event,) = cluster.events(2, Formed)
    roster = event.roster
    assert (roster.group, roster.slots, roster.depth) == ("club", 2, 32)
    assert (roster.submission_bytes_max, roster.payload_bytes_max) == (1000, 2000)
    assert (roster.faults, roster.epoch) == (FaultModel.BYZANTINE, 0)
    assert {member.name for member in roster.members} == {f"player {place}" for place in range(4)}


def test_a_group_of_one_forms_too():
    cluster = LobbyCluster(1, [], config=CONFIG)
    cluster.submit(0, Announce(terms(size_max=1)))
    cluster.run(5)
    assert formed(cluster, 0) == [{0}]


def test_a_group_on_a_list_forms_as_soon_as_all_are_there():
    cluster = LobbyCluster(3, line(3), config=CONFIG)
    listed = Admission(Policy.ALLOW_LIST, cluster.keys([1, 2]))
    convene(cluster, 0, [1, 2], terms(admission=listed, enrol_ms=3_600_000))
    cluster.run(5)
    assert formed(cluster, 2) == [{0, 1, 2}]


def test_no_more_are_taken_than_the_terms_say_and_the_others_are_told():
    cluster = LobbyCluster(6, star(6), config=CONFIG)
    convene(cluster, 0, [1, 2, 3, 4, 5], terms(size_max=4))
    cluster.run(60)
    taken = formed(cluster, 0)[0]
    assert len(taken) == 4
    for place in set(range(6)) - taken:
        assert [event.why for event in cluster.events(place, FormationFailed)] == ["the group was formed without us"]


def test_with_too_few_players_there_is_no_group():
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    convene(cluster, 0, [1], terms(size_min=3))
    cluster.run(120)
    assert [event.why for event in cluster.events(0, FormationFailed)] == ["2 enrolled, and 3 are needed"]
    assert len(cluster.events(1, FormationFailed)) == 1
    assert formed(cluster, 0) == formed(cluster, 1) == []


def test_groups_with_different_members_form_at_once_and_one_after_another():
    cluster = LobbyCluster(6, ring(6), config=CONFIG)
    for convener, others, name in ((0, [1, 2], "one"), (3, [1, 4], "two"), (1, [5], "three")):
        cluster.submit(convener, Announce(terms(group=name)))
        cluster.run(0.2)
        enrol(cluster, others, name)
    cluster.run(20)
    assert sorted(map(sorted, formed(cluster, 1))) == [[0, 1, 2], [1, 3, 4], [1, 5]]
    convene(cluster, 5, [0, 1, 2, 3, 4], terms(group="four"))
    cluster.run(20)
    assert formed(cluster, 1)[-1] == set(range(6))


def test_two_players_of_one_name_are_not_both_taken():
    cluster = LobbyCluster(3, line(3), config=CONFIG)
    twin = replace(cluster.players[2].seat, line=replace(cluster.players[2].seat.line, name="player 1"))
    cluster.players[2].seat = twin
    cluster.crash(2)
    cluster.start(2)
    cluster.link(1, 2)
    convene(cluster, 0, [1, 2], terms())
    cluster.run(10)
    assert formed(cluster, 0) == [{0, 1}]


def test_where_nothing_is_lost_a_group_forms_without_any_comparison():
    slow = LobbyConfig(gossip_min_s=1000, gossip_max_s=1000)
    cluster = LobbyCluster(5, line(5), config=slow)
    convene(cluster, 2, [0, 1, 3, 4], terms(attempts=1, size_max=5))
    cluster.run(5)
    assert [formed(cluster, place) for place in range(5)] == [[set(range(5))]] * 5


# Admission. ----------------------------------------------------------------------------------------------------------


def test_only_the_listed_may_enrol():
    cluster = LobbyCluster(3, line(3), config=CONFIG)
    cluster.submit(0, Announce(terms(admission=Admission(Policy.ALLOW_LIST, cluster.keys([1])))))
    cluster.run(1)
    with pytest.raises(LocalProtocolError, match="only the 1 listed"):
        enrol(cluster, [2])


def test_only_the_invited_may_enrol_whoever_of_the_issuers_invited_them():
    cluster = LobbyCluster(5, star(5), config=CONFIG)
    cluster.submit(0, Announce(terms(admission=Admission(Policy.INVITATION, cluster.keys([1])))))
    cluster.run(1)
    convener = cluster.key(0)
    by_convener = invite(seat_of(0).signer, convener, "club", cluster.key(2))
    by_issuer = invite(seat_of(1).signer, convener, "club", cluster.key(3))
    cluster.submit(2, Enrol(announced(cluster, 2), by_convener))
    cluster.submit(3, Enrol(announced(cluster, 3), by_issuer))
    for bad in (
        b"",
        by_convener,
        invite(seat_of(4).signer, convener, "club", cluster.key(4)),
        invite(seat_of(0).signer, convener, "other club", cluster.key(4)),
        invite(seat_of(0).signer, cluster.key(1), "club", cluster.key(4)),
    ):
        with pytest.raises(LocalProtocolError, match="an invitation of the convener"):
            cluster.submit(4, Enrol(announced(cluster, 4), bad))
    cluster.run(10)
    assert formed(cluster, 0) == [{0, 2, 3}]


def test_an_enrolment_that_admission_refuses_is_not_passed_on():
    cluster = LobbyCluster(3, line(3), config=CONFIG, liars={2: lambda cluster, place, event: []})
    cluster.submit(0, Announce(terms(admission=Admission(Policy.ALLOW_LIST, cluster.keys([1])))))
    cluster.run(1)
    stranger = enrolment_of(seat_of(2), announced(cluster, 1))
    cluster.send(2, items(cluster.key(1), stranger))
    cluster.run(1)
    assert dict(cluster.lobby(1).status().dropped)["enrolment"] == 1
    assert "enrolment" not in dict(cluster.lobby(0).status().dropped)


def test_the_announcement_says_what_to_know_before_enrolling():
    crashes = terms(faults=FaultModel.MAJORITY, note="tea on Fridays").text
    assert UNPOLICED in crashes
    assert "Sybils" in crashes
    assert "every member's code is trusted" in crashes
    assert "tea on Fridays" in crashes
    assert "Sybils" not in terms(admission=Admission(Policy.INVITATION)).text


# Bounds and misuse. --------------------------------------------------------------------------------------------------


def test_a_neighbour_that_announces_without_end_is_cut_off_and_others_are_heard():
    conveners = [TwoFaced(place, [], [], terms(group=f"g{place}")) for place in range(100, 200)]

    def spam(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        each = [items(cluster.key(0), convener.announcement) for convener in conveners]
        return each if isinstance(event, LinkUp) else []

    config = LobbyConfig(formations_max=8)
    cluster = LobbyCluster(3, line(3), config=config, liars={1: spam})
    cluster.run(1)
    assert len(cluster.events(0, Announced)) == 8
    cluster.link(0, 2)
    cluster.submit(2, Announce(terms()))
    cluster.run(1)
    assert announced(cluster, 0)


@pytest.mark.parametrize("off_s", [-86_401, 86_402])
def test_an_announcement_dated_further_than_a_day_from_our_clock_is_refused(off_s):
    liar = TwoFaced(0, [], [], terms())
    dated = replace(liar.announcement, dated=WALL + off_s * SECOND)
    liar.announcement = replace(dated, signature=signed_by(dated, liar.seat.signer))
    cluster = LobbyCluster(2, line(2), config=CONFIG, liars={0: liar})
    cluster.run(0.5)
    assert cluster.events(1, Announced) == []
    assert dict(cluster.lobby(1).status().dropped)["clock"] > 0


def test_formations_that_ended_make_place_for_new_ones_of_the_same_neighbour():
    config = LobbyConfig(gossip_min_s=0.2, formations_max=2)
    cluster = LobbyCluster(3, line(3), config=config)
    for number in range(6):
        convene(cluster, 2, [1], terms(group=f"g{number}", enrol_ms=2000))
        cluster.run(3)
    assert len(cluster.events(0, Announced)) == 6
    assert len(cluster.lobby(0).status().formations) == 2
    convene(cluster, 0, [2], terms(group="last", enrol_ms=2000))
    cluster.run(3)
    assert formed(cluster, 2)[-1] == {0, 2}


def test_sybils_of_an_open_group_do_not_grow_anybodys_memory():
    idle = TwoFaced(0, [], [], terms(size_max=4))
    crowd = [enrolment_of(seat_of(1000 + number), idle.announcement.id) for number in range(100)]

    def sybils(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        return [items(event.peer, each) for each in crowd] if isinstance(event, Packet) else []

    cluster = LobbyCluster(3, line(3), config=CONFIG, liars={0: idle, 2: sybils})
    cluster.run(2)
    ((_, _, state),) = cluster.lobby(1).status().formations
    assert state == "enrolling: 8 of 1 to 4"


def test_parts_that_nest_in_one_another_are_read_without_recursion():
    wire = b""
    while len(wire) < ITEM_BYTES_MAX - 100:
        wire = encode((Certificate.KIND, wire, wire[:50], ()))
    assert parse_item(wire) is None


@given(st.binary(max_size=200))
def test_bytes_of_strangers_are_no_part_of_a_formation(data):
    assert parse_item(data) is None


CERTIFICATE = certificate()


@given(st.data())
def test_a_part_with_a_field_of_another_type_is_refused(data):
    proposal = CERTIFICATE.proposal
    consent = Consent(proposal.announcement, 0, proposal.enrolments[0].member, bytes(32), bytes(64))
    part = data.draw(
        st.sampled_from([CERTIFICATE.announcement, proposal.enrolments[0], proposal, consent, CERTIFICATE])
    )
    fields = decode(part.wire)
    assert isinstance(fields, tuple)
    place = data.draw(st.integers(0, len(fields) - 1))
    other = data.draw(st.sampled_from([None, True, -1, 2**63, b"", b"short", "text", (), (b"",), ((),)]))
    changed = (*fields[:place], other, *fields[place + 1 :])
    read = parse_item(encode(changed))
    # What still reads (an empty possession, another text) is well-formed, and nobody's signature covers it.
    assert read is None or read.wire == encode(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"group": ""},
        {"size_min": 0},
        {"size_min": 5, "size_max": 4},
        {"size_max": 129},
        {"depth": 3},
        {"slots": -1},
        {"payload_bytes_max": 1},
        {"attempts": 0},
        {"enrol_ms": 0},
        {"attempt_ms": 86_400_000},
        {"size_min": True},
        {"note": "two\nlines"},
    ],
)
def test_terms_of_which_no_group_could_come_raise(change):
    with pytest.raises(LocalProtocolError):
        terms(**change)


def test_misuse_raises_and_changes_nothing():
    cluster = LobbyCluster(3, line(3), config=CONFIG)
    with pytest.raises(LocalProtocolError, match="no announcement"):
        cluster.submit(0, Enrol(bytes(32)))
    convene(cluster, 0, [1], terms())
    sent = cluster.sent
    cluster.submit(1, Enrol(announced(cluster, 1)))
    assert cluster.sent == sent, "to enrol twice is to enrol once"
    cluster.run(10)
    with pytest.raises(LocalProtocolError, match="too late to enrol: formed with 2 members"):
        enrol(cluster, [2])
