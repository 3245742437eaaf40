"""Key records and rosters: what members pass around before there is a group.

``docs/files.md`` shows each of them in full.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mechdesign.cli.fields import Address, File, Key, Nonce, Proof, Signature, render_value
from mechdesign.cli.reading import read, validate
from mechdesign.decision.membership import holds_key, member_of, possession
from mechdesign.group.evidence import evidence_bytes_max
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity, fingerprint
from mechdesign.kernel.wire import digest

__all__ = ["KeyRecord", "RosterFile", "key_record", "load_roster_file", "render_record", "render_roster"]

_RECORD_TAG = "mechdesign/key-record/1"


class KeyRecord(File):
    """The public half of a key file, as its owner sends it to whoever puts the roster together.

    Attributes:
        name: what the roster is to call the member.
        key: Ed25519 public key: the member itself.
        curve: CURVE public key of its links.
        sealing: the key that shares of sealed reports are encrypted to.
        possession: the proof that the member knows the secret behind it.
        address: where it listens, or None if others cannot reach it.
        signature: the member's own, over all of the above.
    """

    name: str = Field(min_length=1, max_length=64)
    key: Key
    curve: Key
    sealing: Key
    possession: Proof
    address: Address | None = None
    signature: Signature

    @model_validator(mode="after")
    def _signed(self) -> Self:
        member = MemberId(self.key)
        message = _record_message(self.name, self.curve, self.sealing, self.possession, self.address)
        if not Ed25519().valid_key(member):
            raise ValueError(f"the key of {self.name!r} is no good point: it can be no member")
        if not Ed25519().verify(member, message, self.signature):
            raise ValueError(
                f"the record of {self.name!r} is not signed by its key: it was altered after keygen wrote it"
            )
        if not holds_key(Ed25519(), Member(member, self.name, self.curve, self.sealing), self.possession):
            raise ValueError(
                f"the record of {self.name!r} does not prove that it knows its sealing key and its CURVE key"
            )
        return self


def _record_message(name: str, curve: bytes, sealing: bytes, possession: bytes, address: str | None) -> bytes:
    return digest(_RECORD_TAG, name.encode(), curve, sealing, possession, (address or "").encode())


def key_record(identity: Identity, name: str, address: str | None) -> KeyRecord:
    """Make the signed public record of a key."""
    member, proof = member_of(identity, name), possession(identity)
    signature = identity.sign(_record_message(name, member.curve, member.sealing, proof, address))
    return KeyRecord(
        name=name,
        key=member.id,
        curve=member.curve,
        sealing=member.sealing,
        possession=proof,
        address=address,
        signature=signature,
    )


class _MemberTable(File):
    name: str
    key: Key
    curve: Key
    sealing: Key
    address: Address | None = None


class RosterFile(File):
    """A roster as a file: what all members agree on, and where each listens.

    Addresses are hints and no part of what the fingerprint covers: moving a host does not found another group.

    Attributes:
        group: the group's name.
        faults: the fault model; by default byzantine from four members on, unanimous below.
        nonce: tells apart two groups of the same members.
        fingerprint: if given, the file is refused where it does not match.
        slots: leader slots a round; 0 for one a member.
        depth: rounds below a commit that are still ordered with it.
        submission_bytes_max: bytes of one submission.
        payload_bytes_max: bytes of one block's payload.
        member: the members, in roster order.
    """

    group: str
    faults: FaultModel | None = None
    nonce: Nonce = bytes(16)
    fingerprint: str | None = None
    slots: int = 0
    depth: int = 64
    submission_bytes_max: int = 64 * 1024
    payload_bytes_max: int = 256 * 1024
    member: tuple[_MemberTable, ...] = Field(min_length=1)

    @property
    def roster(self) -> Roster:
        """What the members sign up to.

        Raises:
            ConfigError: names or keys repeat, or a number is out of range.
        """
        try:
            roster = Roster(
                group=self.group,
                members=tuple(Member(MemberId(each.key), each.name, each.curve, each.sealing) for each in self.member),
                faults=self.faults or FaultModel.default(len(self.member)),
                slots=self.slots,
                depth=self.depth,
                submission_bytes_max=self.submission_bytes_max,
                payload_bytes_max=self.payload_bytes_max,
                nonce=self.nonce,
            )
        except LocalProtocolError as error:
            raise ConfigError(str(error)) from error
        if roster.submission_bytes_max < evidence_bytes_max(roster):
            raise ConfigError(
                f"submission_bytes_max is {roster.submission_bytes_max}: a proof against a member would not fit into "
                f"one; give {evidence_bytes_max(roster)} or more"
            )
        return roster

    @property
    def addresses(self) -> dict[str, str | None]:
        """Where each member listens, by name."""
        return {each.name: each.address for each in self.member}


def load_roster_file(path: Path) -> RosterFile:
    """Read and check a roster file.

    Raises:
        ConfigError: naming the file and the key.
    """
    file = validate(RosterFile, read(path, "roster"), str(path))
    try:
        roster = file.roster
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    found = fingerprint(roster.digest)
    if file.fingerprint is not None and file.fingerprint != found:
        raise ConfigError(
            f"{path}: fingerprint: the file says {file.fingerprint}, its content has {found}: "
            "it was altered, get it again from whoever put it together"
        )
    return file


def render_record(record: KeyRecord) -> str:
    """A key record as TOML."""
    lines = [f"name = {render_value(record.name)}"]
    for name in ("key", "curve", "sealing", "possession"):
        lines.append(f'{name} = "{getattr(record, name).hex()}"')
    if record.address is not None:
        lines.append(f"address = {render_value(record.address)}")
    return "\n".join([*lines, f'signature = "{record.signature.hex()}"']) + "\n"


def render_roster(roster: Roster, addresses: dict[str, str | None]) -> str:
    """A roster as TOML, with its fingerprint; what has its default value is left out."""
    lines = [
        "# Every member needs the same fingerprint. Addresses may change without changing it.",
        f"group = {render_value(roster.group)}",
        f'faults = "{roster.faults.value}"',
        f'nonce = "{roster.nonce.hex()}"',
        f'fingerprint = "{fingerprint(roster.digest)}"',
    ]
    plain = Roster(roster.group, roster.members, roster.faults)
    for name in ("slots", "depth", "submission_bytes_max", "payload_bytes_max"):
        if getattr(roster, name) != getattr(plain, name):
            lines.append(f"{name} = {getattr(roster, name)}")
    for member in roster.members:
        lines += ["", "[[member]]", f"name = {render_value(member.name)}"]
        lines += [
            f'key = "{member.id.hex()}"',
            f'curve = "{member.curve.hex()}"',
            f'sealing = "{member.sealing.hex()}"',
        ]
        if address := addresses.get(member.name):
            lines.append(f"address = {render_value(address)}")
    return "\n".join(lines) + "\n"
