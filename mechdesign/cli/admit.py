"""``mechdesign admit``: consent to somebody joining, and make the invitation once a quorum has."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["admit"]


def admit(
    data: Annotated[Path, typer.Argument(help="Our node's data folder, or its configuration file.")],
    joiner: Annotated[Path, typer.Argument(help="The public record of who is to join.")],
    out: Annotated[Path, typer.Option(help="Write our consent, or the invitation, to this file.")],
    others: Annotated[
        list[Path] | None, typer.Option("--with", help="Another member's consent; a quorum makes an invitation.")
    ] = None,
) -> None:
    """Have our running node sign that somebody may join the group.

    The first members write their consents to files and hand them on. The one that has a quorum with its own gives them
    with --with, writes the invitation for the joiner, and has the change ordered: sessions that run are ended first,
    then the group goes on with the new member. Consents count only in the epoch in which they were given.
    """
    from mechdesign.cli.consent import Consent
    from mechdesign.cli.network import records_of
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import jsonable, warn
    from mechdesign.cli.reading import read, validate
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.node.control import call

    folder = data_folder(data)
    record = jsonable(records_of([joiner])[0].model_dump())
    own = Consent.model_validate(call(folder, "consent", record=record))
    consents = [own]
    for path in others or []:
        consents.append(validate(Consent, read(path, "consent"), str(path)))
        if consents[-1].roster != own.roster:
            raise ConfigError(f"--with: {path} was given in another epoch or group: it has to be given again")
    places = {each.place for each in consents}
    if len(places) < own.quorum:
        _write(out, own.text + "\n")
        warn(f"{own.member}: {len(places)} of {own.quorum} consents; hand {out} to who has the others")
        return
    signatures = [(each.place, each.signature.hex()) for each in consents]
    made = call(folder, "admit", record=record, signatures=signatures)
    _write(out, made["invitation"] + "\n")
    warn(f"{made['member']} is invited into epoch {made['epoch']}: it starts its node with {out}")


def _write(path: Path, text: str) -> None:
    from mechdesign.kernel.errors import ConfigError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
