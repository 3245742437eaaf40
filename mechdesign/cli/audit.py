"""``mechdesign audit``: put two histories of one group side by side, and name who signed on both sides."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mechdesign.cli.exits import Exit
from mechdesign.cli.succession import Succeeding, known_rosters

if TYPE_CHECKING:
    from mechdesign.decision.histories import Comparison, History
    from mechdesign.group.roster import Roster

__all__ = ["audit", "read_history"]

_SOURCE = "A transcript, a node's journal, or its data folder (its journal and all transcripts in it)."


def audit(
    one: Annotated[Path, typer.Argument(metavar="A", help=_SOURCE)],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another one of the same group.")],
    roster: Annotated[
        Path | None, typer.Option(help="The group's roster; needed where a journal does not hold it (its first epoch).")
    ] = None,
    followed: Succeeding = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the evidence, one file for each member.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> None:
    """Compare two histories of one group; where they disagree, name the members that signed on both sides.

    Two quorums share at least 2q - n members, so at least so many are found, each convicted by its own signatures:
    `mechdesign verify EVIDENCE --roster ROSTER` checks every proof. Of journals the ordered logs are compared too, so
    that it shows where they part also if nothing was decided yet. Journals are copied before they are read.
    Exits with 0 where the histories agree, with 1 where they do not, and with 2 where they are of different groups.
    """
    from mechdesign.cli.output import emit_json, say
    from mechdesign.decision.histories import compare
    from mechdesign.kernel.errors import ConfigError, VerificationError
    from mechdesign.kernel.text import visible

    try:
        known = known_rosters(roster, followed)
        mine = read_history(one, *known)
        theirs = read_history(other, *known, *mine.rosters.values())
        if set(theirs.rosters) - set(mine.rosters):
            mine = read_history(one, *known, *theirs.rosters.values())
    except VerificationError as error:
        say(visible(f"does not hold: {error.check}: {error}"), style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error
    found = compare(mine, theirs)
    if found.apart:
        raise ConfigError(
            f"there is nothing to compare: {one} is of {_whose(mine)}, {other} is of {_whose(theirs)}, "
            "and they show no epoch in common"
        )
    files = _write(found, out) if out is not None else {}
    if as_json:
        emit_json(_json(found, files))
    else:
        say("\n".join(_lines(found, one.name, other.name, files)))
    if found.disagreements or found.named:
        raise typer.Exit(Exit.DOES_NOT_HOLD)


def _whose(history: "History") -> str:
    from mechdesign.kernel.identity import fingerprint

    shown = sorted((history.rosters[digest] for digest in history.shown), key=lambda roster: roster.epoch)
    said = [f"{roster.group!r} (epoch {roster.epoch}, {fingerprint(roster.digest)})" for roster in shown]
    return ", ".join([*said[:1], *(["…"] if len(said) > 2 else []), *said[1:][-1:]]) or "no known epoch"


def read_history(path: Path, *rosters: "Roster") -> "History":
    """What a transcript, a journal, or a data folder shows.

    Args:
        path: which.
        rosters: epochs that are known besides those that it holds.

    Raises:
        ConfigError: it cannot be read, or a journal's group is not known.
        JournalError: the journal is damaged.
        VerificationError: a transcript is not signed.
    """
    from mechdesign.cli.journal_files import is_journal, read_journal_file
    from mechdesign.decision.histories import History
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError

    scheme = Ed25519()
    history = History(scheme)
    for roster in rosters:
        history.add_roster(roster)
    found = [*sorted(path.rglob("*.transcript")), path / "journal.sqlite3"] if path.is_dir() else [path]
    files = [file for file in found if not path.is_dir() or file.exists()]
    if not files:
        raise ConfigError(f"{path}: neither a journal nor a transcript is in this folder")
    for file in files:
        if not is_journal(file):
            history.add_transcript(_whole(file))
            continue
        journal = read_journal_file(file)
        history.add_records(journal.records)
        history.add_log(journal.reading(history.rosters.get(journal.roster), scheme))
    return history


def _whole(path: Path) -> bytes:
    from mechdesign.decision.record import TRANSCRIPT_BYTES_MAX
    from mechdesign.kernel.errors import ConfigError

    try:
        with path.open("rb") as file:
            return file.read(TRANSCRIPT_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"the transcript file {path} cannot be read: {error.strerror}") from error


def _write(found: "Comparison", folder: Path) -> dict[bytes, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[bytes, Path] = {}
    for each in found.named:
        if each.proof:
            files[each.member] = folder / f"{each.member.hex()}-epoch-{each.epoch}.evidence"
            files[each.member].write_bytes(each.proof)
    return files


def _lines(found: "Comparison", one: str, other: str, files: dict[bytes, Path]) -> list[str]:
    compared = ", ".join(f"{count} {what}" for what, count in found.compared if count) or "nothing that both have"
    lines = []
    if found.disagreements:
        lines.append(f"the histories disagree about {'; '.join(found.disagreements)}")
        lines.append(f"at least {found.least} members signed on both sides (2q - n); {len(found.named)} are named:")
    elif found.named:
        lines.append("nothing that both show as decided differs, but members signed twice:")
    else:
        lines.append(f"the histories do not disagree; compared: {compared}")
        mine, theirs = found.only
        if mine and not theirs:
            lines.append(f"{one} is longer by {mine} signed pieces")
        elif theirs and not mine:
            lines.append(f"{other} is longer by {theirs} signed pieces")
        elif mine or theirs:
            lines.append(f"each has what the other lacks: {mine} signed pieces and {theirs}")
        return lines
    for each in found.named:
        proof = f"; evidence: {files[each.member]}" if each.member in files else ""
        missing = "" if each.proof else " (no proof of a kind that others can check)"
        lines.append(f"  {each.name}: {', '.join(each.reasons)}{missing}{proof}")
    return [*lines, f"compared: {compared}"]


def _json(found: "Comparison", files: dict[bytes, Path]) -> dict[str, Any]:
    return {
        "agree": not found.disagreements,
        "disagreements": list(found.disagreements),
        "least": found.least,
        "named": [
            {
                "member": each.member,
                "name": each.name,
                "epoch": each.epoch,
                "reasons": list(each.reasons),
                "proved": bool(each.proof),
                "evidence": str(files[each.member]) if each.member in files else None,
            }
            for each in found.named
        ],
        "compared": dict(found.compared),
        "only": list(found.only),
    }
