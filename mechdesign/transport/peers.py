"""The table of a transport's peers: one link for each, found by member or by CURVE key, and who of a pair dials."""

from collections.abc import Iterator, Mapping

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity, fingerprint
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.transport.counters import total
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.link import Link

__all__ = ["Peers"]


class Peers:
    """Everybody whom this member may be linked to.

    Where both ends of a pair can be reached the smaller key dials; else the end that knows an address does.

    Args:
        identity: our keys; an entry of our own among ``addresses`` is left out.
        scheme: how hellos are checked.
        listens: whether we can be reached.
        addresses: who they are and where.
        config: limits of each link.
        entropy: where nonces come from.
        now: the driver's clock.

    Raises:
        ConfigError: two members share a CURVE key, or one has ours.
    """

    def __init__(
        self,
        identity: Identity,
        scheme: SignatureScheme,
        *,
        listens: bool,
        addresses: Mapping[MemberId, PeerAddress],
        config: TransportConfig,
        entropy: Entropy,
        now: Instant,
    ) -> None:
        self._addresses = {member: peer for member, peer in addresses.items() if member != identity.public}
        self._links: dict[MemberId, Link] = {}
        self._by_user: dict[str, Link] = {}
        curves = {identity.curve_public}
        for member, peer in self._addresses.items():
            if peer.curve in curves:
                raise ConfigError(f"member {fingerprint(member)} has the CURVE key of another member")
            curves.add(peer.curve)
            self._links[member] = self._by_user[peer.curve.hex()] = Link(
                identity,
                identity.curve_public,
                member,
                peer.curve,
                scheme=scheme,
                config=config,
                entropy=entropy,
                dials=peer.address is not None and (not listens or identity.public < member),
                now=now,
            )

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links.values())

    def link(self, member: MemberId) -> Link:
        """The link to a peer.

        Raises:
            LocalProtocolError: it is no peer of ours.
        """
        link = self._links.get(member)
        if link is None:
            raise LocalProtocolError(f"{fingerprint(member)} is not a peer of this transport")
        return link

    def of_user(self, user: str) -> Link | None:
        """The link whose connections carry this User-Id, the hexadecimal CURVE key that the gate admitted."""
        return self._by_user.get(user)

    def at(self, member: MemberId) -> tuple[bytes, str]:
        """The CURVE key and the address of a peer that we dial.

        Raises:
            LocalProtocolError: it has no address.
        """
        peer = self._addresses[member]
        if peer.address is None:
            raise LocalProtocolError("a peer without an address cannot be dialled")
        return peer.curve, peer.address

    @property
    def curves(self) -> list[bytes]:
        """The CURVE keys that may connect."""
        return [peer.curve for peer in self._addresses.values()]

    @property
    def up(self) -> tuple[MemberId, ...]:
        """The peers whose links are up, in the order in which they were given."""
        return tuple(member for member, link in self._links.items() if link.up)

    @property
    def deadline(self) -> Instant | None:
        """When the first of the links has something to do."""
        return min((link.deadline for link in self if link.deadline is not None), default=None)

    def due(self, now: Instant) -> list[Link]:
        """The links that have something to do now."""
        return [link for link in self if link.deadline is not None and link.deadline <= now]

    def counters(self) -> dict[str, int]:
        """Sums over all links, by name."""
        return total(link.counters for link in self)
