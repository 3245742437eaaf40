"""What a demo runs: who plays, with which reports, under which terms; all of it checked before a process starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechdesign.cli.output import jsonable
from mechdesign.cli.reading import read
from mechdesign.decision.proposal import Seal
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import ConfigError, InputError
from mechdesign.mechanisms import inputs, registry
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.terms import default_seal

__all__ = ["NAMES", "Scenario", "default_document", "names"]

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
"""What the players of a demo are called."""

_BIDS = (18, 24, 21, 15, 12, 9, 20, 17, 11, 16)
_VALUES = (110, 80, 120, 90, 70, 100, 60, 130, 85, 95)
_COSTS = (12, 20, 33, 25, 8, 40, 16, 29, 36, 21)

_REPORTS: Mapping[str, tuple[int, ...]] = {
    "auction.first-price": _BIDS,
    "auction.second-price": _BIDS,
    "auction.bailey-cavallo": _BIDS,
    "public.clarke": _VALUES,
    "cost.airport": _COSTS,
}
"""Reports in player order; other mechanisms take those of their own example, round and round."""

_PLAIN = ("auction.first-price", "auction.second-price", "auction.bailey-cavallo")
"""Run without the parameters of their example: an auction of a demo has no reserve."""

_DEPOSIT = 10
_CONVICTS = ("equivocate", "wrong-outcome", "bad-opening", "bad-seal")
"""Kinds of misbehaviour that leave a proof."""

_WORDS = {"auction": "bid", "public": "value", "cost": "report", "voting": "vote"}


def names(count: int) -> tuple[str, ...]:
    """The names of so many players."""
    return tuple(NAMES[place] if place < len(NAMES) else f"player{place + 1}" for place in range(count))


def default_document(cls: type[Mechanism[Any, Any, Any]], count: int) -> dict[str, Any]:
    """Fixed parameters and reports for a demo, in the form of a file for ``decide``.

    Raises:
        ConfigError: the mechanism has no example to take them from.
    """
    example = cls.example
    parameters = dict(example.parameters) if example and cls.name not in _PLAIN else {}
    given: tuple[Any, ...] = _REPORTS.get(cls.name) or tuple(example.reports.values() if example else ())
    if not given:
        raise ConfigError(f"{cls.full_name()} has no example to play: give reports with --values FILE")
    return {
        "parameters": parameters,
        "reports": {name: given[place % len(given)] for place, name in enumerate(names(count))},
    }


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demo.

    Attributes:
        cls: the mechanism.
        load: how nodes find it, where it is not registered.
        document: parameters and reports, as for ``decide``.
        players: names in roster order.
        faults: the fault model.
        seal: how reports are sealed.
        sessions: how many, one after the other.
        misbehave: how the last player cheats, or None.
        deposit: what each player stakes.
        timeout_s: when to give up.
    """

    cls: type[Mechanism[Any, Any, Any]]
    load: str | None
    document: dict[str, Any]
    players: tuple[str, ...]
    faults: FaultModel
    seal: str
    sessions: int
    misbehave: str | None
    deposit: int
    timeout_s: float

    @classmethod
    def make(
        cls,
        mechanism: str,
        *,
        players: int | None,
        seal: str | None,
        faults: str | None,
        values: Path | None,
        sessions: int,
        misbehave: str | None,
        timeout_s: float,
    ) -> "Scenario":
        """Check the options against one another.

        Raises:
            ConfigError: naming the option that is wrong.
            MechanismError: there is no such mechanism, or it does not take these values.
        """
        found = registry.load(mechanism)
        document = read(values, "values") if values is not None else default_document(found, players or 4)
        try:
            inputs.decide(found, document)
        except InputError as error:
            raise InputError(f"{values or 'the default values'}: {error}") from error
        called = tuple(document["reports"])
        if players is not None and len(called) != players:
            raise ConfigError(
                f"--players {players}: {values} has reports of {len(called)} players ({', '.join(called)})"
            )
        seal = default_seal(len(called)).value if seal is None else seal
        if seal not in [each.value for each in Seal]:
            raise ConfigError(f"--seal: {seal!r} is not one of threshold, commit_reveal, open")
        if faults is not None and faults not in [model.value for model in FaultModel]:
            raise ConfigError(f"--faults: {faults!r} is not one of byzantine, unanimous, majority")
        model = FaultModel(faults) if faults else FaultModel.default(len(called))
        if misbehave is not None:
            _check_misbehaviour(misbehave, model, len(called), seal)
        return cls(
            found,
            _located(mechanism),
            document,
            called,
            model,
            seal,
            sessions,
            misbehave,
            # Whoever may withhold an opening stakes something, and so does everybody where somebody cheats.
            _DEPOSIT if misbehave or seal == Seal.COMMIT_REVEAL else 0,
            timeout_s,
        )

    @property
    def n(self) -> int:
        """How many players there are."""
        return len(self.players)

    @property
    def b(self) -> int:
        """How many of them may lie."""
        return self.faults.liars(self.n)

    @property
    def q(self) -> int:
        """The quorum."""
        return (self.n + self.b) // 2 + 1

    @property
    def cheater(self) -> str | None:
        """Who cheats."""
        return self.players[-1] if self.misbehave else None

    @property
    def honest(self) -> tuple[str, ...]:
        """Who does not."""
        return tuple(name for name in self.players if name != self.cheater)

    @property
    def word(self) -> str:
        """What a report is called in this family."""
        return _WORDS.get(self.cls.name.partition(".")[0], "report")

    @property
    def plain(self) -> dict[str, Any]:
        """The document as plain JSON data, amounts as exact texts."""
        plain: dict[str, Any] = jsonable(self.document)
        return plain

    @property
    def header(self) -> str:
        """The first line of the demo."""
        trust = " (crashes only: all code is trusted)" if self.faults is FaultModel.MAJORITY else ""
        players = f"{self.n} player{'s' if self.n > 1 else ''}"
        seal = f"{self.seal} t={self.q}" if self.seal == Seal.THRESHOLD else self.seal
        staked = f" · deposit {self.deposit}" if self.deposit else ""
        return f"{self.cls.full_name()} · {players} · {self.faults.value} b={self.b} q={self.q}{trust} · {seal}{staked}"

    @property
    def convicts(self) -> bool:
        """Whether the cheater leaves a proof, so that every honest player has to convict it."""
        # A false share is looked at only while shares are still needed; whether it is among these is chance.
        surely = self.seal != Seal.THRESHOLD or self.misbehave != "bad-opening"
        return self.misbehave in _CONVICTS and surely


def _located(mechanism: str) -> str | None:
    """How a node that runs in another folder loads the same mechanism; None where it is registered."""
    if ".py" in mechanism:
        file, colon, name = mechanism.rpartition(":") if not mechanism.endswith(".py") else (mechanism, "", "")
        return f"{Path(file).resolve()}{colon}{name}"
    return mechanism if ":" in mechanism else None


def _check_misbehaviour(kind: str, model: FaultModel, n: int, seal: str) -> None:
    from mechdesign.testing.misbehaviour import KINDS

    if kind not in KINDS:
        raise ConfigError(f"--misbehave: {kind!r} is not one of {', '.join(KINDS)}")
    liars = model.liars(n)
    quorum = (n + liars) // 2 + 1
    if kind != "crash" and liars == 0:
        raise ConfigError(f"--misbehave {kind}: the majority model bears crashes only, so nothing is promised about it")
    if quorum > n - 1:
        raise ConfigError(
            f"--misbehave {kind}: with {n} players and {model.value} all have to take part, so one of them can stall "
            "the rest: use at least 4 players and byzantine"
        )
    if seal == Seal.OPEN and kind in ("no-reveal", "bad-opening", "bad-seal"):
        raise ConfigError(f"--misbehave {kind}: with --seal open there is nothing to open")
    if seal != Seal.THRESHOLD and kind == "bad-seal":
        raise ConfigError(f"--misbehave {kind}: only with --seal threshold can others tell from a seal that it is bad")
