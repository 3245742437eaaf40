"""Participants that are not members: what counts of their ballots, and what a member that carries them can do."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.ballots.ballot import REVISIONS_MAX, Ballot, fault, make_ballot
from mechdesign.decision.ballots.carriage import WAITING_BYTES_MAX
from mechdesign.decision.ballots.gathering import RUBBISH_MAX, Gathering
from mechdesign.decision.ballots.notice import open_notice
from mechdesign.decision.ballots.roll import Roll, line_digest
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import CarryEntry, Kind, ShareEntry, TimerEntry, parse
from mechdesign.decision.messages import Answers, Carried, Carry, Convicted, Enrolled, PhaseChanged, Proposed
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.proposal import SEALED_ROLL_MAX
from mechdesign.decision.record import Record
from mechdesign.decision.sealed_evidence import false_ballot_share
from mechdesign.decision.sealing.threshold import Purpose, Share
from mechdesign.decision.setting import Setting
from mechdesign.decision.transcript import AuditReport, audit
from mechdesign.decision.vault import Vault
from mechdesign.group.messages import Broadcast, Inclusion, Submission
from mechdesign.kernel import merkle
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId
from mechdesign.kernel.errors import LocalProtocolError, VerificationError
from mechdesign.kernel.wire import digest
from mechdesign.testing.electorate import Electorate
from tests.decision.toys import Cluster, make_proposal, make_roster

SEALS = ["open", "threshold"]


class Poll:
    """A toy session whose players are an electorate."""

    def __init__(self, size: int = 5, *, seal: str = "open", n: int = 4, fast: bool = True, **terms: Any) -> None:
        self.electorate = Electorate(size, real=not fast)
        twist = terms.pop("twist", None)
        self.cluster = Cluster(n, fast=fast, twist=twist)
        self.terms = {"seal": seal, "roll": self.electorate.roll.root, "rolled": size, **terms}
        self.cluster.propose(0, **self.terms)
        assert self.cluster.step()
        (proposed,) = self.cluster.events(0, Proposed)
        assert isinstance(proposed, Proposed)
        self.session = proposed.session
        self.notice = proposed.notice
        self.setting = open_notice(self.notice, self.cluster.scheme)

    def gather(self) -> "Poll":
        """Let everybody enrol."""
        self.cluster.settle()
        assert self.phase == "gathering"
        return self

    @property
    def phase(self) -> str:
        return self.cluster.cores[0].status()[0].phase

    def ballot(self, voter: int, report: bytes | None, sequence: int = 0) -> bytes:
        seed = digest("test/seed", b"%d/%d" % (voter, sequence), report or b"")
        electorate = self.electorate
        return make_ballot(self.setting, electorate.roll, electorate.signers[voter], report, seed, sequence)

    def hand(self, place: int, *ballots: bytes, session: bytes = b"") -> Carried:
        """Hand ballots to a member, and order what that causes."""
        core = self.cluster.cores[place]
        effects = core.submit(Carry(session or self.session, ballots), self.cluster.now)
        self.cluster.route(place, effects)
        (told,) = [effect for effect in effects if isinstance(effect, Carried)]
        self.cluster.settle()
        return told

    def carry(self, place: int, *ballots: bytes) -> None:
        """Have a member carry just this, whatever an honest one would do."""
        self.cluster.order(place, Kind.CARRY, CarryEntry(self.session, 0, ballots).encoded)

    def close(self) -> "Poll":
        """Let every member's time run out."""
        self.cluster.wait(self.setting.proposal.report_ms)
        return self

    def players(self, place: int = 0) -> list[str]:
        (enrolled,) = self.cluster.events(place, Enrolled)
        assert isinstance(enrolled, Enrolled)
        return [name for _, name in enrolled.players]

    def answers(self, place: int = 0) -> dict[str, bytes]:
        """What counted at a member, by name."""
        (enrolled,), (answers,) = self.cluster.events(place, Enrolled), self.cluster.events(place, Answers)
        assert isinstance(enrolled, Enrolled)
        assert isinstance(answers, Answers)
        names = dict(enrolled.players)
        return {names[key]: report for key, report in answers.reports}

    def agree(self) -> AuditReport:
        """All members decided alike, and an audit says so too."""
        cluster = self.cluster
        first = cluster.decided(0)
        assert all(cluster.decided(place) == first for place in range(cluster.roster.n))
        assert all(self.answers(place) == self.answers(0) for place in range(cluster.roster.n))
        return audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)


# What counts


@pytest.mark.parametrize("seal", SEALS)
def test_the_players_are_the_participants_that_reported_in_the_order_of_the_roll(seal: str) -> None:
    poll = Poll(5, seal=seal).gather()
    poll.hand(1, poll.ballot(3, b"\x09"), poll.ballot(0, b"\x05"))
    poll.hand(2, poll.ballot(4, None), poll.ballot(1, b"\x07"))
    assert poll.phase == "gathering"
    poll.close()
    report = poll.agree()
    assert poll.answers() == {"voter-0": b"\x05", "voter-1": b"\x07", "voter-3": b"\x09"}
    assert poll.players() == ["voter-0", "voter-1", "voter-3"]
    assert [name for _, name in report.players] == poll.players()
    assert [flow.payer for flow in report.flows] == ["voter-3"]


@pytest.mark.parametrize("seal", SEALS)
def test_the_phase_closes_once_everybody_on_the_roll_was_heard(seal: str) -> None:
    poll = Poll(3, seal=seal).gather()
    poll.hand(0, *(poll.ballot(voter, bytes([voter + 1])) for voter in range(3)))
    poll.agree()
    assert len(poll.players()) == 3


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


@pytest.mark.parametrize("seal", SEALS)
def test_the_highest_sequence_number_before_the_close_counts(seal: str) -> None:
    poll = Poll(2, seal=seal).gather()
    poll.hand(0, poll.ballot(0, b"\x05", 3))
    poll.hand(1, poll.ballot(0, b"\x06", 1))  # an old one, carried late
    poll.close()
    assert poll.answers() == {"voter-0": b"\x05"}
    poll.agree()


@pytest.mark.parametrize("seal", SEALS)
def test_two_different_ballots_under_one_number_void_both(seal: str) -> None:
    poll = Poll(3, seal=seal).gather()
    poll.hand(0, poll.ballot(0, b"\x05"), poll.ballot(1, b"\x08"))
    poll.hand(1, poll.ballot(0, b"\x06"))
    poll.hand(2, poll.ballot(0, b"\x07"))  # a third one changes nothing any more
    poll.close()
    assert poll.answers() == {"voter-1": b"\x08"}
    poll.agree()


def test_what_contradicts_itself_leaves_the_other_numbers_alone() -> None:
    poll = Poll(3).gather()
    poll.hand(0, poll.ballot(0, b"\x04", 0), poll.ballot(0, b"\x05", 1))
    poll.hand(1, poll.ballot(0, b"\x06", 1))
    poll.close()
    assert poll.answers() == {"voter-0": b"\x04"}
    poll.agree()


def test_a_pass_takes_an_earlier_report_back() -> None:
    poll = Poll(3).gather()
    poll.hand(0, poll.ballot(0, b"\x04"), poll.ballot(1, b"\x05"))
    poll.hand(0, poll.ballot(0, None, 1))
    poll.close()
    assert poll.players() == ["voter-1"]
    poll.agree()


def test_a_ballot_that_is_too_long_is_none_and_is_not_kept() -> None:
    poll = Poll(2).gather()
    good = Ballot.parse(poll.ballot(0, b"\x04"))
    assert good is not None
    long = replace(good, content=bytes(17))
    long = replace(long, signature=poll.electorate.signers[0].sign(long.signed(poll.setting)))
    poll.hand(0, long.encoded, poll.ballot(1, b"\x05"))
    assert poll.phase == "gathering"
    poll.hand(0, good.encoded)
    poll.agree()
    assert poll.players() == ["voter-0", "voter-1"]


def test_a_ballot_with_an_invalid_dealing_is_heard_and_void() -> None:
    poll = Poll(2, seal="threshold").gather()
    good = Ballot.parse(poll.ballot(0, b"\x04"))
    assert good is not None
    assert good.content is not None
    bad = replace(good, content=good.content[:-1] + bytes([good.content[-1] ^ 1]))
    bad = replace(bad, signature=poll.electorate.signers[0].sign(bad.signed(poll.setting)))
    poll.hand(0, bad.encoded, poll.ballot(1, b"\x05"))
    poll.agree()
    assert poll.players() == ["voter-1"]
    assert poll.cluster.convicted() == []


def test_a_dealing_copied_from_another_ballot_is_void() -> None:
    poll = Poll(2, seal="threshold").gather()
    theirs, own = Ballot.parse(poll.ballot(0, b"\x04")), Ballot.parse(poll.ballot(1, b"\x01"))
    assert theirs is not None
    assert own is not None
    copied = replace(own, content=theirs.content)
    copied = replace(copied, signature=poll.electorate.signers[1].sign(copied.signed(poll.setting)))
    poll.hand(0, theirs.encoded, copied.encoded)
    poll.agree()
    assert poll.answers() == {"voter-0": b"\x04"}


def test_a_key_or_a_name_that_stands_on_the_roll_twice_takes_part_once() -> None:
    poll = Poll(1)
    signers = Electorate(3).signers
    lines = [(signers[0].public, "a"), (signers[1].public, "b"), (signers[0].public, "c"), (signers[2].public, "b")]
    leaves = [line_digest(index, key, name) for index, (key, name) in enumerate(lines)]
    poll = Poll(4, roll=merkle.root(leaves)).gather()
    ballots = []
    for index, signer in enumerate((signers[0], signers[1], signers[0], signers[2])):
        plain = Ballot(poll.session, 0, index, *lines[index], merkle.path(leaves, index), 0, bytes([index + 1]), b"")
        ballots.append(replace(plain, signature=signer.sign(plain.signed(poll.setting))).encoded)
    poll.hand(0, *reversed(ballots))
    poll.agree()
    assert poll.answers() == {"a": b"\x01", "b": b"\x02"}


def test_with_fewer_participants_than_the_least_the_session_aborts_alike() -> None:
    poll = Poll(5, players_min=3).gather()
    poll.hand(0, poll.ballot(0, b"\x04"), poll.ballot(1, b"\x05"))
    poll.close()
    ends = {poll.cluster.aborted(place) for place in range(4)}
    assert {end.reason for end in ends} == {"2 of at least 3 participants gave a report"}
    report = audit(ends.pop().transcript, poll.cluster.scheme, poll.cluster.recompute, poll.cluster.roster)
    assert report.aborted == "2 of at least 3 participants gave a report"


def test_members_serve_and_do_not_play() -> None:
    poll = Poll(2, asked=make_roster(4).ids[:3]).gather()
    poll.hand(3, poll.ballot(0, b"\x04"), poll.ballot(1, b"\x05"))
    report = poll.agree()
    assert report.certificate is not None
    assert len(report.certificate.signers) == 4
    assert not {name for _, name in report.players} & {"alice", "bob", "carol"}


def test_a_roll_that_fewer_than_a_quorum_agree_to_serve_is_not_gathered() -> None:
    """The roll is its proposer's word, and its ballots cost every member: nobody can force that on a group."""
    poll = Poll(2, asked=make_roster(4).ids[:2])
    poll.cluster.settle()
    assert poll.cluster.aborted().reason == "2 members serve the roll, and a quorum is 3"
    report = audit(poll.cluster.aborted().transcript, poll.cluster.scheme, poll.cluster.recompute)
    assert report.aborted == "2 members serve the roll, and a quorum is 3"


def test_progress_counts_participants_and_names_nobody() -> None:
    poll = Poll(3).gather()
    poll.hand(0, poll.ballot(0, b"\x04"))
    (status,) = poll.cluster.cores[1].status()
    assert (status.phase, status.heard, status.asked, status.missing) == ("gathering", 1, 3, ())
    seen = poll.cluster.events(1, PhaseChanged)
    assert [(event.heard, event.asked) for event in seen if event.phase == "gathering"] == [(0, 3), (1, 3)]


@pytest.mark.parametrize("seal", SEALS)
def test_a_restart_in_the_middle_changes_nothing(seal: str) -> None:
    poll = Poll(3, seal=seal).gather()
    poll.hand(0, poll.ballot(0, b"\x04"), poll.ballot(1, b"\x05"))
    poll.cluster.restart(2)
    poll.hand(2, poll.ballot(2, b"\x06"))
    poll.agree()
    assert len(poll.players()) == 3


def test_a_sealed_ballot_is_not_readable_before_the_close_and_is_opened_without_its_sender() -> None:
    poll = Poll(2, seal="threshold").gather()
    ballot = poll.ballot(0, b"SECRET-SECRET")
    assert b"SECRET" not in ballot
    poll.hand(1, ballot)
    assert all(b"SECRET" not in delivered.submission.data for delivered in poll.cluster.log)
    poll.close()
    assert poll.answers() == {"voter-0": b"SECRET-SECRET"}


# Hostile ballots, hostile carriers


def test_every_changed_byte_of_a_ballot_is_refused() -> None:
    poll = Poll(3, fast=False).gather()
    data = poll.ballot(1, b"\x05")
    for at in range(len(data)):
        forged = Ballot.parse(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert forged is None or fault(forged, poll.setting) is not None


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_ballot(data: bytes) -> None:
    assert Ballot.parse(data) is None


def elsewhere() -> list[Setting]:
    """Sessions of another proposal, of another group, and of another epoch, with the same roll."""
    electorate = Electorate(5)
    terms = {"seal": "open", "roll": electorate.roll.root, "rolled": 5}
    found = []
    for roster, nonce in ((make_roster(4), b"n" * 16), (make_roster(4, nonce=b"x" * 16), bytes(16))):
        cluster = Cluster(4, roster=roster)
        cluster.propose(0, nonce=nonce, **terms)
        cluster.step()
        (proposed,) = cluster.events(0, Proposed)
        assert isinstance(proposed, Proposed)
        found.append(open_notice(proposed.notice, KeyedHash()))
    later = replace(found[0].roster, epoch=1)
    return [*found, replace(found[0], roster=later)]


@pytest.mark.parametrize("other", [0, 1, 2])
def test_a_ballot_of_another_session_group_or_epoch_is_none_here(other: int) -> None:
    poll = Poll(5).gather()
    setting = elsewhere()[other]
    signer = poll.electorate.signers[0]
    foreign = make_ballot(setting, poll.electorate.roll, signer, b"\x09", bytes(32))
    ballot = Ballot.parse(foreign)
    assert ballot is not None
    moved = replace(ballot, session=poll.session).encoded
    assert poll.hand(0, foreign).refused == ((0, "it is of another session"),)
    assert poll.hand(0, moved).refused == ((0, "it is not signed by the key of 'voter-0'"),)
    poll.carry(3, foreign, moved)
    assert poll.cluster.cores[0].status()[0].heard == 0


def test_a_stranger_and_a_foreign_line_are_refused() -> None:
    poll = Poll(3).gather()
    ballot = Ballot.parse(poll.ballot(1, b"\x05"))
    assert ballot is not None
    stranger = Electorate(1, seed=9).signers[0]
    forged = [
        replace(ballot, key=stranger.public),
        replace(ballot, index=2),
        replace(ballot, index=-1),
        replace(ballot, index=2**40),
        replace(ballot, name="voter-2"),
        replace(ballot, name="SELLER"),
        replace(ballot, path=ballot.path[:-1]),
        replace(ballot, path=(*ballot.path, bytes(32))),
        replace(ballot, sequence=REVISIONS_MAX),
        replace(ballot, sequence=-1),
        replace(ballot, step=1),
    ]
    signed = [replace(each, signature=stranger.sign(each.signed(poll.setting))).encoded for each in forged]
    signed += [
        replace(each, signature=poll.electorate.signers[1].sign(each.signed(poll.setting))).encoded for each in forged
    ]
    assert len(poll.hand(0, *signed).refused) == len(signed)
    poll.carry(3, *signed)
    assert poll.cluster.cores[0].status()[0].heard == 0


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


def test_an_early_share_convicts_by_the_ballots_behind_it() -> None:
    poll = Poll(2, seal="threshold").gather()
    poll.hand(0, poll.ballot(0, b"\x05"))
    poll.cluster.order(3, Kind.SHARE, ShareEntry(poll.session, 0, b"early").encoded)
    poll.hand(0, poll.ballot(1, b"\x06"))
    poll.agree()
    assert ("dave", "early-share") in poll.cluster.convicted()


def test_a_false_share_of_ballots_convicts_and_its_proof_holds_offline() -> None:
    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        entry = parse(said.kind, said.data)
        if place != 3 or not isinstance(entry, ShareEntry):
            return [said]
        share = Share.parse(entry.share)
        assert share is not None
        false = replace(share, points=share.points[32:] + share.points[:32])
        return [replace(said, data=replace(entry, share=false.encoded).encoded)]

    poll = Poll(2, seal="threshold", twist=twist).gather()
    # Dave's share first, or three others open without it.
    for voter in range(2):
        poll.carry(0, poll.ballot(voter, b"\x05"))
    mine = [at for at, (place, _) in enumerate(poll.cluster.pending) if place == 3]
    poll.cluster.pending.insert(0, poll.cluster.pending.pop(mine[0]))
    poll.cluster.settle()
    poll.agree()
    assert ("dave", "false-share") in poll.cluster.convicted()
    (convicted,) = poll.cluster.events(0, Convicted)
    assert isinstance(convicted, Convicted)
    evidence = convicted.evidence
    assert verify_evidence(evidence, poll.cluster.roster, poll.cluster.scheme) == (
        poll.cluster.roster.ids[3],
        "false-share",
    )


def test_ballots_of_others_do_not_make_an_honest_share_false() -> None:
    poll = Poll(2, seal="threshold").gather()
    poll.hand(0, *(poll.ballot(voter, b"\x05") for voter in range(2)))
    shared = next(each for each in poll.cluster.log if each.submission.kind == Kind.SHARE)
    entry = Entry(shared.position, shared.submission, shared.inclusion)
    for ballots in ([poll.ballot(1, b"\x05")], [poll.ballot(0, b"\x05"), poll.ballot(1, b"\x05")], [], [b"?"]):
        proof = false_ballot_share(poll.setting.founding, entry, ballots)
        with pytest.raises(VerificationError):
            verify_evidence(proof, poll.cluster.roster, poll.cluster.scheme)


# Terms, rolls, notices


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"seal": "commit_reveal"}, "send one ballot and cannot reveal later"),
        ({"deposit": Fraction(1)}, "stake nothing"),
        ({"players_min": 6}, "players_min is 6, and 5 are asked"),
        ({"rolled": 0}, "named together"),
        ({"roll": b"short"}, "a roll is named by 32 bytes"),
        ({"rolled": SEALED_ROLL_MAX + 1, "seal": "threshold"}, "sealed ballots that one share opens"),
    ],
)
def test_terms_that_no_electorate_can_meet_are_refused(terms: dict[str, Any], text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        make_proposal(make_roster(4), **{"seal": "open", "roll": bytes(32), "rolled": 5, **terms})


def test_a_share_of_all_ballots_has_to_fit_the_group() -> None:
    roster = make_roster(4, submission_bytes_max=20_000)
    proposal = make_proposal(roster, seal="threshold", roll=bytes(32), rolled=1000)
    assert "a share that opens 1000 ballots" in (proposal.fault(roster) or "")


def test_a_roll_reads_back_and_refuses_what_would_shut_somebody_out() -> None:
    roll = Electorate(3).roll
    assert Roll.parse(roll.encoded) == roll
    assert Roll.parse(roll.encoded[:-1]) is None
    assert Roll.parse(b"\x93") is None
    key = roll.lines[0][0]
    for lines in (
        (),
        ((key, "a"), (key, "b")),
        (roll.lines[0], (MemberId(bytes(32)), "voter-0")),
        ((key, "SINK"),),
        ((key, ""),),
    ):
        with pytest.raises(LocalProtocolError):
            Roll(lines)


def test_a_notice_is_checked_against_its_signature_and_the_roster() -> None:
    poll = Poll(2, fast=False)
    assert open_notice(poll.notice, Ed25519(), poll.cluster.roster).session == poll.session
    with pytest.raises(VerificationError, match="another group"):
        open_notice(poll.notice, Ed25519(), make_roster(3))
    for at in range(0, len(poll.notice), 7):
        with pytest.raises(VerificationError):
            open_notice(
                poll.notice[:at] + bytes([poll.notice[at] ^ 1]) + poll.notice[at + 1 :], Ed25519(), poll.cluster.roster
            )


def test_a_participant_that_is_not_on_the_roll_or_has_another_roll_makes_no_ballot() -> None:
    poll = Poll(2)
    stranger = Electorate(1, seed=5)
    with pytest.raises(LocalProtocolError, match="not on the session's roll"):
        make_ballot(poll.setting, poll.electorate.roll, stranger.signers[0], None, bytes(32))
    with pytest.raises(LocalProtocolError, match="not the roll that the proposal names"):
        make_ballot(poll.setting, stranger.roll, stranger.signers[0], None, bytes(32))
    with pytest.raises(LocalProtocolError, match="passes the session's limit"):
        poll.ballot(0, bytes(17))
    with pytest.raises(LocalProtocolError, match="sequence number"):
        poll.ballot(0, None, REVISIONS_MAX)


def test_silent_members_do_not_keep_the_ballots_from_being_opened() -> None:
    poll = Poll(2, seal="threshold").gather()
    poll.cluster.down = {3}
    poll.hand(0, *(poll.ballot(voter, b"\x05") for voter in range(2)))
    poll.cluster.wait(4000)
    poll.cluster.decided(0)
    assert len(poll.answers()) == 2


def test_a_minority_of_timers_does_not_close_the_gathering() -> None:
    poll = Poll(3).gather()
    for place in (2, 3):
        poll.cluster.order(place, Kind.TIMER, TimerEntry(poll.session, 0, "gathering").encoded)
    assert poll.phase == "gathering"


# Against the rule in one sentence


@given(
    said=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 2), st.integers(0, 3), st.sampled_from([None, b"a", b"b", bytes(17)])
        ),
        max_size=24,
    )
)
def test_what_counts_does_not_depend_on_carriers_copies_or_order_and_is_what_the_rule_says(
    said: list[tuple[int, int, int, bytes | None]],
) -> None:
    poll = standing_poll()

    def counted(order: list[tuple[int, int, int, bytes | None]]) -> tuple[tuple[MemberId, bytes], ...]:
        gathering = Gathering(0, Vault(poll.setting, 0, Purpose.REPORT))
        for position, (voter, sequence, carrier, report) in enumerate(order):
            data = signed(poll, voter, sequence, report)
            entry = CarryEntry(poll.session, 0, (data, data))
            sent = Submission(Kind.CARRY, poll.cluster.roster.ids[carrier], position, entry.encoded)
            gathering.take(Phase.GATHERING, Entry(position, sent, Inclusion(b"", b"", 0, ())), entry)
        gathering.lock()
        assert gathering.close() == ()
        return gathering.answers

    expected: dict[int, bytes] = {}
    for voter in range(4):
        by_number: dict[int, set[bytes | None]] = {}
        for who, sequence, _, report in said:
            if who == voter and len(report or b"") <= poll.setting.proposal.report_bytes:
                by_number.setdefault(sequence, set()).add(report)
        sound = {number: contents for number, contents in by_number.items() if len(contents) == 1}
        report = next(iter(sound[max(sound)])) if sound else None
        if report is not None:
            expected[voter] = report
    keys = [signer.public for signer in poll.electorate.signers]
    assert counted(said) == tuple((keys[voter], report) for voter, report in expected.items())
    assert counted(said[::-1]) == counted(said)


@cache
def standing_poll() -> Poll:
    return Poll(4).gather()


@cache
def signed(poll: Poll, voter: int, sequence: int, report: bytes | None) -> bytes:
    """A ballot with any content, also one that no honest client makes."""
    ballot = Ballot.parse(poll.ballot(voter, None, sequence))
    assert ballot is not None
    other = replace(ballot, content=report)
    return replace(other, signature=poll.electorate.signers[voter].sign(other.signed(poll.setting))).encoded
