"""Checks that every mechanism has to pass, ours and a user's own.

::

    from mechdesign.testing.mechanism_checks import ALL, check_mechanism


    def test_my_auction():
        check_mechanism(MyAuction)


    @pytest.mark.parametrize("check", ALL)  # or one test for each
    def test_my_auction_passes(check):
        check(MyAuction)

A check takes the class, builds it with the parameters of its ``example``, and raises :class:`CheckFailure` with the
input that shows the fault. They test the contract of a mechanism; whether it does what its claims say is tested by
:mod:`mechdesign.testing.incentive_checks`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from mechdesign.kernel import wire
from mechdesign.kernel.money import Currency, round_flows
from mechdesign.mechanisms import codec, registry
from mechdesign.mechanisms.claims import Fails
from mechdesign.mechanisms.codec import VOID
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.describe import describe
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.inputs import strategies_for
from mechdesign.mechanisms.play import PASS, Ask, Coin, Run, Strategy
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import TieRule
from mechdesign.testing.distributed_checks import check_the_distributed_run_is_the_pure_one
from mechdesign.testing.samples import (
    PLAYERS,
    SEED,
    AnyMechanism,
    CheckFailure,
    built,
    sample_profiles,
    sample_results,
    sampled,
)
from mechdesign.testing.tie_checks import check_other_orders_are_told, check_ties_go_by_the_rule_alone

__all__ = [
    "ALL",
    "IN_PROCESS",
    "Check",
    "CheckFailure",
    "check_hash_seeds",
    "check_mechanism",
    "sample_profiles",
]

Check: TypeAlias = Callable[[type[AnyMechanism]], None]

_HOSTILE: Final = (
    b"",
    b"{",
    b"\xff",
    b"NaN",
    b"1e9",
    b'"1.50"',
    b"[" * 4000,
    b'{"a":1,"a":2}',
    b"9" * 4096,
    b'"\\ud800"',
)


def _bytes(mechanism: AnyMechanism, result: Result[Any]) -> bytes:
    return wire.encode(mechanism.canonical_result(result))


# -------------------------------------------------------------------------------------------------------------- checks


def check_describes_itself(cls: type[AnyMechanism]) -> None:
    """A mechanism shows its rule, its types and a computed example; claims have sources, failing ones a witness."""
    built(cls)
    shown = describe(cls)
    if not shown["summary"] or not shown["example"]["output"]:
        raise CheckFailure(f"{cls.full_name()} lacks a rule or an example")
    for concept, claim in cls.claims.stated():
        if not claim.source and not isinstance(claim, Fails):
            raise CheckFailure(f"{cls.full_name()}: the claim that {concept} holds names no source")
    if len(cls.code_digest()) != wire.DIGEST_BYTES:
        raise CheckFailure(f"{cls.full_name()} has no code digest")


def check_is_total(cls: type[AnyMechanism]) -> None:
    """Every profile has a result: no reports, one player, everybody alike, some absent."""
    sampled(cls)


def check_is_deterministic(cls: type[AnyMechanism]) -> None:
    """Two runs on one input give the same bytes."""
    mechanism = built(cls)
    for (where, _, one), (_, _, other) in zip(sampled(cls), sample_results(mechanism), strict=True):
        if _bytes(mechanism, one) != _bytes(mechanism, other):
            raise CheckFailure(f"{where}: two runs differ")


def check_ignores_the_order_of_arrival(cls: type[AnyMechanism]) -> None:
    """Reports that come in another order give the same bytes."""
    mechanism = built(cls)
    for (_, profile), (_, context, straight) in zip(sample_profiles(mechanism), sampled(cls), strict=True):
        strategies = strategies_for(mechanism, profile)
        reverse = _drive(mechanism, context, partial(_collect, strategies, -1))
        if _bytes(mechanism, straight) != _bytes(mechanism, reverse):
            raise CheckFailure(f"{mechanism.identifier}: the order in which {profile} arrives changes the result")


def _collect(strategies: Mapping[Player, Strategy], arrival: int, ask: Ask[Any]) -> dict[Player, Any]:
    reports = {player: strategies[player](ask) for player in ask.of[::arrival] if player in strategies}
    return {player: report for player, report in reports.items() if report is not PASS}


def _drive(mechanism: AnyMechanism, context: Context, answers: Callable[[Ask[Any]], dict[Player, Any]]) -> Result[Any]:
    run = Run(mechanism, context)
    while run.request is not None:
        match run.request:
            case Ask() as ask:
                run.answer(answers(ask))
            case Coin():
                run.toss(Seed.of(f"{SEED.data.hex()}/{run.steps}"))  # as in run_pure
    assert run.result is not None
    return run.result


def check_is_independent_of_the_hash_seed(cls: type[AnyMechanism]) -> None:
    """Processes with different hash seeds compute the same bytes: no set or hash order reaches a result."""
    check_hash_seeds([cls])


def check_hash_seeds(classes: Iterable[type[AnyMechanism]]) -> None:
    """Check independence of the hash seed for several mechanisms at the price of two processes.

    Raises:
        CheckFailure: naming the first mechanism whose results or code digest depend on it.
    """
    specs = [_spec(cls) for cls in classes]
    here = [line for line in (*sys.path, os.getcwd()) if line]
    runs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(here)}
        command = [sys.executable, "-m", "mechdesign.testing.mechanism_checks", *specs]
        runs.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    printed = [run.communicate() for run in runs]
    for run, (_, complaint) in zip(runs, printed, strict=True):
        if run.returncode != 0:
            raise CheckFailure(f"{', '.join(specs)} cannot be computed in another process: {complaint.strip()[-500:]}")
    for spec, one, other in zip(specs, *(out.splitlines() for out, _ in printed), strict=True):
        if one != other:
            raise CheckFailure(f"{spec}: results or the code digest depend on PYTHONHASHSEED")


def _spec(cls: type[AnyMechanism]) -> str:
    """Return the name under which another process finds the class."""
    if cls.full_name() in registry.BUILT_IN:
        return cls.full_name()
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or "<locals>" in cls.__qualname__:
        raise CheckFailure(f"{cls.__name__} must be defined at the top of a file, so that other processes find it")
    return f"{Path(file).resolve()}:{cls.__qualname__}"


def check_flows_are_exact_and_closed(cls: type[AnyMechanism]) -> None:
    """Flows are exact, stay among players and declared accounts, and round to minor units without loss."""
    for where, context, result in sampled(cls):
        if not all(type(flow.amount) is Fraction for flow in result.flows):
            raise CheckFailure(f"{where}: a flow is not exact")
        net: dict[str, Fraction] = {**result.transfers(context.players)}
        net |= {account.value: amount for account, amount in result.accounts().items()}
        if sum(net.values()) != 0:
            raise CheckFailure(f"{where}: players and accounts sum to {sum(net.values())}")
        undeclared = [account for account in result.accounts() if account not in cls.accounts]
        if undeclared:
            raise CheckFailure(f"{where}: {undeclared[0]} moves money but is not among the declared accounts")
        for decimals in (0, 2):
            if sum(round_flows(net, Currency(decimals=decimals), order=context.players).values()) != 0:
                raise CheckFailure(f"{where}: rounding to {decimals} decimals loses money")


def check_reports_survive_the_wire(cls: type[AnyMechanism]) -> None:
    """A report that is encoded and parsed is the same; what is no report is void and raises nothing."""
    mechanism = built(cls)
    assaulted: set[str] = set()
    for players, profile in sample_profiles(mechanism):
        strategies = strategies_for(mechanism, profile)

        def answers(ask: Ask[Any], strategies: Mapping[Player, Any] = strategies) -> dict[Player, Any]:
            given = _collect(strategies, 1, ask)
            for player, report in given.items():
                data = ask.encode(report)
                parsed = ask.parse(data)
                if parsed is VOID or ask.encode(parsed) != data:
                    raise CheckFailure(f"{mechanism.identifier}: {player}'s report {report!r} changes on the wire")
                given[player] = parsed
            if repr(ask.schema) not in assaulted:  # one assault for each type of report is enough
                assaulted.add(repr(ask.schema))
                _assault(mechanism, ask)
            return given

        _drive(mechanism, Context(players), answers)


def _assault(mechanism: AnyMechanism, ask: Ask[Any]) -> None:
    for hostile in _HOSTILE:
        parsed = ask.parse(hostile)
        if parsed is not VOID and ask.encode(parsed) != hostile:
            raise CheckFailure(f"{mechanism.identifier}: {hostile[:40]!r} is taken for the report {parsed!r}")


def check_values_have_one_text(cls: type[AnyMechanism]) -> None:
    """Parameters and outcomes have an exact canonical text that reads back; no float is in them."""
    mechanism = built(cls)
    if cls.decode_parameters(mechanism.encode_parameters()) != mechanism:
        raise CheckFailure(f"{mechanism.identifier}: its parameters do not read back from their own text")
    _refuse_floats(mechanism.parameters(), f"{mechanism.identifier}: parameters")
    schema = mechanism.outcome_schema()
    for where, _, result in sampled(cls):
        data = mechanism.plain_outcome(result.outcome)
        _refuse_floats(data, where)
        if codec.parse(schema, codec.canonical(data).encode(), wire.BYTES_MAX) != result.outcome:
            raise CheckFailure(f"{where}: the outcome does not read back from its own text {codec.canonical(data)}")


def _refuse_floats(data: Any, where: str) -> None:
    if isinstance(data, float):
        raise CheckFailure(f"{where}: the float {data!r} is not exact; use Amount, SignedAmount or int")
    if isinstance(data, Mapping):
        for part in data.values():
            _refuse_floats(part, where)
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for part in data:
            _refuse_floats(part, where)


def check_ties_are_shown(cls: type[AnyMechanism]) -> None:
    """Where another tie rule gives another result, the result names the tie; every rule works."""
    mechanism = built(cls)
    options = mechanism.parameters().get("options", ())
    reverse = TieRule("given", tuple(reversed((*PLAYERS, *options))))
    coin = TieRule("by_coin")
    for (where, _, plain), (_, _, turned), (_, _, tossed) in zip(
        sampled(cls), sample_results(mechanism, reverse), sample_results(mechanism, coin), strict=True
    ):
        for other in (turned, tossed):
            same = plain.outcome == other.outcome and plain.flows == other.flows
            if not same and not (plain.ties and other.ties):
                raise CheckFailure(f"{where}: the tie rule changes the result, but the result shows no tie")


IN_PROCESS: Final[tuple[Check, ...]] = (
    check_describes_itself,
    check_is_total,
    check_is_deterministic,
    check_ignores_the_order_of_arrival,
    check_flows_are_exact_and_closed,
    check_reports_survive_the_wire,
    check_values_have_one_text,
    check_ties_are_shown,
    check_other_orders_are_told,
    check_ties_go_by_the_rule_alone,
)
"""The checks that are quick."""

ALL: Final[tuple[Check, ...]] = (
    *IN_PROCESS,
    check_the_distributed_run_is_the_pure_one,
    check_is_independent_of_the_hash_seed,
)
"""Every check, the quick ones first."""


def check_mechanism(cls: type[AnyMechanism]) -> None:
    """Run every check on a mechanism.

    Raises:
        CheckFailure: at the first that fails.
    """
    for check in ALL:
        check(cls)


def _print_digests(specs: Sequence[str]) -> None:
    """Print for each mechanism the code digest and a digest of all sample results, for comparison between processes."""
    for spec in specs:
        cls = registry.load(spec)
        mechanism = built(cls)
        results = [_bytes(mechanism, result) for _, _, result in sample_results(mechanism)]
        sys.stdout.write(f"{cls.code_digest().hex()} {wire.digest('mechdesign/checked-results/1', *results).hex()}\n")


if __name__ == "__main__":
    _print_digests(sys.argv[1:])
