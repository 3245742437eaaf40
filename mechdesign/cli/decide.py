"""``mechdesign decide``: the pure computation on a file, with no network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mechdesign.mechanisms.inputs import Decided

__all__ = ["decide"]

_KEYS = ("mechanism", "outcome", "transfers", "accounts", "ties", "why")


def decide(
    mechanism: Annotated[
        str,
        typer.Argument(
            help="A name as `mechdesign mechanisms` lists it (a version may follow: NAME/1), or file.py:Class."
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON or TOML: {"parameters": {…}, "reports": {"alice": …}}; - for standard input. '
            "Also PrefLib (.soc .soi .toc .toi .cat), Pabulib (.pb) and CSV (.csv)."
        ),
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Show reasons, every flow, and rounded amounts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, amounts as exact texts.")] = False,
    orders: Annotated[
        int,
        typer.Option(
            min=0, help="Compute at most so many ways to break ties, to show what else could have been; 0 for none."
        ),
    ] = 24,
) -> None:
    """Compute what a mechanism makes of reports.

    The order of the reports is the roster order. Amounts are whole numbers, decimals, or texts such as
    "18.50" and "1/3". A transfer is what a player receives, so that a payment is negative.
    """
    from mechdesign.cli.output import emit_json
    from mechdesign.cli.reading import read
    from mechdesign.kernel.errors import InputError
    from mechdesign.mechanisms import inputs, registry
    from mechdesign.mechanisms.formats import READERS

    registry.load(mechanism)  # a wrong name is reported before a wrong file
    ending = file.suffix.lower()
    document = inputs.read_document(file) if ending in READERS else read(file, "input")
    try:
        decided = inputs.decide(mechanism, document)
    except InputError as error:
        raise InputError(f"{'standard input' if str(file) == '-' else file}: {error}") from error
    tied = bool(orders and decided.result.ties)
    found = decided.document()
    if as_json:
        keys = (*_KEYS, "settlement") if explain else _KEYS
        shown: dict[str, Any] = {key: found[key] for key in keys if key in found}
        if tied:
            shown["alternatives"] = decided.alternatives_document(decided.alternatives(orders))
        if explain:
            shown["flows"] = [
                {"payer": flow.payer, "payee": flow.payee, "amount": flow.amount, "reason": flow.reason}
                for flow in decided.result.flows
            ]
        emit_json(shown)
        return
    _show(decided, orders if tied else 0, explain=explain)


def _show(decided: "Decided", orders: int, *, explain: bool) -> None:
    from mechdesign.cli.instead import instead
    from mechdesign.cli.output import Table, exact, say, show
    from mechdesign.kernel.text import visible

    result = decided.result
    say(decided.mechanism.identifier, style="bold")
    say(visible(f"outcome  {result.outcome}"))
    for tie in result.ties:
        say(visible(f"tie      {tie}"))
    if orders:  # computed only now, so that nobody waits for the outcome itself
        others = decided.alternatives(orders)
        for line in instead(decided.result, decided.context.players, others, " (--orders)"):
            say(visible(f"instead  {line}"))
    if explain:
        for reason in result.why:
            say(visible(f"why      {reason}"))
    say()
    rows = [[player, exact(net)] for player, net in result.transfers(decided.context.players).items()]
    rows += [[account.value, exact(net)] for account, net in result.accounts().items()]
    settlement = decided.document().get("settlement") if explain else None
    if settlement:
        paid = {**settlement["transfers"], **settlement["accounts"]}
        heading = f">settled {settlement['currency']}".rstrip()
        show(Table(["party", ">transfer", heading], [[*row, paid.get(row[0], "0")] for row in rows]))
    elif decided.result.flows:
        show(Table(["party", ">transfer"], rows))
    else:
        say(f"no money moves among {len(decided.context.players)} players")
    if explain and result.flows:
        say()
        flows = [[flow.payer, flow.payee, exact(flow.amount), flow.reason] for flow in result.flows]
        show(Table(["payer", "payee", ">amount", "for"], flows))
