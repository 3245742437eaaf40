"""How a mechanism runs: a generator that asks for reports, tosses coins and returns a result.

Every mechanism runs this way; one that only settles is a single sealed ask of everybody. The state of a run is its
answers so far, so a :class:`Run` that gets the same answers again stands where it stood.

::

    run = Run(mechanism, context)
    while run.request is not None:
        match run.request:
            case Ask() as ask:  run.answer({"alice": ..., ...})     # absent players have no key
            case Coin():        run.toss(seed_bytes)
    run.result
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, overload

from mechdesign.kernel.errors import LocalProtocolError, MechanismError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.codec import Void
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import CoinNeeded

if TYPE_CHECKING:
    from mechdesign.mechanisms.base import Mechanism

__all__ = [
    "PASS",
    "STEPS_MAX",
    "Ask",
    "Coin",
    "Play",
    "Run",
    "Strategy",
    "ask",
    "run_pure",
    "settle_breaking_ties",
    "toss",
]

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741 - the outcome, as in the literature

STEPS_MAX: Final = 10_000
"""Default bound on the asks and tosses of one run."""


@dataclass(frozen=True)  # no slots: Python 3.11 cannot build Ask[X](...) of a frozen class with slots
class Ask(Generic[R]):
    """A request for reports, all of one type.

    Attributes:
        schema: the pydantic type of a report.
        of: who is asked, in roster order.
        sealed: whether nobody may see a report before all are in.
        info: what those asked are shown, such as the price of this round; plain data.
        bytes_max: bound of one encoded report.
    """

    schema: Any
    of: tuple[Player, ...]
    sealed: bool = True
    info: Mapping[str, Any] = field(default_factory=dict)
    bytes_max: int = codec.BYTES_MAX

    def encode(self, report: R) -> bytes:
        """Return the canonical bytes of one's own report.

        Raises:
            InputError: where it is not of the type or too long.
        """
        return codec.encode(self.schema, report, self.bytes_max)

    def parse(self, data: bytes) -> R | Void:
        """Return the report that received bytes stand for, or ``VOID``; never raises."""
        value: R | Void = codec.parse(self.schema, data, self.bytes_max)
        return value

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a report, from which a form can be drawn."""
        return codec.adapter(self.schema).json_schema()


@dataclass(frozen=True, slots=True)
class Coin:
    """A request for a shared coin.

    Attributes:
        about: what it is for.
    """

    about: str = ""


Play: TypeAlias = Generator[Ask[Any] | Coin, Any, Result[O]]
"""What ``play`` returns: it yields requests, is sent profiles and seeds, and returns the result."""


@overload
def ask(
    schema: type[R],
    *,
    of: Iterable[Player],
    sealed: bool = True,
    show: Mapping[str, Any] | None = None,
    bytes_max: int = codec.BYTES_MAX,
    **info: Any,
) -> Generator[Ask[R], Profile[R], Profile[R]]: ...
@overload
def ask(
    schema: Any,
    *,
    of: Iterable[Player],
    sealed: bool = True,
    show: Mapping[str, Any] | None = None,
    bytes_max: int = codec.BYTES_MAX,
    **info: Any,
) -> Generator[Ask[Any], Profile[Any], Profile[Any]]: ...
def ask(
    schema: Any,
    *,
    of: Iterable[Player],
    sealed: bool = True,
    show: Mapping[str, Any] | None = None,
    bytes_max: int = codec.BYTES_MAX,
    **info: Any,
) -> Generator[Ask[Any], Profile[Any], Profile[Any]]:
    """Ask players for reports.

    A mechanism writes ``bids = yield from ask(Amount, of=active, price=price)``.

    Args:
        schema: the pydantic type of a report.
        of: players to ask, in roster order; asking nobody answers at once with an empty profile.
        sealed: hide each report until all are in; ``False`` lets later players see earlier ones.
        show: plain data shown to those asked, such as earlier reports.
        bytes_max: bound of one encoded report.
        info: the same, by keyword.

    Returns:
        Reports by player, in the order of ``of``; absent players have no key.
    """
    asked = tuple(of)
    if not asked:
        return MappingProxyType({})
    answers: Profile[Any] = yield Ask(schema, asked, sealed, {**(show or {}), **info}, bytes_max)
    return answers


def toss(about: str = "") -> Generator[Coin, Seed, Seed]:
    """Have a shared coin tossed, and return what may be drawn from it."""
    seed: Seed = yield Coin(about)
    return seed


def settle_breaking_ties(settle: Callable[[Context], Result[O]], context: Context) -> Play[O]:
    """Compute a result; where a tie needs a coin, toss one and compute again with it."""
    try:
        return settle(context)
    except CoinNeeded as needed:
        seed = yield from toss(str(needed))
    return settle(context.with_seed(seed))


class Run(Generic[O]):
    """One run of a mechanism, driven step by step by whoever collects the reports.

    Attributes:
        mechanism: what runs.
        context: roster, currency and tie rule of the run.
        request: what it waits for, or None once it has a result.
        result: the result, or None while it runs.
        steps: requests made so far.
    """

    def __init__(self, mechanism: "Mechanism[Any, Any, O]", context: Context, *, steps_max: int = STEPS_MAX) -> None:
        """Start the run up to its first request.

        Raises:
            MechanismError: where the mechanism raises, asks wrongly, or passes its step limit, here and in later steps.
        """
        self.mechanism = mechanism
        self.context = context
        self.request: Ask[Any] | Coin | None = None
        self.result: Result[O] | None = None
        self.steps = 0
        self._steps_max = steps_max
        self._play = mechanism.play(context)
        self._step(None)

    def answer(self, reports: Mapping[Player, Any]) -> None:
        """Go on with the reports of those asked: validated values; absent and void players have no key.

        Raises:
            LocalProtocolError: where nothing was asked, or a report is of somebody who was not asked.
            MechanismError: see the class.
        """
        if not isinstance(self.request, Ask):
            raise LocalProtocolError("the mechanism waits for no reports")
        asked = frozenset(self.request.of)
        for player in reports:
            if player not in asked:
                raise LocalProtocolError(f"{player} was not asked")
        # In the order asked, whatever order they came in: no mechanism can depend on arrival.
        self._step(MappingProxyType({player: reports[player] for player in self.request.of if player in reports}))

    def toss(self, seed: bytes | Seed) -> None:
        """Go on with a tossed coin.

        Raises:
            LocalProtocolError: where no coin was asked for.
            MechanismError: see the class.
        """
        if not isinstance(self.request, Coin):
            raise LocalProtocolError("the mechanism waits for no coin")
        self._step(seed if isinstance(seed, Seed) else Seed(seed))

    def _step(self, sent: Any) -> None:
        name = self.mechanism.identifier
        self.request = None
        try:
            request = self._play.send(sent)
        except StopIteration as stop:
            self.result = self._checked(stop.value)
            return
        except MechanismError:
            raise
        except Exception as error:
            raise MechanismError(f"{name} raised {type(error).__name__}: {error}") from error
        self.steps += 1
        if self.steps > self._steps_max:
            self._play.close()
            raise MechanismError(f"{name} asked more than {self._steps_max} times")
        if not isinstance(request, Ask | Coin):
            raise MechanismError(f"{name} yielded {type(request).__name__}: use `yield from ask(...)` or `toss()`")
        if isinstance(request, Ask):
            self._check_asked(request)
        self.request = request

    def _check_asked(self, request: Ask[Any]) -> None:
        place = {player: number for number, player in enumerate(self.context.players)}
        places = [place[player] for player in request.of if player in place]
        if len(places) != len(request.of) or places != sorted(set(places)):
            raise MechanismError(f"{self.mechanism.identifier} must ask players of the roster, once, in roster order")

    def _checked(self, result: object) -> Result[O]:
        name = self.mechanism.identifier
        if not isinstance(result, Result):
            raise MechanismError(f"{name} returned {type(result).__name__} instead of a Result")
        result.check(self.context.players, self.mechanism.accounts)
        return result


class _Pass:
    """The type of :data:`PASS`."""

    def __repr__(self) -> str:
        return "PASS"


PASS: Final = _Pass()
"""What a strategy returns to give no report."""

Strategy: TypeAlias = Callable[[Ask[Any]], Any]
"""One player's side of a run: given an ask, its report or :data:`PASS`."""


def run_pure(
    mechanism: "Mechanism[Any, Any, O]",
    context: Context,
    strategies: Mapping[Player, Strategy | Any],
    *,
    seed: Seed | None = None,
    steps_max: int = STEPS_MAX,
) -> Result[O]:
    """Run a mechanism with no network.

    Args:
        mechanism: what to run.
        context: roster, currency and tie rule.
        strategies: by player, a callable that answers asks, or a fixed report for every ask; players without one are
            absent.
        seed: where coins come from; the first toss gives a draw of it, the second the next, and so on.
        steps_max: bound on asks and tosses.

    Raises:
        InputError: where a report is not of the type that was asked for.
        MechanismError: where the mechanism raises or passes its step limit.
    """
    run = Run(mechanism, context, steps_max=steps_max)
    source = seed or Seed.of(0)
    while run.request is not None:
        match run.request:
            case Ask() as asked:
                run.answer(_answers(asked, strategies))
            case Coin():
                run.toss(Seed.of(f"{source.data.hex()}/{run.steps}"))
    assert run.result is not None  # a run without a request has ended
    return run.result


def _answers(asked: Ask[Any], strategies: Mapping[Player, Strategy | Any]) -> dict[Player, Any]:
    answers: dict[Player, Any] = {}
    for player in asked.of:
        if player not in strategies:
            continue
        strategy = strategies[player]
        report = strategy(asked) if callable(strategy) else strategy
        if report is not PASS:
            answers[player] = codec.validate(asked.schema, report, f"reports.{player}")
    return answers
