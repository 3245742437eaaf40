"""Suspicion: whom a member waited for, and how long, by its own clock."""

from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import PhaseChanged, Waited
from mechdesign.decision.suspicion import Delay, Suspicions
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.crypto import MemberId
from tests.decision.test_rules import only
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
        told = [event for event in cluster.events(place, Waited) if isinstance(event, Waited)]
        (sealing,) = [event for event in told if event.phase == "sealing"]
        assert {member: waited for member, waited, _ in sealing.waits}[cluster.roster.ids[2]] == 700_000
        (worst,) = [each for each in cluster.cores[place].suspicions() if each.longest_us]
        assert (worst.member, worst.longest_us, worst.unheard) == (cluster.roster.ids[2], 700_000, 0)
    assert cluster.convicted() == []


def test_a_member_that_never_speaks_is_unheard_and_not_convicted() -> None:
    cluster = Cluster(4, twist=only(Kind.ATTEST, places={3}))  # type: ignore[arg-type]
    cluster.run()
    cluster.wait(4000)
    (worst,) = [each for each in cluster.cores[0].suspicions() if each.unheard]
    assert (worst.member, worst.unheard) == (cluster.roster.ids[3], 1)
    assert cluster.convicted() == []
