"""The proof that a share came before the close: it stays short, and shows nothing else than that."""

import pytest

from mechdesign.decision import policing
from mechdesign.decision.entries import Kind, ShareEntry
from mechdesign.decision.messages import Convicted
from mechdesign.decision.offence import Offence, encode_proof
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.record import Chained, Record, chain, unpack_signed
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import decode
from tests.decision.sealed_runs import context, convictions, kinds
from tests.decision.toys import Cluster

LONG = 16 * 1024


def play(*, early=True, left=(), **terms):
    """A sealed session of four in which carol shares when two seals are in the log, or only when all are open."""
    cluster = Cluster(4)
    for place in left:
        cluster.sessions[place].enrols = "left"
    cluster.propose(seal="threshold", **terms)
    if early:
        while kinds(cluster).count(Kind.SEAL) < 2:
            cluster.step()
        session = context(cluster, cluster.roster.ids[2]).session
        cluster.order(2, Kind.SHARE, ShareEntry(session, 0, b"too early").encoded)
    cluster.settle()
    return cluster


def proof_of(cluster, place=1):
    return cluster.events(place, Convicted)[0].evidence


@pytest.fixture(scope="module")
def convicted():
    return play()


@pytest.fixture(scope="module")
def honest():
    return play(early=False)


def refused(cluster, proof, why):
    with pytest.raises(VerificationError, match=why):
        verify_evidence(proof, cluster.roster, cluster.scheme)


def test_a_proof_carries_one_seal_however_many_there_are_and_however_long(monkeypatch):
    cluster = play(report_bytes=LONG)
    longest = max(len(delivered.submission.data) for delivered in cluster.log)
    assert longest > LONG
    proof = proof_of(cluster)
    assert len(proof) < longest + 5_000
    # What all reports together pass does not keep anybody from being convicted.
    monkeypatch.setattr(policing, "EVIDENCE_BYTES_MAX", 2 * longest)
    assert sum(len(delivered.submission.data) for delivered in cluster.log) > policing.EVIDENCE_BYTES_MAX
    assert verify_evidence(proof, cluster.roster, cluster.scheme) == (cluster.roster.ids[2], "early-share")
    assert convictions(cluster) == [("carol", "early-share")]


def test_every_follower_has_a_proof_that_holds_and_whoever_lacks_the_code_makes_none():
    cluster = play(left=[3])
    for place in (0, 1):
        found = verify_evidence(proof_of(cluster, place), cluster.roster, cluster.scheme)
        assert found == (cluster.roster.ids[2], "early-share"), place
    assert cluster.events(3, Convicted) == []


def parts(proof):
    """The signed entries of a proof, and its terms."""
    match decode(proof, bytes_max=1 << 24):
        case (_, _, tuple(signed), terms):
            return [unpack_signed(each) for each in signed], terms
    raise AssertionError("no proof of this layer")


def with_terms(proof, **changed):
    signed, terms = parts(proof)
    names = "start", "position", "between", "shown", "behind"
    return encode_proof(Offence.EARLY_SHARE, signed, tuple((dict(zip(names, terms, strict=True)) | changed).values()))


def test_the_same_terms_give_the_same_proof(convicted):
    assert with_terms(proof_of(convicted)) == proof_of(convicted)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"start": bytes(32)}, "not the one whose end the quorum signed"),
        ({"start": b""}, "not the one whose end the quorum signed"),
        ({"between": bytes(32)}, "not the one whose end the quorum signed"),
        ({"between": b"odd"}, "not the one whose end the quorum signed"),
        ({"behind": b""}, "not the one whose end the quorum signed"),
        ({"position": 0}, "not the one whose end the quorum signed"),
        ({"position": -1}, "malformed"),
        ({"position": True}, "malformed"),
        ({"position": 2**80}, "malformed"),
        ({"position": None}, "malformed"),
        ({"start": None}, "malformed"),
        ({"shown": None}, "malformed"),
        ({"shown": (1, 2, b"")}, "malformed"),
        ({"shown": (1, 2, b"", 3, b"", 4)}, "malformed"),
    ],
)
def test_terms_that_are_not_those_of_the_chain_prove_nothing(convicted, changed, why):
    refused(convicted, with_terms(proof_of(convicted), **changed), why)


def test_a_list_that_is_longer_or_shorter_proves_nothing(convicted):
    signed, terms = parts(proof_of(convicted))
    for other in (None, (), terms[:-1], (*terms, b""), terms[0]):
        refused(convicted, encode_proof(Offence.EARLY_SHARE, signed, other), "malformed")


def chained(cluster):
    """The entries of a settled session up to the freeze, as its digest covers them, with their proofs."""
    record = Record.parse(cluster.decided(0).transcript)
    return [(Chained.of(entry), (entry.submission, entry.inclusion)) for entry in record.frozen]


def certificate(cluster):
    """The attestations that the quorum signed, in roster order."""
    record = Record.parse(cluster.decided(0).transcript)
    said = [(entry.submission, entry.inclusion) for entry in record.later if entry.submission.kind == Kind.ATTEST]
    return sorted(said, key=lambda pair: cluster.roster.place(pair[0].sender))[: cluster.roster.q]


def accuse(cluster, at, shown, *, start=None, order=None, other=None):
    """What a liar makes of a true session: the share at one place of it, and an entry that is to show it early."""
    entries = chained(cluster)
    session = context(cluster, cluster.roster.ids[0]).session
    leaves = [entry.leaf for entry, _ in entries]
    order = order or range(len(entries))
    walk = [*order]
    place, until = walk.index(at), walk.index(shown)
    begin = chain(session, [leaves[each] for each in walk[:place]]) if start is None else start
    terms = (
        begin,
        entries[at][0].position,
        b"".join(leaves[each] for each in walk[place + 1 : until]),
        (other or entries[shown][0]).packed,
        b"".join(leaves[each] for each in walk[until + 1 :]),
    )
    return encode_proof(Offence.EARLY_SHARE, [*certificate(cluster), entries[at][1]], terms)


def places(cluster, kind):
    return [at for at, (entry, _) in enumerate(chained(cluster)) if entry.submission.kind == kind]


def test_the_way_in_which_a_liar_accuses_here_would_convict_who_is_guilty(convicted):
    early, seals = places(convicted, Kind.SHARE)[0], places(convicted, Kind.SEAL)
    proof = accuse(convicted, early, next(seal for seal in seals if seal > early))
    assert verify_evidence(proof, convicted.roster, convicted.scheme) == (convicted.roster.ids[2], "early-share")


def test_who_shared_after_the_close_is_not_convicted_by_any_entry_behind_its_share(honest):
    first, *_, last = places(honest, Kind.SHARE)
    assert first < last
    for shown in range(first + 1, len(chained(honest))):
        refused(honest, accuse(honest, first, shown), "does not show that the phase was open")


def test_a_seal_from_before_the_share_does_not_stand_behind_it_by_being_put_there(honest):
    share, seal = places(honest, Kind.SHARE)[0], places(honest, Kind.SEAL)[0]
    order = [at for at in range(len(chained(honest))) if at != seal]
    order.insert(order.index(share) + 1, seal)
    refused(honest, accuse(honest, share, seal, order=order), "not the one whose end the quorum signed")


def test_a_true_seal_under_the_leaf_of_another_entry_proves_nothing(honest):
    share, seal = places(honest, Kind.SHARE)[0], places(honest, Kind.SEAL)[0]
    proof = accuse(honest, share, share + 1, other=chained(honest)[seal][0])
    refused(honest, proof, "not the one whose end the quorum signed")


def test_a_link_of_the_chain_is_not_a_leaf_of_it(honest):
    """The digest after some entries, given out as the leaf of one, leads to another end."""
    entries = chained(honest)
    share = places(honest, Kind.SHARE)[0]
    proof = accuse(honest, share, share + 1, start=entries[share - 1][0].leaf)
    refused(honest, proof, "not the one whose end the quorum signed")


def test_a_share_of_another_session_is_not_convicted_by_this_one(convicted, honest):
    early = places(convicted, Kind.SHARE)[0]
    signed, terms = parts(accuse(convicted, early, next(at for at in places(convicted, Kind.SEAL) if at > early)))
    other = convicted.order(2, Kind.SHARE, ShareEntry(bytes(32), 0, b"of another one").encoded)
    proof = encode_proof(Offence.EARLY_SHARE, [*signed[:-1], (other.submission, other.inclusion)], terms)
    refused(convicted, proof, "of one session")
