"""Forming a group: it exists once every listed member signed the same roster, and nobody signs two in one attempt."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.lobby.admission import Admission, Policy, invite
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import (
    Announcement,
    Certificate,
    Consent,
    Enrolment,
    Item,
    Proposal,
    consent_signed,
    roster_of,
    signed_by,
    valid_certificate,
)
from mechdesign.group.lobby.events import Announced, FormationFailed, Formed, Seat
from mechdesign.group.lobby.items import ITEM_BYTES_MAX, parse_item
from mechdesign.group.lobby.messages import Announce, Enrol
from mechdesign.group.lobby.packets import Items, decode_lobby_packet, encode_lobby_packet
from mechdesign.group.lobby.terms import UNPOLICED, Terms
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import decode, encode
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    LobbyWeather,
    holds_test_key,
    line,
    random_graph,
    ring,
    seat_of,
    star,
)
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet, Send

OPEN = Admission(Policy.OPEN)
CONFIG = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1)


def terms(**change: object) -> Terms:
    plain: dict[str, object] = {"size_max": 16, "enrol_ms": 3000, "attempt_ms": 4000}
    return Terms(**{"group": "club", "admission": OPEN, **plain, **change})  # type: ignore[arg-type]


def announced(cluster: LobbyCluster, place: int, group: str = "club") -> bytes:
    return next(each.id for each in cluster.events(place, Announced) if each.announcement.terms.group == group)


def enrol(cluster: LobbyCluster, places: Iterable[int], group: str = "club") -> None:
    for place in places:
        cluster.submit(place, Enrol(announced(cluster, place, group)))


def convene(cluster: LobbyCluster, convener: int, others: Iterable[int], of: Terms) -> None:
    """Announce a group and enrol the others once they have heard of it."""
    cluster.submit(convener, Announce(of))
    cluster.run(1)
    enrol(cluster, others, of.group)
    cluster.run(0.5)


def formed(cluster: LobbyCluster, place: int) -> list[set[int]]:
    return [{cluster.place(key) for key in event.roster.ids} for event in cluster.events(place, Formed)]


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


# Attempts. -----------------------------------------------------------------------------------------------------------


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


def assert_signed_once(cluster: LobbyCluster) -> None:
    """No player ever wrote two different things about what it signed, proposed or entered."""
    for player in cluster.players:
        written: dict[bytes, bytes] = {}
        for record in player.written:
            if record.key.startswith((b"signed/", b"proposed/", b"formed/")):
                assert written.setdefault(record.key, record.data) == record.data


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


# The certificate. ----------------------------------------------------------------------------------------------------


def certificate() -> Certificate:
    cluster = LobbyCluster(4, ring(4), config=CONFIG)
    convene(cluster, 0, [1, 2, 3], terms())
    cluster.run(10)
    return cluster.events(1, Formed)[0].certificate


CERTIFICATE = certificate()


def test_anybody_can_check_a_certificate_from_its_bytes_alone():
    read = parse_item(CERTIFICATE.wire)
    assert isinstance(read, Certificate)
    roster = valid_certificate(read, KeyedHash(), holds_test_key)
    assert roster is not None
    assert roster == CERTIFICATE.roster


@pytest.mark.parametrize(
    "forge",
    [
        lambda c: replace(c, signatures=c.signatures[:-1]),
        lambda c: replace(c, signatures=(*c.signatures[:-1], bytes(64))),
        lambda c: replace(c, signatures=(c.signatures[1], c.signatures[0], *c.signatures[2:])),
        lambda c: replace(c, signatures=(*c.signatures, c.signatures[0])),
        lambda c: replace(c, announcement=replace(c.announcement, terms=terms(depth=8))),
        lambda c: replace(c, announcement=replace(c.announcement, signature=bytes(64))),
        lambda c: replace(c, proposal=replace(c.proposal, attempt=1)),
        lambda c: replace(c, proposal=replace(c.proposal, enrolments=c.proposal.enrolments[1:])),
        lambda c: replace(c, proposal=replace(c.proposal, enrolments=c.proposal.enrolments[::-1])),
        lambda c: replace(c, proposal=replace(c.proposal, signature=bytes(64))),
    ],
)
def test_a_certificate_with_anything_changed_or_missing_is_none(forge):
    assert valid_certificate(forge(CERTIFICATE), KeyedHash(), holds_test_key) is None


# A convener that lies. -----------------------------------------------------------------------------------------------


class TwoFaced:
    """A convener that proposes different rosters to different players and keeps every signature that it hears."""

    def __init__(self, place: int, rosters: list[set[int]], attempts: list[int], of: Terms) -> None:
        self.seat = seat_of(place)
        unsigned = Announcement(self.seat.line.id, of, bytes(16), WALL)
        self.announcement = replace(unsigned, signature=signed_by(unsigned, self.seat.signer))
        self.rosters, self.attempts = rosters, attempts
        self.enrolments = {place: enrolment_of(self.seat, self.announcement.id)}
        self.heard: list[Consent] = []

    def __call__(self, cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        match event:
            case LinkUp(peer):
                return [items(peer, self.announcement, self.enrolments[place])]
            case Packet(_, data):
                packet = decode_lobby_packet(data)
                for wire in packet.items if isinstance(packet, Items) else ():
                    part = parse_item(wire)
                    if isinstance(part, Enrolment) and part.member in cluster.keys(range(len(cluster.players))):
                        self.enrolments.setdefault(cluster.place(part.member), part)
                    elif isinstance(part, Consent) and part not in self.heard:
                        self.heard.append(part)
        return []

    def proposals(self) -> list[Proposal]:
        made = []
        for members, attempt in zip(self.rosters, self.attempts, strict=True):
            chosen = [self.enrolments[member] for member in members]
            unsigned = Proposal(self.announcement.id, attempt, tuple(sorted(chosen, key=lambda each: each.member)))
            made.append(replace(unsigned, signature=signed_by(unsigned, self.seat.signer)))
        return made

    def certificates(self) -> list[Certificate]:
        """Every certificate that it can put together, its own signature included."""
        found = []
        for proposal in self.proposals():
            roster = roster_of(self.announcement, proposal)
            own = self.seat.signer.sign(consent_signed(roster.digest))
            known = {consent.member: consent.signature for consent in self.heard if consent.roster == roster.digest}
            known[self.seat.line.id] = own
            if all(member in known for member in roster.ids):
                whole = Certificate(self.announcement, proposal, tuple(known[member] for member in roster.ids))
                assert valid_certificate(whole, KeyedHash(), holds_test_key) is not None
                found.append(whole)
        return found


def enrolment_of(seat: Seat, announcement: bytes, invitation: bytes = b"") -> Enrolment:
    unsigned = Enrolment(announcement, seat.line, seat.possession, invitation)
    return replace(unsigned, signature=signed_by(unsigned, seat.signer))


def items(peer, *parts) -> Send:
    return Send(peer, encode_lobby_packet(Items(tuple(part.wire for part in parts))))


def two_faced(
    n: int, edges, rosters: list[set[int]], attempts: list[int], seed: int = 0
) -> tuple[LobbyCluster, TwoFaced]:
    """A network whose player 0 lies, with everybody enrolled."""
    liar = TwoFaced(0, rosters, attempts, terms())
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG, liars={0: liar})
    cluster.run(1)
    enrol(cluster, range(1, n))
    cluster.run(1)
    return cluster, liar


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
