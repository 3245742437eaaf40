"""The search over all orders of a session's events: nothing is found in the code as it is, and faults are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import Kind
from mechdesign.decision.epoch import Epoch
from mechdesign.decision.phases import PHASES, Phase
from mechdesign.decision.proposal import Seal
from mechdesign.decision.session import Session
from mechdesign.decision.tally import Tally
from mechdesign.testing import phase_model
from mechdesign.testing.phase_model import LONG, SHORT, Case, search
from mechdesign.testing.simulator import Violation

STATES_MAX = 20_000


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_every_session_ends_alike_or_stalls_with_a_name(case: Case) -> None:
    found = search(case, states_max=STATES_MAX)
    assert found.states > 50
    assert found.ends["settled"] >= 1
    stalled = [end for end in found.ends if end.startswith("stalled")]
    assert bool(stalled) == (case.n == 3)


def test_what_is_searched_differs_and_covers_both_fault_models() -> None:
    assert len({replace(case, name="") for case in LONG}) == len({case.name for case in LONG}) == len(LONG)
    assert {case.n for case in SHORT} == {3, 4}
    assert {case.seal for case in SHORT} == {Seal.COMMIT_REVEAL, Seal.THRESHOLD}
    assert set(SHORT) < set(LONG)


def test_the_command_prints_how_many_states_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Case("small", 3, 1, Seal.COMMIT_REVEAL, start="attesting", abuses=())
    monkeypatch.setattr(phase_model, "SHORT", (small,))
    assert phase_model.main([]) == 0
    assert "small: " in (printed := capsys.readouterr().out)
    assert "settled" in printed


# Faults that are put in on purpose


def deaf(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Clocks do not close an opening."""
    time = Session._time
    monkeypatch.setattr(Session, "_time", lambda self, *given: self.phase is not Phase.OPENING and time(self, *given))
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false",))


def hopeful(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Members wait for a quorum that cannot come any more."""
    monkeypatch.setattr(Tally, "most", property(lambda self: self.roster.n))
    return Case("", 3, 1, Seal.THRESHOLD, start="attesting", abuses=("false",))


def hasty(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A member closes a phase by its own clock."""
    tick: Callable[..., Any] = DecisionCore.tick

    def close(self: DecisionCore, now: int) -> Any:
        effects = tick(self, now)
        for session in self._sessions.values():
            session._timers = dict.fromkeys(session.roster.ids)
        return effects

    monkeypatch.setattr(DecisionCore, "tick", close)
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false",))


def premature(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A member is ready for the next view while a session is open."""
    ready: Callable[..., Any] = Epoch.ready
    monkeypatch.setattr(Epoch, "ready", lambda self, sessions, bench: ready(self, (), bench))
    return Case("", 3, 1, Seal.COMMIT_REVEAL, start="attesting", view=True, abuses=())


def forgiving(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A seal still counts while the others are opened."""
    row = PHASES[Phase.OPENING]
    monkeypatch.setitem(PHASES, Phase.OPENING, replace(row, counts=row.counts | {Kind.SEAL}))
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="sealing", abuses=("timer",))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (deaf, "stalled in opening"),
        (hopeful, "the status names"),
        (hasty, "are not in the same phase|have not seen the same end|counted after its phase"),
        (premature, "is ready while a session is open"),
        (forgiving, "a SEAL of .* counted after its phase"),
    ],
)
def test_a_fault_that_is_put_in_is_found(
    fault: Callable[[pytest.MonkeyPatch], Case], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = fault(monkeypatch)
    with pytest.raises(Violation, match=text) as caught:
        search(case, states_max=STATES_MAX)
    assert ", after: " in str(caught.value), "with the steps that lead there"
