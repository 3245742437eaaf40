"""``mechdesign roll``, ``ballot`` and ``carry``: participants of a session that are not members of its group."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ballot", "carry", "roll"]


def roll(
    records: Annotated[
        list[Path], typer.Argument(help="The public records of the participants, as keygen wrote them.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The roll file to write.")],
) -> None:
    """Put the participants of a session on a roll, in the order given.

    Prints the two keys that go into the proposal. Participants need the file to make their ballots; members do not. Who
    is on the roll is your choice, and nobody polices it: members that mind decline.
    """
    from mechdesign.cli.output import say
    from mechdesign.cli.reading import read, validate
    from mechdesign.cli.roster_files import KeyRecord
    from mechdesign.decision.ballots.roll import Roll
    from mechdesign.kernel.crypto import MemberId
    from mechdesign.kernel.errors import ConfigError, LocalProtocolError

    found = [validate(KeyRecord, read(path, "record"), str(path)) for path in records]
    try:
        made = Roll(tuple((MemberId(record.key), record.name) for record in found))
        output.write_bytes(made.encoded)
    except LocalProtocolError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from error
    say(f'roll = "{made.root.hex()}"')
    say(f"rolled = {len(made.lines)}")


def ballot(
    notice: Annotated[
        Path, typer.Argument(help="The session's notice, which members' nodes write beside transcripts.")
    ],
    report: Annotated[
        str, typer.Argument(help='The report as JSON, such as 12 or ["tea", "coffee"]; null takes it back.')
    ],
    key: Annotated[Path, typer.Option(help="Your key file.")],
    on: Annotated[Path, typer.Option("--roll", help="The roll that the proposal names.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The ballot file to write.")],
    roster: Annotated[Path | None, typer.Option(help="The roster that the group should have.")] = None,
    sequence: Annotated[int, typer.Option(min=0, help="One more than that of the ballot that this one replaces.")] = 0,
    load: Annotated[
        list[str] | None, typer.Option(help="A further mechanism: package.module:Class, file.py:Class.")
    ] = None,
    passphrase_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Environment variable that holds the passphrase.")
    ] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="File whose first line is the passphrase.")] = None,
) -> None:
    """Make a signed ballot for a session whose proposal names a roll with you on it. No network is used.

    Hand the file to b + 1 members or more: one honest one is enough, and a copy counts once. Two different
    ballots under one sequence number void each other. Reports become public when the seals are opened.
    """
    import secrets

    from mechdesign.cli.output import warn
    from mechdesign.cli.passphrase import passphrase_source
    from mechdesign.cli.reading import read_bytes
    from mechdesign.cli.roster_files import load_roster_file
    from mechdesign.decision.ballots.ballot import make_ballot
    from mechdesign.decision.ballots.notice import announce, open_notice
    from mechdesign.decision.ballots.roll import Roll
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError, InputError, LocalProtocolError
    from mechdesign.kernel.identity import Identity, fingerprint
    from mechdesign.mechanisms import codec, registry
    from mechdesign.mechanisms.session import lookup_with, recomputation

    known = load_roster_file(roster).roster if roster is not None else None
    setting = open_notice(read_bytes(notice, "notice"), Ed25519(), known)
    lines = Roll.parse(read_bytes(on, "roll"))
    if lines is None:
        raise ConfigError(f"{on} is no roll: `mechdesign roll` writes one")
    lookup = lookup_with(*(registry.load(name) for name in load or ()))
    mechanism = recomputation(lookup)(announce(setting, None)).mechanism
    try:
        value = codec.read_json(report, str)
    except ValueError as error:
        raise InputError(f"report: {report[:60]!r} is not JSON: {error}") from error
    data = None if value is None else codec.encode(mechanism.report_schema(), value, setting.proposal.report_bytes)
    identity = Identity.load(key, passphrase_source(env=passphrase_env, file=passphrase_file, of=str(key)))
    try:
        made = make_ballot(setting, lines, identity, data, secrets.token_bytes(32), sequence)
        output.write_bytes(made)
    except LocalProtocolError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from error
    group = f"{setting.roster.group} (roster fingerprint {fingerprint(setting.roster.digest)})"
    warn(f"{output}: for session {setting.session.hex()[:16]} of {group}; hand it to {setting.roster.b + 1} members")


def carry(
    data: Annotated[Path, typer.Argument(help="Our node's data folder, or its configuration file.")],
    ballots: Annotated[list[Path], typer.Argument(help="Ballot files that participants handed us.")],
) -> None:
    """Have our running node carry ballots into the log; the same ones may be given again, and to other members.

    The node tells in its own output how many it took and why it refused the others.
    """
    from mechdesign.cli.node_files import data_folder
    from mechdesign.cli.output import warn
    from mechdesign.cli.reading import read_bytes
    from mechdesign.node.control import call

    for path in ballots:
        call(data_folder(data), "carry", ballot=read_bytes(path, "ballot").hex())
    warn(f"{len(ballots)} handed to the node")
