"""A player in the network for the time of one command: from its key, its address and the records of its seeds."""

from collections.abc import Sequence
from pathlib import Path

from mechdesign.cli.fields import Address
from mechdesign.cli.output import warn
from mechdesign.cli.passphrase import passphrase_source
from mechdesign.cli.reading import read, validate
from mechdesign.cli.roster_files import KeyRecord, render_roster
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.events import Formed
from mechdesign.kernel.config import PRESETS
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity, fingerprint
from mechdesign.node.host import Host
from mechdesign.node.links import TransportFactory, tcp
from mechdesign.transport.face import PeerAddress, Strangers

__all__ = ["host_of", "records_of", "write_group"]


def records_of(paths: Sequence[Path]) -> list[KeyRecord]:
    """Read public records, as ``mechdesign keygen`` prints them.

    Raises:
        ConfigError: one cannot be read, or is not signed by its key.
    """
    return [validate(KeyRecord, read(path, "record"), str(path)) for path in paths]


def host_of(key: Path, *, name: str | None, listen: Address | None, seeds: Sequence[Path], preset: str) -> Host:
    """The player with that key file.

    Args:
        key: the key file.
        name: what rosters are to call it; by default the file's name.
        listen: where it listens, and tells others that it does.
        seeds: the public records of whom it knows.
        preset: lan, local or wan.

    Raises:
        ConfigError: a record or the preset cannot be used, or nobody could be reached.
        IdentityError: the key file does not open.
    """
    if preset not in PRESETS:
        raise ConfigError(f"--preset: {preset!r} is not one of {', '.join(PRESETS)}")
    known = records_of(seeds)
    unreachable = [record.name for record in known if record.address is None]
    if unreachable:
        raise ConfigError(f"--seed: {', '.join(unreachable)} has no address: a seed is somebody who can be dialled")
    if not known and listen is None:
        raise ConfigError("nobody can be reached: give --seed with the record of somebody, or --listen")
    identity = Identity.load(key, passphrase_source(of=str(key)))
    settings = PRESETS[preset]

    def links(strangers: Strangers) -> TransportFactory:
        return tcp(identity, listen, {}, settings.transport, strangers=strangers)

    quick = LobbyConfig(gossip_min_s=0.2, gossip_max_s=1.0, dial_s=1.0) if preset == "local" else LobbyConfig()
    return Host(
        identity,
        name or key.stem,
        links,
        addresses=(listen,) if listen is not None else (),
        seeds={MemberId(record.key): PeerAddress(record.curve, record.address) for record in known},
        preset=settings,
        lobby=quick,
    )


def write_group(host: Host, formed: Formed, out: Path) -> None:
    """Write the roster file of a group that was formed, with the addresses that are known, and say what it is.

    Raises:
        ConfigError: the file exists or cannot be written.
    """
    roster = formed.roster
    ours = host.addresses[0] if host.addresses else None
    addresses = {
        member.name: ours if member.id == host.identity.public else host.address(member.id) for member in roster.members
    }
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(render_roster(roster, addresses))
    except FileExistsError as error:
        raise ConfigError(f"{out} exists: it is not overwritten, choose another name") from error
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from error
    names = ", ".join(member.name for member in roster.members)
    warn(f"{roster.group} exists: {names}; all {roster.n} signed its roster")
    warn(f"{roster.faults.value} b={roster.b} q={roster.q} · fingerprint {fingerprint(roster.digest)} · {out}")
