"""What a member that carries ballots can do, and what it cannot."""

from mechdesign.decision.ballots.ballot import REVISIONS_MAX
from mechdesign.decision.ballots.carriage import WAITING_BYTES_MAX
from mechdesign.decision.ballots.gathering import RUBBISH_MAX
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Carried, Carry, Proposed
from mechdesign.decision.record import Record
from mechdesign.group.messages import Broadcast
from tests.decision.polls import Poll
from tests.decision.toys import Cluster


def test_one_carriage_is_enough_and_copies_count_once() -> None:
    poll = Poll(3).gather()
    ballot = poll.ballot(0, b"\x05")
    poll.carry(3, ballot)
    before = poll.cluster.cores[0].status()
    for place in range(4):
        poll.carry(place, ballot)
        poll.carry(place, ballot, ballot)
    assert poll.cluster.cores[0].status() == before
    poll.close()
    kept = Record.parse(poll.cluster.decided().transcript).frozen
    assert sum(entry.submission.kind == Kind.CARRY for entry in kept) == 1
    poll.agree()


def test_members_do_not_carry_what_the_log_says_already() -> None:
    poll = Poll(3).gather()
    ballot = poll.ballot(0, b"\x05")
    assert poll.hand(0, ballot) == Carried(poll.session, 1, 0, ())
    assert poll.hand(1, ballot) == Carried(poll.session, 0, 1, ())
    assert poll.hand(1, ballot, poll.ballot(1, b"\x06")) == Carried(poll.session, 1, 1, ())


def test_ballots_that_come_while_members_enrol_wait() -> None:
    poll = Poll(2)
    assert poll.phase == "enrolling"
    ballots = [poll.ballot(voter, b"\x05") for voter in range(2)]
    told = poll.cluster.cores[2].submit(Carry(poll.session, tuple(ballots)), 0)
    assert told == [Carried(poll.session, 2, 0, ())]
    poll.cluster.settle()
    poll.agree()
    assert len(poll.players()) == 2


def test_ballots_wait_up_to_a_limit() -> None:
    poll = Poll(REVISIONS_MAX, report_bytes=20_000)
    size = WAITING_BYTES_MAX // 20_000
    ballots = [
        poll.ballot(voter, bytes(20_000), sequence)
        for voter in range(REVISIONS_MAX)
        for sequence in range(REVISIONS_MAX)
    ]
    (told,) = poll.cluster.cores[2].submit(Carry(poll.session, tuple(ballots)), 0)
    assert isinstance(told, Carried)
    assert told.taken < size < len(ballots)
    assert {reason for _, reason in told.refused} == {"too many ballots wait already"}


def test_a_member_that_carries_rubbish_is_not_listened_to_after_a_while_and_others_carry_on() -> None:
    poll = Poll(3).gather()
    for number in range(RUBBISH_MAX // 4):
        poll.carry(3, *(b"%d/%d" % (number, at) for at in range(4)))
    poll.carry(3, poll.ballot(0, b"\x05"))
    assert poll.cluster.cores[0].status()[0].heard == 0
    poll.hand(1, poll.ballot(0, b"\x05"))
    assert poll.cluster.cores[0].status()[0].heard == 1
    poll.close()
    report = poll.agree()
    assert report.convicted == ()
    kept = Record.parse(poll.cluster.decided().transcript).frozen
    assert sum(entry.submission.kind == Kind.CARRY for entry in kept) == 1, "rubbish is not kept"


def test_rubbish_beside_a_ballot_does_not_hurt_the_participant() -> None:
    poll = Poll(1).gather()
    poll.carry(3, b"rubbish", poll.ballot(0, b"\x05"), b"more")
    poll.cluster.settle()
    poll.agree()
    assert poll.answers() == {"voter-0": b"\x05"}


def test_a_member_that_withholds_ballots_changes_nothing_if_another_carries_them() -> None:
    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        return [] if place == 3 and said.kind == Kind.CARRY else [said]

    poll = Poll(2, twist=twist).gather()
    ballots = [poll.ballot(voter, b"\x05") for voter in range(2)]
    poll.hand(3, *ballots)
    assert poll.cluster.cores[0].status()[0].heard == 0
    poll.hand(2, *ballots)  # b + 1 members have been handed them by now
    poll.agree()


def test_what_is_carried_outside_the_phase_is_void() -> None:
    poll = Poll(2)
    poll.carry(3, poll.ballot(0, b"\x05"))
    assert poll.phase == "enrolling"
    poll.gather()
    assert poll.cluster.cores[0].status()[0].heard == 0
    poll.hand(0, poll.ballot(0, b"\x04"))
    poll.close()
    poll.carry(3, poll.ballot(1, b"\x05"))
    assert poll.answers() == {"voter-0": b"\x04"}
    poll.agree()


def test_ballots_for_a_session_that_is_none_or_over_are_refused() -> None:
    poll = Poll(1).gather()
    ballot = poll.ballot(0, b"\x05")
    assert "no open session" in poll.hand(0, ballot, session=bytes(32)).refused[0][1]
    poll.hand(0, ballot)
    assert "no open session" in poll.hand(0, ballot).refused[0][1]
    plain = Cluster(4)
    plain.propose(0)
    plain.step()
    (proposed,) = plain.events(0, Proposed)
    assert isinstance(proposed, Proposed)
    assert proposed.notice == b""
    (told,) = plain.cores[0].submit(Carry(proposed.session, (ballot,)), 0)
    assert isinstance(told, Carried)
    assert "no open session with a roll" in told.refused[0][1]
