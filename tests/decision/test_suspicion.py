"""Suspicion: whom a member waited for, and how long, by its own clock."""

from fractions import Fraction
from typing import Any, cast

import pytest

from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import PhaseChanged, Waited
from mechdesign.decision.suspicion import Delay, Suspicions
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.stack import Stack
from mechdesign.testing.stacks import StackCluster, phases
from mechdesign.transport.messages import Send
from tests.decision.staged import only
from tests.decision.toys import Cluster

A, B, C = (MemberId(bytes([number]) * 32) for number in range(3))
SESSION = bytes(32)


def changed(phase: str, *missing: MemberId, step: int = 0) -> PhaseChanged:
    return PhaseChanged(SESSION, phase, step, 3 - len(missing), 3, missing)


def test_each_member_is_waited_for_until_it_is_heard_or_the_phase_closes() -> None:
    kept = Suspicions()
    assert kept.see(changed("sealing", A, B, C), 1000) is None
    assert kept.see(changed("sealing", B, C), 1500) is None
    assert kept.see(changed("sealing", C), 4000) is None
    told = kept.see(changed("opening", A, B), 9000)
    assert told == Waited(SESSION, "sealing", 0, 8000, ((A, 500, True), (B, 3000, True), (C, 8000, False)))
    assert kept.totals[C] == Delay(C, 8000, 8000, 1)


def test_totals_go_on_over_phases_and_sessions() -> None:
    kept = Suspicions()
    kept.see(changed("sealing", A), 0)
    kept.see(changed("opening", A), 100)
    kept.see(changed("attesting", A), 130)
    kept.forget(SESSION)
    kept.see(changed("sealing", A), 1000)
    kept.see(changed("sealing"), 1010)
    kept.see(changed("opening"), 5000)
    assert kept.totals[A] == Delay(A, 140, 100, 2)


def test_a_phase_that_waits_for_nobody_says_nothing() -> None:
    kept = Suspicions()
    kept.see(changed("sealing"), 0)
    assert kept.see(changed("opening", B), 10) is None
    assert kept.totals == {}


def test_another_step_of_the_same_name_is_another_phase() -> None:
    kept = Suspicions()
    kept.see(changed("asking", B), 0)
    told = kept.see(changed("asking", B, step=1), 10)
    assert told is not None
    assert told.waits == ((B, 10, False),)


def test_a_member_whose_entries_are_withheld_looks_late_and_is_named() -> None:
    """Nobody can tell withheld from late: it shows who was waited for, and proves nothing."""
    held: list[tuple[int, Broadcast]] = []

    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        if place == 2 and said.kind == Kind.SEAL:
            held.append((place, said))
            return []
        return [said]

    cluster = Cluster(4, twist=twist)
    cluster.run()
    cluster.now += 700_000
    cluster.pending += held
    cluster.settle()
    for place in (0, 1, 3):
        told = cluster.events(place, Waited)
        (sealing,) = [event for event in told if event.phase == "sealing"]
        assert {member: waited for member, waited, _ in sealing.waits}[cluster.roster.ids[2]] == 700_000
        (worst,) = [each for each in cluster.cores[place].suspicions() if each.longest_us]
        assert (worst.member, worst.longest_us, worst.unheard) == (cluster.roster.ids[2], 700_000, 0)
    assert cluster.convicted() == []


def test_a_member_that_never_speaks_is_unheard_and_not_convicted() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3}))
    cluster.run()
    cluster.wait(4000)
    (worst,) = [each for each in cluster.cores[0].suspicions() if each.unheard]
    assert (worst.member, worst.unheard) == (cluster.roster.ids[3], 1)
    assert cluster.convicted() == []


class Withheld:
    """A group layer that keeps everything of its member from the others, from its seal on and for a time."""

    def __init__(self, group: Any, lasts: int) -> None:
        self._group = group
        self._lasts = lasts
        self._until: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._group, name)

    def submit(self, request: Any, now: int) -> list[Any]:
        if isinstance(request, Broadcast) and request.kind == Kind.SEAL and self._until is None:
            self._until = now + self._lasts
        return self._left(self._group.submit(request, now), now)

    def receive(self, incoming: Any, now: int) -> list[Any]:
        return self._left(self._group.receive(incoming, now), now)

    def tick(self, now: int) -> list[Any]:
        return self._left(self._group.tick(now), now)

    def _left(self, effects: Any, now: int) -> list[Any]:
        quiet = self._until is not None and now < self._until
        return [effect for effect in effects if not (quiet and isinstance(effect, Send))]


@pytest.mark.parametrize(("lasts_ms", "unheard"), [(600, 0), (1_000_000, 2)])
def test_a_member_that_withholds_its_blocks_is_waited_for_by_each_and_never_convicted(
    lasts_ms: int, unheard: int
) -> None:
    """Who waited for whom, and how long, over all the layers: each honest member by its own clock, and no other one."""

    def withholding(stack: Stack) -> Stack:
        stack.group = cast(Any, Withheld(stack.group, lasts_ms * 1000))
        return stack

    values = [Fraction(10 + place) for place in range(4)]
    cluster = StackCluster([truthful(value) for value in values], 3, cheaters={3: withholding})
    cluster.start()
    cluster.simulator.run(SECOND)
    terms: dict[str, Any] = {
        "seal": "threshold",
        "deposit": Fraction(1),
        "sanctions": ("recompute", "forfeit", "exclude"),
    }
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), **phases(1500), **terms))
    assert cluster.run()
    dave = cluster.roster.ids[3]
    for place in cluster.honest:
        told = cluster.stack(place).status().suspicions
        waited = {each.member: each for each in told}
        assert max(told, key=lambda each: each.longest_us).member == dave
        # Sealing and attesting close without it by timers; opening needs t shares and waits for nobody else.
        assert waited.pop(dave).unheard == unheard
        assert all(each.longest_us < 300_000 and not each.unheard for each in waited.values())
        longest = max(each.longest_us for each in told)
        assert longest > min(lasts_ms, 1500) * 900
    assert cluster.convicted == [{}] * 4
