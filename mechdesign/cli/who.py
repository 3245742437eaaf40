"""``mechdesign who``: which players can be reached from the seeds."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["who"]


def who(
    key: Annotated[Path, typer.Option(help="Our key file.")],
    seed: Annotated[list[Path] | None, typer.Option(help="The public record of somebody who can be dialled.")] = None,
    name: Annotated[str | None, typer.Option(help="What we call ourselves; by default the key file's name.")] = None,
    listen: Annotated[str | None, typer.Option(help="Where we listen: tcp://HOST:PORT.")] = None,
    preset: Annotated[str, typer.Option(help="How far the others are: lan, local or wan.")] = "lan",
    settle_s: Annotated[float, typer.Option(min=0, help="Look around for so long before asking.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Ask everybody who can be reached to answer: an echo wave, which ends by itself when all have.

    Who answers holds its key; who does not may be hidden by others. Nothing that is safe rests on the answer.
    """
    import asyncio

    from mechdesign.cli.network import host_of
    from mechdesign.cli.output import Table, emit_json, say, show
    from mechdesign.kernel.identity import fingerprint

    host = host_of(key, name=name, listen=listen, seeds=seed or [], preset=preset)

    async def run() -> None:
        async with host:
            await asyncio.sleep(settle_s)
            done = await host.wave()
            known = {record.member: (record.line.name, record.addresses) for record in host.known}
        known[host.identity.public] = (host.name, host.addresses)
        found = [(member, *known.get(member, ("", ()))) for member in done.reached]
        if as_json:
            reached = [{"name": called, "key": member, "addresses": where} for member, called, where in found]
            emit_json({"complete": done.complete, "reached": reached})
            return
        rows = [(called or "-", fingerprint(member), ", ".join(where) or "-") for member, called, where in found]
        show(Table(("name", "key", "address"), rows))
        whole = "everybody who was asked has answered" if done.complete else "somebody did not answer in time"
        say(f"{len(found)} players; {whole}")

    asyncio.run(run())
