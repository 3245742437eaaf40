"""Many sessions at once in one group: of all kinds, among members of all kinds."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from mechdesign.decision.admission import SESSIONS_MAX, SESSIONS_PER_PROPOSER, sessions_per_proposer
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.flow import Flow
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.events import (
    Asked,
    ProposeSession,
    SessionAborted,
    SessionBooked,
    SessionProposed,
    Settled,
    Suspicion,
)
from mechdesign.mechanisms.registry import load
from mechdesign.player import Strategy, truthful
from mechdesign.testing.bookkeeper import bookkept
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.remembered import remembered_points
from mechdesign.testing.session_mix import remembering
from mechdesign.testing.stacks import NAMES, StackCluster, phases

AnyMechanism = Mechanism[Any, Any, Any]


def made(name: str, **parameters: Any) -> AnyMechanism:
    return load(name).from_parameters(parameters)


@pytest.fixture(autouse=True)
def points() -> Iterator[None]:
    """Four members in one process check everything four times."""
    with remembered_points():
        yield


def kinds() -> list[tuple[AnyMechanism, dict[str, Any]]]:
    """One-shot and sealed, sequential, several rounds, with a coin, plain."""
    return [
        (made("auction.second-price"), {}),
        (made("auction.second-price"), {"seal": "commit_reveal"}),
        (made("public.sequential-groves", cost=30), {}),
        (made("auction.japanese"), {}),
        (made("matching.serial-dictatorship", options=["a", "b", "c", "d"], order="random"), {}),
        (made("auction.first-price"), {"seal": "open"}),
    ]


def honest(seed: int) -> Strategy:
    """A member that answers every mechanism by what its type would be."""

    def answer(event: Asked) -> Any:
        chance = Random(f"{seed}/{event.session.hex()}/{event.player}")
        if event.mechanism.name == "matching.serial-dictatorship":
            private: Any = chance.sample(["a", "b", "c", "d"], 4)
        else:
            private = chance.randrange(1, 5)
        return truthful(private)(event)

    return answer


def check(cluster: StackCluster, sessions: int) -> list[Settled | SessionAborted]:
    """Everybody honest saw the same ends, and what was booked sums to zero; gives the ends, in some order."""
    first = cluster.ended[cluster.honest[0]]
    assert len(first) == sessions
    for place in cluster.honest:
        assert set(cluster.ended[place]) == set(first)
        for session, end in cluster.ended[place].items():
            assert type(end) is type(first[session])
            assert end.booked == first[session].booked
            if isinstance(end, Settled):
                assert end.agrees
    guilty = {member for place in cluster.honest for member, _ in cluster.convicted[place]}
    assert not guilty & {NAMES[place] for place in cluster.honest}
    return list(first.values())


def propose_all(cluster: StackCluster, count: int, proposers: int, milliseconds: int) -> None:
    chosen = kinds()
    for number in range(count):
        mechanism, terms = chosen[number % len(chosen)]
        request = ProposeSession(mechanism=mechanism, label=f"{number}", **{**phases(milliseconds), **terms})
        cluster.propose(number % proposers, request)


def test_two_hundred_sessions_of_all_kinds_settle_at_once() -> None:
    cluster = StackCluster([honest(1)] * 4, 1, lookup=remembering())
    booked: list[list[tuple[int, tuple[Flow, ...]]]] = [[] for _ in range(4)]
    cluster.simulator.watch(SessionBooked, lambda place, event: booked[place].append((event.position, event.flows)))
    running: list[set[bytes]] = [set() for _ in range(4)]
    most = [0] * 4

    def began(place: int, event: SessionProposed) -> None:
        running[place].add(event.session)
        most[place] = max(most[place], len(running[place]))

    cluster.simulator.watch(SessionProposed, began)
    cluster.simulator.watch(Settled, lambda place, event: running[place].discard(event.session))
    with bookkept() as keepers:
        cluster.start()
        propose_all(cluster, 200, 4, 60_000)
        assert cluster.run(200, seconds=300)
    assert most == [200] * 4, "all of them were open at one time, at each member"
    assert running == [set()] * 4
    assert [keeper.booked for keeper in keepers.values()] == [200] * 4
    assert all(keeper.looked > 200 for keeper in keepers.values()), "at every log position"
    ends = check(cluster, 200)
    assert all(isinstance(end, Settled) for end in ends)
    assert booked[0] == booked[1] == booked[2] == booked[3]
    assert len(booked[0]) == 200
    assert {end.mechanism for end in ends} == {mechanism.identifier for mechanism, _ in kinds()}


def test_a_session_of_some_members_is_followed_and_signed_by_the_others_too() -> None:
    cluster = StackCluster([honest(3)] * 4, 3)
    told: dict[int, SessionProposed] = {}
    asked: list[int] = []
    cluster.simulator.watch(SessionProposed, told.__setitem__)
    cluster.simulator.watch(Asked, lambda place, event: asked.append(place))
    cluster.start()
    cluster.propose(3, ProposeSession(mechanism=made("auction.second-price"), asked=("alice", "carol"), **phases(4000)))
    assert cluster.run(1, seconds=60)
    (end,) = check(cluster, 1)
    assert isinstance(end, Settled)
    assert end.players == ("alice", "carol")
    assert sorted(set(asked)) == [0, 2]
    assert [told[place].answer for place in range(4)] == ["enrolled", "not asked", "enrolled", "not asked"]
    assert len(end.certificate.signed) == 4


def test_each_mover_of_a_sequential_session_sees_the_earlier_reports() -> None:
    cluster = StackCluster([honest(4)] * 4, 4)
    seen: dict[str, Any] = {}

    def note(place: int, event: Asked) -> None:
        seen[event.player] = dict(event.ask.info)

    cluster.simulator.watch(Asked, note)
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=made("public.sequential-groves", cost=30), **phases(4000)))
    assert cluster.run(1, seconds=60)
    (end,) = check(cluster, 1)
    assert isinstance(end, Settled)
    answers = {player: value for answer in end.answers for player, value in answer.items()}
    assert list(seen) == ["alice", "bob", "carol", "dave"]
    for place, player in enumerate(seen):
        shown = str(seen[player])
        assert all(f"'{earlier}'" in shown for earlier in list(answers)[:place])
        assert not any(f"'{later}'" in shown for later in list(answers)[place + 1 :])


@pytest.mark.parametrize("missing", ["auction.second-price", "public.sequential-groves", "auction.japanese"])
def test_a_player_that_goes_missing_counts_as_absent_after_its_time(missing: str) -> None:
    cluster = StackCluster([honest(5)] * 4, 5)

    def leave(place: int, event: Asked) -> None:
        if place == 2:
            cluster.simulator.at(0, lambda: cluster.simulator.crash(2))

    cluster.simulator.watch(Asked, leave)
    cluster.start()
    terms = {"cost": 30} if missing.startswith("public") else {}
    cluster.propose(0, ProposeSession(mechanism=made(missing, **terms), **phases(2000)))
    assert cluster.run(1, seconds=120, places=[0, 1, 3])
    ends = [cluster.ended[place] for place in (0, 1, 3)]
    assert ends[0].keys() == ends[1].keys() == ends[2].keys()
    assert all(isinstance(end, Settled) for each in ends for end in each.values())


def test_liars_that_propose_without_end_do_not_keep_others_from_proposing() -> None:
    flood = SESSIONS_PER_PROPOSER + 20
    cluster = StackCluster([honest(6)] * 4, 6)
    cluster.start()
    for number in range(flood):
        mechanism = made("auction.second-price")
        cluster.propose(
            3, ProposeSession(mechanism=mechanism, asked=("dave",), label=f"flood {number}", **phases(600_000))
        )
    cluster.propose(0, ProposeSession(mechanism=made("auction.second-price"), label="honest", **phases(4000)))
    cluster.run(flood, seconds=20)
    ends = [end for end in cluster.ended[1].values() if isinstance(end, Settled) and len(end.players) == 4]
    assert len(ends) == 1


def test_no_group_has_more_sessions_open_than_there_is_room_for() -> None:
    for n in (1, 2, 4, 16, 17, 31, 64, 128):
        assert 1 <= sessions_per_proposer(n) <= SESSIONS_PER_PROPOSER
        assert n * sessions_per_proposer(n) <= SESSIONS_MAX
    assert sessions_per_proposer(4) == SESSIONS_PER_PROPOSER


def test_suspicion_names_who_was_late_and_for_how_long() -> None:
    cluster = StackCluster([honest(7)] * 4, 7, cheaters={2: misbehave("late")})
    told: dict[int, list[Suspicion]] = {place: [] for place in range(4)}
    cluster.simulator.watch(Suspicion, lambda place, event: told[place].append(event))
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=made("auction.first-price"), seal="open", **phases(3000)))
    assert cluster.run(1, seconds=60)
    for place in (0, 1, 3):
        (asking,) = [event for event in told[place] if event.phase == "asking"]
        waits = {name: (waited, heard) for name, waited, heard in asking.waits}
        assert waits["carol"] == (asking.lasted_us, False)
        assert asking.lasted_us >= 3_000_000
        assert all(heard and waited < 3_000_000 for name, (waited, heard) in waits.items() if name != "carol")
        suspicions = cluster.simulator.processes[place].machine.decision.suspicions()  # type: ignore[union-attr]
        worst = max(suspicions, key=lambda each: each.total_us)
        assert cluster.roster.name(worst.member) == "carol"
        assert worst.unheard >= 1


def test_two_members_stall_and_the_local_status_names_the_missing_one() -> None:
    cluster = StackCluster([honest(8)] * 3, 8, faults=FaultModel.UNANIMOUS, cheaters={1: misbehave("silent")})
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=made("auction.second-price"), **phases(1000)))
    assert not cluster.run(1, seconds=30)
    for place in (0, 2):
        (status,) = cluster.simulator.processes[place].machine.decision.status()  # type: ignore[union-attr]
        assert status.missing == ("bob",)
