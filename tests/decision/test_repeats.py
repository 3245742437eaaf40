"""Work for nothing: what says nothing new has no signature checked, whoever hands it in however often."""

import hashlib
import itertools
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from nacl import bindings

from mechdesign.decision import bench
from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.ballots.gathering import RUBBISH_MAX
from mechdesign.decision.bench import FALSE_ACCUSATIONS_MAX
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.messages import Decided
from mechdesign.decision.policing import alleged, group_offence
from mechdesign.decision.transcript import audit
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import (
    Equivocation,
    Former,
    Signed,
    decode_evidence,
    encode_evidence,
)
from mechdesign.group.messages import EvidenceFound
from mechdesign.kernel.crypto import Ed25519, KeyedHash
from mechdesign.kernel.wire import encode
from tests.decision.polls import Poll
from tests.decision.test_exclude import equivocation, forking
from tests.decision.toys import Cluster, make_roster, nets
from tests.group.test_evidence import ROSTER, proofs

DAVE = 3
ORDER = 2**252 + 27742317777372353535851937790883648493


# One ballot under ever new signatures


def signed_anew(voter: int, public: bytes, message: bytes, nonce: int) -> bytes:
    """A valid Ed25519 signature of a participant with a nonce of its choice."""
    seed = Random(f"0/participant/{voter}").randbytes(32)
    assert bindings.crypto_sign_seed_keypair(seed)[0] == public
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    first = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    challenge = int.from_bytes(hashlib.sha512(first + public + message).digest(), "little") % ORDER
    return first + ((nonce + challenge * secret) % ORDER).to_bytes(32, "little")


def variants(poll: Poll, count: int) -> list[bytes]:
    """One ballot of the first participant, under so many valid signatures."""
    plain = Ballot.parse(poll.ballot(0, b"\x05"))
    assert plain is not None
    message = plain.signed(poll.setting)
    made = [replace(plain, signature=signed_anew(0, plain.key, message, at + 2)).encoded for at in range(count)]
    assert len(set(made)) == count
    return made


def checked(monkeypatch: pytest.MonkeyPatch, key: bytes) -> list[None]:
    """One entry for each check of a signature of this key from here on."""
    calls: list[None] = []
    verify = Ed25519.verify

    def counting(self: Ed25519, member: Any, message: bytes, signature: bytes) -> bool:
        calls.extend([None] * (member == key))
        return verify(self, member, message, signature)

    monkeypatch.setattr(Ed25519, "verify", counting)
    return calls


def test_one_ballot_under_ever_new_valid_signatures_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    poll = Poll(5, fast=False).gather()
    first, *others = variants(poll, 120)
    calls = checked(monkeypatch, poll.electorate.signers[0].public)
    poll.carry(1, first)
    for at in range(0, len(others), 40):
        poll.carry(1, *others[at : at + 40])
    assert len(calls) == 4, "once at each of four members"
    assert [core.status()[0].heard for core in poll.cluster.cores] == [1] * 4
    poll.carry(1, poll.ballot(1, b"\x09"))
    poll.close()
    poll.agree()
    assert poll.answers() == {"voter-0": b"\x05", "voter-1": b"\x09"}, "whoever carries copies is listened to"


def test_a_void_number_is_not_checked_again_whatever_is_said_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    poll = Poll(2, fast=False).gather()
    poll.carry(1, poll.ballot(0, b"\x05"), poll.ballot(0, b"\x06"))
    third = [poll.ballot(0, bytes([7 + at])) for at in range(20)]
    calls = checked(monkeypatch, poll.electorate.signers[0].public)
    poll.carry(1, *third)
    assert not calls


def test_a_copy_with_a_false_signature_neither_replaces_nor_voids_the_ballot() -> None:
    poll = Poll(2, fast=False).gather()
    plain = Ballot.parse(poll.ballot(0, b"\x05"))
    assert plain is not None
    poll.carry(1, plain.encoded)
    poll.carry(2, replace(plain, signature=bytes(64)).encoded)
    poll.carry(2, replace(plain, content=b"\x06").encoded)
    poll.close()
    poll.agree()
    assert poll.answers() == {"voter-0": b"\x05"}


def test_other_words_with_a_false_signature_are_charged_to_whoever_carries_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poll = Poll(2, fast=False).gather()
    plain = Ballot.parse(poll.ballot(0, b"\x05"))
    assert plain is not None
    poll.carry(1, plain.encoded)
    calls = checked(monkeypatch, plain.key)
    for at in range(2 * RUBBISH_MAX):
        poll.carry(2, replace(plain, content=b"%d" % at).encoded)
    assert len(calls) == 4 * RUBBISH_MAX


# One proof again and again, and ever new ones of one offence


def evidence(data: bytes) -> bytes:
    return EvidenceEntry(data).encoded


def pairs(cluster: Cluster, count: int) -> list[bytes]:
    """Ever new proofs that dave signed two blocks for one round, all of which hold."""
    signed = []
    for number in range(count + 1):
        start = [genesis(cluster.roster, DAVE)]
        block = make_block(cluster.roster, cluster.signers[DAVE], 0, start, (), [b"%d" % number])
        signed.append(Signed(block.encoded, block.signature))
    return [encode_evidence(Equivocation(one, other)) for one, other in itertools.pairwise(signed)]


def false_pairs(cluster: Cluster, count: int) -> list[bytes]:
    """Accusations of dave that do not hold, all of the same offence."""
    made = []
    for number, data in enumerate(pairs(cluster, count)):
        found = decode_evidence(data)
        assert isinstance(found, Equivocation)
        made.append(encode_evidence(replace(found, one=replace(found.one, signature=b"%64d" % number))))
    return made


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The proofs of which anybody has checked the signatures, one for each time."""
    calls: list[bytes] = []

    def counting(data: bytes, *given: Any) -> Any:
        calls.append(data)
        return group_offence(data, *given)

    monkeypatch.setattr(bench, "group_offence", counting)
    return calls


def test_one_proof_that_holds_is_judged_once_however_often_it_is_ordered(judged: list[bytes]) -> None:
    cluster = Cluster(4)
    proof = equivocation(cluster, DAVE).data
    for _ in range(100):
        cluster.order(2, Kind.EVIDENCE, evidence(proof))
    assert judged == [proof] * 4
    assert [cluster.convicted(place) for place in range(4)] == [[("dave", "equivocation")]] * 4


def test_ever_new_proofs_of_one_offence_are_judged_once(judged: list[bytes]) -> None:
    cluster = Cluster(4)
    proofs = pairs(cluster, 50)
    for proof in proofs:
        cluster.order(2, Kind.EVIDENCE, evidence(proof))
        cluster.evidence(0, EvidenceFound(cluster.roster.ids[DAVE], proof))
    assert judged == [proofs[0]] * 4
    assert cluster.convicted() == [("dave", "equivocation")]


def test_the_first_proof_that_holds_is_heard_behind_any_number_of_false_ones(judged: list[bytes]) -> None:
    cluster = Cluster(4)
    for false in false_pairs(cluster, 3 * FALSE_ACCUSATIONS_MAX):
        cluster.order(2, Kind.EVIDENCE, evidence(false))
    assert len(judged) == 4 * FALSE_ACCUSATIONS_MAX
    assert cluster.convicted() == []
    cluster.evidence(0, equivocation(cluster, DAVE))
    cluster.settle()
    assert cluster.convicted(1) == [("dave", "equivocation")]


def test_another_offence_of_a_convict_is_judged_for_itself(judged: list[bytes]) -> None:
    cluster = Cluster(4)
    for found in (equivocation(cluster, DAVE), forking(cluster, DAVE), equivocation(cluster, 2)):
        for _ in range(3):
            cluster.order(1, Kind.EVIDENCE, evidence(found.data))
    assert len(judged) == 3 * 4
    assert cluster.convicted() == [("dave", "equivocation"), ("dave", "forking"), ("carol", "equivocation")]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_kept_proof_sanctions_in_a_later_session_without_a_check_and_after_a_restart(
    restarts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(4)
    proofs = pairs(cluster, 5)
    for proof in proofs:
        cluster.order(2, Kind.EVIDENCE, evidence(proof))
    if restarts:
        cluster.restart(1)
    # From here on nothing would be found to hold.
    monkeypatch.setattr(bench, "group_offence", lambda *given: None)
    cluster.propose(0, deposit=Fraction(9), sanctions=("recompute", "forfeit"))
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase != "opening":
        assert cluster.step()
    cluster.order(2, Kind.EVIDENCE, evidence(proofs[3]))
    assert nets_of_dave(cluster) == [-9 - 13] * 4


def nets_of_dave(cluster: Cluster) -> list[Fraction]:
    cluster.settle()
    ends = [cluster.events(place, Decided)[-1] for place in range(4)]
    assert all(end.agrees for end in ends)
    report = audit(ends[0].transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert report.flows == ends[0].flows
    return [nets(end.flows)["dave"] for end in ends]


@pytest.mark.parametrize("kind", proofs())
def test_what_a_proof_alleges_is_what_it_convicts_of(kind: str) -> None:
    after = replace(ROSTER, epoch=ROSTER.epoch + 1)
    proof = proofs()[kind]
    for data, roster in ((proof, ROSTER), (encode_evidence(Former(ROSTER.encoded, proof)), after)):
        offence = group_offence(data, roster, KeyedHash())
        assert offence is not None
        assert alleged(data, roster) == offence


def test_two_ends_of_an_epoch_allege_what_they_convict_of_in_every_epoch() -> None:
    data = forking(Cluster(4), DAVE).data
    for epoch in (0, 1):
        roster = make_roster(4, epoch=epoch)
        assert alleged(data, roster) == group_offence(data, roster, KeyedHash()) == (roster.ids[DAVE], "forking")


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", encode(()), encode((6, b"no roster", b"")), encode((2, b"", bytes(64)))]
)
def test_what_is_no_proof_alleges_nothing(data: bytes) -> None:
    assert alleged(data, make_roster(4)) is None
