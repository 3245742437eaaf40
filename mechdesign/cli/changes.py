"""What a running node or room does when it is told to change the members of its group."""

from collections.abc import Mapping
from typing import Any, Protocol

from mechdesign.cli.roster_files import KeyRecord
from mechdesign.decision.bench import exclusion
from mechdesign.decision.policing import convict_of
from mechdesign.group.messages import Change, Leave
from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import ConfigError, VerificationError
from mechdesign.node.control import Handler

__all__ = ["Changeable", "change_handlers", "data_of"]


class Changeable(Protocol):
    """A member that takes part in the changes of its group: a node, or a room."""

    name: str

    @property
    def roster(self) -> Roster:
        """Of the present epoch."""
        ...

    def change(self, change: Change) -> None:
        """Have the members changed."""
        ...

    def consent(self, joiner: Member, address: str | None = None) -> tuple[int, bytes]:
        """Sign that somebody may join; gives our index in roster order and our signature."""
        ...


def data_of(text: Any, what: str) -> bytes:
    """Bytes that were written as hexadecimal digits.

    Raises:
        ConfigError: they were not.
    """
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: not hexadecimal") from error


def change_handlers(node: Changeable) -> dict[str, Handler]:
    """The requests by which a member's operator changes its group."""

    def consent(request: Mapping[str, Any]) -> Mapping[str, Any]:
        record = KeyRecord.model_validate(request["record"])
        joiner = Member(MemberId(record.key), record.name, record.curve, record.sealing)
        roster = node.roster
        place, signature = node.consent(joiner, record.address)
        said = {"roster": roster.digest.hex(), "place": place, "signature": signature.hex()}
        return {**said, "member": record.name, "quorum": roster.q, "epoch": roster.epoch, "group": roster.group}

    def admit(request: Mapping[str, Any]) -> Mapping[str, Any]:
        record = KeyRecord.model_validate(request["record"])
        joiner = Member(MemberId(record.key), record.name, record.curve, record.sealing)
        pairs = {int(place): data_of(signature, "consent") for place, signature in request["signatures"]}
        invitation = Invitation.of(node.roster, joiner, pairs)
        try:
            invitation.check(Ed25519())
        except VerificationError as error:
            raise ConfigError(
                f"{error}: a consent serves in the epoch in which it was given, and only there"
            ) from error
        node.change(invitation.join)
        return {"invitation": invitation.encoded.hex(), "member": record.name, "epoch": node.roster.epoch + 1}

    def leave(_: Mapping[str, Any]) -> Mapping[str, Any]:
        node.change(Leave())
        return {"member": node.name, "epoch": node.roster.epoch + 1}

    def exclude(request: Mapping[str, Any]) -> Mapping[str, Any]:
        evidence = data_of(request.get("evidence"), "evidence")
        member = convict_of(evidence, node.roster, Ed25519())
        if member is None:
            raise ConfigError("the evidence proves nothing against a member of the present roster")
        node.change(exclusion(member, evidence, node.roster))
        return {"member": node.roster.name(member), "epoch": node.roster.epoch + 1}

    return {"consent": consent, "admit": admit, "leave": leave, "exclude": exclude}
