"""Members that lack the code of a session: what they learn of its end, and of what its proposer founds beside it."""

from fractions import Fraction

import pytest

from mechdesign.decision import admission
from mechdesign.decision import bystander as bystander_module
from mechdesign.decision.entries import AttestEntry, EnrolEntry, Kind, SealEntry, TimerEntry, Verdict
from mechdesign.decision.messages import Aborted, Decided, Forgotten, Proposed
from mechdesign.decision.phases import DRAINING
from mechdesign.decision.tally import ATTESTATIONS_MAX
from mechdesign.mechanisms.session import SessionCore
from tests.decision.slow import propose
from tests.decision.toys import SILENT, Cluster

LIMIT = 3


def shown(cluster: Cluster, place: int) -> list[bytes]:
    return [each.session for each in cluster.cores[place].status()]


def ends(cluster: Cluster, place: int) -> list[tuple[bytes, Verdict, bytes]]:
    return [(event.session, event.verdict, event.digest) for event in cluster.events(place, Decided)]


def until(cluster: Cluster, phase: str) -> bytes:
    """Order what there is until the only session is in a phase."""
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase != phase:
        assert cluster.step()
    return cluster.cores[0].status()[0].session


def attest(cluster: Cluster, place: int, session: bytes, position: int) -> None:
    said = AttestEntry(session, position, bytes(32), Verdict.SETTLED, bytes(32))
    cluster.order(place, Kind.ATTEST, said.encoded)


@pytest.mark.parametrize("n", [4, 7])
@pytest.mark.parametrize("many", [0, 1, 7, 8, 20])
def test_who_lacks_the_code_learns_the_end_that_the_others_see_whatever_liars_attest_before(n: int, many: int) -> None:
    cluster = Cluster(n)
    cluster.sessions[n - 1].enrols = "left"
    cluster.propose()
    session = until(cluster, "sealing")
    for number in range(many):
        attest(cluster, 1, session, number)
    cluster.settle()
    cluster.wait(4000)
    assert ends(cluster, n - 1) == ends(cluster, 0)
    # Among four, the liar is needed beside a member without the code: then having said too much is as good as silence.
    assert len(ends(cluster, 0)) == (0 if n == 4 and many >= ATTESTATIONS_MAX else 1)


def test_who_attests_rubbish_first_is_counted_alike_with_the_code_and_without() -> None:
    cluster = Cluster(7)
    cluster.sessions[6].enrols = "left"
    cluster.propose()
    session = until(cluster, "sealing")
    for number in range(ATTESTATIONS_MAX):
        attest(cluster, 1, session, number)
        if number:
            attest(cluster, 2, session, number)
    cluster.settle()
    cluster.wait(4000)
    (there,), (here,) = cluster.events(0, Decided), cluster.events(6, Decided)
    assert cluster.roster.ids[1] not in there.certificate.signers
    assert cluster.roster.ids[2] in there.certificate.signers
    assert set(here.certificate.signers) <= set(there.certificate.signers)


def until_attested(data: tuple[int, bytes]) -> tuple[Cluster, bytes]:
    """Bob says something in opening, and then Alice attests what comes out."""
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.propose()
    until(cluster, "opening")
    cluster.order(1, *data)
    until(cluster, "attesting")
    return cluster, next(each[1].data for each in cluster.pending if each[1].kind == Kind.ATTEST and each[0] == 0)


def test_a_statement_foreseen_and_attested_before_the_freeze_counts_nowhere() -> None:
    """Whoever says the last of the inputs can foresee them."""
    _, foreseen = until_attested((Kind.TIMER, b"nothing that can be read"))
    cluster, said = until_attested((Kind.ATTEST, foreseen))
    assert said == foreseen
    # It says no more.
    cluster.pending = [each for each in cluster.pending if each[0] != 1]
    cluster.settle()
    cluster.wait(4000)
    assert ends(cluster, 0) == ends(cluster, 3) == []


def test_the_attestation_of_a_member_that_left_counts_neither_at_those_that_follow_nor_at_who_stands_by() -> None:
    cluster = Cluster(7)
    cluster.sessions[6].enrols = cluster.sessions[5].enrols = "left"
    cluster.sessions[1].lie = b"another outcome"
    cluster.propose()
    until(cluster, "attesting")
    right = next(each[1].data for each in cluster.pending if each[1].kind == Kind.ATTEST and each[0] == 0)
    cluster.order(5, Kind.ATTEST, right)
    cluster.settle()
    assert cluster.aborted(0).reason == "no outcome can be certified any more by a quorum"
    assert ends(cluster, 6) == []


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions of one proposer are open at a time."""
    monkeypatch.setattr(admission, "SESSIONS_PER_PROPOSER", LIMIT)


def left_by_dave(count: int) -> tuple[Cluster, list[bytes]]:
    """Dave lacks the code of Alice's first sessions, which the others have open; of the later ones he has it."""
    cluster = Cluster(4)
    for each in cluster.sessions:
        each.report = lambda place, step: SILENT
    cluster.sessions[3].enrols = "left"
    made = [propose(cluster, 0) for _ in range(count)]
    cluster.settle()
    assert shown(cluster, 1) == made
    assert shown(cluster, 3) == []
    cluster.sessions[3].enrols = True
    return cluster, made


def abort(cluster: Cluster, session: bytes) -> None:
    """Have a quorum's clocks say that the change of the members waits no longer: nothing that dave hears of."""
    for place in range(3):
        cluster.order(place, Kind.TIMER, TimerEntry(session, 0, DRAINING).encoded)


@pytest.mark.usefixtures("_few")
def test_who_left_the_sessions_of_a_proposer_founds_no_more_of_it_than_the_others() -> None:
    cluster, _ = left_by_dave(LIMIT)
    over = propose(cluster, 0)
    cluster.settle()
    assert over not in shown(cluster, 1)
    assert over not in shown(cluster, 3)
    assert over not in [event.session for event in cluster.events(3, Proposed)]
    assert cluster.cores[3].hindrance == ""


@pytest.mark.usefixtures("_few")
def test_a_session_that_the_others_found_because_one_ended_behind_a_members_back_is_its_session_too() -> None:
    cluster, made = left_by_dave(LIMIT)
    abort(cluster, made[0])
    assert shown(cluster, 1) == made[1:]
    later = propose(cluster, 0)
    assert later in shown(cluster, 1)
    assert later not in shown(cluster, 3), "not known yet"
    cluster.settle()
    assert later in shown(cluster, 3)
    (here,) = cluster.cores[3].status()
    assert here in cluster.cores[1].status()


@pytest.mark.usefixtures("_few")
def test_b_liars_that_speak_in_a_refused_session_found_it_nowhere() -> None:
    cluster, _ = left_by_dave(LIMIT)
    over = propose(cluster, 0)
    for _ in range(3):
        cluster.order(0, Kind.ENROL, EnrolEntry(over).encoded)
    cluster.settle()
    assert over not in shown(cluster, 1)
    assert over not in shown(cluster, 3)


@pytest.mark.usefixtures("_few")
def test_many_refused_proposals_of_a_liar_take_bounded_room_and_hide_no_session_of_others() -> None:
    cluster, made = left_by_dave(LIMIT)
    for _ in range(5 * LIMIT):
        propose(cluster, 0)
    assert len(cluster.cores[3]._hearsay._rumours) == LIMIT
    others = propose(cluster, 1)
    assert others in shown(cluster, 3)
    abort(cluster, made[0])
    latest = propose(cluster, 0)
    cluster.settle()
    assert latest in shown(cluster, 1)
    assert latest in shown(cluster, 3)


@pytest.mark.usefixtures("_few")
def test_sessions_that_were_seen_to_end_leave_no_doubt() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    for _ in range(2 * LIMIT):
        propose(cluster, 0)
        cluster.settle()
    assert ends(cluster, 3) == ends(cluster, 0)
    assert len(ends(cluster, 0)) == 2 * LIMIT
    last = propose(cluster, 0)
    assert last in shown(cluster, 3), "admitted at once"


def test_a_session_core_forgets_the_sessions_that_decision_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystander_module, "_BYSTANDERS_MAX", 4)
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    members = tuple((member.id, member.name) for member in cluster.roster.members)
    real = SessionCore(cluster.roster.ids[3], members, bytes, lookup=lambda name, version: None)
    for number in range(12):
        terms = {"seal": "threshold", "deposit": Fraction(1), "sanctions": ("recompute", "abort")}
        cluster.propose(1, nonce=bytes([number]) * 16, **terms)
        session = until(cluster, "sealing")
        cluster.order(1, Kind.SEAL, SealEntry(session, 0, b"junk").encoded)
        cluster.settle()
    assert len(cluster.events(0, Aborted)) == 12
    for event in cluster.sessions[3].events:
        if isinstance(event, Proposed | Decided | Aborted | Forgotten):
            real.receive(event, 0)
    assert real.open_sessions == tuple(cluster.cores[3]._bystanders._left)
    assert len(real.open_sessions) == 4
