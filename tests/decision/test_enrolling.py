"""Who plays, who only follows, and who leaves a session."""

from fractions import Fraction

from mechdesign.decision.entries import DeclineEntry, EnrolEntry, Kind
from mechdesign.decision.messages import Enrolled
from tests.decision.staged import agree, only, open_session
from tests.decision.toys import SILENT, Cluster, nets


def test_too_few_players_abort_the_session_and_say_who_was_missing() -> None:
    cluster = Cluster(4)
    cluster.sessions[1].enrols = SILENT
    cluster.sessions[2].enrols = "out"
    cluster.run(players_min=3)
    cluster.wait(1000)
    aborted = cluster.aborted(3)
    assert aborted.reason == "2 of at least 3 players enrolled; 1 of 4 say: not for me"
    assert [cluster.roster.name(member) for member in aborted.defaulted] == ["bob"]
    assert aborted.flows == ()
    assert cluster.aborted(0) == aborted


def test_nobody_enrolling_aborts() -> None:
    cluster = Cluster(3)
    for session in cluster.sessions:
        session.enrols = "out"
    cluster.run()
    assert cluster.aborted(0).reason == "0 of at least 1 players enrolled; 3 of 3 say: not for me"


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
    assert cluster.aborted(0).reason == "at most 2 members have the code, and a quorum is 3"
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
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3}))
    session = open_session(cluster, asked=cluster.roster.ids[1:])
    cluster.settle()
    cluster.order(0, Kind.DECLINE, DeclineEntry(session, "", False).encoded)
    (status,) = cluster.cores[1].status()
    assert (status.heard, status.asked, status.missing) == (3, 4, ("dave",))
