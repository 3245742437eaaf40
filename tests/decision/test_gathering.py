"""What counts of the ballots of participants that are not members."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.certificate import Entry
from mechdesign.decision.entries import CarryEntry, Kind, ShareEntry, TimerEntry, parse
from mechdesign.decision.messages import Convicted, PhaseChanged
from mechdesign.decision.phases import Phase
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.sealed_evidence import false_ballot_share
from mechdesign.decision.sealing.threshold import Purpose, Share
from mechdesign.decision.transcript import audit
from mechdesign.decision.vault import Vault
from mechdesign.group.messages import Broadcast, Inclusion, Submission
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import VerificationError
from tests.decision.polls import SEALS, Poll


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


@pytest.mark.parametrize("n", [3, 4])
def test_the_status_names_whose_clock_is_waited_for_where_a_participant_is_silent(n: int) -> None:
    poll = Poll(2, n=n).gather()
    poll.cluster.down = {2, 3} & set(range(n))
    poll.hand(0, poll.ballot(1, b"\x05"))
    assert poll.cluster.cores[0].status()[0].missing == (), "nobody is late yet"
    poll.close()
    here, other = (poll.cluster.cores[place].status()[0] for place in (0, 1))
    assert (here.phase, here.heard, here.asked) == ("gathering", 1, 2)
    assert (
        here.missing == other.missing == tuple(poll.cluster.roster.members[place].name for place in poll.cluster.down)
    )


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


def test_with_fewer_participants_than_the_least_the_session_aborts_alike() -> None:
    poll = Poll(5, players_min=3).gather()
    poll.hand(0, poll.ballot(0, b"\x04"), poll.ballot(1, b"\x05"))
    poll.close()
    ends = {poll.cluster.aborted(place) for place in range(4)}
    assert {end.reason for end in ends} == {"2 of at least 3 participants gave a report"}
    report = audit(ends.pop().transcript, poll.cluster.scheme, poll.cluster.recompute, poll.cluster.roster)
    assert report.aborted == "2 of at least 3 participants gave a report"


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
