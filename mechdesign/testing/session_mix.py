"""Sessions of all kinds, in a mix whose dear kinds are few, and what honest members answer in them.

Under threshold sealing, and with coins, a session costs ten times as much as one that is open; so of forty sessions two
are sealed so and two toss a coin. Two are in custody, for the books keep room for only so many of one proposer. All the
others are told apart by what can go wrong with money: deposits that are forfeited or end a session, amounts that do not
divide, participants that are no members.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

from mechdesign.mechanisms.computation import AnyMechanism
from mechdesign.mechanisms.events import Asked, ProposeSession
from mechdesign.mechanisms.registry import load
from mechdesign.mechanisms.session import Lookup, registered
from mechdesign.mechanisms.ties import TieRule
from mechdesign.player import Strategy, truthful
from mechdesign.testing.electorate import Electorate
from mechdesign.testing.stacks import phases

__all__ = ["CALLED", "KINDS_OF_SESSIONS", "answers", "electorate", "remembering", "session"]

CALLED = ("a", "b", "c", "d")
"""What is to be had where players rank things."""

_DEPOSIT = Fraction(5)
_VOTERS = 3


@cache
def _made(name: str, **parameters: Any) -> AnyMechanism:
    return load(name).from_parameters(parameters)


@cache
def electorate() -> Electorate:
    """The participants of the sessions with a roll."""
    return Electorate(_VOTERS, 1)


def _open(**terms: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"mechanism": _made("auction.second-price"), "seal": "open", **terms}


def _revealed(**terms: Any) -> Callable[[], dict[str, Any]]:
    return _open(seal="commit_reveal", deposit=_DEPOSIT, **terms)


KINDS_OF_SESSIONS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "plain": _open(),
    "staked": lambda: {"mechanism": _made("auction.first-price"), "seal": "open", "deposit": _DEPOSIT},
    "sealed": _revealed(),
    "sealed, sanction abort": _revealed(sanctions=("abort",)),
    "sealed, default report": _revealed(sanctions=("default_report", "forfeit"), default_report=1),
    "thirds": lambda: {"mechanism": _made("cost.equal-share", cost=10), "seal": "open"},
    "one after another": lambda: {"mechanism": _made("public.sequential-groves", cost=30), "seal": "open"},
    "of several rounds": lambda: {"mechanism": _made("auction.japanese"), "seal": "open"},
    "in custody": lambda: {"mechanism": _made("auction.second-price"), "seal": "open", "deposit": 20, "custodian": "?"},
    "of some": _open(asked=("?",)),
    "threshold": _open(seal="threshold", deposit=_DEPOSIT),
    "by coin": lambda: {
        "mechanism": _made("matching.serial-dictatorship", options=CALLED, order="random"),
        "seal": "open",
    },
    "tied": _open(ties=TieRule("by_coin"), payment_max=Fraction(4)),
    "of a roll": lambda: {
        "mechanism": _made("voting.plurality", options=("north", "east")),
        "seal": "open",
        "roll": electorate().roll.root,
        "rolled": _VOTERS,
    },
}
"""What makes the terms of each kind of session."""

_RARE = ("threshold", "of several rounds", "by coin", "in custody", "threshold", "of a roll", "tied", "in custody")
_USUAL = tuple(kind for kind in KINDS_OF_SESSIONS if kind not in _RARE)
_BLOCK = (*_USUAL * 4, *_RARE)


def session(
    number: int, proposer: str, names: tuple[str, ...], milliseconds: int, custodian: str = ""
) -> ProposeSession:
    """The so-manieth session of the mix.

    Args:
        number: counts all sessions of a run.
        proposer: its name.
        names: of all members.
        milliseconds: how long each phase may last.
        custodian: who holds the money where some is to be held, and of whom more of that is wanted; by default the
            proposer.
    """
    # The step shares no factor with the block's length, so that each place of it is met, the rare ones now and then.
    kind = "in custody" if custodian and number % 6 == 0 else _BLOCK[number * 7 % len(_BLOCK)]
    terms = {**KINDS_OF_SESSIONS[kind](), **phases(milliseconds), "label": f"{number} {kind}"}
    if terms.get("custodian"):
        terms["custodian"] = custodian or proposer
    if terms.get("asked"):
        terms["asked"] = tuple(name for place, name in enumerate(names) if place % 2 == number % 2)
    return ProposeSession(**terms)


def answers(seed: int) -> Strategy:
    """An honest member that answers every mechanism by what its type would be."""

    def answer(event: Asked) -> Any:
        chance = Random(f"{seed}/{event.session.hex()}/{event.player}")
        if event.mechanism.name == "matching.serial-dictatorship":
            return truthful(chance.sample(CALLED, len(CALLED)))(event)
        return truthful(chance.randrange(1, 5))(event)

    return answer


def remembering(lookup: Lookup = registered) -> Lookup:
    """The same lookup, asked once for each mechanism: the registry reads what is installed at every call."""
    return cache(lookup)
