"""``mechdesign node``: one player's process."""

from pathlib import Path
from typing import Annotated

import typer

from mechdesign.cli.exits import Exit

__all__ = ["node"]


def node(
    config: Annotated[Path, typer.Option("--config", "-c", help="The node's configuration, see docs/files.md.")],
    sessions: Annotated[
        int,
        typer.Option(
            min=0, help="Stop once so many sessions have ended, in all its lives; 0 stays up until it is stopped."
        ),
    ] = 0,
    timeout_s: Annotated[
        float,
        typer.Option(min=0, help="Give up (exit code 3) when --sessions have not ended by then; 0 waits for ever."),
    ] = 0,
    linger_s: Annotated[
        float, typer.Option(min=0, help="Stay so long after the last session, so that others can catch up.")
    ] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line for each event.")] = False,
    misbehave: Annotated[str | None, typer.Option(hidden=True, help="Cheat, for demonstrations and tests.")] = None,
    until_eof: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run one player: join the group of the roster, take part in its sessions, and stay up until stopped.

    A node that was killed is started again with the same command: it replays its journal and catches up. Transcripts
    and evidence are written to the `data` folder of the configuration.
    """
    import asyncio

    from mechdesign.cli.plan import Plan
    from mechdesign.cli.running import run_node

    plan = Plan.read(
        config,
        sessions=sessions,
        timeout_s=timeout_s,
        linger_s=linger_s,
        as_json=as_json,
        misbehave=misbehave,
        until_eof=until_eof,
    )
    code = asyncio.run(run_node(plan))
    if code is not Exit.OK:
        raise typer.Exit(code)
