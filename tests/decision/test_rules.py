"""Closing, timers, defaults, late and foreign entries: what counts, and where."""

from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.admission import SESSIONS_PER_PROPOSER
from mechdesign.decision.entries import (
    AttestEntry,
    DeclineEntry,
    EnrolEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    TimerEntry,
    Verdict,
)
from mechdesign.decision.messages import Answers, Decided, Defaulted, Enrolled, PhaseChanged
from mechdesign.decision.proposal import session_id
from mechdesign.decision.record import Record
from mechdesign.decision.sealing.commit_reveal import commitment, pad
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Broadcast, Submission
from mechdesign.group.roster import FaultModel
from tests.decision.toys import SILENT, Cluster, Plan, bids, make_roster, nets


def open_session(cluster: Cluster, **terms: object) -> bytes:
    """Propose, order the proposal alone, and return the session's identifier."""
    cluster.propose(0, **terms)
    assert cluster.step()
    sent = cluster.log[0].submission
    return session_id(cluster.roster, sent.sender, sent.sequence, sent.data)


def only(*kinds: Kind, places: set[int]) -> "object":
    """A twist under which the named members never say entries of these kinds."""

    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        return [] if place in places and broadcast.kind in kinds else [broadcast]

    return twist


def agree(cluster: Cluster) -> Decided:
    first = cluster.decided()
    assert all(cluster.decided(place) == first for place in range(cluster.roster.n))
    audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    return first


# Timers


def test_a_silent_member_is_waited_for_until_a_quorum_of_timers_ran_out() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 2 else bids(place, step)).run()
    (status,) = cluster.cores[0].status()
    assert (status.phase, status.heard, status.asked, status.missing) == ("sealing", 3, 4, ("carol",))
    assert status.mechanism == "toy.first-price/1"
    cluster.wait(1999)
    assert cluster.cores[0].status()[0].phase == "sealing"
    cluster.wait(1)
    decided = agree(cluster)
    assert nets(decided.flows) == {"dave": -13, "SELLER": 13}
    assert cluster.events(0, Defaulted) == []


def test_timers_start_when_the_own_log_enters_the_phase() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT)
    cluster.now = 7_000_000
    cluster.propose()
    cluster.now = 9_000_000
    cluster.settle()
    assert cluster.cores[0].deadline == 9_000_000 + 2_000_000
    assert cluster.cores[0].status()[0].since == 9_000_000


@pytest.mark.parametrize("liars", [0, 1, 2])
def test_fewer_timers_than_a_quorum_close_nothing(liars: int) -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for place in range(liars):
        for _ in range(3):  # repeating oneself does not help
            cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "enrolling").encoded)
    assert cluster.cores[3].status()[0].phase == "enrolling"
    cluster.settle()
    assert len(cluster.events(3, Enrolled)[0].players) == 4


def test_what_is_repeated_is_neither_counted_nor_kept() -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for _ in range(20):
        cluster.order(2, Kind.TIMER, TimerEntry(session, 0, "enrolling").encoded)
        cluster.order(2, Kind.ENROL, EnrolEntry(session).encoded)
    cluster.settle()
    kept = [(entry.sender, entry.submission.kind) for entry in Record.parse(agree(cluster).transcript).frozen]
    assert len(kept) == len(set(kept)) == 1 + 4 + 1 + 4 + 4


def test_timers_of_another_phase_or_step_are_void() -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    for place in range(4):
        cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "sealing").encoded)
        cluster.order(place, Kind.TIMER, TimerEntry(session, 1, "enrolling").encoded)
        cluster.order(place, Kind.TIMER, TimerEntry(session, 0, "no such phase").encoded)
    assert cluster.cores[0].status()[0].phase == "enrolling"
    cluster.settle()
    agree(cluster)


def test_a_timer_is_said_once_a_phase_even_if_the_clock_is_asked_often() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT).run()
    core = cluster.cores[0]
    assert len(core.tick(cluster.now + 2_000_000)) == 1
    assert core.tick(cluster.now + 2_000_000) == []
    assert core.tick(cluster.now + 9_000_000) == []
    assert core.deadline is None


def test_nobody_keeps_attesting_open_once_a_quorum_signed_and_timers_ran_out() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3})).run()  # type: ignore[arg-type]
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.wait(4000)
    assert len(agree(cluster).certificate.signers) == 3


def test_attesting_stays_open_without_a_quorum_however_long_it_lasts() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={2, 3})).run()  # type: ignore[arg-type]
    cluster.wait(4000)
    cluster.wait(400_000)
    assert cluster.cores[0].status()[0].missing == ("carol", "dave")
    assert cluster.events(0, Decided) == []


# Enrolment


def test_too_few_players_abort_the_session_and_say_who_was_missing() -> None:
    cluster = Cluster(4)
    cluster.sessions[1].enrols = SILENT
    cluster.sessions[2].enrols = "out"
    cluster.run(players_min=3)
    cluster.wait(1000)
    aborted = cluster.aborted(3)
    assert aborted.reason == "2 of at least 3 players enrolled"
    assert [cluster.roster.name(member) for member in aborted.defaulted] == ["bob"]
    assert aborted.flows == ()
    assert cluster.aborted(0) == aborted


def test_nobody_enrolling_aborts() -> None:
    cluster = Cluster(3)
    for session in cluster.sessions:
        session.enrols = "out"
    cluster.run()
    assert cluster.aborted(0).reason == "0 of at least 1 players enrolled"


def test_a_member_that_declines_with_the_code_follows_and_attests() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "out"
    cluster.run(deposit=Fraction(2))
    decided = agree(cluster)
    assert len(decided.certificate.signers) == 4
    assert nets(decided.flows) == {"carol": -12, "SELLER": 12}


def test_a_member_without_the_code_is_not_waited_for_and_still_learns_the_end() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.run()
    decided = cluster.decided(0)
    assert len(decided.certificate.signers) == 3
    seen = cluster.decided(3)
    assert (seen.digest, seen.verdict, seen.agrees, seen.transcript) == (decided.digest, decided.verdict, False, b"")
    assert cluster.events(3, Enrolled) == []
    seen.certificate.check(cluster.roster, cluster.scheme)


def test_a_session_that_no_quorum_could_certify_aborts_when_enrolment_closes() -> None:
    cluster = Cluster(4)
    cluster.sessions[2].enrols = "left"
    cluster.sessions[3].enrols = "left"
    cluster.run()
    assert cluster.aborted(0).reason == "2 members have the code, and a quorum is 3"
    assert cluster.aborted(1) == cluster.aborted(0)


def test_members_that_are_not_asked_follow_and_attest() -> None:
    cluster = Cluster(5)
    cluster.run(asked=cluster.roster.ids[1:3])
    decided = agree(cluster)
    assert len(decided.certificate.signers) == 5
    assert nets(decided.flows) == {"carol": -12, "SELLER": 12}


def test_what_members_say_that_are_not_asked_is_ignored() -> None:
    cluster = Cluster(4)
    asked = cluster.roster.ids[:2]
    session = open_session(cluster, asked=asked)
    cluster.order(3, Kind.ENROL, EnrolEntry(session).encoded)
    cluster.settle()
    assert [name for _, name in cluster.events(0, Enrolled)[0].players] == ["alice", "bob"]
    agree(cluster)


def test_the_first_answer_to_a_proposal_stands() -> None:
    cluster = Cluster(4)
    session = open_session(cluster)
    cluster.order(1, Kind.DECLINE, DeclineEntry(session, "no", True).encoded)
    cluster.settle()
    assert len(cluster.events(0, Enrolled)[0].players) == 3


def test_a_player_cannot_leave_a_session_that_it_enrolled_in() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT)
    session = open_session(cluster)
    cluster.settle()
    cluster.order(1, Kind.DECLINE, DeclineEntry(session, "changed my mind", False).encoded)
    cluster.wait(2000)
    assert cluster.roster.ids[1] in agree(cluster).certificate.signers


def test_whoever_attested_cannot_leave_any_more() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3}))  # type: ignore[arg-type]
    session = open_session(cluster, asked=cluster.roster.ids[1:])
    cluster.settle()
    cluster.order(0, Kind.DECLINE, DeclineEntry(session, "", False).encoded)
    (status,) = cluster.cores[1].status()
    assert (status.heard, status.asked, status.missing) == (3, 4, ("dave",))


# Reports


@pytest.mark.parametrize("seal", ["open", "commit_reveal"])
def test_players_may_pass(seal: str) -> None:
    cluster = Cluster(4, report=lambda place, step: None if place else bids(place, step)).run(seal=seal)
    assert nets(agree(cluster).flows) == {"alice": -10, "SELLER": 10}
    assert [len(event.reports) for event in cluster.events(0, Answers)] == [1]


@pytest.mark.parametrize("seal", ["open", "commit_reveal"])
@pytest.mark.parametrize("n", [1, 4])
def test_everybody_passing_is_a_defined_outcome(n: int, seal: str) -> None:
    cluster = Cluster(n, report=lambda place, step: None).run(seal=seal, deposit=Fraction(7))
    assert nets(agree(cluster).flows) == {}


def test_a_session_without_flows_settles() -> None:
    assert agree(Cluster(4, plan=Plan(flows=False)).run()).flows == ()


def late_pair(cluster: Cluster) -> Cluster:
    """Carol and dave leave it to the test to report."""
    for place in (2, 3):
        cluster.sessions[place].report = lambda place, step: SILENT
    return cluster


def test_the_first_report_counts() -> None:
    cluster = late_pair(Cluster(4))
    session = open_session(cluster, seal="open")
    cluster.settle()
    for place, amount in ((3, 40), (3, 90), (2, 1)):
        cluster.order(place, Kind.REPORT, ReportEntry(session, 0, bytes([amount])).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"dave": -40, "SELLER": 40}


def test_the_first_seal_counts() -> None:
    cluster = late_pair(Cluster(4))
    session = open_session(cluster)
    cluster.settle()
    dave = cluster.roster.ids[3]
    first, second = pad(b"\x28", 16), pad(b"\x5a", 16)
    for padded in (first, second):
        made = commitment(cluster.roster, session, 0, dave, bytes(32), padded)
        cluster.order(3, Kind.SEAL, SealEntry(session, 0, made).encoded)
    cluster.order(2, Kind.SEAL, SealEntry(session, 0, None).encoded)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 0, bytes(32), first).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"dave": -40, "SELLER": 40}


def test_a_report_that_is_too_long_is_heard_and_void() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster, seal="open")
    cluster.settle()
    cluster.order(3, Kind.REPORT, ReportEntry(session, 0, b"\xff" * 17).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert cluster.convicted() == []


@pytest.mark.parametrize("sealed", [True, False])
def test_players_that_an_ask_is_not_of_are_not_heard_in_it(sealed: bool) -> None:
    cluster = Cluster(4, plan=Plan((sealed,), of=((0, 1),)), report=lambda place, step: SILENT)
    session = open_session(cluster)
    cluster.settle()
    cluster.order(2, Kind.SEAL, SealEntry(session, 0, bytes(32)).encoded)
    cluster.order(2, Kind.REPORT, ReportEntry(session, 0, b"\xff").encoded)
    for place in (0, 1):
        cluster.order(place, Kind.SEAL, SealEntry(session, 0, None).encoded)
        cluster.order(place, Kind.REPORT, ReportEntry(session, 0, None).encoded)
    cluster.settle()
    decided = agree(cluster)
    assert nets(decided.flows) == {}
    kept = Record.parse(decided.transcript).frozen
    assert not [
        entry
        for entry in kept
        if entry.submission.kind in {Kind.SEAL, Kind.REPORT} and entry.sender == cluster.roster.ids[2]
    ]


def test_openings_that_repeat_or_name_another_step_are_void() -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={3}))  # type: ignore[arg-type]
    session = open_session(cluster, deposit=Fraction(1), sanctions=("forfeit",))
    cluster.settle()
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 1, bytes(32), pad(b"x", 16)).encoded)
    cluster.order(2, Kind.OPEN, OpenEntry(session, 0, bytes(32), pad(b"x", 16)).encoded)
    own = next(effect for effect in cluster.effects[3] if isinstance(effect, Broadcast) and effect.kind == Kind.OPEN)
    cluster.order(3, own.kind, own.data)
    cluster.settle()
    assert cluster.convicted() == []
    assert nets(agree(cluster).flows) == {"dave": -13, "SELLER": 13}


def test_entries_after_the_close_change_nothing_and_prove_nothing() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster)
    cluster.settle()
    before = len(cluster.sessions[0].events)
    for data in (EnrolEntry(session), DeclineEntry(session, "", True)):
        kind = Kind.ENROL if isinstance(data, EnrolEntry) else Kind.DECLINE
        cluster.order(3, kind, data.encoded)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 0, bytes(32), bytes(20)).encoded)
    cluster.order(3, Kind.REPORT, ReportEntry(session, 0, b"\xff").encoded)
    cluster.order(3, Kind.ATTEST, AttestEntry(session, 3, bytes(32), Verdict.SETTLED, bytes(32)).encoded)
    assert len(cluster.sessions[0].events) == before
    cluster.wait(2000)
    cluster.order(3, Kind.SEAL, SealEntry(session, 0, bytes(32)).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert cluster.convicted() == []


def test_an_honest_seal_that_comes_too_late_is_not_opened_and_costs_nothing() -> None:
    cluster = Cluster(4, twist=only(Kind.SEAL, places={3}))  # type: ignore[arg-type]
    open_session(cluster, deposit=Fraction(5), sanctions=("forfeit",))
    cluster.settle()
    cluster.wait(2000)
    late = next(effect for effect in cluster.effects[3] if isinstance(effect, Broadcast) and effect.kind == Kind.SEAL)
    cluster.order(3, late.kind, late.data)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert not [each for each in cluster.effects[3] if isinstance(each, Broadcast) and each.kind == Kind.OPEN]


# Not opening


@pytest.mark.parametrize("sanctions", [(), ("recompute",), ("forfeit",), ("forfeit", "abort")])
def test_not_opening_is_a_default_that_forfeits_and_never_a_conviction(sanctions: tuple[str, ...]) -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={3}))  # type: ignore[arg-type]
    cluster.run(deposit=Fraction(10), sanctions=sanctions)
    cluster.wait(3000)
    decided = agree(cluster)
    dave = cluster.roster.ids[3]
    assert [event.member for event in cluster.events(0, Defaulted)] == [dave]
    assert cluster.convicted() == []
    if "forfeit" in sanctions:
        assert nets(decided.flows) == {"alice": 4, "bob": 3, "carol": 3 - 12, "dave": -10, "SELLER": 12}
    else:
        assert nets(decided.flows) == {"carol": -12, "SELLER": 12}
    report = audit(decided.transcript, cluster.scheme, cluster.recompute)
    assert report.defaulted == (dave,)


def test_the_copy_of_a_commitment_cannot_be_opened() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster, deposit=Fraction(3), sanctions=("forfeit",))
    while cluster.step():
        seals = [entry.submission for entry in cluster.log if entry.submission.kind == Kind.SEAL]
        if len(seals) == 3 and not any(entry.submission.sender == cluster.roster.ids[3] for entry in cluster.log[5:]):
            cluster.order(3, Kind.SEAL, seals[0].data)
    opened = next(entry.submission for entry in cluster.log if entry.submission.kind == Kind.OPEN)
    assert opened.data.startswith(OpenEntry(session, 0, bytes(32), b"").encoded[:30])
    cluster.wait(3000)
    assert [event.member for event in cluster.events(0, Defaulted)] == [cluster.roster.ids[3]]
    assert nets(agree(cluster).flows) == {"alice": 1, "bob": 1, "carol": 1 - 12, "dave": -3, "SELLER": 12}


def test_all_players_defaulting_leaves_the_deposits_to_the_sink() -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={0, 1, 2, 3}))  # type: ignore[arg-type]
    cluster.run(deposit=Fraction(10), sanctions=("forfeit",))
    cluster.wait(3000)
    assert nets(agree(cluster).flows) == {"alice": -10, "bob": -10, "carol": -10, "dave": -10, "SINK": 40}


# Other sessions, epochs, groups


def test_entries_of_another_session_are_not_entries_of_this_one() -> None:
    cluster = Cluster(4)
    cluster.propose(0, nonce=bytes(16))
    cluster.propose(1, nonce=bytes([1]) * 16)
    cluster.settle()
    digests = {event.session: event.digest for event in cluster.events(0, Decided)}
    assert len(digests) == 2
    for place in range(4):
        assert {event.session: event.digest for event in cluster.events(place, Decided)} == digests


@pytest.mark.parametrize("terms", [{"epoch": 1}, {"depth": 32}])
def test_a_replay_from_another_epoch_or_group_opens_nothing(terms: dict[str, Any]) -> None:
    old = Cluster(4).run()
    new = Cluster(4, roster=make_roster(4, **terms))
    new.propose()
    new.step()
    for entry in old.log[1:]:
        place = new.roster.place(entry.submission.sender)
        assert place is not None
        new.order(place, entry.submission.kind, entry.submission.data)
    assert new.cores[0].status()[0].heard == 0


def test_a_failed_computation_ends_the_session_with_a_certificate_and_without_its_flows() -> None:
    cluster = Cluster(4, plan=Plan(fails=True)).run(deposit=Fraction(4))
    decided = agree(cluster)
    assert decided.verdict is Verdict.FAILED
    assert nets(decided.flows) == {}
    last = cluster.events(0, PhaseChanged)[-1]
    assert last.phase == "aborted"


def test_majority_groups_go_on_with_a_bare_majority() -> None:
    cluster = Cluster(3, faults=FaultModel.MAJORITY)
    cluster.down.add(2)
    cluster.run()
    for wait in (1000, 2000, 3000, 4000):
        cluster.wait(wait)
    assert len(cluster.decided().certificate.signers) == 2


def test_a_proposer_with_too_many_open_sessions_founds_no_more() -> None:
    cluster = Cluster(2, report=lambda place, step: SILENT)
    for number in range(SESSIONS_PER_PROPOSER + 3):
        cluster.propose(0, nonce=number.to_bytes(16, "big"))
    cluster.settle()
    assert len(cluster.cores[1].status()) == SESSIONS_PER_PROPOSER
    cluster.propose(1)
    cluster.settle()
    assert len(cluster.cores[1].status()) == SESSIONS_PER_PROPOSER + 1


def test_a_proposal_that_is_none_founds_no_session() -> None:
    cluster = Cluster(4)
    stranger = bytes(32)
    good = cluster.propose()
    cluster.pending.clear()
    for data in (b"", good.encoded[:-1], good.encoded + b"\0", good.encoded.replace(cluster.roster.ids[1], stranger)):
        cluster.order(1, Kind.PROPOSE, data)
    assert cluster.cores[0].status() == ()
    cluster.append(1, Submission(Kind.PROPOSE, cluster.roster.ids[1], 77, good.encoded))
    assert len(cluster.cores[0].status()) == 1
