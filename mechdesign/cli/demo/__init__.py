"""``mechdesign demo``: real processes on this machine settle a session, or more, and show what happened."""

from pathlib import Path
from typing import Annotated

import typer

from mechdesign.cli.exits import Exit

__all__ = ["demo"]


def demo(
    mechanism: Annotated[
        str, typer.Argument(help="A name as `mechdesign mechanisms` lists it, or file.py:Class.")
    ] = "auction.second-price",
    players: Annotated[
        int | None, typer.Option(min=1, max=32, help="How many players.", show_default="4, or as many as --values has")
    ] = None,
    seal: Annotated[
        str | None,
        typer.Option(
            help="threshold, commit_reveal, or open (everyone sees each report at once).",
            show_default="threshold from 4 players, else commit_reveal",
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(help="byzantine, unanimous or majority.", show_default="byzantine from 4 players, else unanimous"),
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(help="Parameters and reports, a file as for `mechdesign decide`.", show_default="fixed ones"),
    ] = None,
    sessions: Annotated[int, typer.Option(min=1, max=100, help="How many sessions, one after the other.")] = 1,
    misbehave: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="The last player cheats: equivocate, wrong-outcome, no-reveal, crash, and more."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep everything in this new folder: keys, configurations, journals, transcripts."),
    ] = None,
    timeout_s: Annotated[float, typer.Option(min=1, help="Give up after so long (exit code 3).")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Start one process a player on this machine, let them settle a session with no auctioneer, and check the result.

    Each process has its own key, value and journal; they talk over encrypted links on loopback. At the end the
    transcript is verified as anybody could do it.
    """
    import asyncio

    from mechdesign.cli.demo.scenario import Scenario
    from mechdesign.cli.demo.story import tell

    scenario = Scenario.make(
        mechanism,
        players=players,
        seal=seal,
        faults=faults,
        values=values,
        sessions=sessions,
        misbehave=misbehave,
        timeout_s=timeout_s,
    )
    code = asyncio.run(tell(scenario, out, as_json=as_json))
    if code is not Exit.OK:
        raise typer.Exit(code)
