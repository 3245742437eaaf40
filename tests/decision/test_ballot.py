"""Ballots that are forged, come from elsewhere, or hold what nobody can count."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.ballots.ballot import REVISIONS_MAX, Ballot, fault, make_ballot
from mechdesign.decision.ballots.notice import open_notice
from mechdesign.decision.messages import Proposed
from mechdesign.decision.setting import Setting
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.testing.electorate import Electorate
from tests.decision.polls import Poll
from tests.decision.toys import Cluster, make_roster


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
