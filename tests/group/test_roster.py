from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.evidence import evidence_bytes_max
from mechdesign.group.packets import packet_bytes_max
from mechdesign.group.roster import MEMBERS_MAX, PAYLOAD_BYTES_MAX, FaultModel, Member, Roster
from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError


def roster(n, faults=None, **fields):
    members = tuple(
        Member(MemberId(bytes([k]) * 32), f"p{k}", bytes([k + 1]) * 32, bytes([k + 2]) * 32) for k in range(n)
    )
    return Roster("test", members, faults or FaultModel.default(n), **fields)


@pytest.mark.parametrize(
    ("n", "faults", "b", "q"),
    [
        (1, FaultModel.UNANIMOUS, 0, 1),
        (2, FaultModel.UNANIMOUS, 1, 2),
        (3, FaultModel.UNANIMOUS, 2, 3),
        (4, FaultModel.BYZANTINE, 1, 3),
        (5, FaultModel.BYZANTINE, 1, 4),
        (6, FaultModel.BYZANTINE, 1, 4),
        (7, FaultModel.BYZANTINE, 2, 5),
        (10, FaultModel.BYZANTINE, 3, 7),
        (4, FaultModel.MAJORITY, 0, 3),
        (5, FaultModel.MAJORITY, 0, 3),
    ],
)
def test_the_quorum_table_of_the_design(n, faults, b, q):
    assert (roster(n, faults).b, roster(n, faults).q) == (b, q)


@given(st.integers(1, MEMBERS_MAX), st.sampled_from(FaultModel))
def test_two_quorums_share_an_honest_member_and_liars_cannot_stall_a_byzantine_group(n, faults):
    group = roster(n, faults)
    assert 2 * group.q - n > group.b
    if faults is FaultModel.BYZANTINE:
        assert n - group.b >= group.q


def test_the_default_fault_model_follows_the_size():
    assert [FaultModel.default(n) for n in (1, 3, 4)] == [FaultModel.UNANIMOUS] * 2 + [FaultModel.BYZANTINE]


@given(st.integers(1, 20), st.sampled_from(FaultModel), st.integers(0, 9), st.binary(min_size=16, max_size=16))
def test_a_roster_is_read_back_from_its_bytes(n, faults, epoch, nonce):
    group = roster(n, faults, epoch=epoch, nonce=nonce, depth=32, submission_bytes_max=100, payload_bytes_max=2000)
    assert Roster.parse(group.encoded) == group
    assert Roster.parse(group.encoded).digest == group.digest


@pytest.mark.parametrize(
    "change",
    [
        {"group": "other"},
        {"epoch": 1},
        {"slots": 1},
        {"depth": 65},
        {"faults": FaultModel.MAJORITY},
        {"nonce": bytes([1]) * 16},
        {"submission_bytes_max": 1},
        {"payload_bytes_max": 300_000},
        {"members": roster(5).members},
        {"members": (replace(roster(4).members[0], sealing=bytes(32)), *roster(4).members[1:])},
        {"members": roster(4).members[::-1]},
    ],
)
def test_every_field_is_in_the_digest(change):
    assert replace(roster(4), **change).digest != roster(4).digest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"members": ()}, "1 to 128 members"),
        ({"members": roster(2).members * 2}, "share a name or a key"),
        ({"group": ""}, "no name"),
        ({"group": "line\nbreak"}, "no name"),
        ({"slots": 5}, "out of range"),
        ({"depth": 3}, "out of range"),
        ({"depth": 2049}, "members times depth"),
        ({"nonce": b"short"}, "nonce"),
        ({"submission_bytes_max": 0}, "limits"),
    ],
)
def test_a_roster_that_no_honest_member_would_sign_is_refused(change, says):
    with pytest.raises(LocalProtocolError, match=says):
        replace(roster(4), **change)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_changed_bytes_are_another_roster_or_none(at, change):
    data = bytearray(roster(4).encoded)
    data[at % len(data)] ^= change
    try:
        other = Roster.parse(bytes(data))
    except WireError:
        return
    assert other.digest != roster(4).digest


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_roster(data):
    with pytest.raises(WireError):
        Roster.parse(data)


def test_the_largest_packet_of_the_largest_group_fits_into_a_frame():
    largest = roster(MEMBERS_MAX, payload_bytes_max=PAYLOAD_BYTES_MAX)
    assert packet_bytes_max(largest) <= TransportConfig().frame_bytes_max


def test_every_evidence_fits_into_a_submission_by_default():
    assert evidence_bytes_max(roster(MEMBERS_MAX)) <= roster(MEMBERS_MAX).submission_bytes_max


def test_members_are_found_by_key_and_by_name():
    group = roster(3)
    assert group.place(group.members[2].id) == 2
    assert group.place(MemberId(b"x" * 32)) is None
    assert group.named("p1") == group.members[1]
    assert group.named("nobody") is None
    assert group.name(group.members[1].id) == "p1"
    assert group.name(MemberId(b"\xab" * 32)) == "stranger abababab"
