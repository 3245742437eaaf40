"""Whom a node has links with while the members of its group change."""

import logging
from collections.abc import Callable
from typing import TypeAlias

from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.transport.face import PeerAddress, Transport

__all__ = ["Acquaintances", "Address", "our_line"]

log = logging.getLogger(__name__)

Address: TypeAlias = Callable[[Member], str | None]
"""Where a member listens; None where nobody knows, so that it dials us."""


def our_line(start: Roster | Invitation, identity: Identity) -> Member | None:
    """Our line in the roster or the invitation that a node starts with; None if there is none."""
    if isinstance(start, Invitation):
        return start.member if start.member.id == identity.public else None
    place = start.place(identity.public)
    return None if place is None else start.members[place]


class Acquaintances:
    """Keeps the peers of a transport in step with the roster.

    Whoever goes is let go of one epoch later, since it serves the old one to those that are late.

    Args:
        roster: whose members the transport has to begin with.
        identity: our keys.
        address: where newcomers listen.
    """

    def __init__(self, roster: Roster, identity: Identity, address: Address) -> None:
        self._identity = identity
        self._address = address
        self._reached = {member.id: member.curve for member in roster.members}
        self._present = dict.fromkeys(roster.ids)

    def changed(self, roster: Roster, transport: Transport) -> None:
        """A new epoch has begun."""
        lines = {member.id: member.curve for member in roster.members}
        # Whoever is back under the same link key keeps its link, and the address under which we have it.
        gone = [peer for peer, curve in self._reached.items() if peer not in self._present and lines.get(peer) != curve]
        for peer in gone:
            del self._reached[peer]
            transport.remove(peer)
        for member in roster.members:
            if member.id not in self._reached:
                self._reached[member.id] = member.curve
                try:
                    self._reach(member, self._address(member), transport)
                except ConfigError as error:
                    # A quorum let it in under a key that a peer of ours uses: the others pass on what it says.
                    log.warning("no link with %s: %s", member.name, error)
        self._present = dict.fromkeys(roster.ids)

    def consent(self, joiner: Member, address: str | None, roster: Roster, transport: Transport) -> tuple[int, bytes]:
        """Sign that somebody may join, and let it link with us.

        Returns:
            Our index in roster order and our signature.

        Raises:
            ConfigError: its link key is another member's, or its own key no good point.
            LocalProtocolError: we are not in the roster.
        """
        if not Ed25519().valid_key(joiner.id):
            raise ConfigError(f"the key of {joiner.name!r} is no good point: it can be no member")
        place = roster.place(self._identity.public)
        if place is None:
            raise LocalProtocolError("this member is not in the group: not yet, or not any more")
        self._reach(joiner, address, transport)
        return place, sign_join(joiner, roster, self._identity)

    def _reach(self, member: Member, address: str | None, transport: Transport) -> None:
        if member.id != self._identity.public:
            transport.add(member.id, PeerAddress(member.curve, address))
