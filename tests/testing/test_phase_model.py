"""The search over all orders of a session's events: nothing is found in the code as it is, and faults are."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mechdesign.decision import session as session_module
from mechdesign.decision import steps
from mechdesign.decision.ask import Ask, Waits
from mechdesign.decision.ballots import gathering
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.bench import Bench
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.custody.cover import Cover
from mechdesign.decision.docket import Docket
from mechdesign.decision.enrolment import Enrolment
from mechdesign.decision.entries import Kind
from mechdesign.decision.epoch import Epoch
from mechdesign.decision.ledger import Ledger
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import DRAINING, PHASES, TRANSITIONS, Phase
from mechdesign.decision.proposal import Sanction, Seal
from mechdesign.decision.sealing.threshold import Purpose
from mechdesign.decision.session import Session
from mechdesign.decision.setting import Setting
from mechdesign.decision.speech import Speech
from mechdesign.decision.tally import Tally
from mechdesign.decision.timers import Timers
from mechdesign.decision.vault import Vault
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing import model_rules, phase_model
from mechdesign.testing.model_world import Entropy
from mechdesign.testing.phase_model import LONG, SHORT, Case, Found, search
from mechdesign.testing.simulator import Violation

STATES_MAX = 5_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "phases.md"

EXCLUDE: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT, Sanction.EXCLUDE)}

Fault = Callable[[pytest.MonkeyPatch], Case]


def table() -> dict[str, tuple[str, str]]:
    """States and steps of each case, as the document tells them."""
    lines = DOCUMENT.read_text().partition("| case |")[2].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("|")]
    return {name: (states, steps) for name, states, steps in cells}


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_every_session_ends_alike_or_stalls_with_a_name(case: Case) -> None:
    found = search(case, states_max=STATES_MAX)
    assert (f"{found.states:,}", f"{found.steps:,}") == table()[case.name]
    assert found.ends["settled"] >= 1
    stalled = [end for end in found.ends if end.startswith("stalled")]
    assert bool(stalled) == (case.n == 3)


def test_the_document_tells_of_every_case() -> None:
    assert list(table()) == [case.name for case in LONG]


def test_all_that_is_asked_for_is_searched_from_the_beginning() -> None:
    whole = [case for case in LONG if case.start == "enrolling" and case.view and case.liars]
    assert {(case.n, case.seal) for case in whole} == {(n, seal) for n in (3, 4) for seal in Seal}
    assert {(case.n, case.seal) for case in whole if Sanction.ABORT in case.sanctions} >= {
        (n, seal) for n in (3, 4) for seal in (Seal.COMMIT_REVEAL, Seal.THRESHOLD)
    }
    assert {case.n for case in whole if case.toss} == {case.n for case in whole if case.rolled} == {3, 4}
    assert {case.seal for case in whole if case.rolled and case.n == 3} == {Seal.OPEN, Seal.THRESHOLD}
    assert any(case.asks == 2 for case in whole)
    held = {(case.custodian, case.start, case.outside) for case in LONG if case.custodian}
    assert held >= {(who, *how) for who in ("alice", "carol") for how in (("enrolling", True), ("paying", False))}
    assert {case.custodian for case in LONG if case.parts} == {"alice", "carol"}
    assert all(case.abuses == Case("", 3, 1, Seal.OPEN).abuses for case in LONG)
    assert len({replace(case, name="") for case in LONG}) == len({case.name for case in LONG}) == len(LONG)
    assert set(SHORT) < set(LONG)


def test_states_that_are_taken_for_one_have_the_same_behind_them() -> None:
    found = search(Case("", 3, 1, Seal.COMMIT_REVEAL, start="opening", view=True, doubt=True))
    assert found.states > 100


def test_clocks_that_are_ordered_late_lead_to_the_same_ends() -> None:
    case = Case("", 3, 1, Seal.OPEN, start="attesting", abuses=("false", "timer"))
    prompt, late = search(case), search(replace(case, late=True))
    assert late.states > prompt.states
    assert late.ends.keys() == prompt.ends.keys()
    assert late.moves == prompt.moves


def test_a_search_that_runs_away_is_stopped() -> None:
    with pytest.raises(Violation, match="more than 20 states"):
        search(Case("", 3, 1, Seal.OPEN), states_max=20)


def test_the_steps_between_phases_are_those_of_the_table() -> None:
    found = search(Case("", 3, 1, Seal.OPEN, toss=True, start="tossing"))
    within = {(one.value, other.value) for one, steps in TRANSITIONS.items() for other in steps.values()}
    stay = {(phase.value, phase.value) for phase in Phase}
    begin = {("not begun", "enrolling")}
    through = {("opening", "aborted")}  # by attesting, where no quorum can be reached any more
    assert found.moves <= within | stay | begin | through
    assert {("tossing", "opening"), ("opening", "attesting"), ("attesting", "settled")} <= found.moves


def test_the_command_prints_how_many_states_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Case("small", 3, 1, Seal.COMMIT_REVEAL, start="attesting", abuses=())
    monkeypatch.setattr(phase_model, "SHORT", (small,))
    assert phase_model.main([]) == 0
    assert "small: " in (printed := capsys.readouterr().out)
    assert "settled" in printed
    assert phase_model.main(["--rows"]) == 0
    assert capsys.readouterr().out.startswith("| small | ")
    assert phase_model.main(["--only", "smallest"]) == 0
    assert not capsys.readouterr().out
    assert str(Found(3, 4, {"settled": 1, "aborted": 2})) == "3 states, 4 steps, 0 s; ends: 2 aborted, 1 settled"


# Faults that are put in on purpose


def deaf(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Clocks do not close an opening."""
    take = Timers.take
    monkeypatch.setattr(Timers, "take", lambda self, *given: given[2] is not Phase.OPENING and take(self, *given))
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
            session._timers.out = dict.fromkeys(session.roster.ids)
        return effects

    monkeypatch.setattr(DecisionCore, "tick", close)
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false",), late=True)


def impatient(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Every clock counts twice."""
    take: Callable[..., bool] = Timers.take

    def twice(self: Timers, sender: MemberId, *given: Any) -> bool:
        counts = take(self, sender, *given)
        if counts:
            self.out[MemberId(sender + b"'")] = None
        return counts

    monkeypatch.setattr(Timers, "take", twice)
    return Case("", 4, 1, Seal.OPEN)


def clinging(monkeypatch: pytest.MonkeyPatch) -> Case:
    """The clocks that ran out while reports were sealed count against those that open them."""
    monkeypatch.setattr(Timers, "begin", lambda self: None)
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="sealing", abuses=())


def restless(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever waits no longer counts twice."""
    take: Callable[..., bool] = Timers.take

    def twice(self: Timers, sender: MemberId, *given: Any) -> bool:
        counts = take(self, sender, *given)
        self.overrun.update({MemberId(member + b"'"): None for member in (*self.overrun,)})
        return counts

    monkeypatch.setattr(Timers, "take", twice)
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="sealing", view=True, abuses=())


def stubborn(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A session lasts as long as it likes, though the view changes."""
    take: Callable[..., bool] = Timers.take
    monkeypatch.setattr(
        Timers, "take", lambda self, sender, said, *given: said.phase != DRAINING and take(self, sender, said, *given)
    )
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="sealing", view=True, abuses=())


def premature(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A member is ready for the next view while a session is open."""
    ready: Callable[..., Any] = Epoch.ready
    monkeypatch.setattr(Epoch, "ready", lambda self, sessions, bench: ready(self, (), bench))
    return Case("", 3, 1, Seal.COMMIT_REVEAL, start="attesting", view=True, abuses=())


def reluctant(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Nobody is ready for the next view when its session has ended."""
    ready: Callable[..., Any] = Epoch.ready
    monkeypatch.setattr(Epoch, "ready", lambda self, sessions, bench: ready(self, sessions, bench) if sessions else [])
    return Case("", 4, 0, Seal.OPEN, start="attesting", view=True)


def forgiving(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A seal still counts while the others are opened."""
    row = PHASES[Phase.OPENING]
    monkeypatch.setitem(PHASES, Phase.OPENING, replace(row, counts=row.counts | {Kind.SEAL}))
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="sealing", abuses=("timer",))


def indulgent(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever has reported may report again."""
    take: Callable[..., Any] = Ask.take

    def again(self: Ask, phase: Phase, entry: Any, said: Any) -> Any:
        self.reports.pop(entry.sender, None)
        return take(self, phase, entry, said)

    monkeypatch.setattr(Ask, "take", again)
    return Case("", 3, 1, Seal.OPEN, start="asking", abuses=())


def strict(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Not to open is held for guilt."""
    monkeypatch.setattr(
        Ask, "close", lambda self: tuple((member, Offence.FALSE_OPENING, b"said") for member in self.unopened)
    )
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="opening", abuses=())


def greedy(monkeypatch: pytest.MonkeyPatch) -> Case:
    """The deposits of those that forfeit stay where they are."""
    close: Callable[..., Any] = Ledger.close
    monkeypatch.setattr(
        Ledger, "close", lambda self, lost: tuple(flow for flow in close(self, lost) if "forfeited" not in flow.reason)
    )
    terms: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT,)}
    return Case("", 4, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false",), **terms)


def forgetful(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A member that comes back draws again."""
    drawn = count()
    monkeypatch.setattr(Entropy, "__call__", lambda self, size: next(drawn).to_bytes(size, "big"))
    return Case("", 3, 1, Seal.COMMIT_REVEAL, start="opening", abuses=())


def insistent(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A clock that ran out is wound up again."""
    tick: Callable[..., Any] = DecisionCore.tick

    def wind(self: DecisionCore, now: int) -> Any:
        effects = tick(self, now)
        for session in self._sessions.values():
            self._alarms.set(now, session.id, session.phase, session.step, 1)
        return effects

    monkeypatch.setattr(DecisionCore, "tick", wind)
    return Case("", 3, 1, Seal.OPEN, start="attesting", abuses=())


def hushed(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever shared early pays, and nobody hears of a proof."""
    monkeypatch.setattr(Docket, "proofs", lambda self, certificate, counted: [])
    terms: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT,)}
    return Case("", 3, 1, Seal.THRESHOLD, abuses=("early",), **terms)


def rash(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A share before the close ends the session, before anything could prove that it was early."""
    premature = Docket.premature

    def end(self: Docket, *about: Any) -> list[MemberId]:
        found = premature(self, *about)
        self.convicted.update(dict.fromkeys(found, Offence.EARLY_SHARE.value))
        return found

    def advance(self: Session) -> Any:
        early = [each for each in self.convicted.items() if each[1] == Offence.EARLY_SHARE]
        return self._sanction(early) if early and not self.ended and self.hidden else advances(self)

    advances = Session._advance
    monkeypatch.setattr(Docket, "premature", end)
    monkeypatch.setattr(Session, "_advance", advance)
    terms: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.ABORT,)}
    return Case("", 3, 1, Seal.THRESHOLD, abuses=("early",), **terms)


def gullible(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Nobody looks at what stands under a ballot."""
    monkeypatch.setattr(gathering, "fault", lambda ballot, setting: None)
    return Case("", 3, 1, Seal.OPEN, rolled=2, start="gathering", abuses=())


def curt(monkeypatch: pytest.MonkeyPatch) -> Case:
    """The last participant on the roll is not waited for."""
    waits = Gathering.waits

    def fewer(self: Gathering, phase: Phase, followers: tuple[MemberId, ...]) -> Waits:
        found = waits(self, phase, followers)
        return replace(found, needed=found.needed - 1) if phase is Phase.GATHERING else found

    monkeypatch.setattr(Gathering, "waits", fewer)
    return Case("", 3, 1, Seal.OPEN, rolled=2, start="gathering", abuses=())


def lenient(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Of two ballots under one number the first counts."""
    carry: Callable[..., bool] = Gathering._carry

    def first(self: Gathering, carrier: MemberId, data: bytes) -> bool:
        before = {line: dict(said) for line, said in self.said.items()}
        counts = carry(self, carrier, data)
        for line, said in before.items():
            self.said[line] |= {number: known for number, known in said.items() if known is not None}
        return counts

    monkeypatch.setattr(Gathering, "_carry", first)
    return Case("", 3, 1, Seal.OPEN, rolled=1, start="gathering", abuses=())


def nameless(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Where participants are waited for, nobody is told whose clock is."""
    monkeypatch.setattr(Session, "late", ())
    return Case("", 3, 1, Seal.OPEN, rolled=1, start="gathering", abuses=())


def relentless(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever is convicted of two things is to be excluded twice."""
    note: Callable[..., Any] = Bench.note

    def again(self: Bench, *given: Any) -> Any:
        self._excluded.clear()
        return note(self, *given)

    monkeypatch.setattr(Bench, "note", again)
    return Case("", 3, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false", "proof"), **EXCLUDE)


def merciful(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Nobody is excluded for what it did in a session."""
    note: Callable[..., Any] = Bench.note
    monkeypatch.setattr(
        Bench,
        "note",
        lambda self, convicted, position, excludes: note(
            self, convicted, position, excludes and convicted.offence == Offence.EQUIVOCATION
        ),
    )
    return Case("", 3, 1, Seal.COMMIT_REVEAL, start="opening", abuses=("false",), **EXCLUDE)


def mute(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Members report once in a session, and to no second ask."""
    report: Callable[..., Any] = Speech.report
    monkeypatch.setattr(
        Speech, "report", lambda self, session, request: () if request.step else report(self, session, request)
    )
    return Case("", 3, 1, Seal.COMMIT_REVEAL, asks=2, start="again", abuses=())


def regretful(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever cheats in a second ask gets everybody out of what the first one has shown."""
    monkeypatch.setattr(Session, "hidden", property(lambda self: self.phase in session_module._HIDDEN))
    terms: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.ABORT,)}
    return Case("", 3, 1, Seal.THRESHOLD, asks=2, start="again", abuses=("false",), **terms)


def cautious(monkeypatch: pytest.MonkeyPatch) -> Case:
    """What is dealt to be opened by t shares waits for a quorum of them."""
    needed = property(lambda self: self.setting.roster.q if self.locked else 0)
    monkeypatch.setattr(Vault, "needed", needed)
    return Case("", 4, 1, Seal.THRESHOLD, threshold=2, start="opening", abuses=())


def confused(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Where reports are dealt, a coin is held for one of them."""

    def same(setting: Setting, step: int, purpose: Purpose) -> Vault:
        return Vault(setting, step, Purpose.REPORT if setting.proposal.seal is Seal.THRESHOLD else purpose)

    monkeypatch.setattr(steps, "Vault", same)
    return Case("", 3, 1, Seal.THRESHOLD, toss=True, start="tossing", abuses=())


PAID: dict[str, Any] = {"asks": 0, "outside": True, "deposit": Fraction(6), "sanctions": (Sanction.FORFEIT,)}


def trusting(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Whoever wants to take part plays, whatever its custodian has received."""
    wants = property(lambda self: tuple(who for who in self.setting.proposal.asked if self.answers.get(who)))
    monkeypatch.setattr(Enrolment, "enrolled", wants)
    return Case("", 3, 1, Seal.OPEN, custodian="carol", start="paying", abuses=("timer",), **PAID)


def exclusive(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Where not all have paid, the last one that has does not play."""
    enrolled: Callable[..., tuple[MemberId, ...]] = vars(Enrolment)["enrolled"].fget

    def fewer(self: Enrolment) -> tuple[MemberId, ...]:
        found = enrolled(self)
        return found[:-1] if self.lacking else found

    monkeypatch.setattr(Enrolment, "enrolled", property(fewer))
    return Case("", 3, 1, Seal.OPEN, custodian="alice", start="paying", abuses=("timer",), **PAID)


def careless(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A payment counts as often as the custodian says it."""
    take: Callable[..., bool] = Cover.take

    def again(self: Cover, *given: Any) -> bool:
        self._references.clear()
        return take(self, *given)

    monkeypatch.setattr(Cover, "take", again)
    return Case("", 3, 1, Seal.OPEN, custodian="carol", start="paying", abuses=(), **PAID)


def credulous(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Anybody's receipts count."""
    take: Callable[..., bool] = Cover.take

    def anybody(self: Cover, sender: MemberId, said: Any) -> bool:
        custodian = self.setting.roster.named(self.setting.proposal.custodian)
        assert custodian is not None
        return take(self, custodian.id, said)

    monkeypatch.setattr(Cover, "take", anybody)
    return Case("", 3, 1, Seal.OPEN, custodian="alice", start="paying", abuses=(), **PAID)


def belated(monkeypatch: pytest.MonkeyPatch) -> Case:
    """A receipt still counts behind the close of the enrolment."""
    row = PHASES[Phase.ATTESTING]
    monkeypatch.setitem(PHASES, Phase.ATTESTING, replace(row, counts=row.counts | {Kind.RECEIPT}))
    return Case("", 3, 1, Seal.OPEN, custodian="carol", start="paying", abuses=("timer",), **PAID)


def thrifty(monkeypatch: pytest.MonkeyPatch) -> Case:
    """What the custodian has received is not booked: only what flowed is."""
    monkeypatch.setattr(Cover, "named", ())
    return Case("", 3, 1, Seal.OPEN, custodian="carol", start="paying", abuses=("timer",), **PAID)


def patient(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Deposits are waited for where no quorum will ever have the code."""

    def heard(self: Enrolment) -> tuple[MemberId, ...]:
        return tuple(member for member, wants in self.answers.items() if not wants or self.cover.holds(member))

    monkeypatch.setattr(Enrolment, "heard", property(heard))
    return Case("", 3, 1, Seal.OPEN, custodian="alice", abuses=("leave",), **PAID)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (deaf, "stalled in opening"),
        (hopeful, "the status names"),
        (hasty, "differ in phase"),
        (impatient, "closed without .* by the clocks of 1 honest"),
        (clinging, "nobody could open"),
        (restless, "2 members changed something .* and a quorum is 3"),
        (stubborn, "a quorum waits no longer, and the session goes on"),
        (premature, "is ready while a session is open"),
        (reluctant, "nobody is ready"),
        (forgiving, "a SEAL .*counted, and its time was over"),
        (indulgent, "says a REPORT again of carol counted"),
        (strict, "convicted, an honest member among them"),
        (greedy, "leaves deposits"),
        (forgetful, "says something else|in another state"),
        (insistent, "round in circles"),
        (hushed, "carol lost its deposit, and nothing was proved against it"),
        (gullible, "carries a forged ballot again of carol counted"),
        (curt, r"gathering closed without \['(alice|bob)'\], by the clocks of 0 honest"),
        (lenient, "what was carried says otherwise"),
        (nameless, r"stalled in gathering, and the status names \(\)"),
        (relentless, "asks to exclude carol, and has done so"),
        (merciful, r"\['carol'\] stand convicted, and nobody asks to exclude them"),
        (mute, r"stalled in sealing, and the status names \('alice', 'bob'"),
        (regretful, "it ended though reports or a coin had shown: carol was convicted of false-dealing"),
        (cautious, "2 honest members have shared, 2 shares open, and nothing is open"),
        (confused, "convicted, an honest member among them"),
        (trusting, r"\['(alice|bob)'.* play, and the log holds no full receipt"),
        (exclusive, r"\['(bob|carol)'\] enrolled and paid in time, and do not play|1 enrolled and paid in time"),
        (careless, "has received (all|too little) of .* again of carol counted"),
        (credulous, "has received all of bob again of carol counted"),
        (belated, "has received all of .* again of carol counted"),
        (thrifty, r"are in the books, and by the log it is .* of CUSTODY|are in the books, and by the log it is 6"),
        # It takes seconds; in short tests/decision/test_custodian.py holds the rule.
        pytest.param(patient, r"stalled in enrolling, and the status names \(\)", marks=pytest.mark.long),
        (rash, "it aborted as if carol were convicted of early-share, and nobody was"),
    ],
)
def test_a_fault_that_is_put_in_is_found(fault: Fault, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = fault(monkeypatch)
    with pytest.raises(Violation, match=text) as caught:
        search(case, states_max=STATES_MAX)
    assert ", after: " in str(caught.value), "with the steps that lead there"


def test_doubt_finds_states_that_should_not_be_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said = model_rules._said
    monkeypatch.setattr(
        model_rules, "_said", lambda session, member: () if session.phase is Phase.OPENING else said(session, member)
    )
    case = Case("", 3, 1, Seal.COMMIT_REVEAL, start="opening", abuses=(), doubt=True)
    with pytest.raises(Violation, match="taken for a state that was known"):
        search(case)
