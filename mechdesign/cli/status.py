"""``mechdesign status``: what a running node sees, and why nothing happens if nothing does."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]

_DROPPED = {
    "dropped_credit": "to members that read too slowly",
    "dropped_full": "that a socket did not take",
    "dropped_rate": "from members that sent too much",
    "oversize": "that were too long",
    "malformed": "that were none of ours",
}


def status(
    data: Annotated[Path, typer.Argument(help="The node's data folder, or its configuration file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what a running node sees: whom it hears, which quorum is missing, whether it is behind, what is pending.

    All of it is this node's own view; nothing of it is agreed on, and waiting for somebody accuses nobody.
    """
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.obstacle import obstacles
    from mechdesign.cli.output import emit_json, say, show
    from mechdesign.cli.standing import members_table, sessions_table
    from mechdesign.node.control import call

    seen = call(data_folder(data), "status")
    why = obstacles(seen)
    if as_json:
        emit_json({**seen, "obstacle": next(iter(why), None), "obstacles": why})
        return
    say(f"{seen['member']} in {seen['group']}, epoch {seen['epoch']}: {seen['state']}", style="bold")
    for reason in why:
        say(reason, style="red")
    if not why:
        say("nothing is in the way", style="green")
    say(
        f"round {seen['round']} of {seen['highest']}, {seen['delivered']} entries in the log, "
        f"{seen['pending']} of ours to be ordered, {seen['parked']} blocks parked, {seen['pulls']} being fetched"
    )
    dropped = [f"{seen['carried'][name]} {what}" for name, what in _DROPPED.items() if seen["carried"].get(name)]
    if dropped:
        say(f"frames dropped since the start: {', '.join(dropped)}")
    if seen["cut_vertices"]:
        say(f"without {' or '.join(seen['cut_vertices'])} the network falls apart: add a link", style="yellow")
    say()
    show(members_table(seen))
    if seen["sessions"]:
        say()
        show(sessions_table(seen))
