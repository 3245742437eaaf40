"""One mechanism at one roster, examined: the results of profiles, what they are worth, and what was found wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

from mechdesign.mechanisms import codec
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Strategy, run_pure
from mechdesign.mechanisms.result import Result

__all__ = ["AnyMechanism", "Case", "Types", "Violation", "renamed", "renamed_result", "with_deviations"]

AnyMechanism: TypeAlias = Mechanism[Any, Any, Any]
Types: TypeAlias = tuple[tuple[Player, Any], ...]
"""A profile of private types, in roster order."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A case in which a concept does not hold.

    Attributes:
        concept: its name in ``Claims``.
        mechanism: what was run.
        types: the private types of the players.
        deviations: the types that some pretend to have.
        text: what goes wrong, in a sentence.
        gain: how much somebody gains or is short of, where that is money.
        seed: the seed of the random search that found it; None where it was found on a grid or given.
    """

    concept: str
    mechanism: AnyMechanism
    types: Types
    text: str
    deviations: Types = ()
    gain: Fraction | None = None
    seed: int | None = None

    def __str__(self) -> str:
        data = self.plain()
        return (
            f"{self.mechanism.identifier} {data['parameters']} is not {self.concept}: {self.text}"
            f"; types {data['types']}"
            + (f", pretended {data['deviations']}" if self.deviations else "")
            + (f", gain {self.gain}" if self.gain is not None else "")
            + (f", seed {self.seed}" if self.seed is not None else "")
        )

    def plain(self) -> dict[str, Any]:
        """Return the violation as plain data."""
        schema = self.mechanism.type_schema()
        return {
            "parameters": self.mechanism.parameters(),
            "types": {player: codec.plain(schema, value) for player, value in self.types},
            "deviations": {player: codec.plain(schema, value) for player, value in self.deviations},
            "text": self.text,
            "gain": None if self.gain is None else str(self.gain),
            "seed": self.seed,
        }


class Case:
    """One mechanism on one roster, with the results of profiles that were computed before.

    Attributes:
        mechanism: what is examined.
        context: the roster, with the default currency and tie rule.
        coalition_max: how many players may deviate together.
        done: what a search need not look at again.
        plain: outcomes of results as plain data, by the identity of the result.
    """

    def __init__(self, mechanism: AnyMechanism, players: Sequence[Player], *, coalition_max: int = 3) -> None:
        """Take a mechanism and the players of the case, in roster order."""
        self.mechanism = mechanism
        self.context = Context(tuple(players))
        self.coalition_max = coalition_max
        self.done: set[tuple[Any, ...]] = set()
        self.plain: dict[int, Any] = {}
        self._known: dict[tuple[tuple[Player, str], ...], Result[Any]] = {}
        self._worths: dict[tuple[Player, str, int], tuple[Result[Any], Fraction]] = {}
        self._tokens: dict[int, tuple[Any, str]] = {}
        self._others: dict[Any, Case] = {}
        self._kept: list[Result[Any]] = []

    def token(self, value: Any) -> str:
        """Return a text that tells a value from others; unlike equality it tells True from 1."""
        known = self._tokens.get(id(value))
        if known is None or known[0] is not value:
            known = self._tokens[id(value)] = (value, repr(value))  # kept, so that no identity is used twice
        return known[1]

    def run(self, types: Iterable[tuple[Player, Any]]) -> Result[Any]:
        """Return the result when everybody tells the truth about these types."""
        told = tuple(types)
        key = tuple([(player, self.token(value)) for player, value in told])
        found = self._known.get(key)
        if found is None:
            strategies = {player: self._truth(value) for player, value in told}
            found = run_pure(self.mechanism, self.context, strategies, seed=Seed.of("incentives"))
            self._known[key] = found
        return found

    def run_reports(self, reports: Mapping[Player, Any]) -> Result[Any]:
        """Return the result of reports that are no truthful behaviour."""
        found = run_pure(self.mechanism, self.context, reports, seed=Seed.of("incentives"))
        self._kept.append(found)  # worths are remembered by identity, which a result that is gone would pass on
        return found

    def _truth(self, value: Any) -> Strategy:
        return lambda ask: self.mechanism.truthful(value, ask)

    def prefers(self, player: Player, value: Any, one: Result[Any], other: Result[Any]) -> bool:
        """Say whether a player of this type strictly prefers one result to another."""
        if one is other:
            return False
        if self.mechanism.overrides("prefers"):
            return self.mechanism.prefers(player, value, one, other)
        return self.worth(player, value, one) > self.worth(player, value, other)

    def worth(self, player: Player, value: Any, result: Result[Any]) -> Fraction:
        """Return what a result is worth to a player of this type."""
        key = (player, self.token(value), id(result))
        known = self._worths.get(key)
        if known is None or known[0] is not result:  # a result that is gone may have had the same identity
            known = self._worths[key] = (result, self.mechanism.utility(player, value, result))
        return known[1]

    def gain(self, player: Player, value: Any, one: Result[Any], other: Result[Any]) -> Fraction | None:
        """Return how much more the first result is worth, where the mechanism says what results are worth."""
        if not (self.mechanism.overrides("valuation") or self.mechanism.overrides("utility")):
            return None
        return self.mechanism.utility(player, value, one) - self.mechanism.utility(player, value, other)

    def beside(self, key: Any, mechanism: AnyMechanism, players: Sequence[Player]) -> "Case":
        """Return a case with another mechanism or roster that belongs to this one; made once."""
        if key not in self._others:
            self._others[key] = Case(mechanism, players, coalition_max=self.coalition_max)
        return self._others[key]

    def found(
        self, concept: str, types: Types, text: str, deviations: Types = (), gain: Fraction | None = None
    ) -> Violation:
        """Return a violation in this case."""
        return Violation(concept, self.mechanism, types, text, deviations, gain)


def with_deviations(types: Types, deviations: Types) -> Types:
    """Return the profile in which some pretend to have other types."""
    pretended = dict(deviations)
    return tuple((player, pretended.get(player, value)) for player, value in types)


def renamed(data: Any, names: Mapping[str, str]) -> Any:
    """Return plain data with names replaced."""
    if isinstance(data, Mapping):
        return {names.get(key, key): renamed(part, names) for key, part in data.items()}
    if isinstance(data, list):
        return [renamed(part, names) for part in data]
    return names.get(data, data) if isinstance(data, str) else data


def renamed_result(mechanism: AnyMechanism, result: Result[Any], names: Mapping[str, str], plain: Any) -> Result[Any]:
    """Return a result with another outcome, given as plain data, and flows in which names are replaced.

    Raises:
        InputError: where the data is no outcome.
    """
    outcome = codec.validate(mechanism.outcome_schema(), plain, "outcome")
    flows = []
    for flow in result.flows:
        payer, payee = names.get(flow.payer, flow.payer), names.get(flow.payee, flow.payee)
        if payer != payee:  # under two names somebody may pay himself
            flows.append(replace(flow, payer=payer, payee=payee))
    return Result(outcome, tuple(flows))
