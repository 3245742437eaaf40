"""``mechdesign describe``: all that somebody needs in order to use a mechanism."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

__all__ = ["describe"]


def describe(
    mechanism: Annotated[str, typer.Argument(help="A name as `mechdesign mechanisms` lists it, or file.py:Class.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show a mechanism: rule, claims, accounts, an input with its output, and the JSON schemas."""
    from mechdesign.cli.output import Table, emit_json, say, show
    from mechdesign.mechanisms import describe as describing
    from mechdesign.mechanisms import registry

    cls = registry.load(mechanism)
    described = describing.describe(cls)
    if as_json:
        emit_json(described)
        return
    say(described["mechanism"], style="bold")
    say(described["rule"])
    say()
    say("claims", style="bold")
    stated = {concept: claim for concept, claim in described["claims"].items() if claim["claim"] != "unknown"}
    show(
        Table(["concept", "claim", "because"], [[name, each["claim"], _because(each)] for name, each in stated.items()])
    )
    unknown = [concept for concept in described["claims"] if concept not in stated]
    if unknown:
        say(f"nothing is claimed about {', '.join(unknown)}")
    say()
    say("accounts", style="bold")
    accounts = described["accounts"]
    if accounts:
        show(Table(["account", "stands for"], [[name, meaning] for name, meaning in accounts.items()]))
    else:
        say("none: no money leaves the players")
    if described["needs_funder"] and "FUNDER" in accounts:
        say("a run may end in a deficit: a session has to name who funds it")
    say()
    say("sealing", style="bold")
    for line in (*_SEALING, *_sealing_warning(stated)):
        say(line)
    for part in ("parameters", "report", "outcome"):
        say()
        say(f"{part} (JSON schema)", style="bold")
        say(_pretty({key: value for key, value in described[part].items() if key != "description"}))
    if "example" in described:
        say()
        say("example input", style="bold")
        say(_pretty(described["example"]["input"]))
        say()
        say("its output", style="bold")
        say(_pretty(described["example"]["output"]))
        say()
        say(f"try it: save the input as input.json, `mechdesign decide {described['mechanism']} input.json --explain`")


def _because(claim: Mapping[str, Any]) -> str:
    if claim["claim"] == "holds":
        return "; ".join(part for part in (claim.get("source", ""), claim.get("when", "")) if part)
    witness = claim["witness"]
    parts = [f"{key} {_short(value)}" for key, value in witness.items() if value]
    return f"witness: {', '.join(parts)}" + (f" ({claim['source']})" if claim.get("source") else "")


def _short(value: Any) -> str:
    from mechdesign.cli.output import jsonable

    if isinstance(value, Mapping):
        return " ".join(f"{key}={_short(each)}" for key, each in value.items())
    return json.dumps(jsonable(value), ensure_ascii=False) if not isinstance(value, str) else value


_SEALING = (
    "threshold (the default from 4 members on): t members' shares open every report once the ask is closed, whether "
    "its sender wants it or not; t members who collude can read early, n - t + 1 who are absent keep all closed",
    "commit_reveal (the default below): each player opens its own; one that dislikes what it sees can withhold its "
    "opening, at the price of its deposit; at no cost where none is staked, or `forfeit` is not among the sanctions",
)


def _sealing_warning(stated: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    if stated.get("dsic", {}).get("claim") == "holds":
        return ()
    return (
        "truth is not known to be dominant here: never run this with `--seal open`, "
        "where whoever reports last sees the other reports",
    )


def _pretty(value: Any) -> str:
    from mechdesign.cli.output import jsonable

    return json.dumps(jsonable(value), ensure_ascii=False, indent=2)
