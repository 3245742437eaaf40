"""Invitations: a quorum of one epoch consents to a joiner of the next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.views.invitation import Invitation, signed_by_quorum
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import VerificationError, WireError
from tests.group.epochs import end, invite, line
from tests.group.lockstep import make_roster

SCHEME = KeyedHash()
FOUR = make_roster(4)


def test_a_quorum_invites_and_the_invitation_is_read_back():
    invitation = invite(FOUR, 4)
    invitation.check(SCHEME)
    assert len(invitation.signatures) == FOUR.q
    assert Invitation.parse(invitation.encoded) == invitation
    assert (invitation.join.member, invitation.join.signatures) == (line(4), invitation.signatures)


@pytest.mark.parametrize("by", [(), (0,), (0, 1)])
def test_fewer_invite_nobody(by):
    with pytest.raises(VerificationError, match="no quorum"):
        invite(FOUR, 4, by).check(SCHEME)


def test_the_signatures_are_for_one_line_and_for_one_epoch():
    invitation = invite(FOUR, 4)
    later = end(FOUR, FOUR.members).successor(FOUR)
    for member, roster in ((replace(line(4), name="m0"), FOUR), (line(5), FOUR), (line(4), later)):
        assert not signed_by_quorum(member, invitation.signatures, roster, SCHEME)
    assert signed_by_quorum(line(4), invitation.signatures, FOUR, SCHEME)


def test_one_signature_counts_once_and_strange_places_count_for_nothing():
    first, second, third = invite(FOUR, 4).signatures
    for signatures in ((first,) * 3, (second, first, third), (first, second, (4, third[1])), (first, second, (2, b""))):
        assert not signed_by_quorum(line(4), signatures, FOUR, SCHEME)


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_are_no_invitation(data):
    with pytest.raises(WireError):
        Invitation.parse(data)
