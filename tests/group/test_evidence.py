"""Proofs convict exactly those who signed what they prove."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.block import Block, Reference, genesis, inclusions, make_block
from mechdesign.group.checkpoint import sign_checkpoint, state_digest
from mechdesign.group.evidence import (
    ConflictingSubmissions,
    Equivocation,
    Evidence,
    InvalidBlock,
    Signed,
    TwoCheckpoints,
    convict,
    decode_evidence,
    encode_evidence,
)
from mechdesign.group.leaf import encode_leaf, said
from mechdesign.group.messages import Submission
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.wire import encode
from tests.group.lockstep import make_roster, member, signer

ROSTER = make_roster(4)
SCHEME = KeyedHash()
GOLDEN = Path(__file__).parent.parent / "golden" / "group" / "evidence.txt"


def block(data: bytes, round_: int = 0, place: int = 1, sequence: int = 0) -> Block:
    leaf = encode_leaf(Submission(7, member(place), sequence, data))
    others = [Reference(round_ - 1, other, bytes([other]) * 32) for other in (0, 2, 3)] if round_ else []
    return make_block(ROSTER, signer(place), round_, [genesis(ROSTER, place), *others], (), [leaf])


def signed(made: Block) -> Signed:
    return Signed(made.encoded, made.signature)


def conflict(one: Block, other: Block) -> ConflictingSubmissions:
    sent = [said(Submission(7, member(made.author), 0, data)) for made, data in ((one, b"a"), (other, b"b"))]
    return ConflictingSubmissions(sent[0], inclusions(one)[0], sent[1], inclusions(other)[0])


def checkpoints(one: bytes, other: bytes, index: int = 9, other_index: int = 9, place: int = 1) -> TwoCheckpoints:
    """Two checkpoints that a member signed, as if both were of the index of the first."""
    named = [state_digest(state, ROSTER) for state in (one, other)]
    first, second = zip(named, (index, other_index), strict=True)
    return TwoCheckpoints(
        member(1), index, *((name, sign_checkpoint(at, name, ROSTER, signer(place))) for name, at in (first, second))
    )


def proofs() -> dict[str, bytes]:
    few = make_block(ROSTER, signer(1), 3, [genesis(ROSTER, 1)])
    return {
        "one round": encode_evidence(Equivocation(signed(block(b"a")), signed(block(b"b")))),
        "one predecessor": encode_evidence(Equivocation(signed(block(b"a")), signed(block(b"b", 3)))),
        "invalid": encode_evidence(InvalidBlock(signed(few))),
        "conflict": encode_evidence(conflict(block(b"a"), block(b"b", 3))),
        "checkpoints": encode_evidence(checkpoints(b"a", b"b")),
    }


@pytest.mark.parametrize("kind", proofs())
def test_each_kind_of_proof_convicts_its_signer_in_its_own_group_only(kind: str) -> None:
    data = proofs()[kind]
    assert convict(data, ROSTER, SCHEME) == member(1)
    decoded = decode_evidence(data)
    assert decoded is not None
    assert encode_evidence(decoded) == data
    assert convict(data, make_roster(4, epoch=1), SCHEME) is None
    assert convict(data, make_roster(5), SCHEME) is None


def test_a_proof_says_nothing_of_a_member_whose_name_is_written_over_the_convicts() -> None:
    """Neither in the field that names the accused, nor by one half that the other member signed."""
    for place in (0, 2, 3):
        other = member(place)
        named: list[Evidence] = [replace(checkpoints(b"a", b"b"), member=other)]
        named += [checkpoints(b"a", b"b", place=place)]
        mixed = block(b"b", place=place)
        named += [Equivocation(signed(block(b"a")), signed(mixed))]
        named += [conflict(block(b"a"), mixed)]
        one = conflict(block(b"a"), block(b"b", 3))
        named += [replace(one, one=one.one._replace(sender=other))]
        named += [replace(one, one=one.one._replace(sender=other), other=one.other._replace(sender=other))]
        assert [convict(encode_evidence(each), ROSTER, SCHEME) for each in named] == [None] * len(named)


def test_a_proof_fits_into_one_submission_however_long_the_conflicting_ones_are() -> None:
    made = [block(bytes([at]) * ROSTER.submission_bytes_max, 3 * at) for at in (0, 1)]
    sent = [said(Submission(7, member(1), 0, bytes([at]) * ROSTER.submission_bytes_max)) for at in (0, 1)]
    evidence = ConflictingSubmissions(sent[0], inclusions(made[0])[0], sent[1], inclusions(made[1])[0])
    data = encode_evidence(evidence)
    assert convict(data, ROSTER, SCHEME) == member(1)
    assert len(data) < 2000


def test_both_orders_of_the_halves_are_one_proof_and_the_wrong_order_none() -> None:
    one, other = sorted((signed(block(b"a")), signed(block(b"b"))))
    assert encode_evidence(Equivocation(one, other)) == encode_evidence(Equivocation(other, one))
    swapped = encode((1, other.header, other.signature, one.header, one.signature))
    assert convict(swapped, ROSTER, SCHEME) is None


def test_what_honest_members_do_convicts_nobody() -> None:
    first = block(b"a")
    quorum = [Reference(0, place, bytes([place]) * 32) for place in (0, 2)]
    second = make_block(ROSTER, signer(1), 1, [first.ref, *quorum])
    nothing: list[Evidence] = [
        Equivocation(signed(first), signed(first)),
        Equivocation(signed(first), signed(second)),
        Equivocation(signed(first), signed(block(b"b", place=2))),
        InvalidBlock(signed(first)),
        conflict(first, block(b"b", 3, place=2)),
        checkpoints(b"a", b"a"),
        checkpoints(b"a", b"b", 9, 10),
        checkpoints(b"a", b"b", place=2),
    ]
    copy = conflict(first, block(b"b", 3))
    nothing.append(replace(copy, other=copy.one, other_inclusion=copy.one_inclusion))
    for evidence in nothing:
        assert convict(encode_evidence(evidence), ROSTER, SCHEME) is None


def test_a_signature_that_is_not_the_members_convicts_nobody() -> None:
    bad = bytes(64)
    one, other = block(b"a"), block(b"b")
    assert convict(encode_evidence(Equivocation(signed(one), Signed(other.encoded, bad))), ROSTER, SCHEME) is None
    few = make_block(ROSTER, signer(1), 3, [genesis(ROSTER, 1)])
    assert convict(encode_evidence(InvalidBlock(Signed(few.encoded, bad))), ROSTER, SCHEME) is None


@given(st.binary(max_size=300))
def test_no_bytes_raise_or_convict(data: bytes) -> None:
    assert convict(data, ROSTER, SCHEME) is None


@given(st.sampled_from(sorted(proofs())), st.integers(0, 100_000), st.integers(1, 255))
def test_a_changed_byte_convicts_nobody(kind: str, at: int, change: int) -> None:
    data = bytearray(proofs()[kind])
    data[at % len(data)] ^= change
    assert convict(bytes(data), ROSTER, SCHEME) is None


def test_the_bytes_of_version_1_do_not_change() -> None:
    assert [f"{kind}: {data.hex()}" for kind, data in proofs().items()] == GOLDEN.read_text().splitlines()
