"""``mechdesign leave`` and ``mechdesign exclude``: fewer members from the next epoch on."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["exclude", "leave"]


def leave(
    data: Annotated[Path, typer.Argument(help="Our node's data folder, or its configuration file.")],
) -> None:
    """Have our running node leave its group, once the sessions that run have ended.

    It serves the others until a quorum of them has gone on; stop it when its status says that it has left.
    """
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import warn
    from mechdesign.node.control import call

    said = call(data_folder(data), "leave")
    warn(f"{said['member']} leaves with the beginning of epoch {said['epoch']}")


def exclude(
    data: Annotated[Path, typer.Argument(help="Our node's data folder, or its configuration file.")],
    evidence: Annotated[Path, typer.Argument(help="An evidence file, as nodes write it beside their transcripts.")],
) -> None:
    """Have a convicted member excluded, once the sessions that run have ended; the proof is all that it takes."""
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import warn
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.node.control import call

    try:
        proof = evidence.read_bytes()
    except OSError as error:
        raise ConfigError(f"the evidence {evidence} cannot be read: {error.strerror}") from error
    said = call(data_folder(data), "exclude", evidence=proof.hex())
    warn(f"{said['member']} is out with the beginning of epoch {said['epoch']}")
