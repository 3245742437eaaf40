"""What a demo found out, and how it is printed: outcome, table, certificate, timings, verification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from mechdesign.cli.demo.folder import Folder
from mechdesign.cli.demo.scenario import Scenario
from mechdesign.cli.demo.screen import Phases
from mechdesign.cli.exits import Exit
from mechdesign.cli.output import Table, say, show
from mechdesign.cli.verify import verify_evidence_file, verify_transcript_file
from mechdesign.decision.proposal import Seal
from mechdesign.group.roster import Roster
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.identity import fingerprint
from mechdesign.kernel.money import Currency

__all__ = ["Conviction", "Findings", "SessionFindings", "summarise"]

_CHEATS = {
    "equivocate": "signs two different blocks for one round, and shows them to different players",
    "wrong-outcome": "signs another outcome than the one that follows from the reports",
    "no-reveal": "seals a report and never opens it",
    "bad-opening": "opens its seal with another salt than it committed to",
    "bad-seal": "seals its report with a dealing that does not hold",
    "late": "reports only after the ask has closed",
    "silent": "enrols and says nothing more",
    "crash": "stops as if killed, right after its report was ordered",
}

_GONE = ("no-reveal", "crash")
"""Kinds of misbehaviour after which the cheater does not open what it sealed."""

_UNDER_THRESHOLD = {
    "no-reveal": "seals a report and gives no share to open it",
    "bad-opening": "gives false shares of the sealed reports",
}

_LABEL = 13
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Conviction:
    """A player that was proved to have cheated.

    Attributes:
        member: who.
        offence: of what.
        by: the honest players that hold the proof.
        evidence: one of their evidence files.
        problem: why it does not hold, or empty.
    """

    member: str
    offence: str
    by: tuple[str, ...]
    evidence: Path
    problem: str


@dataclass(frozen=True, slots=True)
class SessionFindings:
    """How one session ended.

    Attributes:
        end: the observer's ``settled`` or ``aborted`` record.
        digests: the digest that each honest player printed.
        timings: phase and milliseconds, as the observer saw them.
        verified: what verification says, or what is wrong.
        holds: whether it holds.
        defaults: who did not open.
    """

    end: Mapping[str, Any]
    digests: Mapping[str, str]
    timings: Sequence[tuple[str, float]]
    verified: str
    holds: bool
    defaults: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether every honest player printed the same end."""
        return len(set(self.digests.values())) == 1


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a demo found out.

    Attributes:
        scenario: what was played.
        folder: its files.
        sessions: how each session ended, in order.
        convictions: who was convicted.
        suspicions: whom honest players suspected.
        unproved: whether not every honest player has a proof that it should have.
        start_ms: from the start of the processes to the first proposal.
    """

    scenario: Scenario
    folder: Folder
    sessions: tuple[SessionFindings, ...]
    convictions: tuple[Conviction, ...]
    suspicions: tuple[str, ...]
    unproved: bool
    start_ms: float

    @classmethod
    def gather(
        cls,
        scenario: Scenario,
        folder: Folder,
        *,
        order: Sequence[str],
        ends: Mapping[str, Mapping[str, Mapping[str, Any]]],
        phases: Mapping[str, Phases],
        started_us: int,
        defaults: Sequence[tuple[str, str]],
        convictions: Mapping[tuple[str, str], Mapping[str, str]],
        suspicions: Sequence[str],
        unproved: bool,
    ) -> "Findings":
        """Compare what the players said, and verify what they wrote."""
        observer = scenario.honest[0]
        load = (scenario.load,) if scenario.load else ()
        sessions = []
        for session in order:
            end = ends[session][observer]
            verified, holds = _verified(end, folder.roster, load)
            sessions.append(
                SessionFindings(
                    end,
                    {name: str(record.get("digest", record.get("reason"))) for name, record in ends[session].items()},
                    phases[session].durations(),
                    verified,
                    holds,
                    tuple(member for where, member in defaults if where == session),
                )
            )
        convicted = tuple(
            Conviction(member, offence, tuple(by), Path(by[min(by)]), _unproved(Path(by[min(by)]), folder.roster))
            for (member, offence), by in sorted(convictions.items())
        )
        first = phases[order[0]].began_us[0]
        start_ms = (first - started_us) / 1000
        return cls(scenario, folder, tuple(sessions), convicted, tuple(suspicions), unproved, start_ms)

    @property
    def exit(self) -> Exit:
        """The exit code of the demo."""
        if not all(each.agree and each.holds for each in self.sessions) or any(
            each.problem for each in self.convictions
        ):
            return Exit.DOES_NOT_HOLD
        if self.unproved:
            return Exit.DOES_NOT_HOLD
        # An honest player can never be convicted: that would be the worst finding of all.
        if any(each.member in self.scenario.honest for each in self.convictions):
            return Exit.DOES_NOT_HOLD
        return Exit.ABORTED if any(each.end["event"] == "aborted" for each in self.sessions) else Exit.OK

    @property
    def data(self) -> dict[str, Any]:
        """Everything as plain data."""
        scenario = self.scenario
        return {
            "mechanism": scenario.cls.full_name(),
            "players": list(scenario.players),
            "faults": scenario.faults.value,
            "b": scenario.b,
            "q": scenario.q,
            "seal": scenario.seal,
            "deposit": scenario.deposit,
            "misbehave": scenario.misbehave,
            "cheater": scenario.cheater,
            "start_ms": round(self.start_ms),
            "sessions": [
                {
                    **{key: value for key, value in each.end.items() if key not in ("player", "at_us", "event")},
                    "verdict": each.end["event"],
                    "digests": dict(each.digests),
                    "agree": each.agree,
                    "verified": each.holds,
                    "defaults": list(each.defaults),
                    "timings_ms": {phase: round(spent) for phase, spent in each.timings},
                }
                for each in self.sessions
            ],
            "convictions": [
                {
                    "member": each.member,
                    "offence": each.offence,
                    "by": list(each.by),
                    "evidence": str(each.evidence),
                    "verified": not each.problem,
                }
                for each in self.convictions
            ],
            "suspicions": list(self.suspicions),
            "roster": str(self.folder.roster_path),
            "fingerprint": fingerprint(self.folder.roster.digest),
        }


def _verified(end: Mapping[str, Any], roster: Roster, load: tuple[str, ...]) -> tuple[str, bool]:
    if "transcript" not in end:
        return "an aborted session leaves no transcript", True
    path = Path(end["transcript"])
    try:
        verify_transcript_file(path.read_bytes(), roster, load)
    except (OSError, VerificationError) as error:
        return f"FAILED: {path}: {error}", False
    return f"ok: {path}, roster fingerprint {fingerprint(roster.digest)}", True


def _unproved(path: Path, roster: Roster) -> str:
    try:
        verify_evidence_file(path.read_bytes(), roster)
    except (OSError, VerificationError) as error:
        return str(error)
    return ""


def summarise(findings: Findings) -> None:
    """Print the summary of a demo, a block for each session."""
    if findings.scenario.misbehave:
        words = _CHEATS | (_UNDER_THRESHOLD if findings.scenario.seal == Seal.THRESHOLD else {})
        _line("cheat", f"{findings.scenario.cheater} {words[findings.scenario.misbehave]}")
    for place, session in enumerate(findings.sessions):
        if len(findings.sessions) > 1:
            say(f"session {place + 1} of {len(findings.sessions)}", style="bold")
        _session(findings, session, place)
    _policing(findings)
    _line("next", _next(findings.scenario))


def _line(label: str, text: str, style: str | None = None) -> None:
    say(f"{label:<{_LABEL}}{text}", style=style)


def _session(findings: Findings, session: SessionFindings, place: int) -> None:
    scenario, end = findings.scenario, session.end
    if end["event"] == "aborted":
        _line("aborted", str(end["reason"]), "red")
    else:
        why = f" ({end['why'][0]})" if end["why"] else ""
        _line("outcome", f"{end['sentence']}{why}", "green")
        for tie in end["ties"]:
            _line("", tie)
        show(_table(scenario, end))
        count = len(session.digests)
        same = f"the same at {f'all {count} honest' if scenario.cheater else f'{count} of {scenario.n}'} processes"
        if not session.agree:
            same = f"DIFFERENT: {', '.join(f'{name} {text[:8]}' for name, text in session.digests.items())}"
        signatures = f"{end['signatures']} of {scenario.n} signatures ({scenario.q} needed)"
        _line("certificate", f"{signatures} · digest {str(end['digest'])[:_DIGITS]}, {same}")
    if scenario.seal == Seal.THRESHOLD and scenario.misbehave in _GONE and scenario.cheater in end.get("reports", {}):
        _line("opened", f"the {scenario.word} of {scenario.cheater} all the same, by the shares of {scenario.q} others")
    for member in session.defaults:
        _line("default", f"{member} did not open its sealed {scenario.word} in time: it counts as absent")
    for line in _forfeits(end):
        _line("sanction", line)
    spent = " · ".join(f"{phase} {milliseconds:.0f} ms" for phase, milliseconds in session.timings)
    total = sum(milliseconds for _, milliseconds in session.timings)
    start = f"start {findings.start_ms / 1000:.1f} s · " if place == 0 else ""
    _line("timings", f"{start}{spent} · session {total:.0f} ms")
    _line("verify", session.verified, None if session.holds else "red")


def _table(scenario: Scenario, end: Mapping[str, Any]) -> Table:
    reports = end["reports"]
    rows = [
        [name, _shown(reports[name]) if name in reports else "-", _money(end["transfers"].get(name, "0"))]
        for name in scenario.players
    ]
    rows += [[account, "", _money(amount)] for account, amount in end["accounts"].items()]
    return Table(["player", f">{scenario.word}", ">transfer"], rows)


def _money(amount: str) -> str:
    """An exact amount as a decimal where it has one of a few digits, else as it is."""
    return Currency().format(Fraction(amount))


def _shown(report: Any) -> str:
    match report:
        case list() | tuple():
            return " > ".join(map(_shown, report))
        case dict():
            return ", ".join(f"{key}: {_shown(each)}" for key, each in report.items())
        case bool():
            return "yes" if report else "no"
    return str(report)


def _forfeits(end: Mapping[str, Any]) -> list[str]:
    """What became of deposits that were not returned, from the flows of the session."""
    moved: dict[str, list[str]] = {}
    for flow in end.get("booked", ()):
        if "forfeited" in flow["reason"]:
            moved.setdefault(flow["reason"], []).append(f"{flow['payee']} gets {_money(flow['amount'])}")
    return [f"{reason}: {', '.join(parts)}" for reason, parts in moved.items()]


def _policing(findings: Findings) -> None:
    for each in findings.convictions:
        proof = f"evidence {each.evidence}" + (f" DOES NOT HOLD: {each.problem}" if each.problem else " verified")
        _line("convicted", f"{each.member} of {each.offence}, by {', '.join(each.by)}; {proof}", "red")
    if findings.unproved:
        _line("unproved", f"{findings.scenario.cheater} was not convicted by every honest player", "red")
    if findings.scenario.misbehave and not findings.convictions and findings.suspicions:
        whom = ", ".join(findings.suspicions)
        _line("suspected", f"{whom}: silent, which proves nothing, so nobody is convicted; the others went on")


def _next(scenario: Scenario) -> str:
    """Something else to try."""
    kinds = (None, "equivocate", "wrong-outcome", "no-reveal", "crash")
    place = kinds.index(scenario.misbehave) + 1 if scenario.misbehave in kinds else 1
    return f"mechdesign demo --misbehave {kinds[place]}" if place < len(kinds) else "mechdesign mechanisms"
