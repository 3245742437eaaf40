"""``mechdesign invite``: let somebody enrol for a group that is formed by invitation."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["invite"]


def invite(
    group: Annotated[str, typer.Argument(help="The group's name.")],
    whom: Annotated[Path, typer.Argument(help="The public record of whom is invited.")],
    key: Annotated[Path, typer.Option(help="Our key file.")],
    convener: Annotated[
        Path | None, typer.Option(help="The public record of who convenes the group; by default ourselves.")
    ] = None,
) -> None:
    """Print an invitation for `mechdesign enrol --invitation`.

    It serves one person, for groups of that name by that convener, however often they are formed.
    """
    from mechdesign.cli.network import records_of
    from mechdesign.cli.output import say
    from mechdesign.cli.passphrase import passphrase_source
    from mechdesign.group.lobby.admission import invite as invitation
    from mechdesign.kernel.crypto import MemberId
    from mechdesign.kernel.identity import Identity

    records = records_of([whom, *([convener] if convener is not None else [])])
    identity = Identity.load(key, passphrase_source(of=str(key)))
    convening = MemberId(records[1].key) if convener is not None else identity.public
    say(invitation(identity, convening, group, MemberId(records[0].key)).hex())
