"""What a node needs, read and checked before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from mechdesign.cli.node_files import NodeFile, load_node_file
from mechdesign.cli.passphrase import passphrase_source
from mechdesign.cli.roster_files import RosterFile, load_roster_file
from mechdesign.decision.membership import member_of
from mechdesign.group.roster import Roster
from mechdesign.kernel.errors import ConfigError
from mechdesign.kernel.identity import Identity

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a node needs, read and checked before anything is started.

    Attributes:
        file: the configuration.
        roster_file: the roster with its addresses.
        roster: the roster.
        identity: our keys.
        name: what the roster calls us.
        sessions: stop once so many ended; 0 for never.
        timeout_s: give up after so long; 0 for never.
        linger_s: stay so long after the last session.
        as_json: print JSON lines.
        misbehave: how to cheat, or None.
        until_eof: stop when standard input ends.
    """

    file: NodeFile
    roster_file: RosterFile
    roster: Roster
    identity: Identity
    name: str
    sessions: int
    timeout_s: float
    linger_s: float
    as_json: bool
    misbehave: str | None
    until_eof: bool

    @classmethod
    def read(
        cls,
        config: Path,
        *,
        sessions: int,
        timeout_s: float,
        linger_s: float,
        as_json: bool,
        misbehave: str | None,
        until_eof: bool,
    ) -> "Plan":
        """Read configuration, roster and key.

        Raises:
            ConfigError: a file cannot be used.
            IdentityError: the key file does not open.
        """
        file = load_node_file(config)
        roster_file = load_roster_file(file.roster)
        roster = roster_file.roster
        obtain = passphrase_source(env=file.passphrase.env, file=file.passphrase.file, of=str(file.key))
        identity = Identity.load(file.key, obtain)
        place = roster.place(identity.public)
        if place is None:
            raise ConfigError(
                f"{config}: key: {file.key.name} is not the key of any member of {file.roster.name}: "
                "use the key whose record went into the roster"
            )
        member = roster.members[place]
        if member != member_of(identity, member.name):
            raise ConfigError(
                f"{config}: key: the roster has another link or sealing key for {member.name}: keygen ran again"
            )
        for stranger in [name for name in file.addresses if roster.named(name) is None]:
            raise ConfigError(f"{config}: addresses: {stranger!r} is not in the roster")
        if misbehave is not None:
            from mechdesign.testing.misbehaviour import KINDS

            if misbehave not in KINDS:
                raise ConfigError(f"--misbehave: {misbehave!r} is not one of {', '.join(KINDS)}")
        return cls(
            file,
            roster_file,
            roster,
            identity,
            member.name,
            sessions,
            timeout_s,
            linger_s,
            as_json,
            misbehave,
            until_eof,
        )

    @property
    def listen(self) -> str | None:
        """Where this node listens; None where neither the configuration nor the roster says: then it only dials."""
        return self.file.listen or self.roster_file.addresses.get(self.name)
