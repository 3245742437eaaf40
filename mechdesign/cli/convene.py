"""``mechdesign convene``: form a group with whoever enrols."""

from pathlib import Path
from typing import Annotated

import typer

from mechdesign.cli.exits import Exit

__all__ = ["convene"]


def convene(
    group: Annotated[str, typer.Argument(help="The group's name.")],
    key: Annotated[Path, typer.Option(help="Our key file.")],
    out: Annotated[Path, typer.Option(help="Write the roster file here.")],
    size: Annotated[int, typer.Option(min=1, help="With fewer members there is no group.")],
    size_max: Annotated[int, typer.Option(min=0, help="Take no more than this; 0 for as many as --size.")] = 0,
    allow: Annotated[
        list[Path] | None, typer.Option(help="Admit the owner of this public record; once for each.")
    ] = None,
    invited: Annotated[
        bool, typer.Option("--invited", help="Admit whoever shows an invitation of ours, see `mechdesign invite`.")
    ] = False,
    anybody: Annotated[
        bool,
        typer.Option(
            "--open", help="Admit anybody: one person may come under many names, so nothing bounds the liars."
        ),
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="What the roster is to call us; by default the key file's name.")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Where we listen: tcp://HOST:PORT.")] = None,
    seed: Annotated[list[Path] | None, typer.Option(help="The public record of somebody who can be dialled.")] = None,
    faults: Annotated[str | None, typer.Option(help="byzantine, unanimous or majority.")] = None,
    note: Annotated[str, typer.Option(help="What the group is for.")] = "",
    enrol_s: Annotated[float, typer.Option(min=0.1, help="Wait so long for enrolments.")] = 60,
    attempt_s: Annotated[float, typer.Option(min=0.1, help="Wait so long for the signatures of an attempt.")] = 10,
    preset: Annotated[str, typer.Option(help="How far the others are: lan, local or wan.")] = "lan",
    linger_s: Annotated[float, typer.Option(min=0, help="Stay so long afterwards, so that all hear of it.")] = 3,
) -> None:
    """Announce a group, take enrolments, and form it of those who sign one roster.

    The group exists once every listed member has signed the same roster; who does not sign is left out of the next
    attempt. The convener's choice of members is unpoliced: whoever enrols should look at the roster that comes out.
    """
    import asyncio

    from mechdesign.cli.network import host_of, records_of, write_group
    from mechdesign.cli.output import warn
    from mechdesign.group.lobby.admission import Admission, Policy
    from mechdesign.group.lobby.terms import Terms
    from mechdesign.group.roster import FaultModel
    from mechdesign.kernel.crypto import MemberId
    from mechdesign.kernel.errors import ConfigError, FormationError

    if sum((bool(allow), invited, anybody)) != 1:
        raise ConfigError("say who may enrol: --allow RECORD for each, --invited, or --open")
    if faults is not None and faults not in [model.value for model in FaultModel]:
        raise ConfigError(f"--faults: {faults!r} is not one of byzantine, unanimous, majority")
    listed = tuple(sorted({MemberId(record.key) for record in records_of(allow or [])}))
    policy = Policy.ALLOW_LIST if allow else Policy.INVITATION if invited else Policy.OPEN
    terms = Terms(
        group,
        Admission(policy, listed),
        size_min=size,
        size_max=size_max or size,
        faults=None if faults is None else FaultModel(faults),
        note=note,
        enrol_ms=round(enrol_s * 1000),
        attempt_ms=round(attempt_s * 1000),
    )
    host = host_of(key, name=name, listen=listen, seeds=seed or [], preset=preset)

    async def run() -> Exit:
        async with host:
            warn(f"announced: {terms.text}")
            try:
                formed = await host.formed(host.announce(terms))
            except FormationError as error:
                warn(f"no group: {error}")
                return Exit.STALLED
            write_group(host, formed, out)
            await asyncio.sleep(linger_s)
            return Exit.OK

    code = asyncio.run(run())
    if code is not Exit.OK:
        raise typer.Exit(code)
