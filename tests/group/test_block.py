"""Validity is a predicate of a block's own bytes and the roster: every clause, and what proves nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.block import (
    Block,
    Header,
    Reference,
    Standing,
    check_header,
    check_inclusion,
    genesis,
    inclusions,
    judge,
    make_block,
    parse_block,
    parse_header,
)
from mechdesign.group.leaf import decode_leaf, encode_leaf, leaf_digest
from mechdesign.group.messages import Submission
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.wire import decode, encode
from tests.group.lockstep import make_roster, member, signer

ROSTER = make_roster(4, depth=8)
SCHEME = KeyedHash()
GOLDEN = Path(__file__).parent.parent / "golden" / "group"


def ref(round_: int, author: int, fill: int = 1) -> Reference:
    return Reference(round_, author, bytes([fill]) * 32)


def said(data: bytes, sequence: int = 0, sender: int = 0) -> Submission:
    return Submission(7, member(sender), sequence, data)


def first_block(place: int = 0, leaves: tuple[bytes, ...] = ()) -> Block:
    return make_block(ROSTER, signer(place), 0, [genesis(ROSTER, place)], (), leaves)


def later(parents: list[Reference], weak: list[Reference] | None = None, round_: int = 20) -> Header:
    return make_block(ROSTER, signer(0), round_, parents, weak or []).header


FULL = [ref(19, 0), ref(19, 1), ref(19, 2)]


def test_a_block_on_the_genesis_and_one_on_a_quorum_are_valid() -> None:
    assert judge(first_block(), ROSTER, SCHEME) is Standing.VALID
    assert check_header(later(FULL), ROSTER) is None
    # After an absence: the own predecessor is older, and the quorum comes from the others.
    assert check_header(later([ref(3, 0), ref(19, 1), ref(19, 2), ref(19, 3)], [ref(12, 0)]), ROSTER) is None
    assert check_header(later([genesis(ROSTER, 0), ref(19, 1), ref(19, 2), ref(19, 3)]), ROSTER) is None


def test_what_was_parsed_is_what_was_made() -> None:
    block = first_block(leaves=(encode_leaf(said(b"hello")),))
    again = parse_block(block.wire, ROSTER)
    assert again is not None
    assert (again.header, again.digest, again.ref, again.wire) == (block.header, block.digest, block.ref, block.wire)


BROKEN: dict[str, tuple[Header, str]] = {
    "no parent": (later([]), "predecessor"),
    "the predecessor is another's": (later([ref(19, 1), ref(19, 0), ref(19, 2)]), "predecessor"),
    "the predecessor is not older": (later([ref(20, 0), *FULL[1:], ref(19, 3)]), "predecessor"),
    "a genesis of another group": (later([ref(-1, 0), ref(19, 1), ref(19, 2), ref(19, 3)]), "predecessor"),
    "the predecessor is before the genesis": (later([ref(-2, 0), ref(19, 1), ref(19, 2), ref(19, 3)]), "predecessor"),
    "an author twice": (later([*FULL, ref(19, 2, 9)]), "parents"),
    "an author who is no member": (later([*FULL, ref(19, 4)]), "parents"),
    "a parent that skips a round": (later([*FULL, ref(18, 3)]), "parents"),
    "parents in the first round": (later([genesis(ROSTER, 0), ref(-1, 1)], round_=0), "parents"),
    "too few authors": (later(FULL[:2]), "quorum"),
    "an old predecessor counted for the quorum": (later([ref(3, 0), ref(19, 1), ref(19, 2)]), "quorum"),
    "a weak link past the depth": (later(FULL, [ref(11, 3)]), "weak links"),
    "a weak link to its own round": (later(FULL, [ref(20, 3)]), "weak links"),
    "a weak link to nobody": (later(FULL, [ref(15, 4)]), "weak links"),
    "a negative round": (later([genesis(ROSTER, 0)], round_=-1), "sizes"),
    "more leaves than a payload holds": (replace(later(FULL), count=10**9), "sizes"),
    "another version": (replace(later(FULL), version=2), "version or epoch"),
    "another epoch": (replace(later(FULL), epoch=1), "version or epoch"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_header_breaks_exactly_this_clause(case: str) -> None:
    header, clause = BROKEN[case]
    assert check_header(header, ROSTER) == clause


def test_a_signed_header_that_breaks_a_clause_is_provable_and_an_unsigned_one_is_garbage() -> None:
    block = make_block(ROSTER, signer(0), 20, FULL[:2])
    assert judge(block, ROSTER, SCHEME) is Standing.INVALID
    forged = replace(block, signature=bytes(64))
    assert judge(forged, ROSTER, SCHEME) is Standing.GARBAGE


def test_a_payload_that_does_not_match_proves_nothing() -> None:
    block = first_block(leaves=(encode_leaf(said(b"hello")),))
    for leaves in ((), (encode_leaf(said(b"other")),), (*block.leaves, *block.leaves)):
        assert judge(replace(block, leaves=leaves), ROSTER, SCHEME) is Standing.GARBAGE


def test_a_payload_past_the_limit_is_garbage_and_the_longest_submission_fits() -> None:
    roster = make_roster(4, submission_bytes_max=100, payload_bytes_max=100)
    fits = encode_leaf(Submission(255, member(0), 2**40, bytes(100)))
    block = make_block(roster, signer(0), 0, [genesis(roster, 0)], (), [fits])
    assert judge(block, roster, SCHEME) is Standing.VALID
    larger = make_block(roster, signer(0), 0, [genesis(roster, 0)], (), [bytes(165)])
    assert judge(larger, roster, SCHEME) is Standing.GARBAGE


def test_what_a_leaf_says_never_makes_a_block_invalid() -> None:
    void = [b"", b"\xc1", encode(("not", "a", "leaf")), encode((7, member(0), -1, b"")), encode((True, b"", 0, b""))]
    block = first_block(leaves=tuple(void))
    assert judge(block, ROSTER, SCHEME) is Standing.VALID
    assert [decode_leaf(leaf, ROSTER) for leaf in void] == [None] * 5


def test_a_block_of_another_group_or_epoch_is_none_of_ours() -> None:
    other = make_roster(4, depth=8, epoch=1)
    assert parse_block(make_block(other, signer(0), 0, [genesis(other, 0)]).wire, ROSTER) is None
    assert parse_block(make_block(ROSTER, signer(9), 0, [genesis(ROSTER, 0)]).wire, ROSTER) is None


def test_an_inclusion_proves_its_own_leaf_and_nothing_else() -> None:
    submissions = [said(b"%d" % at, at) for at in range(5)]
    block = first_block(leaves=tuple(map(encode_leaf, submissions)))
    proofs = inclusions(block)
    for submission, proof in zip(submissions, proofs, strict=True):
        assert check_inclusion(ROSTER, SCHEME, submission, proof)
        assert len(leaf_digest(submission)) == 32
    assert not check_inclusion(ROSTER, SCHEME, submissions[0], proofs[1])
    assert not check_inclusion(ROSTER, SCHEME, replace(submissions[0], data=b"x"), proofs[0])
    assert not check_inclusion(ROSTER, SCHEME, replace(submissions[0], sender=member(1)), proofs[0])
    assert not check_inclusion(ROSTER, SCHEME, submissions[0], replace(proofs[0], signature=bytes(64)))
    assert not check_inclusion(ROSTER, SCHEME, replace(submissions[0], sequence=2**5000), proofs[0])
    stranger = first_block(1, (encode_leaf(submissions[0]),))
    assert not check_inclusion(ROSTER, SCHEME, submissions[0], inclusions(stranger)[0])


@given(st.binary(max_size=400))
def test_no_bytes_make_the_parsers_raise(data: bytes) -> None:
    assert parse_block(data, ROSTER) is None
    assert parse_header(data, ROSTER) is None
    decode_leaf(data, ROSTER)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_never_another_valid_block(at: int, change: int) -> None:
    block = first_block(leaves=(encode_leaf(said(b"hello")),))
    at %= len(block.wire)
    data = bytes([*block.wire[:at], block.wire[at] ^ change, *block.wire[at + 1 :]])
    changed = parse_block(data, ROSTER)
    assert changed is None or judge(changed, ROSTER, SCHEME) is Standing.GARBAGE


def golden_block(roster: Roster) -> Block:
    leaves = [encode_leaf(Submission(7, member(0), 3, b"sealed")), encode_leaf(Submission(8, member(0), 4, b""))]
    parents = [ref(1, 0, 17), ref(1, 1, 34), ref(1, 3, 51)]
    return make_block(roster, signer(0), 2, parents, [ref(0, 2, 68)], leaves)


def test_the_bytes_of_version_1_do_not_change() -> None:
    block = golden_block(make_roster(4))
    lines = [
        f"genesis {genesis(make_roster(4), 0).digest.hex()}",
        f"header {block.encoded.hex()}",
        f"digest {block.digest.hex()}",
        f"block {block.wire.hex()}",
        f"leaf {leaf_digest(Submission(7, member(0), 3, b'sealed')).hex()}",
    ]
    assert lines == (GOLDEN / "block.txt").read_text().splitlines()
    fields = decode(block.encoded)
    assert isinstance(fields, tuple)
    assert len(fields) == 9
