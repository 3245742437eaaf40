"""The roll of a session: its terms, its lines, and the notice that tells participants of it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.ballots.notice import open_notice
from mechdesign.decision.ballots.roll import Roll, line_digest
from mechdesign.decision.proposal import SEALED_ROLL_MAX
from mechdesign.decision.transcript import audit
from mechdesign.kernel import merkle
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import LocalProtocolError, VerificationError
from mechdesign.testing.electorate import Electorate
from tests.decision.polls import Poll
from tests.decision.toys import make_proposal, make_roster


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
