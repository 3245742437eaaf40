"""``mechdesign succession``: how the members of a group changed, for whoever verifies what was settled since."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechdesign.cli.exits import Exit

if TYPE_CHECKING:
    from mechdesign.group.roster import Roster
    from mechdesign.group.views.succession import EpochCertificate, Succession

__all__ = ["Succeeding", "known_rosters", "read_succession", "succession"]

Succeeding = Annotated[
    Path | None,
    typer.Option(
        "--succession",
        help="How the members changed since --roster: what `mechdesign succession` wrote, or a journal. "
        "Later epochs are then known, too.",
    ),
]

_BYTES_MAX = 64 << 20


def succession(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Journals, data folders, and what this command wrote before."),
    ],
    roster: Annotated[Path, typer.Option(help="The roster that is trusted: the group's first one.")],
    out: Annotated[Path | None, typer.Option(help="Write the certificates to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow the changes of a group's members, each signed by a quorum of those before it.

    Only the first roster has to be trusted: `mechdesign verify`, `audit` and `ledger` take the file beside it, with
    --succession, and then know every epoch. A node keeps the last 64 changes: name older files, too, where there were
    more.
    """
    from mechdesign.cli.output import Table, emit_json, say, show
    from mechdesign.cli.roster_files import load_roster_file
    from mechdesign.kernel.errors import ConfigError, VerificationError
    from mechdesign.kernel.identity import fingerprint
    from mechdesign.kernel.text import visible

    try:
        rosters, found = read_succession(paths, load_roster_file(roster).roster)
    except VerificationError as error:
        say(visible(f"does not hold: {error.check}: {error}"), style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error
    if out is not None:
        try:
            out.write_bytes(found.encoded)
        except OSError as error:
            raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    if as_json:
        epochs = [
            {
                "epoch": each.epoch,
                "fingerprint": fingerprint(each.digest),
                "members": [member.name for member in each.members],
            }
            for each in rosters
        ]
        emit_json({"group": rosters[0].group, "epochs": epochs})
        return
    rows = [
        (str(each.epoch), fingerprint(each.digest), ", ".join(member.name for member in each.members))
        for each in rosters
    ]
    show(Table([">epoch", "roster fingerprint", "members"], rows))


def known_rosters(roster: Path | None, followed: Path | None) -> "tuple[Roster, ...]":
    """The rosters that the caller trusts: none, the one that it names, or this one and all that follow from it.

    Raises:
        ConfigError: a file cannot be read, or there is nothing from which anything could follow.
        VerificationError: an epoch ended in two ways.
    """
    from mechdesign.cli.roster_files import load_roster_file
    from mechdesign.kernel.errors import ConfigError

    if roster is None:
        if followed is not None:
            raise ConfigError("--succession says what follows from a roster that you trust: name that with --roster")
        return ()
    first = load_roster_file(roster).roster
    return (first,) if followed is None else read_succession([followed], first)[0]


def read_succession(paths: list[Path], first: "Roster") -> "tuple[tuple[Roster, ...], Succession]":
    """What follows from a roster, by the certificates in some files.

    Returns:
        The rosters, the given one first, and the certificates that lead from each to the next.

    Raises:
        ConfigError: a file cannot be read, or is neither a journal nor a succession.
        JournalError: a journal is damaged.
        VerificationError: a certificate does not hold, or an epoch ended in two ways.
    """
    from mechdesign.group.views.succession import Succession
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import VerificationError

    ends: dict[bytes, EpochCertificate] = {}
    for path in paths:
        for roster, end in _ends(path, first):
            known = ends.setdefault(roster.digest, end)
            if known.statement(roster) != end.statement(roster):
                told = f"{path.name}: epoch {roster.epoch} ended in another way: compare the journals with `audit`"
                raise VerificationError("succession", told)
    rosters = [first]
    certificates: list[EpochCertificate] = []
    while (next_end := ends.get(rosters[-1].digest)) is not None:
        certificates.append(next_end)
        rosters.append(next_end.follow(rosters[-1], Ed25519()))
    return tuple(rosters), Succession(tuple(certificates))


def _ends(path: Path, first: "Roster") -> "list[tuple[Roster, EpochCertificate]]":
    """How epochs ended, as a file shows it: all that a journal holds, or what a succession says of this roster."""
    from mechdesign.cli.journal_files import JOURNAL, is_journal, read_journal_file
    from mechdesign.group.views.succession import Succession
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError, WireError

    file = path / JOURNAL if path.is_dir() else path
    if is_journal(file):
        return list(read_journal_file(file).ends(Ed25519()))
    try:
        with file.open("rb") as source:
            data = source.read(_BYTES_MAX + 1)
        found = Succession.parse(data) if len(data) <= _BYTES_MAX else None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except WireError:
        found = None
    if found is None:
        raise ConfigError(f"{file}: neither a journal nor what `mechdesign succession` writes")
    rosters = found.follow(first, Ed25519())
    return list(zip(rosters, found.certificates, strict=False))
