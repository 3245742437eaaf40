"""``mechdesign ledger``: what a group's sessions moved, computed again from transcripts and journals."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechdesign.cli.exits import Exit
from mechdesign.cli.succession import Succeeding, known_rosters

if TYPE_CHECKING:
    from mechdesign.cli.journals import Transaction

__all__ = ["balances", "confirm", "export", "ledger"]

ledger = typer.Typer(
    name="ledger",
    help="What the sessions of a group moved: balances, and exports for spreadsheets and accounting programs.",
    no_args_is_help=True,
)

_Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Transcripts, journals, or folders of them such as a node's data folder."),
]
_Roster = Annotated[
    Path | None, typer.Option(help="The roster that the members should have: without it only consistency is shown.")
]
_Load = Annotated[list[str] | None, typer.Option(help="A further mechanism, as package.module:Class or file.py:Class.")]


@ledger.command()
def export(
    paths: _Paths,
    form: Annotated[
        str, typer.Option("--format", help="csv, hledger or beancount.", metavar="csv|hledger|beancount")
    ] = "csv",
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The date of all entries: a log has none (default: today)."),
    ] = None,
    roster: _Roster = None,
    followed: Succeeding = None,
    load: _Load = None,
) -> None:
    """Write the ledger that follows from transcripts and journals; each session is verified, as ``verify`` does.

    Every session is one transaction, in log order. What a custodian received is in it; its pay-outs stand in journals
    only, as do the balances that an epoch began with. A journal is copied before it is read: its node may run.
    """
    from mechdesign.cli.journals import FORMATS, Format, render
    from mechdesign.kernel.errors import ConfigError

    if form not in FORMATS:
        raise ConfigError(f"--format: {form!r} is not one of {', '.join(FORMATS)}")
    chosen: Format = form  # type: ignore[assignment]  # just checked
    found = _read(paths, roster, followed, load)
    typer.echo(render(found, chosen, day.date() if day is not None else date.today()), nl=False)


@ledger.command()
def balances(
    paths: _Paths,
    roster: _Roster = None,
    followed: Succeeding = None,
    load: _Load = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what every party has received minus what it has paid; each currency sums to zero."""
    from mechdesign.cli import journals
    from mechdesign.cli.output import Table, emit_json, exact, show

    found = _read(paths, roster, followed, load)
    held = journals.balances(found)
    if as_json:
        lines = [
            {"currency": currency, "custodian": custodian, "party": party, "amount": amount}
            for (currency, custodian, party), amount in held.items()
        ]
        emit_json({"sessions": len(found), "balances": lines})
        return
    rows = [(party, currency, custodian, exact(amount)) for (currency, custodian, party), amount in held.items()]
    show(Table(["party", "currency", "held by", ">balance"], rows))


@ledger.command()
def confirm(
    data: Annotated[Path, typer.Argument(help="The node's data folder, or its configuration file.")],
    name: Annotated[
        str | None, typer.Argument(help="The payment, as the node has shown it; without one all open ones are listed.")
    ] = None,
) -> None:
    """Tell a running node, custodian of a session, that a payment was made: received from a player, or paid out."""
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import say
    from mechdesign.node.control import call

    answer = call(data_folder(data), "confirm", **({} if name is None else {"name": name}))
    say("\n".join(answer["open"]) if answer["open"] else "no payment is waited for")


def _read(paths: list[Path], roster: Path | None, followed: Path | None, load: list[str] | None) -> "list[Transaction]":
    from mechdesign.cli.output import say
    from mechdesign.cli.transactions import transactions_of
    from mechdesign.kernel.errors import VerificationError
    from mechdesign.kernel.text import visible

    try:
        return transactions_of(paths, known_rosters(roster, followed), tuple(load or ()))
    except VerificationError as error:
        say(visible(f"does not hold: {error.check}: {error}"), style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error
