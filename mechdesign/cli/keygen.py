"""``mechdesign keygen``: a new key file, and its public record."""

from pathlib import Path
from typing import Annotated

import typer

from mechdesign.cli.passphrase import passphrase_source

__all__ = ["keygen"]


def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The key file to write, such as alice.pem.")],
    name: Annotated[
        str | None, typer.Option(help="What rosters are to call you.", show_default="the file's name")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Where others reach you, such as tcp://192.0.2.11:7411.", show_default="nowhere")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Also write the public record to this file.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Print the record of an existing key file.")] = False,
    passphrase_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Environment variable that holds the passphrase.")
    ] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="File whose first line is the passphrase.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Make a key file and print its public record, which goes to whoever puts the roster together.

    The passphrase comes from an option, from MECHDESIGN_PASSPHRASE, or from the terminal. Whoever has the key file and
    its passphrase is you: keep both, and never run two nodes with one key.
    """
    from mechdesign.cli.output import emit_json, warn
    from mechdesign.cli.reading import explained
    from mechdesign.cli.roster_files import key_record, render_record
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.kernel.identity import Identity

    obtain = passphrase_source(env=passphrase_env, file=passphrase_file, confirm=not again, of=str(path))
    called = name if name is not None else path.stem
    if record is not None and record.exists() and not again:
        raise ConfigError(f"{record} exists: it is not overwritten, choose another name")
    identity = Identity.load(path, obtain) if again else Identity.generate()
    with explained("record"):
        public = key_record(identity, called, address)
    if not again:
        identity.save(path, obtain())
        warn(f"{path} written (readable by you only); the public record:")
    text = render_record(public)
    if record is not None:
        try:
            record.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{record} cannot be written: {error.strerror}") from error
    if as_json:
        emit_json(
            {
                "name": public.name,
                "key": public.key,
                "curve": public.curve,
                "sealing": public.sealing,
                "possession": public.possession,
                "address": public.address,
                "signature": public.signature,
            }
        )
    else:
        print(text, end="")
