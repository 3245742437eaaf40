"""``mechdesign check``: whether a mechanism does what it claims."""

import importlib.util
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mechdesign.testing.reports import Report

__all__ = ["check"]


def check(
    mechanism: Annotated[
        str, typer.Argument(help="A name as `mechdesign mechanisms` lists it, or path/to/file.py:Class.")
    ],
    tries: Annotated[
        int, typer.Option("--tries", min=0, max=1_000_000, help="Random profiles for each concept, beyond the grid.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Names the random profiles.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check a mechanism: the contract that all mechanisms share, and its claims.

    A claim that holds is attacked on every profile of a small grid and on random profiles; a claim that fails has its
    witness recomputed; a concept of which nothing is claimed is attacked too. The exit code is 1 if a check fails, a
    claim that is said to hold is refuted, or a witness shows no violation.
    """
    from mechdesign.cli.exits import Exit
    from mechdesign.cli.output import emit_json
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.mechanisms import registry
    from mechdesign.testing.incentive_checks import Effort
    from mechdesign.testing.reports import report

    cls = registry.load(mechanism)
    if tries and importlib.util.find_spec("hypothesis") is None:
        raise ConfigError("random profiles need Hypothesis: pip install 'mechdesign[test]', or give --tries 0")
    found = report(cls, Effort(tries=tries, seed=seed), said=_progress)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if as_json:
        emit_json(found.plain())
    else:
        _show(found)
    if not found.holds:
        raise typer.Exit(Exit.DOES_NOT_HOLD)


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what} …", end="", file=sys.stderr, flush=True)


def _show(found: "Report") -> None:
    from mechdesign.cli.output import Table, say, show

    say(found.mechanism, style="bold")
    failed = [line for line in found.checks if line.complaint]
    say(f"contract  {len(found.checks) - len(failed)} of {len(found.checks)} checks passed")
    for line in failed:
        say(f"  FAILED  {line.check}: {line.complaint}", style="red")
    say()
    rows: list[list[Any]] = []
    for claim in found.claims:
        wrong = "REFUTED: " if claim.claim == "holds" else "WRONG WITNESS: "
        verdict = wrong + claim.verdict if claim.complaint else claim.verdict
        rows.append([claim.concept, claim.claim, verdict])
    show(Table(["concept", "claim", "verdict"], rows))
    say()
    for claim in found.claims:
        if claim.details:
            say(f"{claim.concept}: {claim.complaint or claim.details}", style="red" if claim.complaint else None)
    say()
    say("everything that is claimed holds" if found.holds else f"{found.faults} of this does not hold")
