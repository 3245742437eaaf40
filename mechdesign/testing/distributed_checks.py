"""The distributed run of a mechanism equals the pure one, although a member cheats.

Four members run whole stacks in the simulator, one of them an adversary of :mod:`mechdesign.testing.misbehaviour`. All
honest ones have to end with the same digest, and with the result that the mechanism computes with no network from the
reports that counted; and every report of an honest member has to count.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mechdesign.decision.transcript import audit
from mechdesign.kernel import wire
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.describe import needs_funder
from mechdesign.mechanisms.events import Asked, ProposeSession, Settled
from mechdesign.mechanisms.flow import Account, Player
from mechdesign.mechanisms.inputs import strategies_for
from mechdesign.mechanisms.play import PASS, Ask, Coin, Run, Strategy
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.session import lookup_with, recomputation
from mechdesign.testing.misbehaviour import misbehave
from mechdesign.testing.samples import AnyMechanism, CheckFailure, built, sample_values
from mechdesign.testing.stacks import NAMES, StackCluster, phases

__all__ = [
    "ADVERSARIES",
    "check_distributed_run",
    "check_the_distributed_run_is_the_pure_one",
    "one_value_each",
]

ADVERSARIES: Final = ("equivocate", "wrong-outcome", "no-reveal", "bad-opening", "late", "silent")
"""The kinds of adversaries; each mechanism meets one that its name chooses, :func:`check_distributed_run` any."""

_PLAYERS: Final = NAMES[:4]


def one_value_each(mechanism: AnyMechanism, players: tuple[Player, ...] = _PLAYERS) -> dict[Player, Any]:
    """Return a report (a private type, where the mechanism plays) for each player: the example's, or a sample value."""
    assert mechanism.example is not None
    given = {**dict(zip(players, sample_values(mechanism) * len(players), strict=False)), **mechanism.example.reports}
    return {player: given[player] for player in players}


def check_the_distributed_run_is_the_pure_one(cls: type[AnyMechanism]) -> None:
    """Four members, one of them an adversary, settle on the result of the pure computation."""
    kind = ADVERSARIES[wire.digest("mechdesign/adversary-of/1", cls.full_name().encode())[0] % len(ADVERSARIES)]
    check_distributed_run(cls, kind)


def check_distributed_run(cls: type[AnyMechanism], kind: str, *, seed: int = 1) -> None:
    """Check one run with one kind of adversary.

    Raises:
        CheckFailure: where honest members differ among themselves or from the pure result.
    """
    mechanism = built(cls)
    values = one_value_each(mechanism)
    where = f"{mechanism.identifier} among {len(values)} members, the last of which does {kind}"
    try:
        strategies = strategies_for(mechanism, values)
    except InputError as error:
        raise CheckFailure(f"{where}: {error}") from error
    cluster = StackCluster(
        [_seat(strategies[player]) for player in values],
        seed,
        cheaters={len(values) - 1: misbehave(kind)},
        lookup=lookup_with(cls),
    )
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=mechanism, accounts=_outside(cls), **phases(1000)))
    if not cluster.run(seconds=3600):
        raise CheckFailure(f"{where}: no end within an hour of virtual time")
    ends = cluster.settled()
    if len({end.digest for end in ends}) != 1 or len(ends) != len(cluster.honest):
        raise CheckFailure(f"{where}: honest members signed different outcomes")
    honest = {NAMES[place]: strategies[NAMES[place]] for place in cluster.honest}
    for end in ends:
        coins = audit(end.transcript, KeyedHash(), recomputation(lookup_with(cls)), cluster.roster).coins
        pure = _pure(mechanism, end, honest, coins, where)
        if end.result is None or _bytes(mechanism, pure) != _bytes(mechanism, end.result):
            raise CheckFailure(f"{where}: the group settled on {end.result}, the pure result is {pure}")


def _outside(cls: type[AnyMechanism]) -> dict[str, str]:
    """Return who covers a deficit, where there may be one."""
    return {Account.FUNDER.value: "the treasury"} if needs_funder(cls) and Account.FUNDER in cls.accounts else {}


def _seat(strategy: Strategy) -> Any:
    def answer(asked: Asked) -> Any:
        return strategy(asked.ask)

    return answer


def _answers(ask: Ask[Any], strategies: Mapping[Player, Strategy]) -> dict[Player, Any]:
    given = {player: strategies[player](ask) for player in ask.of if player in strategies}
    return {player: report for player, report in given.items() if report is not PASS}


def _pure(
    mechanism: AnyMechanism, end: Settled, honest: Mapping[Player, Strategy], coins: Iterable[bytes], where: str
) -> Result[Any]:
    """Return the result of the reports that counted and the coins that fell, once those of honest members did count."""
    run = Run(mechanism, Context(end.players))
    counted, fallen = iter(end.answers), iter(coins)
    while run.request is not None:
        given = next(fallen if isinstance(run.request, Coin) else counted, None)
        if given is None:
            raise CheckFailure(f"{where}: the pure run asks or tosses once more than the group did")
        if isinstance(given, bytes):
            run.toss(given)
            continue
        assert isinstance(run.request, Ask)
        for player, report in _answers(run.request, honest).items():
            if player not in given or run.request.encode(given[player]) != run.request.encode(report):
                raise CheckFailure(f"{where}: {player} is honest, and its report {report!r} did not count")
        run.answer(given)
    if next(counted, None) is not None or next(fallen, None) is not None:
        raise CheckFailure(f"{where}: the group asked or tossed once more than the pure run does")
    assert run.result is not None
    return run.result


def _bytes(mechanism: AnyMechanism, result: Result[Any]) -> bytes:
    return wire.encode(mechanism.canonical_result(result))
