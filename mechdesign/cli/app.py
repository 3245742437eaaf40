"""The command ``mechdesign``: its subcommands, and what becomes of errors.

Every command lives in its own file and imports what is heavy only when it runs, so that ``--help`` is quick. A mistake
of the user (any :class:`~mechdesign.kernel.errors.MechdesignError`) ends in a message on standard error and an exit
code of :class:`~mechdesign.cli.exits.Exit`; a traceback means a bug of ours.
"""

import io
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mechdesign import __version__
from mechdesign.cli import (
    admit,
    audit,
    ballot,
    check,
    convene,
    decide,
    demo,
    describe,
    enrol,
    invite,
    keygen,
    leave,
    ledger,
    mechanisms,
    node,
    roster,
    status,
    succession,
    verify,
    who,
)
from mechdesign.cli.exits import Exit
from mechdesign.cli.output import is_terminal, warn
from mechdesign.kernel.errors import MechdesignError

__all__ = ["app", "main"]


class _Group(TyperGroup):
    """Turns what a command raises into a message and an exit code, for the shell and for tests alike."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MechdesignError as error:
            first, *rest = str(error).splitlines() or [type(error).__name__]
            warn("\n".join([f"error: {first}", *(f"       {line}" for line in rest)]))
            raise typer.Exit(Exit.USAGE) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(Exit.INTERRUPTED) from error
        except BrokenPipeError as error:
            # The reader (such as `head`) has seen enough; without this the interpreter complains once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("click", "typer")):
                raise  # a usage error: the framework prints it
            traceback.print_exc()
            warn("This is a bug in mechdesign, not a mistake of yours: please report the lines above.")
            raise typer.Exit(Exit.BUG) from error


app = typer.Typer(
    name="mechdesign",
    cls=_Group,
    help="Joint decisions that move money, taken by parties who trust neither one another nor an auctioneer.",
    epilog="Exit codes: 0 done, 1 the checked does not hold, 2 wrong option or file, 3 stalled, 4 aborted, 70 bug.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if is_terminal() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mechdesign {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Joint decisions that move money, taken by parties who trust neither one another nor an auctioneer."""


app.command("keygen")(keygen.keygen)
app.command("roster")(roster.roster)
app.command("convene")(convene.convene)
app.command("invite")(invite.invite)
app.command("enrol")(enrol.enrol)
app.command("who")(who.who)
app.command("mechanisms")(mechanisms.mechanisms)
app.command("describe")(describe.describe)
app.command("decide")(decide.decide)
app.command("check")(check.check)
app.command("node")(node.node)
app.command("admit")(admit.admit)
app.command("leave")(leave.leave)
app.command("exclude")(leave.exclude)
app.command("status")(status.status)
app.command("demo")(demo.demo)
app.command("verify")(verify.verify)
app.command("audit")(audit.audit)
app.command("succession")(succession.succession)
app.command("roll")(ballot.roll)
app.command("ballot")(ballot.ballot)
app.command("carry")(ballot.carry)
app.add_typer(ledger.ledger)


def main() -> None:
    """Run the command line; the entry point of the installed script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What others said is printed on any terminal: a letter that it lacks ends no node.
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="mechdesign")
