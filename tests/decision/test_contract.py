"""What our own side may not do, what it may do too late, and what stays bounded."""

from fractions import Fraction

import pytest

from mechdesign.decision import bystander as bystander_module
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import REASON_BYTES_MAX, STEPS_MAX, DeclineEntry, Kind, TimerEntry, Verdict, parse
from mechdesign.decision.messages import (
    Answers,
    Attest,
    Convicted,
    Decided,
    Decline,
    Enrol,
    Enrolled,
    Propose,
    Proposed,
    Request,
    Submit,
    Toss,
)
from mechdesign.decision.transcript import audit
from mechdesign.group.block import make_block
from mechdesign.group.evidence import InvalidBlock, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, EvidenceFound
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import DEPOSIT, Flow
from tests.decision.toys import SILENT, Cluster, Plan, ToySession, make_proposal, make_roster


class Mute(ToySession):
    """A session core that enrols and leaves every other answer to the test."""

    def react(self, event: object) -> list[Enrol | Decline | Request | Toss | Attest | Submit]:
        self.events.append(event)
        return [Enrol(event.session)] if isinstance(event, Proposed) else []


def mute(n: int = 2, **terms: object) -> tuple[Cluster, bytes, DecisionCore]:
    """A group in which member 0 owes an answer to Enrolled."""
    cluster = Cluster(n)
    first = cluster.sessions[0]
    cluster.sessions[0] = Mute(first.me, 0, first.plan, first.report)
    cluster.propose(0, **terms)
    while not cluster.events(0, Enrolled):
        assert cluster.step()
    (enrolled,) = cluster.events(0, Enrolled)
    assert isinstance(enrolled, Enrolled)
    return cluster, enrolled.session, cluster.cores[0]


def refused(core: DecisionCore, request: Propose | Enrol | Decline | Request | Submit | Attest) -> None:
    with pytest.raises(LocalProtocolError):
        core.submit(request, 0)


def test_what_is_ordered_before_the_session_core_has_answered_waits_for_its_answer() -> None:
    cluster, session, core = mute()
    heard = len(cluster.effects[0])
    cluster.order(1, Kind.TIMER, TimerEntry(session, 0, "sealing").encoded)
    cluster.order(0, Kind.TIMER, TimerEntry(session, 0, "sealing").encoded)
    assert len(cluster.effects[0]) == heard
    assert [each.phase for each in core.status()] == ["computing"]
    followed = core.submit(Request(session, 0, cluster.roster.ids, True), 0)
    assert any(isinstance(effect, Answers) for effect in followed), "both clocks counted in the phase that had begun"


def test_asks_that_the_contract_does_not_allow_are_refused() -> None:
    cluster, session, core = mute()
    alice, bob = cluster.roster.ids
    for step, of in ((1, (alice,)), (0, ()), (0, (bob, alice)), (0, (alice, alice)), (0, (alice, bytes(32)))):
        refused(core, Request(session, step, of, True))  # type: ignore[arg-type]
    assert core.submit(Request(session, 0, (alice, bob), True), 0)
    refused(core, Request(session, 1, (alice,), True))


def test_outcomes_that_the_contract_does_not_allow_are_refused() -> None:
    _, session, core = mute()
    price = (Flow("alice", "SELLER", Fraction(1), "price"),)
    refused(core, Attest(session, Verdict.SETTLED, bytes(31), ()))
    refused(core, Attest(session, Verdict.FAILED, bytes(32), price))
    refused(core, Attest(session, Verdict.SETTLED, bytes(32), (Flow("alice", DEPOSIT, Fraction(1), "theft"),)))
    refused(core, Attest(session, Verdict.SETTLED, bytes(32), (Flow("alice", "zoe", Fraction(1), "gift"),)))
    refused(core, Attest(bytes(32), Verdict.SETTLED, bytes(32), ()))
    assert core.submit(Attest(session, Verdict.SETTLED, bytes(32), price), 0)
    refused(core, Attest(session, Verdict.SETTLED, bytes(32), price))


def test_reports_that_were_not_asked_or_are_too_long_are_refused() -> None:
    cluster, session, core = mute(report_bytes=4)
    alice, bob = cluster.roster.ids
    core.submit(Request(session, 0, (bob,), True), 0)
    refused(core, Submit(session, 0, b"1"))
    refused(core, Submit(session, 1, b"1"))
    cluster, session, core = mute(report_bytes=4)
    core.submit(Request(session, 0, (alice,), True), 0)
    refused(core, Submit(session, 0, b"12345"))
    assert len(core.submit(Submit(session, 0, b"1234"), 0)) == 2


def test_a_proposal_that_the_group_cannot_hold_is_refused_before_it_is_ordered() -> None:
    cluster = Cluster(2)
    refused(cluster.cores[0], Propose(make_proposal(make_roster(3))))


def test_only_members_that_are_asked_can_enrol_and_the_others_say_whether_they_have_the_code() -> None:
    cluster = Cluster(2)
    cluster.sessions[1].enrols = SILENT
    cluster.propose(0, asked=cluster.roster.ids[:1])
    cluster.step()
    (status,) = cluster.cores[1].status()
    refused(cluster.cores[1], Enrol(status.session))
    (said,) = cluster.cores[1].submit(Decline(status.session, "", follows=True), 0)
    assert isinstance(said, Broadcast)
    assert parse(said.kind, said.data) == DeclineEntry(status.session, "", follows=True)


def test_a_mechanism_may_not_ask_without_end() -> None:
    cluster = Cluster(1, plan=Plan((False,) * STEPS_MAX)).run()
    assert len(cluster.events(0, Answers)) == STEPS_MAX
    assert cluster.decided().agrees
    with pytest.raises(LocalProtocolError, match=f"at most {STEPS_MAX}"):
        Cluster(1, plan=Plan((False,) * (STEPS_MAX + 1))).run()


def test_what_comes_too_late_is_ignored() -> None:
    cluster = Cluster(2).run()
    session = cluster.decided().session
    core = cluster.cores[0]
    for late in (Enrol(session), Decline(session, "late"), Submit(session, 0, b"late")):
        assert core.submit(late, 0) == []
    cluster = Cluster(2, report=lambda place, step: SILENT).run()
    (status,) = cluster.cores[0].status()
    assert cluster.cores[0].submit(Enrol(status.session), 0) == []


def test_a_late_report_to_an_earlier_ask_is_ignored() -> None:
    cluster = Cluster(2, plan=Plan((False, False)), report=lambda place, step: SILENT if step or place else None).run()
    cluster.wait(2000)
    (status,) = cluster.cores[0].status()
    assert (status.phase, status.step) == ("asking", 1)
    assert cluster.cores[1].submit(Submit(status.session, 0, b"late"), 0) == []


@pytest.mark.parametrize("reason", ["x" * 999, "é" * 999, "\ud800 broken"])
def test_a_reason_is_cut_to_what_an_entry_holds(reason: str) -> None:
    cluster = Cluster(2)
    cluster.sessions[1].enrols = SILENT
    cluster.propose()
    cluster.step()
    (status,) = cluster.cores[1].status()
    (said,) = cluster.cores[1].submit(Decline(status.session, reason), 0)
    assert isinstance(said, Broadcast)
    entry = parse(said.kind, said.data)
    assert isinstance(entry, DeclineEntry)
    assert len(entry.reason.encode()) <= REASON_BYTES_MAX


def test_whoever_left_is_asked_nothing_and_answers_nothing() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.propose()
    while cluster.cores[0].status() == () or cluster.cores[0].status()[0].phase == "enrolling":
        assert {status.phase for status in cluster.cores[3].status()} <= {"enrolling"}
        cluster.step()
    assert cluster.cores[3].status() == ()
    (proposed,) = cluster.events(3, Proposed)
    assert isinstance(proposed, Proposed)
    assert cluster.cores[3].submit(Attest(proposed.session, Verdict.SETTLED, bytes(32), ()), 0) == []
    cluster.settle()
    assert cluster.decided(0).agrees
    assert not cluster.decided(3).agrees
    assert cluster.events(3, Enrolled) == []
    assert cluster.events(3, Answers) == []


def test_whoever_left_still_sees_a_session_fail_for_want_of_members_with_its_code() -> None:
    cluster = Cluster(4)
    for place in (1, 2, 3):
        cluster.sessions[place].enrols = "left"
    cluster.run()
    assert cluster.aborted(0).reason == "at most 1 members have the code, and a quorum is 3"
    assert all(cluster.aborted(place) == cluster.aborted(0) for place in range(4))


def test_a_member_that_left_cannot_attest_all_the_same() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.propose()
    while True:
        sent = [entry.submission for entry in cluster.log if entry.submission.kind == Kind.ATTEST]
        if sent or not cluster.step():
            break
    cluster.order(3, Kind.ATTEST, sent[0].data)
    cluster.settle()
    assert cluster.roster.ids[3] not in cluster.decided(0).certificate.signers


def test_sessions_that_a_member_left_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystander_module, "_BYSTANDERS_MAX", 3)
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    for number in range(5):
        cluster.propose(0, nonce=bytes([number]) * 16)
    cluster.settle()
    assert len(cluster.events(0, Decided)) == 5
    assert len(cluster.events(3, Decided)) == 3


def test_nothing_is_kept_of_sessions_that_are_over() -> None:
    cluster = Cluster(2)
    for number in range(100):
        cluster.propose(number % 2, nonce=number.to_bytes(16, "big"), enrol_ms=10**9, report_ms=10**9)
        cluster.settle()
    core = cluster.cores[0]
    assert len(cluster.events(0, Decided)) == 100
    assert len(core._alarms._heap) <= 64 + 4
    assert not core._suspicions._open
    kept = {name: value for name, value in vars(core).items() if isinstance(value, dict | list | set)}
    assert kept
    assert all(not value for value in kept.values())


def test_evidence_after_the_freeze_moves_the_deposit_and_stands_in_the_transcript() -> None:
    cluster = Cluster(4)
    cluster.propose(0, deposit=Fraction(6), sanctions=("forfeit", "abort"))
    while not cluster.cores[0].status() or cluster.cores[0].status()[0].phase != "attesting":
        assert cluster.step()
    block = make_block(cluster.roster, cluster.signers[1], 5, [], (), [])
    signed = Signed(block.encoded, block.signature)
    found = EvidenceFound(cluster.roster.ids[1], encode_evidence(InvalidBlock(signed)))
    cluster.pending = [each for each in cluster.pending if each[0] != 3]
    cluster.evidence(0, found)
    cluster.settle()
    cluster.wait(4000)
    decided = cluster.decided(0)
    (event,) = cluster.events(0, Convicted)
    assert isinstance(event, Convicted)
    assert event.sessions == (decided.session,)
    report = audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert report.flows == decided.flows
    assert report.convicted == ((cluster.roster.ids[1], "invalid-block"),)
    ends = {flow.payee: flow.amount for flow in decided.flows if "forfeited by bob" in flow.reason}
    assert ends == {"alice": 2, "carol": 2, "dave": 2}
