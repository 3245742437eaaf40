"""What a cheat can say in a session under threshold sealing, and what it is convicted of."""

from dataclasses import replace
from typing import Any

import pytest

from mechdesign.decision.entries import Kind, ShareEntry
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.curve import ORDER
from mechdesign.decision.sealing.dealing import Dealing, commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Context, Purpose, Share, deal
from mechdesign.decision.transcript import audit
from mechdesign.kernel.errors import VerificationError
from tests.decision.sealed_runs import FORFEITS, committee, context, convictions, entries, kinds, read, reports, run
from tests.decision.sealing.sealing_kit import (
    NOT_CANONICAL,
    OFF_THE_CURVE,
    SMALL_ORDER,
    replaced,
    swapped,
    with_torsion,
)
from tests.decision.toys import Cluster, nets


def read_share(data):
    return Share.parse(data)


def twisting(place, change):
    """A member whose broadcasts pass through ``change``."""

    def twist(who, broadcast):
        return change(broadcast) if who == place else [broadcast]

    return twist


def change_entry(kind, change):
    def apply(broadcast):
        if broadcast.kind != kind:
            return [broadcast]
        return [replace(broadcast, data=change(read(kind, broadcast.data)).encoded)]

    return apply


def spoilt(data, at=40):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def dealt(change):
    """A SEAL whose dealing is another one of the right form."""

    def apply(said):
        dealing = Dealing.parse(said.sealed, 4, ciphertext_bytes(16))
        return replace(said, sealed=change(dealing).encoded)

    return apply


def points(field, change):
    """The same with one of its two rows of points changed."""
    return dealt(lambda dealing: replace(dealing, **{field: change(getattr(dealing, field))}))


def scalar(part):
    return dealt(lambda dealing: replace(dealing, proof=replace(dealing.proof, **part(dealing.proof))))


def more(number):
    """A second spelling of a scalar, past the order of the group."""
    return (int.from_bytes(number, "little") + ORDER).to_bytes(32, "little")


BAD_POINTS = {
    "of small order": SMALL_ORDER[4],
    "that is none": OFF_THE_CURVE,
    "that is not reduced": NOT_CANONICAL[1],
}

FALSE_SEALS = {
    **{
        f"a point {name} among its {field}": points(field, lambda row, point=point: replaced(row, 1, point))
        for name, point in BAD_POINTS.items()
        for field in ("commitments", "encrypted")
    },
    **{
        f"a part of small order in its {field}": points(field, lambda row: replaced(row, 1, with_torsion(row[32:64])))
        for field in ("commitments", "encrypted")
    },
    "the shares of two members exchanged": points("encrypted", lambda row: swapped(row, 1, 2)),
    "the commitments to two shares exchanged": points("commitments", lambda row: swapped(row, 1, 2)),
    "a challenge past the order": scalar(lambda proof: {"challenge": more(proof.challenge)}),
    "a response past the order": scalar(lambda proof: {"responses": more(proof.responses[:32]) + proof.responses[32:]}),
    "a changed byte": lambda said: replace(said, sealed=spoilt(said.sealed)),
    "a changed ciphertext": lambda said: replace(said, sealed=spoilt(said.sealed, -3)),
    "no dealing at all": lambda said: replace(said, sealed=bytes(32)),
    "nothing": lambda said: replace(said, sealed=b""),
    "longer": lambda said: replace(said, sealed=said.sealed + b"\0"),
}


def test_a_dealing_of_too_high_a_degree_convicts_so_that_no_t_shares_open_something_else():
    cluster = Cluster(4)

    def change(said):
        there = Context(cluster.roster.digest, 0, said.session, said.step, Purpose.REPORT, cluster.roster.ids[3])
        steep = draw(committee(cluster, threshold=4), there, b"x", bytes(32))
        return replace(said, sealed=commit(committee(cluster), there, steep, bytes(ciphertext_bytes(16))).encoded)

    cluster.twist = twisting(3, change_entry(Kind.SEAL, change))
    cluster.run(seal="threshold", deposit=6, sanctions=FORFEITS)
    assert convictions(cluster) == [("dave", "false-dealing")] == convictions(cluster, 2)
    assert len(reports(cluster)) == 3


@pytest.mark.parametrize("kind", [Kind.SEAL, Kind.SHARE])
def test_an_entry_in_another_spelling_counts_for_nothing(kind):
    """Each has one: a step that takes two bytes where one would do is what a second signature could be put on."""

    def respell(broadcast):
        if broadcast.kind != kind:
            return [broadcast]
        # Behind the array's head and the session's identifier, 34 bytes with its own head, stands the step.
        assert broadcast.data[35] == 0
        return [replace(broadcast, data=broadcast.data[:35] + b"\xcc\x00" + broadcast.data[36:])]

    cluster = Cluster(4, twist=twisting(3, respell))
    cluster.run(seal="threshold")
    cluster.wait(5000)
    assert convictions(cluster) == []
    assert len(reports(cluster)) == (3 if kind == Kind.SEAL else 4)
    assert cluster.roster.ids[3] in reports(cluster) or kind == Kind.SEAL


@pytest.mark.parametrize("change", FALSE_SEALS.values(), ids=FALSE_SEALS)
def test_an_invalid_dealing_convicts_and_its_report_is_void(change):
    cluster = run(4, twist=twisting(1, change_entry(Kind.SEAL, change)), terms={"deposit": 6, "sanctions": FORFEITS})
    assert convictions(cluster) == [("bob", "false-dealing")] == convictions(cluster, 3)
    assert cluster.roster.ids[1] not in reports(cluster)
    assert nets(cluster.decided(0).flows) == {"dave": -13 + 2, "SELLER": 13, "bob": -6, "alice": 2, "carol": 2}
    assert audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute).convicted == (
        (cluster.roster.ids[1], "false-dealing"),
    )


def test_a_copied_dealing_is_an_invalid_one_of_the_copier():
    """Mallory gives alice's sealed bid as its own: the dealing is bound to its dealer."""
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, lambda said: replace(said, sealed=stolen(cluster))))
    cluster.propose(seal="threshold")
    cluster.settle()
    assert convictions(cluster) == [("dave", "false-dealing")]
    assert len(reports(cluster)) == 3


def stolen(cluster):
    sealed = entries(cluster, Kind.SEAL)
    if not sealed:  # alice's is not ordered yet, but she has said it
        return next(read(each.kind, each.data).sealed for each in cluster.said[0].values() if each.kind == Kind.SEAL)
    return sealed[0].sealed


@pytest.mark.parametrize("other", ["step", "session", "epoch", "group", "purpose"])
def test_a_dealing_of_another_place_is_invalid(other):
    cluster = Cluster(4)

    def replayed(said):
        made = Context(cluster.roster.digest, 0, said.session, said.step, Purpose.REPORT, cluster.roster.ids[3])
        changed: dict[str, Any] = {
            "step": {"step": 1},
            "session": {"session": bytes(32)},
            "epoch": {"epoch": 1},
            "group": {"group": bytes(32)},
            "purpose": {"purpose": Purpose.COIN},
        }
        there = replace(made, **changed[other])
        if other == "purpose":
            dealing = commit(
                committee(cluster), there, draw(committee(cluster), there, b"", bytes(32)), bytes(ciphertext_bytes(16))
            )
        else:
            dealing = deal(committee(cluster), there, b"\x21", 16, bytes(32))
        return replace(said, sealed=dealing.encoded)

    cluster.twist = twisting(3, change_entry(Kind.SEAL, replayed))
    cluster.run(seal="threshold")
    assert convictions(cluster) == [("dave", "false-dealing")]


def garbage_seal(cluster):
    def change(said):
        there = Context(cluster.roster.digest, 0, said.session, said.step, Purpose.REPORT, cluster.roster.ids[3])
        polynomial = draw(committee(cluster), there, b"x", bytes(32))
        return replace(said, sealed=commit(committee(cluster), there, polynomial, bytes(ciphertext_bytes(16))).encoded)

    return change


def test_garbage_inside_a_valid_dealing_convicts_when_it_is_opened():
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    cluster.run(seal="threshold", deposit=6, sanctions=FORFEITS)
    assert convictions(cluster) == [("dave", "sealed-garbage")] == convictions(cluster, 2)
    assert cluster.roster.ids[3] not in reports(cluster)
    assert nets(cluster.decided(1).flows)["dave"] == -6
    found = audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute)
    assert found.convicted == ((cluster.roster.ids[3], "sealed-garbage"),)


def test_under_the_sanction_abort_garbage_costs_the_deposit_and_ends_nothing_that_others_see():
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    cluster.run(seal="threshold", deposit=6, sanctions=(Sanction.RECOMPUTE, Sanction.ABORT))
    assert convictions(cluster) == [("dave", "sealed-garbage")]
    assert all(nets(cluster.decided(place).flows) == nets(cluster.decided(0).flows) for place in range(4))
    assert nets(cluster.decided(0).flows) == {"dave": -6, "alice": 2, "bob": 2, "carol": 2 - 12, "SELLER": 12}


@pytest.mark.parametrize("place", [0, 3])
def test_under_the_sanction_abort_a_false_share_is_no_way_out_of_what_was_seen(place):
    cluster = Cluster(4, twist=twisting(place, change_entry(Kind.SHARE, false_share)))
    cluster.propose(seal="threshold", deposit=6, sanctions=(Sanction.RECOMPUTE, Sanction.ABORT))
    hold_back(cluster, place)
    assert convictions(cluster) == [(cluster.roster.members[place].name, "false-share")]
    assert len(reports(cluster)) == 4
    assert all(cluster.decided(other).certificate == cluster.decided(0).certificate for other in range(4))


def false_share(said):
    share = read_share(said.share)
    points = share.points[32:] + share.points[:32]
    return replace(said, share=Share(share.opens, points, share.proof).encoded)


@pytest.mark.parametrize("place", [0, 3])
def test_a_false_share_convicts_and_the_others_open(place):
    cluster = Cluster(4, twist=twisting(place, change_entry(Kind.SHARE, false_share)))
    cluster.propose(seal="threshold", deposit=6, sanctions=FORFEITS)
    hold_back(cluster, place)
    name = cluster.roster.members[place].name
    assert convictions(cluster) == [(name, "false-share")]
    assert len(reports(cluster)) == 4
    assert nets(cluster.decided(0).flows)[name] <= -6


@pytest.mark.parametrize(
    "spoil",
    [
        *(lambda row, point=point: replaced(row, 1, point) for point in BAD_POINTS.values()),
        lambda row: replaced(row, 1, with_torsion(row[32:64])),
        lambda row: swapped(row, 0, 1),
    ],
    ids=[*BAD_POINTS, "with a part of small order", "exchanged"],
)
def test_a_point_that_is_no_share_of_the_dealing_convicts_and_the_others_open(spoil):
    def change(said):
        share = read_share(said.share)
        return replace(said, share=Share(share.opens, spoil(share.points), share.proof).encoded)

    cluster = Cluster(4, twist=twisting(0, change_entry(Kind.SHARE, change)))
    cluster.propose(seal="threshold", deposit=6, sanctions=FORFEITS)
    hold_back(cluster, 0)
    assert convictions(cluster) == [("alice", "false-share")]
    assert len(reports(cluster)) == 4


def hold_back(cluster, first):
    """Order the shares of ``first`` before those of others."""
    while cluster.pending:
        at = next((at for at, (who, each) in enumerate(cluster.pending) if who == first and each.kind == Kind.SHARE), 0)
        place, broadcast = cluster.pending.pop(at)
        cluster.order(place, broadcast.kind, broadcast.data)


@pytest.mark.parametrize("data", [b"", b"\0" * 40, "other set"])
def test_what_is_no_share_of_this_set_is_void_and_no_offence(data):
    def change(said):
        if data == "other set":
            share = read_share(said.share)
            return replace(said, share=Share(bytes(32), share.points, share.proof).encoded)
        return replace(said, share=data)

    cluster = Cluster(4, twist=twisting(0, change_entry(Kind.SHARE, change)))
    cluster.propose(seal="threshold")
    hold_back(cluster, 0)
    assert convictions(cluster) == []
    assert len(reports(cluster)) == 4


def early(cluster, place, at):
    """Have a member order a share when so many seals are in the log."""
    while kinds(cluster).count(Kind.SEAL) < at:
        cluster.step()
    entry = ShareEntry(context(cluster, cluster.roster.ids[place]).session, 0, b"too early")
    cluster.order(place, Kind.SHARE, entry.encoded)
    cluster.settle()


def test_a_share_before_the_close_convicts_by_the_order_that_a_quorum_signed():
    cluster = Cluster(4)
    cluster.propose(seal="threshold", deposit=6, sanctions=FORFEITS)
    early(cluster, 2, 2)
    assert convictions(cluster) == [("carol", "early-share")] == convictions(cluster, 3)
    assert nets(cluster.decided(0).flows)["carol"] == -6
    found = audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute)
    assert found.convicted == ((cluster.roster.ids[2], "early-share"),)
    assert len(reports(cluster)) == 4


def test_a_share_after_the_close_that_is_late_for_the_opening_is_no_offence():
    cluster = run(4)
    session = context(cluster, cluster.roster.ids[3]).session
    cluster.order(3, Kind.SHARE, ShareEntry(session, 0, b"late").encoded)
    assert convictions(cluster) == []


def proofs():
    """One proof of each kind, with the cluster that it comes from."""
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    yield "sealed-garbage", cluster.run(seal="threshold")
    yield "false-dealing", run(4, twist=twisting(1, change_entry(Kind.SEAL, FALSE_SEALS["a changed byte"])))
    cluster = Cluster(4, twist=twisting(0, change_entry(Kind.SHARE, false_share)))
    yield "false-share", cluster.run(seal="threshold")
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    early(cluster, 2, 2)
    yield "early-share", cluster


PROOFS = list(proofs())


@pytest.mark.parametrize(("offence", "cluster"), PROOFS, ids=[name for name, _ in PROOFS])
def test_a_proof_that_was_tampered_with_convicts_nobody_else(offence, cluster):
    event = next(event for event in cluster.effects[1] if type(event).__name__ == "Convicted")
    assert event.offence == offence
    data = event.evidence
    for at in range(0, len(data), max(1, len(data) // 150)):
        changed = data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :]
        try:
            found = verify_evidence(changed, cluster.roster, cluster.scheme)
        except VerificationError:
            continue
        assert found == (event.member, offence), at


@pytest.mark.parametrize(("offence", "cluster"), PROOFS, ids=[name for name, _ in PROOFS])
def test_a_proof_convicts_nobody_under_the_roster_of_another_group(offence, cluster):
    event = next(event for event in cluster.effects[1] if type(event).__name__ == "Convicted")
    other = replace(cluster.roster, nonce=bytes([7]) * 16)
    with pytest.raises(VerificationError):
        verify_evidence(event.evidence, other, cluster.scheme)
