"""What the model of the phases is searched for: in the tests, and at length."""

from fractions import Fraction
from typing import Any

from mechdesign.decision.proposal import Sanction, Seal
from mechdesign.testing.model_world import Case

__all__ = ["LONG", "SHORT"]

_OPEN, _COMMIT, _DEAL = Seal.OPEN, Seal.COMMIT_REVEAL, Seal.THRESHOLD
_VIEW: dict[str, Any] = {"view": True}
_ABORT: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT, Sanction.ABORT)}
_DEFAULT: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.DEFAULT_REPORT, Sanction.FORFEIT)}
_EXCLUDE: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT, Sanction.EXCLUDE)}
_MONEY: dict[str, Any] = {"deposit": Fraction(6), "sanctions": (Sanction.FORFEIT,)}
_HONEST: dict[str, Any] = {**_MONEY, "custodian": "alice", "outside": True}
_LYING: dict[str, Any] = {**_MONEY, "custodian": "carol", "outside": True}
_PAYING: dict[str, Any] = {"asks": 0, "start": "paying"}
_BALLOT: dict[str, Any] = {"rolled": 1, "start": "gathering"}
_DOUBT: dict[str, Any] = {"start": "opening", "doubt": True}

SHORT: tuple[Case, ...] = (
    Case("n = 3, commitments, a change of the view", 3, 1, _COMMIT, **_VIEW),
    Case("n = 3, two liars, plain reports", 3, 2, _OPEN),
    Case("n = 3, dealings, convicts abort, from opening on", 3, 1, _DEAL, start="opening", **_ABORT),
    Case("n = 4, dealings, from opening on", 4, 1, _DEAL, start="opening"),
    Case("n = 4, commitments, a change of the view, from attesting on", 4, 1, _COMMIT, start="attesting", **_VIEW),
    Case("n = 3, dealt ballots of one participant, from gathering on", 3, 1, _DEAL, **_BALLOT),
    Case("n = 3, dealings, convicts are excluded, from opening on", 3, 1, _DEAL, start="opening", **_EXCLUDE),
    Case("n = 3, commitments, from a second ask on", 3, 1, _COMMIT, asks=2, start="again"),
    Case("n = 4, dealings that two shares open, from opening on", 4, 1, _DEAL, threshold=2, start="opening"),
    Case("n = 3, dealings and a coin, from tossing on", 3, 1, _DEAL, toss=True, start="tossing"),
    Case("n = 3, a lying custodian, from paying on", 3, 1, _OPEN, **_LYING, **_PAYING),
)
"""What the tests search."""

LONG: tuple[Case, ...] = (
    *SHORT,
    # The largest ones come first, so that several processes end at about the same time.
    Case("n = 4, dealings, convicts abort, a change of the view", 4, 1, _DEAL, **_VIEW, **_ABORT),
    Case("n = 4, dealings, a change of the view", 4, 1, _DEAL, **_VIEW),
    Case("n = 4, commitments, convicts abort, a change of the view", 4, 1, _COMMIT, **_VIEW, **_ABORT),
    Case("n = 4, plain reports and a coin, a change of the view", 4, 1, _OPEN, toss=True, **_VIEW),
    Case("n = 4, commitments, a change of the view", 4, 1, _COMMIT, **_VIEW),
    Case("n = 4, plain reports, a change of the view", 4, 1, _OPEN, **_VIEW),
    Case("n = 3, dealings, convicts abort, a change of the view", 3, 1, _DEAL, **_VIEW, **_ABORT),
    Case("n = 3, dealings, a change of the view", 3, 1, _DEAL, **_VIEW),
    Case("n = 3, commitments, convicts abort, a change of the view", 3, 1, _COMMIT, **_VIEW, **_ABORT),
    Case("n = 3, commitments, default reports", 3, 1, _COMMIT, **_DEFAULT),
    Case("n = 3, plain reports and a coin, a change of the view", 3, 1, _OPEN, toss=True, **_VIEW),
    Case("n = 3, plain reports, a change of the view", 3, 1, _OPEN, **_VIEW),
    Case("n = 3, a mechanism that fails", 3, 1, _OPEN, fails=True),
    Case("n = 3, two liars, dealings, a change of the view", 3, 2, _DEAL, **_VIEW),
    Case("n = 3, two liars, commitments, a change of the view", 3, 2, _COMMIT, **_VIEW),
    Case("n = 3, late clocks, plain reports, a change of the view", 3, 1, _OPEN, late=True, **_VIEW),
    Case("n = 4, late clocks, dealings, from opening on", 4, 1, _DEAL, start="opening", late=True),
    Case("n = 4, plain ballots of one participant, a change of the view", 4, 1, _OPEN, rolled=1, **_VIEW),
    Case("n = 3, dealt ballots of two participants, a change of the view", 3, 1, _DEAL, rolled=2, **_VIEW),
    Case("n = 3, plain ballots of two participants, a change of the view", 3, 1, _OPEN, rolled=2, **_VIEW),
    Case("n = 4, commitments, convicts are excluded, from opening on", 4, 1, _COMMIT, start="opening", **_EXCLUDE),
    Case("n = 3, commitments, convicts are excluded, from sealing on", 3, 1, _COMMIT, start="sealing", **_EXCLUDE),
    Case("n = 3, commitments, convicts are excluded, from opening on, in doubt", 3, 1, _COMMIT, **_EXCLUDE, **_DOUBT),
    Case(
        "n = 4, commitments, a change of the view, from a second ask on", 4, 1, _COMMIT, asks=2, start="again", **_VIEW
    ),
    Case("n = 3, commitments, two asks, a change of the view", 3, 1, _COMMIT, asks=2, **_VIEW),
    Case("n = 3, dealings, convicts abort, from a second ask on", 3, 1, _DEAL, asks=2, start="again", **_ABORT),
    Case("n = 4, dealt ballots that two shares open, from gathering on", 4, 1, _DEAL, threshold=2, **_BALLOT),
    Case("n = 3, dealings and a coin, a change of the view", 3, 1, _DEAL, toss=True, **_VIEW),
    Case("n = 3, commitments, from a second ask on, in doubt", 3, 1, _COMMIT, asks=2, start="again", doubt=True),
    Case(
        "n = 3, dealt ballots of two participants, from gathering on, in doubt",
        *(3, 1, _DEAL),
        rolled=2,
        start="gathering",
        doubt=True,
    ),
    Case("n = 3, an honest custodian, from paying on", 3, 1, _OPEN, **_HONEST, **_PAYING),
    Case("n = 3, an honest custodian", 3, 1, _OPEN, asks=0, **_HONEST),
    Case("n = 3, a lying custodian", 3, 1, _OPEN, asks=0, **_LYING),
    Case("n = 3, two liars, a lying custodian, from paying on", 3, 2, _OPEN, **_LYING, **_PAYING),
    Case(
        "n = 3, an honest custodian that plays, from paying on", 3, 1, _OPEN, **{**_HONEST, "outside": False}, **_PAYING
    ),
    Case("n = 3, a lying custodian that plays, from paying on", 3, 1, _OPEN, **{**_LYING, "outside": False}, **_PAYING),
    Case(
        "n = 3, an honest custodian, deposits in parts, from paying on", 3, 1, _OPEN, parts=True, **_HONEST, **_PAYING
    ),
    Case("n = 3, a lying custodian, deposits in parts, from paying on", 3, 1, _OPEN, parts=True, **_LYING, **_PAYING),
    Case(
        "n = 3, a lying custodian, commitments, a change of the view, from paying on",
        3,
        1,
        _COMMIT,
        start="paying",
        **_LYING,
        **_VIEW,
    ),
    Case("n = 3, a lying custodian, from paying on, in doubt", 3, 1, _OPEN, doubt=True, **_LYING, **_PAYING),
    Case("n = 3, an honest custodian, from paying on, in doubt", 3, 1, _OPEN, doubt=True, **_HONEST, **_PAYING),
    Case("n = 3, dealings, convicts abort, from opening on, in doubt", 3, 1, _DEAL, **_ABORT, **_DOUBT),
    Case("n = 4, dealings, from opening on, in doubt", 4, 1, _DEAL, **_DOUBT),
    Case("n = 3, commitments, in doubt", 3, 1, _COMMIT, doubt=True),
)
"""What ``python -m mechdesign.testing.phase_model --long`` searches."""
