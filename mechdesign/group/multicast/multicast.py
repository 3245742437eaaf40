"""All that members say beside the order: private and direct messages, and who is linked to whom.

One epoch's worth of it, as one machine beside the group core: its packets begin with kinds of their own, and what it
keeps stands in a table of the journal of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.messages import Broadcast, Delivered
from mechdesign.group.multicast.direct import Direct, DirectDelivered, DirectEffect, DirectMulticast
from mechdesign.group.multicast.letters import is_post
from mechdesign.group.multicast.private import Private, PrivateEvent, PrivateMulticast
from mechdesign.group.roster import Roster
from mechdesign.group.topology import LINKS_KIND, Located, Topology
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.exchange import Exchange, Holder
from mechdesign.kernel.machine import Entropy, Instant

__all__ = ["Means", "Multicast", "MulticastEffect", "is_beside"]


@dataclass(frozen=True, slots=True)
class Means:
    """What messages to some members need.

    Attributes:
        exchange: how secrets of envelopes are agreed on.
        holder: our side of that.
        entropy: where the secrets come from.
    """

    exchange: Exchange
    holder: Holder
    entropy: Entropy


MulticastEffect: TypeAlias = DirectEffect | Broadcast | Located
"""What it asks for: a private message goes to the group core as a broadcast."""


def is_beside(data: bytes) -> bool:
    """Whether a packet is for this machine and not for the group core, by its first bytes."""
    return is_post(data) or (len(data) > 1 and data[0] >> 4 == 0x9 and data[1] == LINKS_KIND)


class Multicast:
    """One member's part, in one epoch.

    Neighbours are their index in roster order.

    Args:
        roster: the group.
        signer: signs for this member.
        scheme: checks everybody's signatures.
        config: intervals and rates.
        means: for messages to some members; without them there is only the map of links.
        address: where we listen, for the others to know; empty where nobody can dial us.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        means: Means | None,
        address: str = "",
    ) -> None:
        self._roster = roster
        self._private: PrivateMulticast | None = None
        self._direct: DirectMulticast | None = None
        if means is not None:
            exchange, holder, entropy = means.exchange, means.holder, means.entropy
            self._private = PrivateMulticast(roster, signer.public, exchange, holder, entropy)
            self._direct = DirectMulticast(roster, signer, scheme, exchange, holder, config, entropy)
        self._topology = Topology(roster, signer, scheme, address)

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[DirectDelivered]:
        """Take back the journal's records; others than ours are passed over. Gives the letters that may be untold.

        Raises:
            JournalError: a record is damaged.
        """
        return () if self._direct is None else self._direct.restore(records, now)

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do."""
        dues = (None if self._direct is None else self._direct.deadline, self._topology.deadline)
        return min((due for due in dues if due is not None), default=None)

    def submit(self, request: Private | Direct, now: Instant) -> Sequence[MulticastEffect]:
        """Send a message.

        Raises:
            LocalProtocolError: a recipient is no other member, it is too long, or too many wait for receipts.
        """
        if self._private is None or self._direct is None:
            raise LocalProtocolError("this member was given no means for messages to some members only")
        if isinstance(request, Private):
            return [self._private.broadcast(request)]
        return self._direct.submit(request, now)

    def link_up(self, place: int, now: Instant) -> Sequence[MulticastEffect]:
        """A neighbour can be reached."""
        direct = [] if self._direct is None else self._direct.link_up(place, now)
        return [*self._topology.link_up(place, now), *direct]

    def link_down(self, place: int, now: Instant) -> None:
        """A neighbour cannot be reached."""
        self._topology.link_down(place, now)
        if self._direct is not None:
            self._direct.link_down(place)

    def packet(self, place: int, data: bytes, now: Instant) -> Sequence[MulticastEffect]:
        """Take a packet that :func:`is_beside`; never raises."""
        if not is_post(data):
            return [*self._topology.receive(place, data, now), *self._topology.located()]
        return [] if self._direct is None else self._direct.receive(place, data, now)

    def tick(self, now: Instant) -> Sequence[MulticastEffect]:
        """Do what was due."""
        return [*self._topology.tick(now), *([] if self._direct is None else self._direct.tick(now))]

    def delivered(self, entry: Delivered) -> tuple[PrivateEvent, ...]:
        """What an ordered submission of the kind of private messages brings."""
        return () if self._private is None else self._private.delivered(entry)

    @property
    def outstanding(self) -> tuple[Direct, ...]:
        """Direct messages that wait for receipts."""
        return () if self._direct is None else self._direct.outstanding

    @property
    def cut_vertices(self) -> tuple[MemberId, ...]:
        """Members whose loss would part the others, as far as links are known."""
        return self._named(self._topology.cut_vertices())

    @property
    def reached(self) -> tuple[MemberId, ...]:
        """The members that a path of known links leads to, ourselves among them."""
        return self._named(self._topology.reached())

    @property
    def dropped(self) -> dict[str, int]:
        """What was thrown away, by reason."""
        return {} if self._direct is None else dict(self._direct.dropped)

    def _named(self, places: Iterable[int]) -> tuple[MemberId, ...]:
        return tuple(self._roster.ids[place] for place in places)
