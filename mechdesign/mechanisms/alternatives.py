"""What other ways to break the ties of a run would have given.

A run is computed again with other orders of what was tied, each way once, those first that differ from the rule in the
fewest choices. Where the rule is an order (``lexicographic``, ``given``), other ways are other orders of all names, so
that who comes first in one tie comes first in every later one; where it is a coin, every tie is drawn for itself.
Nothing of this is signed: whoever wants to see it computes it from the reports.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.play import Coin, Run, Strategy, run_pure
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import Tie, TieBreaker

__all__ = [
    "ORDERS_MAX",
    "OTHERWISE",
    "Alternative",
    "Alternatives",
    "alternatives",
    "alternatives_of_answers",
    "result_key",
]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741 - the outcome, as in the literature

ORDERS_MAX: Final = 24
"""So many ways to break the ties are computed unless told otherwise; all of them where no more than four are tied."""

OTHERWISE: Final = "otherwise"
"""What stands for the rule in a tie that is broken otherwise than by the rule."""

_Place: TypeAlias = tuple[object, object]
"""What comes before or after another: a name, or for a coin a place among the candidates of one draw."""


@dataclass(frozen=True)
class Alternative(Generic[O]):
    """A result that another way to break the ties gives.

    Attributes:
        ties: the ties that are broken otherwise than by the rule, as they then stand; as few as lead to this result.
        result: outcome and flows.
    """

    ties: tuple[Tie, ...]
    result: Result[O]


@dataclass(frozen=True)
class Alternatives(Generic[O]):
    """The other results that ways to break the ties of a run give, each once.

    Attributes:
        others: results that differ from the actual one in outcome or flows, those by the fewest other choices first.
        complete: whether these are all; otherwise there are ways that were not computed, and perhaps more results.
    """

    others: tuple[Alternative[O], ...] = ()
    complete: bool = True


def alternatives(
    mechanism: Mechanism[Any, Any, O],
    context: Context,
    strategies: Mapping[Player, Strategy | Any],
    *,
    seed: Seed | None = None,
    orders_max: int = ORDERS_MAX,
) -> Alternatives[O]:
    """Return the results that a pure run would have had if its ties had been broken otherwise.

    Args:
        mechanism: what ran.
        context: roster, currency and tie rule.
        strategies: as for :func:`mechdesign.mechanisms.play.run_pure`; they are asked again, so they must be pure.
        seed: where the coins of the run came from; all tosses but those for ties stay as they were.
        orders_max: at most so many ways are computed, the rule's own among them.

    Raises:
        InputError, MechanismError: as the run itself.

    Complexity: at most ``orders_max`` runs.

    >>> from mechdesign.mechanisms.auction.second_price import SecondPrice
    >>> found = alternatives(SecondPrice(), Context(("alice", "bob", "carol")), {"alice": 5, "bob": 7, "carol": 7})
    >>> [(str(other.result.outcome), other.ties[0].chosen) for other in found.others], found.complete
    ([('carol wins, pays 7', 'carol')], True)
    """
    return _explored(mechanism, context, lambda turned: run_pure(mechanism, turned, strategies, seed=seed), orders_max)


def alternatives_of_answers(
    mechanism: Mechanism[Any, Any, O],
    context: Context,
    answers: Sequence[Mapping[Player, Any]],
    coins: Sequence[bytes] = (),
    *,
    orders_max: int = ORDERS_MAX,
) -> Alternatives[O]:
    """Return the results that a settled session would have had if its ties had been broken otherwise.

    Where another way leads to asks that were never made, nobody knows what would have been answered: such ways are
    passed over, and the alternatives are not complete.

    Args:
        mechanism: what ran.
        context: roster, currency and tie rule of the session.
        answers: for each ask the reports that counted, as ``Settled.answers``.
        coins: the coins that were tossed, in order, as an audit returns them.
        orders_max: at most so many ways are computed, the rule's own among them.

    Raises:
        LocalProtocolError: the answers and coins are not those of a whole run of this mechanism.
        MechanismError: as the run itself.

    Complexity: at most ``orders_max`` runs.
    """
    asked: list[tuple[object, ...]] = []

    def driven(turned: Context) -> tuple[Run[O], int]:
        """Run as far as answers and coins go; return how many of them were not needed, too."""
        run, steps, left = Run(mechanism, turned), 0, deque(coins)
        while run.request is not None:
            if isinstance(run.request, Coin):
                if not left:
                    break
                run.toss(left.popleft())
                continue
            request = run.request.of, run.request.sealed, dict(run.request.info)
            if turned is context:
                asked.append(request)  # the actual run says what was asked
            if steps == len(answers) or request != asked[steps]:
                break
            run.answer(answers[steps])
            steps += 1
        return run, len(answers) - steps + len(left)

    actual, unused = driven(context)
    if actual.result is None or unused:
        raise LocalProtocolError("these are not the answers and coins of a whole run")
    return _explored(mechanism, context, lambda turned: driven(turned)[0].result, orders_max)


def _explored(
    mechanism: Mechanism[Any, Any, O],
    context: Context,
    run: Callable[[Context], Result[O] | None],
    orders_max: int,
) -> Alternatives[O]:
    """Run with other ways to break ties; a run that cannot be told returns None."""
    known: set[object] = set()
    others: list[Alternative[O]] = []
    waiting: deque[tuple[_Place, ...]] = deque([()])
    ways, complete = 0, True
    while waiting and ways < orders_max:
        breaker = _Otherwise(context.ties, waiting.popleft())
        result = run(replace(context, ties=breaker))
        ways += 1
        if result is None:
            complete = False
        elif (key := result_key(mechanism, result)) not in known:
            known.add(key)
            others.append(Alternative(breaker.turned(), result))
        for prefix in breaker.following():
            if ways + len(waiting) >= orders_max:
                complete = False
                break
            waiting.append(prefix)
    return Alternatives(tuple(others[1:]), complete and not waiting)


def result_key(mechanism: Mechanism[Any, Any, O], result: Result[O]) -> tuple[str, tuple[object, ...]]:
    """Return what makes a result another one: its outcome and its flows, in whatever order."""
    flows = sorted((flow.payer, flow.payee, flow.reason, flow.amount) for flow in result.flows)
    return codec.canonical(mechanism.plain_outcome(result.outcome)), tuple(flows)


@dataclass(frozen=True, slots=True)
class _Choice:
    """One candidate that was put before others, and the ones that could have been."""

    taken: _Place
    instead: tuple[_Place, ...]


@dataclass(slots=True)
class _Otherwise:
    """A tie breaker that makes the choices it is given, then follows the rule, as far as these choices let it.

    Every order is a sequence of choices of who comes next. A choice is open where no earlier one contradicts it.

    Attributes:
        rule: the rule of the session.
        script: who is put first in the first few open choices.
    """

    # _after: who comes after whom by the choices so far, through any number of steps.

    rule: TieBreaker
    script: tuple[_Place, ...]
    _made: list[_Choice] = field(default_factory=list)
    _after: dict[_Place, set[_Place]] = field(default_factory=dict)
    _ties: list[Tie] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.rule.kind

    def rank(
        self, candidates: Sequence[T], about: str, seed: Seed | None, within: Sequence[T] = ()
    ) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        return self._ordered(candidates, len(candidates) - 1, about, seed, within or candidates)

    def pick(self, candidates: Sequence[T], about: str, seed: Seed | None) -> tuple[T, tuple[Tie, ...]]:
        order, ties = self._ordered(candidates, 1, about, seed, candidates)
        return order[0], ties

    def ordered(self, candidates: Sequence[T]) -> tuple[T, ...]:
        return self.rule.ordered(candidates)

    def following(self) -> list[tuple[_Place, ...]]:
        """Return the scripts that differ from what was done in one choice past the script, the earliest first."""
        done = [choice.taken for choice in self._made]
        return [
            (*done[:place], other)
            for place, choice in enumerate(self._made)
            if place >= len(self.script)
            for other in choice.instead
        ]

    def turned(self) -> tuple[Tie, ...]:
        """Return the ties that were broken otherwise than by the rule, each once."""
        return tuple(dict.fromkeys(tie for tie in self._ties if tie.rule == OTHERWISE))

    def _ordered(
        self, candidates: Sequence[T], choices: int, about: str, seed: Seed | None, within: Sequence[T]
    ) -> tuple[tuple[T, ...], tuple[Tie, ...]]:
        """Choose who comes first as often as it counts; the others follow as the rule has them."""
        ruled, ties = self.rule.rank(candidates, about, seed, within)
        if len(candidates) < 2:
            return ruled, ties
        # One name keeps its place in all ties; a coin draws the same places for as many candidates of one description.
        drawn = self.rule.kind == "by_coin"
        draw = (seed, about, len(within)) if drawn else None
        left: dict[_Place, T] = {(draw, within.index(one) if drawn else str(one)): one for one in ruled}
        order: list[T] = []
        for _ in range(choices):
            taken = self._choose(list(left))
            order.append(left.pop(taken))
        order += left.values()
        if tuple(order) == ruled:
            return ruled, ties
        shown = Tie(about, tuple(map(str, candidates)), tuple(map(str, order)), OTHERWISE)
        self._ties.append(shown)
        return tuple(order), (shown,)

    def _choose(self, left: list[_Place]) -> _Place:
        """Put one of those that are left before the others: by the script, then by the rule."""
        later = set().union(*(self._after.get(one, ()) for one in left))
        free = [one for one in left if one not in later]
        taken = free[0]
        if len(free) > 1:
            if len(self._made) < len(self.script):
                taken = self.script[len(self._made)]
            self._made.append(_Choice(taken, tuple(one for one in free if one != taken)))
        after = {one for one in left if one != taken}
        after.update(*(self._after.get(one, ()) for one in after))
        self._after.setdefault(taken, set())
        for one, others in self._after.items():
            if one == taken or taken in others:
                others |= after
        return taken
