"""What the log says about a change of the members, entry by entry."""

from dataclasses import replace

import pytest

from mechdesign.group.messages import (
    Change,
    Delivered,
    Exclude,
    Expel,
    Inclusion,
    Join,
    Leave,
    Ready,
    Submission,
    ViewChanging,
)
from mechdesign.group.roster import MEMBERS_MAX, Member
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.group.views.statement import carried_digest
from mechdesign.group.views.view import View, ViewKind, broadcast_of, is_reserved, is_view_key
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.wire import encode
from tests.group.epochs import invite, line
from tests.group.lockstep import make_roster, member, signer

SCHEME = KeyedHash()
FOUR = make_roster(4)
NOWHERE = Inclusion(b"", b"", 0, ())


def convicts(evidence, roster):
    """A proof is the word "guilty" and a key."""
    return MemberId(evidence[6:]) if evidence.startswith(b"guilty") else None


class Tale:
    """A view and the log that it is told."""

    def __init__(self, roster=FOUR):
        self.view = View(roster, SCHEME, convicts)
        self.length = 0

    def tell(self, sender, request):
        said = broadcast_of(request)
        return self.raw(sender, said.kind, said.data)

    def raw(self, sender, kind, data):
        entry = Delivered(self.length, Submission(kind, member(sender), self.length, data), NOWHERE)
        self.length += 1
        return self.view.enter(entry)

    @property
    def names(self):
        return [each.name for each in self.view.members]


def test_the_first_change_that_holds_opens_the_view_and_the_next_ones_join_in():
    tale = Tale()
    tale.raw(0, 1, b"something else")
    assert tale.tell(1, Leave()) == ViewChanging(1)
    assert tale.tell(0, invite(FOUR, 4).join) is None
    assert tale.tell(2, Exclude(b"guilty" + member(3))) is None
    assert tale.names == ["m0", "m2", "m4"]
    assert [each.name for each in tale.view.joined] == ["m4"]
    assert [each.name for each in tale.view.gone] == ["m1", "m3"]


def test_joiners_stand_behind_those_that_stay_in_log_order():
    tale = Tale()
    for place in (6, 4, 5):
        tale.tell(0, invite(FOUR, place).join)
    assert tale.names == ["m0", "m1", "m2", "m3", "m6", "m4", "m5"]


@pytest.mark.parametrize(
    "request_",
    [
        Join(line(4), ()),
        Join(line(4), invite(FOUR, 5).signatures),
        Join(line(4), invite(FOUR, 4).signatures[:2]),
        Join(line(0), invite(FOUR, 0).signatures),
        Join(replace(line(4), name="m0"), invite(FOUR, 4).signatures),
        Exclude(b"innocent" + member(1)),
        Exclude(b"guilty" + member(9)),
    ],
)
def test_a_change_that_does_not_hold_changes_nothing(request_):
    tale = Tale()
    assert tale.tell(0, request_) is None
    assert (tale.view.since, tale.view.members) == (None, FOUR.members)


def test_a_line_that_no_roster_takes_is_void_though_all_signed_it():
    for bad in (replace(line(4), name="m0"), replace(line(4), name=""), replace(line(4), curve=b"short")):
        signatures = {place: sign_join(bad, FOUR, signer(place)) for place in range(4)}
        tale = Tale()
        assert tale.tell(0, Invitation.of(FOUR, bad, signatures).join) is None
        assert tale.view.since is None


def test_no_roster_grows_past_its_bounds():
    full = make_roster(MEMBERS_MAX)
    tale = Tale(full)
    other = Member(MemberId(b"\xff" * 32), "one more", b"\xff" * 32, b"\xff" * 32)
    signatures = {place: sign_join(other, full, signer(place)) for place in range(MEMBERS_MAX)}
    assert tale.tell(0, Invitation.of(full, other, signatures).join) is None
    deep = make_roster(2, depth=4096)
    tale = Tale(deep)
    assert tale.tell(0, invite(deep, 2).join) is None, "members times depth has a bound too"


def test_the_last_member_cannot_go():
    alone = make_roster(1)
    tale = Tale(alone)
    assert tale.tell(0, Leave()) is None
    assert tale.tell(0, invite(alone, 1).join) == ViewChanging(1)
    assert tale.tell(0, Leave()) is None
    assert tale.names == ["m1"]


def test_whoever_left_cannot_leave_twice_and_may_come_back_with_a_quorum():
    tale = Tale()
    assert tale.tell(3, Leave()) == ViewChanging(0)
    assert tale.tell(3, Leave()) is None
    assert tale.tell(0, Exclude(b"guilty" + member(3))) is None
    assert tale.names == ["m0", "m1", "m2"]
    tale.tell(0, invite(FOUR, 3).join)
    assert tale.names == ["m0", "m1", "m2", "m3"]


def test_a_quorum_that_is_ready_with_one_state_settles_it():
    tale = Tale()
    tale.tell(0, Ready(b"early"))
    tale.tell(3, Leave())
    for sender, state in ((0, b"state"), (1, b"another"), (2, b"state")):
        tale.tell(sender, Ready(state))
        assert tale.view.settled is None
    tale.tell(3, Ready(b"state"))
    assert tale.view.settled == carried_digest(b"state"), "a leaver counts until it is gone"
    assert tale.view.ready == FOUR.ids


def test_a_member_is_ready_once_and_with_the_state_that_it_said_first():
    tale = Tale()
    tale.tell(3, Leave())
    for _ in range(3):
        tale.tell(0, Ready(b"state"))
    tale.tell(1, Ready(b"another"))
    tale.tell(1, Ready(b"state"))
    tale.tell(2, Ready(b"state"))
    assert tale.view.settled is None
    tale.raw(3, ViewKind.READY, b"no digest")
    tale.tell(3, Ready(b"state"))
    assert tale.view.settled == carried_digest(b"state")


def test_changes_count_until_the_last_entry_of_the_epoch():
    tale = Tale()
    tale.tell(3, Leave())
    for sender in range(3):
        tale.tell(sender, Ready(b""))
    tale.tell(0, invite(FOUR, 4).join)
    assert tale.names == ["m0", "m1", "m2", "m4"]


def test_whoever_asks_for_void_changes_again_and_again_is_not_listened_to_any_more():
    checked = []

    def counted(evidence, roster):
        checked.append(evidence)
        return convicts(evidence, roster)

    tale = Tale()
    tale.view = View(FOUR, SCHEME, counted)
    for _ in range(100):
        tale.tell(0, Exclude(b"innocent"))
    assert len(checked) == 16
    tale.tell(0, Exclude(b"guilty" + member(3)))
    assert tale.view.since is None
    tale.tell(1, Exclude(b"guilty" + member(3)))
    assert tale.names == ["m0", "m1", "m2"]


def test_whoever_asked_in_vain_can_still_leave_and_accuse():
    tale = Tale()
    for _ in range(20):
        tale.tell(0, Exclude(b"innocent"))
    tale.tell(0, Expel(member(2), bytes(32)))
    tale.tell(1, Expel(member(2), bytes(32)))
    assert tale.names == ["m0", "m1", "m3"]
    tale.tell(0, Leave())
    assert tale.names == ["m1", "m3"]


def test_leaving_in_vain_takes_no_voice_away():
    tale = Tale()
    for _ in range(20):
        tale.tell(0, Leave())
        tale.tell(1, Expel(member(1), b"no digest"))
    tale.tell(0, Exclude(b"guilty" + member(3)))
    tale.tell(1, Exclude(b"guilty" + member(2)))
    assert tale.names == ["m1"]


def test_requests_have_keys_of_their_own_and_kinds_that_nobody_else_uses():
    requests: list[Change | Ready] = [Leave(), Ready(b""), Exclude(b"a"), Exclude(b"b"), invite(FOUR, 4).join]
    requests += [Expel(member(1), bytes(32)), Expel(member(2), bytes(32))]
    made = [broadcast_of(request) for request in requests]
    assert len({each.key for each in made}) == len(made)
    assert all(is_reserved(each.kind) and is_view_key(each.key) for each in made)
    assert broadcast_of(Ready(b"x")).key == broadcast_of(Ready(b"y")).key
    assert not is_reserved(240)
    assert not is_view_key(b"a word")


def test_members_that_hold_a_proof_too_long_to_be_ordered_exclude_by_naming_it_and_b_of_them_are_not_enough():
    tale = Tale(seven := make_roster(7))
    for sender, proof in ((0, b"a"), (0, b"a"), (0, b"b"), (1, b"c")):
        assert tale.tell(sender, Expel(member(6), proof * 32)) is None
    assert (tale.view.since, tale.view.members) == (None, seven.members)
    assert tale.tell(2, Expel(member(6), b"a" * 32)) == ViewChanging(4)
    assert [each.name for each in tale.view.gone] == ["m6"]
    assert tale.tell(3, Expel(member(6), b"a" * 32)) is None
    assert tale.names == [f"m{place}" for place in range(6)]


def test_what_names_no_member_or_no_proof_excludes_nobody_however_many_say_it():
    tale = Tale()
    for data in (b"", b"nonsense", encode((member(9), bytes(32))), encode((member(3), bytes(31))), encode(member(3))):
        for sender in range(4):
            assert tale.raw(sender, ViewKind.EXPEL, data) is None
    assert tale.view.since is None
    for sender in range(20):
        tale.tell(sender % 2, Leave() if sender > 18 else Expel(member(3), bytes(32)))
    assert tale.names == ["m0", "m2"], "saying it again and again is no void change"


def test_in_a_unanimous_group_all_have_to_say_it_and_the_last_member_cannot_go():
    tale = Tale(make_roster(3))
    for sender in (0, 1):
        tale.tell(sender, Expel(member(2), bytes(32)))
    assert tale.view.since is None
    alone = Tale(make_roster(1))
    assert alone.tell(0, Expel(member(0), bytes(32))) is None
    assert alone.view.since is None


def test_a_joiner_whose_key_is_no_good_point_is_not_taken_in_whoever_signed_for_it():
    class Picky(KeyedHash):
        def valid_key(self, key):
            return key != line(7).id

    join = invite(FOUR, 7, range(3)).join
    for scheme, names in ((SCHEME, 5), (Picky(), 4)):
        tale = Tale()
        tale.view = View(FOUR, scheme, convicts)
        tale.tell(0, join)
        assert len(tale.names) == names
