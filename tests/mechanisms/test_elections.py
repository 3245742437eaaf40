"""Elections of an electorate that is larger than the committee, over whole stacks in the simulator."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mechdesign.decision.transcript import audit
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.events import (
    BallotsCarried,
    CarryBallots,
    ProposeSession,
    SessionAborted,
    SessionProposed,
    Settled,
)
from mechdesign.mechanisms.play import PASS
from mechdesign.mechanisms.registry import load
from mechdesign.mechanisms.session import recomputation
from mechdesign.mechanisms.terms import Policy
from mechdesign.player import Strategy
from mechdesign.testing.electorate import Electorate
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.network import CALM
from mechdesign.testing.remembered import remembered_points
from mechdesign.testing.stacks import StackCluster, phases


@pytest.fixture(autouse=True)
def points() -> Iterator[None]:
    """Four members in one process check everything four times."""
    with remembered_points():
        yield


OPTIONS = ("north", "east", "south")


def idle(event: Any) -> Any:
    """Members do not play in a session with a roll: nobody asks them."""
    raise AssertionError(f"a member was asked: {event}")


class Election:
    """A plurality vote of an electorate with four members as its committee."""

    def __init__(self, size: int, seal: str, *, seed: int = 1, cheaters: Any = None, **terms: Any) -> None:
        self.electorate = Electorate(size, seed)
        strategies: list[Strategy] = [idle] * 4
        self.cluster = StackCluster(strategies, seed, cheaters=cheaters, weather=terms.pop("weather", CALM))
        self.mechanism = terms.pop("mechanism", None) or load("voting.plurality").from_parameters({"options": OPTIONS})
        self.notices: dict[int, bytes] = {}
        self.carried: list[BallotsCarried] = []
        self.cluster.simulator.watch(SessionProposed, self._note)
        self.cluster.simulator.watch(BallotsCarried, lambda place, event: self.carried.append(event))
        self.cluster.start()
        self.cluster.run(1, seconds=1)
        request = ProposeSession(
            mechanism=self.mechanism,
            seal=seal,
            roll=self.electorate.roll.root,
            rolled=size,
            **{**phases(4000), **terms},
        )
        self.cluster.propose(0, request)
        assert self.cluster.simulator.run(self.cluster.simulator.now + 10_000_000, lambda: len(self.notices) == 4)

    def _note(self, place: int, event: SessionProposed) -> None:
        self.notices[place] = event.notice

    def vote(self, choices: list[str | None], sequence: int = 0) -> list[bytes]:
        schema = self.mechanism.report_schema()
        reports = [None if choice is None else codec.encode(schema, choice, 256) for choice in choices]
        (notice,) = set(self.notices.values())
        return self.electorate.ballots(notice, KeyedHash(), reports, sequence)

    def hand(self, place: int, ballots: list[bytes]) -> None:
        self.cluster.simulator.submit(place, CarryBallots(tuple(ballots)))


def check(election: Election) -> list[Settled]:
    settled = election.cluster.settled()
    assert len({end.digest for end in settled}) == 1
    report = audit(settled[0].transcript, KeyedHash(), recomputation())
    assert report.digest == settled[0].digest
    assert len(report.players) == len(settled[0].players)
    return settled


# A thousand sealed ones take 8 seconds of CPU: four members, a thousand participants and an auditor in one process.
@pytest.mark.parametrize("seal", ["open", "threshold"])
def test_a_large_electorate_is_counted_by_four_members(seal: str) -> None:
    size = 1000
    election = Election(size, seal)
    choices: list[str | None] = [OPTIONS[voter * voter % 3] for voter in range(size)]
    ballots = election.vote(choices)
    # b + 1 = 2 members are handed each ballot; one of any two is honest.
    for place in range(4):
        election.hand(place, [ballot for at, ballot in enumerate(ballots) if at % 4 in (place, (place + 1) % 4)])
    assert election.cluster.run(1, seconds=60)
    settled = check(election)
    assert settled[0].outcome.winner == max(OPTIONS, key=choices.count)
    assert len(settled[0].players) == size
    assert settled[0].reports["voter-4"] == (choices[4],)


@pytest.mark.parametrize("seal", ["open", "threshold"])
@pytest.mark.parametrize("kind", ["silent", "no-reveal", "bad-opening", "wrong-outcome", "rubbish", "withhold"])
def test_a_cheating_member_of_the_committee_changes_no_election(kind: str, seal: str) -> None:
    election = Election(9, seal, cheaters={3: misbehave(kind)}, seed=7)
    choices: list[str | None] = [*["north"] * 4, *["south"] * 5]
    ballots = election.vote(choices)
    election.hand(3, ballots)
    election.hand(1, ballots[:7])
    election.hand(2, ballots[5:])
    assert election.cluster.run(1, seconds=60)
    settled = check(election)
    assert settled[0].outcome.winner == "south"
    assert settled[0].reports == {f"voter-{at}": (choice,) for at, choice in enumerate(choices)}


def test_a_roll_longer_than_the_members_serve_is_declined_with_the_reason_and_the_session_aborts() -> None:
    cluster = StackCluster([idle] * 4, 1)
    aborted: list[SessionAborted] = []
    cluster.simulator.watch(SessionAborted, lambda place, event: aborted.append(event))
    cluster.start()
    cluster.run(1, seconds=1)
    mechanism = load("voting.plurality").from_parameters({"options": OPTIONS})
    request = ProposeSession(mechanism=mechanism, seal="open", roll=bytes(32), rolled=10_001, **phases(1000))
    cluster.propose(0, request)
    assert cluster.simulator.run(cluster.simulator.now + 10_000_000, lambda: len(aborted) == 4)
    assert {event.reason for event in aborted} == {"0 members serve the roll, and a quorum is 3"}
    proposal = audit(aborted[0].transcript or b"", KeyedHash(), recomputation()).proposal
    told = "a roll of 10001 participants is longer than the 10000 that this member serves"
    assert Policy().objection(proposal) == told
    assert Policy(roll_max=10_001).objection(proposal) == ""


def test_a_mechanism_that_asks_more_than_once_fails_alike() -> None:
    election = Election(2, "open", mechanism=load("auction.japanese")())
    election.hand(0, election.electorate.ballots(election.notices[0], KeyedHash(), [b"true", b"true"]))
    assert election.cluster.run(1, seconds=60)
    ends = [end for place in range(4) for end in election.cluster.ended[place].values()]
    assert all(isinstance(end, SessionAborted) for end in ends)
    assert {end.reason for end in ends if isinstance(end, SessionAborted)} == {
        "the mechanism failed: with a roll a mechanism asks all participants first, and once"
    }


def test_an_abstention_and_a_void_vote_are_no_players() -> None:
    election = Election(3, "open")
    schema = election.mechanism.report_schema()
    (notice,) = set(election.notices.values())
    reports = [codec.encode(schema, "north", 256), None, b'"nowhere"']
    election.hand(2, election.electorate.ballots(notice, KeyedHash(), reports))
    assert election.cluster.run(1, seconds=60)
    (first, *_) = check(election)
    assert first.reports == {"voter-0": ("north",)}
    assert first.players == ("voter-0", "voter-2"), "what is of another type is absent, as a member's report would be"
    assert PASS not in first.reports.values()


def test_whoever_hands_ballots_in_learns_what_became_of_them() -> None:
    election = Election(3, "open")
    ballots = election.vote(["north", "south", "east"])
    election.hand(2, [ballots[0], b"nonsense"])
    assert {event.taken for event in election.carried} == {0, 1}
    assert [event.refused for event in election.carried if event.refused] == [
        ("no open session with a roll is called so",)
    ]


@pytest.mark.parametrize("seal", ["open", "threshold"])
def test_an_election_goes_on_under_loss_while_a_member_crashes_and_comes_back(seal: str) -> None:
    election = Election(12, seal, seed=21, weather=replace(CALM, loss=0.05), report_ms=20_000)
    choices: list[str | None] = [OPTIONS[voter % 2] for voter in range(12)]
    ballots = election.vote(choices)
    simulator = election.cluster.simulator
    election.hand(1, ballots[:8])
    simulator.run(simulator.now + 30_000)
    simulator.crash(1)
    election.hand(2, ballots[4:])
    simulator.run(simulator.now + 2_000_000)
    simulator.start(1)
    election.hand(3, ballots[:8])
    assert election.cluster.run(1, seconds=120)
    settled = check(election)
    assert settled[0].reports == {f"voter-{at}": (choice,) for at, choice in enumerate(choices)}
