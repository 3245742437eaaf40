"""What a node needs, read and checked before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from mechdesign.cli.node_files import NodeFile, load_node_file
from mechdesign.cli.passphrase import passphrase_source
from mechdesign.cli.roster_files import RosterFile, load_roster_file
from mechdesign.decision.membership import member_of
from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import ConfigError, VerificationError
from mechdesign.kernel.identity import Identity
from mechdesign.node.acquaintances import our_line
from mechdesign.transport.face import PeerAddress

__all__ = ["Plan"]

_ANYWHERE = ("tcp://0.0.0.0:", "tcp://[::]:")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a node needs, read and checked before anything is started.

    Attributes:
        file: the configuration.
        roster_file: the roster with its addresses.
        start: the roster, or the invitation with which we join.
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
    start: Roster | Invitation
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
        sessions: int = 0,
        timeout_s: float = 0,
        linger_s: float = 0,
        as_json: bool = False,
        misbehave: str | None = None,
        until_eof: bool = False,
    ) -> "Plan":
        """Read configuration, roster and key.

        Raises:
            ConfigError: a file cannot be used.
            IdentityError: the key file does not open.
        """
        file = load_node_file(config)
        roster_file = load_roster_file(file.roster)
        obtain = passphrase_source(env=file.passphrase.env, file=file.passphrase.file, of=str(file.key))
        identity = Identity.load(file.key, obtain)
        start = roster_file.roster if file.invitation is None else _invitation(file.invitation, roster_file.roster)
        member = our_line(start, identity)
        if member is None and file.invitation is not None:
            raise ConfigError(f"{config}: invitation: {file.invitation.name} is for another key than {file.key.name}")
        if member is None:
            raise ConfigError(
                f"{config}: key: {file.key.name} is not the key of any member of {file.roster.name}: "
                "use the key whose record went into the roster"
            )
        if member != member_of(identity, member.name):
            raise ConfigError(
                f"{config}: key: the roster has another link or sealing key for {member.name}: keygen ran again"
            )
        roster = start if isinstance(start, Roster) else start.roster
        for stranger in [name for name in file.addresses if roster.named(name) is None]:
            raise ConfigError(f"{config}: addresses: {stranger!r} is not in the roster")
        if misbehave is not None:
            from mechdesign.testing.misbehaviour import KINDS

            if misbehave not in KINDS:
                raise ConfigError(f"--misbehave: {misbehave!r} is not one of {', '.join(KINDS)}")
        return cls(
            file,
            roster_file,
            start,
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
    def roster(self) -> Roster:
        """With which this node starts; of one that joins, that of its invitation."""
        return self.start if isinstance(self.start, Roster) else self.start.roster

    @property
    def listen(self) -> str | None:
        """Where this node listens; None where neither the configuration nor the roster says: then it only dials."""
        return self.file.listen or self.roster_file.addresses.get(self.name)

    @property
    def here(self) -> str | None:
        """Where others can dial this node: what the roster file says, or where it listens if that is one address."""
        told = self.roster_file.addresses.get(self.name)
        listens_anywhere = self.file.listen is not None and self.file.listen.startswith(_ANYWHERE)
        return told or (None if listens_anywhere else self.file.listen)

    @property
    def peers(self) -> dict[MemberId, PeerAddress]:
        """Where each member listens: by the configuration, else by the roster file."""
        addresses = {**self.roster_file.addresses, **self.file.addresses}
        return {member.id: PeerAddress(member.curve, addresses.get(member.name)) for member in self.roster.members}

    def newcomer(self, member: Member) -> str | None:
        """Where a member listens that comes in later, by the configuration."""
        return self.file.newcomers.get(member.name)


def _invitation(path: Path, roster: Roster) -> Invitation:
    try:
        invitation = Invitation.parse(bytes.fromhex(path.read_text(encoding="ascii")))
        invitation.check(Ed25519())
    except (OSError, ValueError, VerificationError) as error:
        raise ConfigError(f"invitation: {path} cannot be used: {error}") from error
    if invitation.roster.group != roster.group:
        raise ConfigError(f"invitation: {path} is into {invitation.roster.group!r}, the roster is of {roster.group!r}")
    return invitation
