"""What a mechanism says of itself, concept by concept: holds with a source, fails with a witness, or unknown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

__all__ = ["Claim", "Claims", "Fails", "Holds", "Unknown", "Witness"]


@dataclass(frozen=True, slots=True)
class Witness:
    """A concrete case in which a concept is violated; a test recomputes it.

    Values are written as in an input file and read by the mechanism's own types.

    Attributes:
        types: the private types of the players, in roster order.
        deviations: what some of them report instead of the truth (for incentive concepts).
        parameters: the mechanism's parameters.
        outcome: for ``efficient``, a feasible outcome that is worth more; for ``core`` and ``stable``, unused.
    """

    types: Mapping[str, Any]
    deviations: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outcome: Any = None


@dataclass(frozen=True, slots=True)
class Holds:
    """The concept holds.

    Attributes:
        source: where it is proved.
        when: the exact sense or condition, such as ``ex post`` or ``up to ties``; empty for the plain sense.
    """

    source: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class Fails:
    """The concept does not hold, and here is a case that shows it.

    Attributes:
        witness: the case; never None for a concept that the checks can test.
        source: who noted it.
    """

    witness: Witness
    source: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is said about the concept.

    Attributes:
        note: why, where that helps.
    """

    note: str = ""


Claim: TypeAlias = Holds | Fails | Unknown

_UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Claims:
    """One claim for each concept.

    Attributes:
        dsic: truth is a dominant strategy (strategyproof).
        bic: truth is a Bayesian equilibrium under the stated prior.
        nash: the intended strategies are a Nash equilibrium.
        individually_rational: a truthful player never ends below zero (ex post unless the claim says interim).
        no_deficit: players and accounts other than FUNDER never need money from outside.
        budget_balanced: nothing is burnt and nothing is funded.
        efficient: no feasible outcome is worth more to all together, at truthful reports.
        anonymous: renaming the players renames the result (up to ties).
        neutral: renaming the options renames the outcome (up to ties).
        monotone: more support never harms what is supported.
        group_strategyproof: no coalition can make a member better off and none worse off.
        core: no coalition does better on its own.
        stable: no pair, or coalition, prefers to leave.
        envy_free: nobody prefers another's share.
        false_name_proof: nobody gains by taking part under two names.
    """

    dsic: Claim = _UNKNOWN
    bic: Claim = _UNKNOWN
    nash: Claim = _UNKNOWN
    individually_rational: Claim = _UNKNOWN
    no_deficit: Claim = _UNKNOWN
    budget_balanced: Claim = _UNKNOWN
    efficient: Claim = _UNKNOWN
    anonymous: Claim = _UNKNOWN
    neutral: Claim = _UNKNOWN
    monotone: Claim = _UNKNOWN
    group_strategyproof: Claim = _UNKNOWN
    core: Claim = _UNKNOWN
    stable: Claim = _UNKNOWN
    envy_free: Claim = _UNKNOWN
    false_name_proof: Claim = _UNKNOWN

    def items(self) -> Iterator[tuple[str, Claim]]:
        """Yield every concept with its claim, in the order above."""
        for one in fields(self):
            yield one.name, getattr(self, one.name)

    def stated(self) -> Iterator[tuple[str, Holds | Fails]]:
        """Yield the concepts about which something is claimed."""
        for concept, claim in self.items():
            if not isinstance(claim, Unknown):
                yield concept, claim
