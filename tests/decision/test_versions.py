"""Members whose mechanism, or a library below it, is of another version: what they pay for it, and what they do not.

A session is named by the version and the digest of the code that it computes with. Whoever sees that its own is another
stands by, and whoever sees it too late says nothing more: neither is an offence. What nobody sees is a wrong outcome.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.certificate import Entry
from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Aborted, Convicted, Defaulted, Enrolled
from mechdesign.decision.policing import verify_evidence, wrong_outcome
from mechdesign.decision.proposal import session_id
from mechdesign.group.messages import Exclude
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import digest
from tests.decision.staged import only, open_session
from tests.decision.toys import Cluster, finish, make_proposal, nets

DAVE = 3
LIBRARY = b"another release of a library"
TERMS: dict[str, Any] = {"deposit": Fraction(9), "sanctions": ("recompute", "forfeit", "exclude")}
SEALS = pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])


def held_guilty(cluster: Cluster) -> list[object]:
    """Whatever any member says or does to another for an offence."""
    return [each for said in cluster.effects for each in said if isinstance(each, Convicted | Exclude)]


def at(phase: str, **terms: Any) -> Cluster:
    """A session of four in which a phase has just begun."""
    cluster = Cluster(4)
    cluster.propose(0, **TERMS, **terms)
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase != phase:
        assert cluster.step()
    return cluster


def names(cluster: Cluster, places: Iterable[int]) -> set[str]:
    return {cluster.roster.members[place].name for place in places}


# Whoever sees it


@SEALS
@pytest.mark.parametrize(("n", "others"), [(4, {3}), (4, {1}), (7, {2, 6})])
def test_members_of_another_version_stand_by_at_no_cost_and_the_others_settle(
    n: int, others: set[int], seal: str
) -> None:
    cluster = Cluster(n)
    for place in others:
        cluster.sessions[place].enrols = "left"
    finish(cluster.run(seal=seal, **TERMS))
    decided = cluster.decided(0)
    settled = [place for place in range(n) if place not in others]
    assert all(cluster.decided(place) == decided for place in settled)
    assert names(cluster, settled) == {cluster.roster.name(member) for member in decided.certificate.signers}
    assert nets(decided.flows) == {
        cluster.roster.members[settled[-1]].name: -10 - settled[-1],
        "SELLER": 10 + settled[-1],
    }
    assert held_guilty(cluster) == []
    for place in others:
        seen = cluster.decided(place)
        assert (seen.digest, seen.certificate, seen.agrees) == (decided.digest, decided.certificate, False)
        assert cluster.events(place, Enrolled) == []


def test_a_deposit_that_was_paid_before_the_version_showed_is_due_in_full() -> None:
    cluster = Cluster(4)
    cluster.sessions[DAVE].enrols = "left"
    terms = {"custodian": "carol", "accounts": (("SELLER", "the harbour"),)}
    session = open_session(cluster, **TERMS, **terms)
    for place, member in enumerate(cluster.roster.ids):
        paid = ReceiptEntry(session, member, TERMS["deposit"], f"transfer {place}")
        cluster.order(2, Kind.RECEIPT, paid.encoded)
    finish(cluster)
    assert cluster.decided().agrees
    assert held_guilty(cluster) == []
    for place in range(3):
        assert {line.party: line.amount for line in cluster.cores[place].balances}["dave"] == TERMS["deposit"]


def test_versions_that_leave_no_quorum_cost_nobody_anything() -> None:
    cluster = Cluster(4)
    for place in (2, DAVE):
        cluster.sessions[place].enrols = "left"
    finish(cluster.run(**TERMS))
    assert cluster.aborted(0).reason == "at most 2 members have the code, and a quorum is 3"
    assert nets(cluster.aborted(0).flows) == {}
    assert held_guilty(cluster) == []


@pytest.mark.parametrize("field", ["version", "code"])
def test_what_is_attested_by_one_version_contradicts_no_quorum_of_another(field: str) -> None:
    cluster = Cluster(4).run()
    certificate, founding = cluster.decided().certificate, cluster.log[0].submission
    other = {"version": 2} if field == "version" else {"code": digest("toy/other-code")}
    proposed = make_proposal(cluster.roster, **other).encoded
    apart = session_id(cluster.roster, founding.sender, founding.sequence, proposed)

    def proof(session: bytes) -> bytes:
        said = replace(certificate.statement, session=session, digest=bytes(32))
        entry = cluster.order(DAVE, Kind.ATTEST, said.encoded)
        return wrong_outcome(certificate, Entry(entry.position, entry.submission, entry.inclusion), cluster.roster.q)

    assert verify_evidence(proof(certificate.statement.session), cluster.roster, cluster.scheme)[1] == "wrong-outcome"
    with pytest.raises(VerificationError, match="does not contradict"):
        verify_evidence(proof(apart), cluster.roster, cluster.scheme)


# Whoever sees it too late


@SEALS
def test_whoever_computed_by_another_version_and_attests_nothing_keeps_its_deposit(seal: str) -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={DAVE}))
    cluster.sessions[DAVE].lie = LIBRARY
    finish(cluster.run(seal=seal, **TERMS))
    assert nets(cluster.decided().flows) == {"dave": -13, "SELLER": 13}
    assert held_guilty(cluster) == []


@pytest.mark.parametrize(
    ("seal", "phase", "net"),
    [
        ("open", "enrolling", 0),
        ("open", "attesting", -13),
        ("threshold", "sealing", -13),
        ("threshold", "opening", -13),
        ("threshold", "attesting", -13),
        ("commit_reveal", "opening", -13),
        ("commit_reveal", "attesting", -13),
        # What it sealed it cannot open any more: a default, as of anybody that is gone, and no conviction.
        ("commit_reveal", "sealing", -9),
    ],
)
def test_a_member_that_comes_back_with_another_version_is_convicted_of_nothing(seal: str, phase: str, net: int) -> None:
    cluster = at(phase, seal=seal)
    cluster.sessions[DAVE].enrols = "left"
    cluster.restart(DAVE)
    finish(cluster)
    decided = cluster.decided()
    assert nets(decided.flows).get("dave", 0) == net
    assert [event.member for event in cluster.events(0, Defaulted)] == [cluster.roster.ids[DAVE]] * (net == -9)
    assert cluster.decided(DAVE).certificate.statement == decided.certificate.statement
    assert held_guilty(cluster) == []


# What nobody sees


@SEALS
@pytest.mark.parametrize(("n", "others"), [(4, (3,)), (7, (2, 6))])
def test_whoever_says_that_it_has_the_code_and_signs_otherwise_is_convicted_whatever_its_reason(
    n: int, others: tuple[int, ...], seal: str
) -> None:
    cluster = Cluster(n, fast=False)
    for place in others:
        cluster.sessions[place].lie = LIBRARY
    finish(cluster.run(seal=seal, **TERMS))
    honest = next(place for place in range(n) if place not in others)
    convicted = cluster.events(honest, Convicted)
    assert [event.member for event in convicted] == [cluster.roster.ids[place] for place in others]
    for event in convicted:
        assert verify_evidence(event.evidence, cluster.roster, cluster.scheme) == (event.member, "wrong-outcome")
    ends = nets(cluster.decided(honest).flows)
    for place in others:
        bought = 9 + n if place == n - 1 else 0
        assert ends[cluster.roster.members[place].name] == -TERMS["deposit"] - bought
        # It sees that a quorum computed otherwise, and holds nobody guilty of that.
        assert not cluster.decided(place).agrees
        mine = {event.member for event in cluster.events(place, Convicted)}
        assert not mine & {cluster.roster.ids[other] for other in range(n) if other not in others}


def test_versions_between_which_no_quorum_is_convict_nobody_and_every_deposit_comes_back() -> None:
    cluster = Cluster(4)
    for place in (2, DAVE):
        cluster.sessions[place].lie = LIBRARY
    finish(cluster.run(**TERMS))
    ends = [event for place in range(4) for event in cluster.events(place, Aborted)]
    assert len(ends) == 4
    assert all(end.reason.startswith("no outcome can be certified") and not nets(end.flows) for end in ends)
    assert held_guilty(cluster) == []
