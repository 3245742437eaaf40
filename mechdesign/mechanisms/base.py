"""What a mechanism is.

A mechanism is a frozen pydantic model: its fields are its parameters. It has a private type, a report type and an
outcome type, and overrides exactly one way of computing:

* ``settle(reports, context)``: outcome and flows together;
* ``decide(reports, context)`` and ``transfers(decision, reports, context)``: where they come apart (``decide`` alone
  moves no money);
* ``play(context)``: a generator that asks several times, shows what it likes and tosses coins.

All of them run alike, through ``play``; see :mod:`mechdesign.mechanisms.play`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mechdesign.kernel import wire
from mechdesign.kernel.errors import InputError, MechanismError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.claims import Claims
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, Player
from mechdesign.mechanisms.play import Ask, Play, ask, settle_breaking_ties
from mechdesign.mechanisms.result import Decision, Result

__all__ = ["RESERVED", "Example", "Mechanism"]

T = TypeVar("T")  # private type
R = TypeVar("R")  # report
O = TypeVar("O")  # noqa: E741 - outcome

RESERVED: Final = ("currency", "decimals", "ties", "seed")
"""Names among the parameters that belong to the session and not to the mechanism."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Example:
    """An input on which ``describe`` shows the mechanism.

    Attributes:
        reports: reports (private types, for a mechanism that plays), as in an input file, in roster order.
        parameters: parameters, as in an input file.
    """

    reports: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Mechanism(BaseModel, Generic[T, R, O]):
    """Base of all mechanisms: ``class Mine(Mechanism[PrivateType, Report, OutcomeType])``.

    Class attributes that a mechanism sets:
        name: ``family.name`` in lower case, words joined by hyphens.
        version: a whole number from 1, raised whenever the same input would give another result.
        claims: what it says of itself.
        accounts: the named accounts that its flows may use.
        example: an input that ``describe`` computes.
        order_rule: what the rule itself makes of the order of the roster or of the parameters, such as "players choose
            in roster order"; where it is empty, these orders do nothing but break ties, and checks hold it to that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    claims: ClassVar[Claims] = Claims()
    accounts: ClassVar[tuple[Account, ...]] = ()
    example: ClassVar[Example | None] = None
    order_rule: ClassVar[str] = ""

    # ------------------------------------------------------------------------------------------------- computing

    def settle(self, reports: Profile[R], context: Context) -> Result[O]:
        """Return outcome and flows for one sealed round of reports.

        Args:
            reports: validated reports in roster order; absent players have no key.
            context: roster, currency and tie rule.
        """
        decision = self.decide(reports, context)
        return Result(decision.outcome, tuple(self.transfers(decision, reports, context)), decision.why, decision.ties)

    def decide(self, reports: Profile[R], context: Context) -> Decision[O]:
        """Return the outcome alone, where payments are computed apart from it."""
        raise MechanismError(f"{type(self).__name__} overrides none of settle, decide and play")

    def transfers(self, decision: Decision[O], reports: Profile[R], context: Context) -> Iterable[Flow]:
        """Return the flows that go with a decision; by default no money moves."""
        return ()

    def play(self, context: Context) -> Play[O]:
        """Run: by default one sealed ask of everybody, then :meth:`settle`."""
        reports: Profile[R] = yield from ask(self.report_schema(), of=context.players, sealed=True)
        return (yield from settle_breaking_ties(lambda known: self.settle(reports, known), context))

    # ----------------------------------------------------------------------------------------------------- types

    def type_schema(self) -> Any:
        """Return the pydantic type of a private type; override it where it depends on parameters."""
        return self.generic_argument(0)

    def report_schema(self) -> Any:
        """Return the pydantic type of a report; override it where it depends on parameters (the options of a vote)."""
        return self.generic_argument(1)

    def outcome_schema(self) -> Any:
        """Return the pydantic type of the outcome."""
        return self.generic_argument(2)

    # -------------------------------------------------------------------------------- what a player makes of it

    def truthful(self, value: T, ask: Ask[Any]) -> Any:
        """Return the report of a player that tells the truth; by default its private type itself."""
        return value

    def valuation(self, player: Player, value: T, outcome: O) -> Fraction:
        """Return what an outcome is worth to a player of this private type, money aside."""
        raise NotImplementedError(f"{type(self).__name__} gives no valuation")

    def utility(self, player: Player, value: T, result: Result[O]) -> Fraction:
        """Return what a result is worth to a player: by default its valuation plus its net transfer."""
        return self.valuation(player, value, result.outcome) + result.net(player)

    def prefers(self, player: Player, value: T, one: Result[O], other: Result[O]) -> bool:
        """Say whether a player strictly prefers one result to another; override it for ordinal types."""
        return self.utility(player, value, one) > self.utility(player, value, other)

    # ------------------------------------------------------------------------------------------- for the checks

    def type_grid(self) -> Sequence[T]:
        """Return a few private types, simplest first, on which checks are exhaustive."""
        raise NotImplementedError(f"{type(self).__name__} gives no grid of types")

    def strengthen(self, report: T, outcome: O) -> Iterable[T]:
        """Yield private types whose truth supports what an outcome favours more than this one does.

        The check of monotonicity asks for them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what supports an outcome")

    def favoured(self, outcome: O) -> Any:
        """Return what an outcome favours, such as the winner of a vote; compared for equality."""
        raise NotImplementedError(f"{type(self).__name__} does not say what an outcome favours")

    def standalone_cost(self, coalition: Sequence[Player], reports: Profile[R]) -> Fraction:
        """Return what some players would pay to be served on their own, for the check of the core."""
        raise NotImplementedError(f"{type(self).__name__} gives no stand-alone costs")

    def blocking(self, types: Mapping[Player, T], outcome: O) -> Iterable[tuple[str, ...]]:
        """Yield pairs or coalitions that would rather leave, for the checks of stability and of the core."""
        raise NotImplementedError(f"{type(self).__name__} does not say who would rather leave")

    def beliefs(self, player: Player) -> Sequence[tuple[T, Fraction]]:
        """Return the stated prior of a player's type: types with their weights, for the checks over a prior."""
        raise NotImplementedError(f"{type(self).__name__} states no prior")

    def equilibrium(self, types: Mapping[Player, T], context: Context) -> Mapping[Player, R]:
        """Return the reports that are meant to be a Nash equilibrium, where truth is not; empty where there is none."""
        raise NotImplementedError(f"{type(self).__name__} intends the truth")

    def outcomes(self, reports: Profile[R], context: Context) -> Iterable[O]:
        """Yield the feasible outcomes, for the check of efficiency."""
        raise NotImplementedError(f"{type(self).__name__} does not list its feasible outcomes")

    def resource_cost(self, outcome: O) -> Fraction:
        """Return what an outcome costs outside the players: a project's cost, a seller's own value of the item."""
        return Fraction(0)

    @classmethod
    def generic_argument(cls, place: int) -> Any:
        """Return the private type (0), report type (1) or outcome type (2) that the class was derived with."""
        return _type_argument(cls, place)

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Say whether the class, or a base below ``Mechanism``, defines a hook itself."""
        return any(hook in vars(owner) for owner in _below_base(cls))

    # ----------------------------------------------------------------------------------------- names and digests

    @property
    def identifier(self) -> str:
        """``family.name/version``, as it stands in signed data."""
        return self.full_name()

    @classmethod
    def full_name(cls) -> str:
        """Return ``family.name/version``, or the class's name where it has none."""
        return f"{cls.name}/{cls.version}" if cls.name else cls.__name__

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Mechanism[Any, Any, Any]":
        """Build the mechanism from plain data.

        Raises:
            InputError: naming the parameter that is wrong.
        """
        try:
            return cls.model_validate(dict(parameters))
        except ValidationError as error:
            known = ", ".join(cls.model_fields) or "none"
            wrong = codec.explain(error, "parameters")
            raise InputError(f"{wrong} (parameters of {cls.full_name()}: {known})") from None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as plain JSON data, amounts as exact texts."""
        return self.model_dump(mode="json")

    def encode_parameters(self) -> bytes:
        """Return the canonical bytes of the parameters, for a signed proposal."""
        return codec.canonical(self.parameters()).encode()

    @classmethod
    def decode_parameters(cls, data: bytes) -> "Mechanism[Any, Any, Any]":
        """Build the mechanism from canonical bytes of a proposal.

        Raises:
            InputError: where they are not the canonical bytes of valid parameters.
        """
        built = codec.parse(cls, data, wire.BYTES_MAX)
        if not isinstance(built, cls):
            raise InputError(f"these are not the canonical parameters of {cls.full_name()}")
        return built

    def plain_outcome(self, outcome: O) -> Any:
        """Return the outcome as plain JSON data, amounts as exact texts."""
        return codec.plain(self.outcome_schema(), outcome)

    def canonical_result(self, result: Result[O]) -> wire.Value:
        """Return outcome and flows as a value with one encoding: what members sign a digest of."""
        flows = tuple((flow.payer, flow.payee, str(flow.amount), flow.reason) for flow in result.flows)
        ties = tuple((tie.about, tie.among, tie.order, tie.rule) for tie in result.ties)
        return (self.identifier, codec.canonical(self.plain_outcome(result.outcome)), flows, ties)

    @classmethod
    def code_digest(cls) -> bytes:
        """Return the digest of name, version, source code and schemas; only members with the same one play together."""
        from mechdesign.mechanisms.digest import code_digest  # the digest reads classes, so it imports this module

        return code_digest(cls)

    # ------------------------------------------------------------------------------------------- class definition

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Check a class when it is defined, so that a mistake shows where it was made."""
        super().__pydantic_init_subclass__(**kwargs)
        if cls.__pydantic_generic_metadata__["origin"] is None and cls.name:
            _check_definition(cls)


def _below_base(cls: type[Mechanism[Any, Any, Any]]) -> list[type]:
    """Return the classes of the resolution order that stand before ``Mechanism``."""
    order = list(cls.__mro__)
    return order[: order.index(Mechanism)]


def _check_definition(cls: type[Mechanism[Any, Any, Any]]) -> None:
    def wrong(what: str) -> MechanismError:
        return MechanismError(f"mechanism {cls.__name__}: {what}")

    if not _NAME.fullmatch(str(cls.name)):
        raise wrong(f"name must look like family.name (lower case, hyphens between words), not {cls.name!r}")
    if type(cls.version) is not int or cls.version < 1:
        raise wrong(f"version must be a whole number from 1, not {cls.version!r}")
    claims: object = cls.claims  # authors without a type checker are told as well
    accounts: object = cls.accounts
    if not isinstance(claims, Claims):
        raise wrong(f"claims must be Claims(...), not {type(claims).__name__}")
    if not isinstance(accounts, tuple) or not all(isinstance(account, Account) for account in accounts):
        raise wrong("accounts must be a tuple of Account members, such as (Account.SELLER,)")
    if not (cls.__doc__ or "").strip():
        raise wrong("write its rule as the class's docstring: describe shows it")
    reserved = [name for name in RESERVED if name in cls.model_fields]
    if reserved:
        raise wrong(f"a parameter cannot be called {reserved[0]}: that is a setting of the session")
    ways = [way for way in ("settle", "decide", "play") if cls.overrides(way)]
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        raise wrong(f"override exactly one of settle, decide (with transfers), play; it overrides {found}")
    if ways != ["decide"] and cls.overrides("transfers"):
        raise wrong(f"transfers belongs to decide; {ways[0]} returns its flows in the Result")
    for place in range(3):
        _type_argument(cls, place)


def _type_argument(cls: type[Mechanism[Any, Any, Any]], place: int) -> Any:
    """Return the private type, report type or outcome type that a class was parametrised with."""
    known: dict[Any, Any] = {}
    for owner in cls.__mro__:
        metadata = vars(owner).get("__pydantic_generic_metadata__")
        if not metadata or metadata["origin"] is None:
            continue
        arguments = tuple(known.get(argument, argument) for argument in metadata["args"])
        if metadata["origin"] is Mechanism:
            if isinstance(arguments[place], TypeVar):
                break
            return arguments[place]
        known.update(zip(metadata["origin"].__pydantic_generic_metadata__["parameters"], arguments, strict=False))
    raise MechanismError(
        f"mechanism {cls.__name__}: derive it from Mechanism[PrivateType, Report, OutcomeType], three definite types"
    )
