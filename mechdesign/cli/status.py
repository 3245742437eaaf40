"""``mechdesign status``: what a running node sees, and why nothing happens if nothing does."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    data: Annotated[Path, typer.Argument(help="The node's data folder, or its configuration file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what a running node sees: whom it hears, which quorum is missing, whether it is behind, what is pending.

    All of it is this node's own view; nothing of it is agreed on, and waiting for somebody accuses nobody.
    """
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import emit_json, say, show
    from mechdesign.cli.standing import members_table, obstacle, sessions_table
    from mechdesign.node.control import call

    seen = call(data_folder(data), "status")
    why = obstacle(seen)
    if as_json:
        emit_json({**seen, "obstacle": why})
        return
    say(f"{seen['member']} in {seen['group']}, epoch {seen['epoch']}: {seen['state']}", style="bold")
    say(why or "nothing is in the way", style="red" if why else "green")
    say(
        f"round {seen['round']} of {seen['highest']}, {seen['delivered']} entries in the log, "
        f"{seen['pending']} of ours to be ordered, {seen['parked']} blocks parked, {seen['pulls']} being fetched"
    )
    if seen["view"] is not None:
        changes = [*(f"+{name}" for name in seen["view"]["joins"]), *(f"-{name}" for name in seen["view"]["goes"])]
        say(f"the members change ({', '.join(changes)}); not ready: {', '.join(seen['view']['unready']) or 'nobody'}")
    if seen["cut_vertices"]:
        say(f"without {' or '.join(seen['cut_vertices'])} the network falls apart: add a link", style="yellow")
    say()
    show(members_table(seen))
    if seen["sessions"]:
        say()
        show(sessions_table(seen))
