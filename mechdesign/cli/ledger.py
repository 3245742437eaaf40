"""``mechdesign ledger``: what a group's sessions moved, recomputed from their transcripts, for other programs."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechdesign.cli.exits import Exit

if TYPE_CHECKING:
    from mechdesign.cli.journals import Transaction
    from mechdesign.decision.transcript import AuditReport
    from mechdesign.group.roster import Roster

__all__ = ["balances", "confirm", "export", "ledger", "transactions_of"]

ledger = typer.Typer(
    name="ledger",
    help="What the sessions of a group moved: balances, and exports for spreadsheets and accounting programs.",
    no_args_is_help=True,
)

_Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Transcripts, or folders of them such as a node's data folder.")
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
    load: _Load = None,
) -> None:
    """Write the ledger that follows from transcripts; each of them is verified first, as ``verify`` does.

    Every session is one transaction, in log order. What a custodian received is in it; what it paid out stands in its
    own records.
    """
    from mechdesign.cli.journals import FORMATS, Format, render
    from mechdesign.kernel.errors import ConfigError

    if form not in FORMATS:
        raise ConfigError(f"--format: {form!r} is not one of {', '.join(FORMATS)}")
    chosen: Format = form  # type: ignore[assignment]  # just checked
    found = _read(paths, roster, load)
    typer.echo(render(found, chosen, day.date() if day is not None else date.today()), nl=False)


@ledger.command()
def balances(
    paths: _Paths,
    roster: _Roster = None,
    load: _Load = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what every party has received minus what it has paid; each currency sums to zero."""
    from mechdesign.cli import journals
    from mechdesign.cli.output import Table, emit_json, exact, show

    found = _read(paths, roster, load)
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


def _read(paths: list[Path], roster: Path | None, load: list[str] | None) -> "list[Transaction]":
    from mechdesign.cli.output import say
    from mechdesign.cli.roster_files import load_roster_file
    from mechdesign.kernel.errors import VerificationError

    known = load_roster_file(roster).roster if roster is not None else None
    try:
        return transactions_of(paths, known, tuple(load or ()))
    except VerificationError as error:
        say(f"does not hold: {error.check}: {error}", style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error


def transactions_of(
    paths: list[Path], roster: "Roster | None" = None, load: tuple[str, ...] = ()
) -> "list[Transaction]":
    """The transactions of all these transcripts in log order, each session once, parties by the newest roster's names.

    Raises:
        ConfigError: a file cannot be read, there is none, or they are of different groups.
        VerificationError: a transcript does not hold; the message names the file.
    """
    from mechdesign.cli.auditing import Auditor
    from mechdesign.cli.reading import read_bytes
    from mechdesign.decision.transcript import audit
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError, VerificationError
    from mechdesign.mechanisms import registry

    files = [file for path in paths for file in (sorted(path.glob("*.transcript")) if path.is_dir() else [path])]
    if not files:
        raise ConfigError(f"{paths[0]}: no transcripts in this folder: name a folder in which a node wrote some")
    own = [registry.load(name) for name in load]
    found: dict[bytes, AuditReport] = {}
    for file in files:
        try:
            report = audit(read_bytes(file, "transcript"), Ed25519(), Auditor(own).recompute, roster)
        except VerificationError as error:
            raise VerificationError(error.check, f"{file.name}: {error}", error.member) from error
        found.setdefault(report.session, report)
    reports = sorted(found.values(), key=lambda each: (each.roster.epoch, each.position, each.session))
    groups = {each.roster.group for each in reports}
    if len(groups) > 1:
        raise ConfigError(f"the transcripts are of different groups: {', '.join(sorted(groups))}")
    return [_transaction(each, reports[-1].roster) for each in reports]


def _transaction(report: "AuditReport", newest: "Roster") -> "Transaction":
    from mechdesign.cli.journals import Transaction
    from mechdesign.decision.parties import CUSTODY, participant, renaming
    from mechdesign.kernel.flow import Flow

    terms = report.proposal
    called = renaming([(member.name, member.id) for member in report.roster.members], newest)
    received = (Flow(CUSTODY, player, amount, "received") for player, amount in report.received)
    names = [name for _, name in report.players] + [name for name, _ in report.received]
    parties = {name: participant(name, terms.roll) if terms.rolled else called(name) for name in names}
    return Transaction(
        epoch=report.roster.epoch,
        position=report.position,
        group=report.roster.group,
        session=report.session,
        mechanism=f"{terms.mechanism}/{terms.version}",
        currency=terms.currency,
        decimals=terms.decimals,
        custodian=called(terms.custodian) if terms.custodian else "",
        flows=(*received, *report.flows),
        behind=parties | {account: called(party) for account, party in terms.accounts},
        players=frozenset(parties.values()) | {member.name for member in newest.members},
    )
