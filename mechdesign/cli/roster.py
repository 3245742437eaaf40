"""``mechdesign roster``: put a roster file together from public key records."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["roster"]


def roster(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Public records, in roster order.")],
    group: Annotated[str, typer.Option(help="The group's name.")] = "group",
    faults: Annotated[
        str | None,
        typer.Option(help="byzantine, unanimous or majority.", show_default="byzantine from 4 members, else unanimous"),
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(metavar="HEX", help="32 digits that make the group unique.", show_default="random")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file.", show_default="standard output")] = None,
) -> None:
    """Put a roster file together; every member of the group needs this same file.

    The order of the records is the roster order, by which ties are broken. Compare the fingerprint with the other
    members over a channel that you trust: whoever sends you the file chose its members.
    """
    import os

    from mechdesign.cli.output import warn
    from mechdesign.cli.reading import read, validate
    from mechdesign.cli.roster_files import KeyRecord, RosterFile, render_roster
    from mechdesign.group.roster import FaultModel
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.kernel.identity import fingerprint

    if faults is not None and faults not in [model.value for model in FaultModel]:
        raise ConfigError(f"--faults: {faults!r} is not one of byzantine, unanimous, majority")
    members = [validate(KeyRecord, read(path, "record"), str(path)) for path in records]
    file = validate(
        RosterFile,
        {
            "group": group,
            "faults": faults,
            "nonce": nonce if nonce is not None else os.urandom(16).hex(),
            "member": [each.model_dump(exclude={"possession", "signature"}) for each in members],
        },
        "roster",
    )
    built = file.roster
    text = render_roster(built, file.addresses)
    if out is None:
        print(text, end="")
    else:
        try:
            with out.open("x", encoding="utf-8") as handle:
                handle.write(text)
        except FileExistsError as error:
            raise ConfigError(f"{out} exists: it is not overwritten, choose another name") from error
        except OSError as error:
            raise ConfigError(f"{out} cannot be written: {error.strerror}") from error
    unreachable = [name for name, address in file.addresses.items() if address is None]
    if len(unreachable) > 1:
        warn(f"note: {', '.join(unreachable)} have no address: two members without one cannot link to each other")
    if built.faults is FaultModel.MAJORITY:
        warn("note: majority withstands crashes only; it is for groups in which every member's code is trusted")
    warn(f"{built.n} members · {built.faults.value} b={built.b} q={built.q} · fingerprint {fingerprint(built.digest)}")
