"""The phases of a session, as data.

Two rules:

1. Only the log moves a session. A phase closes at a log position, never at an instant: where everyone who is asked
   has been heard, or where a quorum has signed that its own timers ran out.
2. An entry counts in the phase for which it was made, once a member, and before the close. Everything else is void: it
   changes nothing, and it proves nothing against its sender, who may only have been late. The one exception: a share
   that is ordered before its phase closed (SHARE counts in gathering, sealing and tossing) is an offence, if a later
   entry that counts in the same phase shows that it was early.

Theory of operation. :data:`PHASES` says for each phase which kinds of entries count, whom it waits for, which
duration of the proposal its timers have, and when it closes. :data:`TRANSITIONS` says what may follow, by the cause
that closed it. ``session.py`` asks these tables: an entry whose kind is not in the row of the current phase never
reaches a rule, and a step that is not in the table is a bug, which raises. What follows an ask or a coin comes from the
session core: the mechanism asks, tosses, or has computed. :func:`diagram` draws the tables for ``docs/phases.md``.
"""

from dataclasses import dataclass
from enum import StrEnum

from mechdesign.decision.entries import Kind
from mechdesign.kernel.errors import LocalProtocolError

__all__ = ["DRAINING", "ENDED", "PHASES", "TRANSITIONS", "Cause", "Phase", "Row", "diagram", "document", "follow"]


class Phase(StrEnum):
    """Where a session stands."""

    ENROLLING = "enrolling"
    GATHERING = "gathering"
    SEALING = "sealing"
    OPENING = "opening"
    ASKING = "asking"
    TOSSING = "tossing"
    ATTESTING = "attesting"
    SETTLED = "settled"
    ABORTED = "aborted"


class Cause(StrEnum):
    """Why a session leaves a phase."""

    ROLL = "participants on a roll are asked"
    SEALED_ASK = "the mechanism asks, sealed"
    PLAIN_ASK = "the mechanism asks"
    TOSS = "the mechanism tosses a coin"
    COMPUTED = "the mechanism has computed"
    SEALS_IN = "the seals are in"
    BALLOTS_IN = "the ballots are in"
    DEALT = "enough is dealt for the coin"
    NO_COIN = "too little is dealt for a coin"
    UNOPENED = "fewer than t valid shares"
    TOO_FEW = "too few take part or can certify"
    SANCTION = "a player is convicted while nothing shows, sanction abort"
    OVERRUN = "the members change, and it lasts on for too long"
    CERTIFIED = "a quorum signed the outcome"
    FAILED = "a quorum signed that the mechanism failed"
    NO_QUORUM = "no digest can reach a quorum any more"


@dataclass(frozen=True, slots=True)
class Row:
    """The rules of one phase.

    Attributes:
        counts: the kinds of entries that can count in it.
        waits_for: whom it waits for, for people.
        duration: the field of the proposal that its timers run for; empty where nothing is waited for.
        closes: when it closes, for people.
    """

    counts: frozenset[Kind]
    waits_for: str
    duration: str
    closes: str


_EARLY = frozenset({Kind.TIMER, Kind.DECLINE})
_ALWAYS = _EARLY | {Kind.EVIDENCE}  # there are players to be sanctioned
_TIMERS = "or q members' timers ran out"

PHASES: dict[Phase, Row] = {
    Phase.ENROLLING: Row(
        _EARLY | {Kind.ENROL, Kind.RECEIPT},
        "everyone asked, the deposits, and a quorum with the code",
        "enrol_ms",
        f"all answered, deposits are there and q have the code, or all answered and q never will have it; {_TIMERS}, "
        "and without q that have the code it aborts",
    ),
    Phase.GATHERING: Row(
        _EARLY | {Kind.CARRY, Kind.SHARE},
        "the participants on the roll",
        "report_ms",
        f"a ballot of each is carried, {_TIMERS}",
    ),
    Phase.SEALING: Row(
        _ALWAYS | {Kind.SEAL, Kind.SHARE}, "the ask's players", "report_ms", f"all sealed or passed, {_TIMERS}"
    ),
    Phase.OPENING: Row(
        _ALWAYS | {Kind.OPEN, Kind.SHARE},
        "the players that sealed; where it was dealt, t members' shares",
        "open_ms",
        f"all opened, or t shares hold, {_TIMERS}",
    ),
    Phase.ASKING: Row(_ALWAYS | {Kind.REPORT}, "the ask's players", "report_ms", f"all reported or passed, {_TIMERS}"),
    Phase.TOSSING: Row(
        _ALWAYS | {Kind.COIN, Kind.SHARE},
        "every member that did not leave",
        "report_ms",
        f"b + 1 valid dealings stand, and all dealt {_TIMERS}",
    ),
    Phase.ATTESTING: Row(
        _ALWAYS | {Kind.ATTEST},
        "every member that did not leave",
        "attest_ms",
        f"q signed the same digest, and all attested {_TIMERS}",
    ),
    Phase.SETTLED: Row(frozenset(), "nobody", "", "at once: the session is over"),
    Phase.ABORTED: Row(frozenset(), "nobody", "", "at once: the session is over"),
}
"""The rules of every phase."""

DRAINING = "draining"
"""What a TIMER names instead of a phase where its sender has waited for the session since the members began to change,
for as long as a change waits. A quorum of them ends a session in which no report and no coin has begun to show."""

ENDED = frozenset({Phase.SETTLED, Phase.ABORTED})
"""Phases that nothing follows."""

_COMPUTE = {
    Cause.SEALED_ASK: Phase.SEALING,
    Cause.PLAIN_ASK: Phase.ASKING,
    Cause.TOSS: Phase.TOSSING,
    Cause.COMPUTED: Phase.ATTESTING,
}

TRANSITIONS: dict[Phase, dict[Cause, Phase]] = {
    Phase.ENROLLING: {
        Cause.ROLL: Phase.GATHERING,
        Cause.SEALED_ASK: Phase.SEALING,
        Cause.PLAIN_ASK: Phase.ASKING,
        Cause.TOSS: Phase.TOSSING,
        Cause.COMPUTED: Phase.ATTESTING,
        Cause.TOO_FEW: Phase.ABORTED,
        Cause.OVERRUN: Phase.ABORTED,
    },
    Phase.GATHERING: {Cause.BALLOTS_IN: Phase.OPENING, Cause.OVERRUN: Phase.ABORTED},
    Phase.SEALING: {
        Cause.SEALS_IN: Phase.OPENING,
        Cause.SANCTION: Phase.ABORTED,
        Cause.OVERRUN: Phase.ABORTED,
    },
    Phase.OPENING: {**_COMPUTE, Cause.UNOPENED: Phase.ABORTED, Cause.TOO_FEW: Phase.ABORTED},
    Phase.ASKING: _COMPUTE,
    Phase.TOSSING: {
        Cause.DEALT: Phase.OPENING,
        Cause.NO_COIN: Phase.ABORTED,
        Cause.SANCTION: Phase.ABORTED,
        Cause.OVERRUN: Phase.ABORTED,
    },
    Phase.ATTESTING: {
        Cause.CERTIFIED: Phase.SETTLED,
        Cause.FAILED: Phase.ABORTED,
        Cause.NO_QUORUM: Phase.ABORTED,
    },
    Phase.SETTLED: {},
    Phase.ABORTED: {},
}
"""What follows a phase, by cause."""


def follow(phase: Phase, cause: Cause) -> Phase:
    """The phase that follows.

    Raises:
        LocalProtocolError: the table knows no such step.
    """
    try:
        return TRANSITIONS[phase][cause]
    except KeyError:
        raise LocalProtocolError(f"a session does not leave {phase} because {cause}") from None


def diagram() -> str:
    """The state diagram of :data:`TRANSITIONS` in mermaid's notation."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.ENROLLING}: a valid proposal is ordered"]
    for phase, steps in TRANSITIONS.items():
        lines += [f"    {phase} --> {after}: {cause}" for cause, after in steps.items()]
    lines += [f"    {phase} --> [*]" for phase in Phase if phase in ENDED]
    return "\n".join(lines)


def document() -> str:
    """The text of ``docs/phases.md``, drawn from the tables."""
    rows = [
        f"| {phase} | {', '.join(kind.name for kind in Kind if kind in row.counts) or '–'} | {row.waits_for} "
        f"| {row.duration or '–'} | {row.closes} |"
        for phase, row in PHASES.items()
    ]
    return "\n".join(
        [
            "# Phases of a session",
            "",
            "Drawn from the tables in `mechdesign/decision/phases.py`; a test compares this file with them.",
            "",
            "```mermaid",
            diagram(),
            "```",
            "",
            "| phase | entries that count | waits for | timer | closes when |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "An entry counts once a member and before the close; everything else is void, and void is never evidence.",
            "A SHARE in gathering, sealing or tossing is one that came too early, which is an offence.",
            f"A TIMER for `{DRAINING}` counts while no report and no coin has begun to show.",
            "",
        ]
    )
