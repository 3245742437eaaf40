"""``mechdesign enrol``: become a member of a group that somebody convenes."""

from pathlib import Path
from typing import Annotated

import typer

from mechdesign.cli.exits import Exit

__all__ = ["enrol"]


def enrol(
    group: Annotated[str, typer.Argument(help="The group's name, as it is announced.")],
    key: Annotated[Path, typer.Option(help="Our key file.")],
    out: Annotated[Path, typer.Option(help="Write the roster file here.")],
    convener: Annotated[
        Path | None, typer.Option(help="Only what the owner of this public record convenes; by default anybody.")
    ] = None,
    invitation: Annotated[str, typer.Option(metavar="HEX", help="What `mechdesign invite` printed for us.")] = "",
    name: Annotated[
        str | None, typer.Option(help="What the roster is to call us; by default the key file's name.")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Where we listen: tcp://HOST:PORT.")] = None,
    seed: Annotated[list[Path] | None, typer.Option(help="The public record of somebody who can be dialled.")] = None,
    preset: Annotated[str, typer.Option(help="How far the others are: lan, local or wan.")] = "lan",
    timeout_s: Annotated[float, typer.Option(min=0, help="Give up (exit code 3) after so long; 0 waits for ever.")] = 0,
    linger_s: Annotated[float, typer.Option(min=0, help="Stay so long afterwards, so that all hear of it.")] = 3,
) -> None:
    """Find the group through the seeds, enrol, and sign its roster if we stand in it.

    Who the other members are is the convener's choice: compare the roster's fingerprint with people whom you trust
    before you stake anything.
    """
    import asyncio

    from mechdesign.cli.network import host_of, records_of, write_group
    from mechdesign.cli.output import warn
    from mechdesign.group.lobby.events import Announced
    from mechdesign.kernel.errors import ConfigError, FormationError

    try:
        invited = bytes.fromhex(invitation)
    except ValueError as error:
        raise ConfigError(f"--invitation: {invitation[:16]!r}… is not hexadecimal") from error
    wanted = {record.key for record in records_of([convener] if convener is not None else [])}
    host = host_of(key, name=name, listen=listen, seeds=seed or [], preset=preset)

    def fits(each: Announced) -> bool:
        announcement = each.announcement
        return announcement.terms.group == group and (not wanted or announcement.convener in wanted)

    async def run() -> Exit:
        async with host:
            try:
                async with asyncio.timeout(timeout_s or None):
                    found = await host.announced(fits)
                    warn(f"found: {found.announcement.terms.text}")
                    host.enrol(found.id, invited)
                    formed = await host.formed(found.id)
            except TimeoutError:
                warn(f"no group after {timeout_s:g} s: {len(host.known)} other players are known")
                return Exit.STALLED
            except FormationError as error:
                warn(f"no group: {error}")
                return Exit.STALLED
            write_group(host, formed, out)
            await asyncio.sleep(linger_s)
            return Exit.OK

    code = asyncio.run(run())
    if code is not Exit.OK:
        raise typer.Exit(code)
