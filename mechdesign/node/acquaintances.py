"""Whom a node has links with while the members of its group change."""

import logging
from collections.abc import Callable
from typing import TypeAlias

from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.kernel.crypto import Ed25519, MemberId
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

    Whoever goes is let go of one epoch later, since it serves the old one to those that are late. So is a joiner whom
    we consented to and who did not come.

    Where a member listens is known from whoever runs us, and of those who came in later also from themselves: what
    they say of it counts where nobody told us otherwise.

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
        # Whose address is not for them to say.
        self._settled = dict.fromkeys(roster.ids)

    def changed(self, roster: Roster, transport: Transport) -> None:
        """A new epoch has begun."""
        lines = {member.id: member.curve for member in roster.members}
        # Whoever is back under the same link key keeps its link, and the address under which we have it.
        gone = [peer for peer, curve in self._reached.items() if peer not in self._present and lines.get(peer) != curve]
        for peer in gone:
            del self._reached[peer]
            self._settled.pop(peer, None)
            transport.remove(peer)
        for member in roster.members:
            if self._reached.get(member.id) != member.curve:
                try:
                    self._reach(member, None, transport)
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
        # The consent serves until the next epoch begins; then the joiner is in the roster, or as good as gone.
        self._present[joiner.id] = None
        return place, sign_join(joiner, roster, self._identity)

    def located(self, member: MemberId, address: str, transport: Transport) -> None:
        """A member that came in later says where it listens."""
        curve = self._reached.get(member)
        if curve is None or member in self._settled or member == self._identity.public:
            return
        try:
            transport.add(member, PeerAddress(curve, address))
        except ConfigError as error:
            log.warning("what %s says of its address is of no use: %s", member[:4].hex(), error)

    def _reach(self, member: Member, address: str | None, transport: Transport) -> None:
        known = address or self._address(member)
        if member.id != self._identity.public:
            transport.add(member.id, PeerAddress(member.curve, known))
        self._reached[member.id] = member.curve
        if known is not None:
            self._settled[member.id] = None
