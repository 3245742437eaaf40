"""The table of a transport's peers: one link for each, found by member or by CURVE key, and who of a pair dials."""

from collections.abc import Iterator, Mapping

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity, fingerprint
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.transport.counters import Counters, total
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.frames import check_introduction
from mechdesign.transport.link import Link

__all__ = ["Peers"]


class Peers:
    """Everybody whom this member may be linked to.

    Where both ends of a pair can be reached the smaller key dials, and the other one where it is not dialled; else the
    end that knows an address does.

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
        self._identity = identity
        self._scheme = scheme
        self._listens = listens
        self._config = config
        self._entropy = entropy
        self._introduction = b""
        self._addresses: dict[MemberId, PeerAddress] = {}
        self._links: dict[MemberId, Link] = {}
        self._by_user: dict[str, Link] = {}
        self._retired = Counters()
        for member, peer in addresses.items():
            self.add(member, peer, now)

    def add(self, member: MemberId, peer: PeerAddress, now: Instant) -> Link | None:
        """Have a peer, or reach it in another way.

        Returns:
            The link to it if it is a new one; the link that it replaces has to be retired by who asked.

        Raises:
            ConfigError: another member has its CURVE key, or we have; nothing was changed.
        """
        known = self._addresses.get(member)
        if member == self._identity.public or known == peer:
            return None
        owner = self._by_user.get(peer.curve.hex())
        if peer.curve == self._identity.curve_public or (owner is not None and owner.peer != member):
            raise ConfigError(f"member {fingerprint(member)} has the CURVE key of another member")
        dials = peer.address is not None and (not self._listens or self._identity.public < member)
        self._addresses[member] = peer
        if known is not None:
            dialling = self._links[member].dialling
            if known.curve == peer.curve and not dialling.connected:
                dialling.learn(eager=dials, able=peer.address is not None, now=now)
                return None
            del self._by_user[known.curve.hex()]
        link = self._links[member] = self._by_user[peer.curve.hex()] = Link(
            self._identity,
            self._identity.curve_public,
            member,
            peer.curve,
            scheme=self._scheme,
            config=self._config,
            entropy=self._entropy,
            dials=dials,
            spare=peer.address is not None,
            introduction=self._introduction,
            now=now,
        )
        return link

    def remove(self, member: MemberId) -> Link | None:
        """Have a peer no more; its link, which has to be retired by who asked, or None where there was none."""
        known = self._addresses.pop(member, None)
        if known is None:
            return None
        del self._by_user[known.curve.hex()]
        return self._links.pop(member)

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

    def find(self, member: MemberId) -> Link | None:
        """The link to a peer, or None where it is no peer of ours."""
        return self._links.get(member)

    def retire(self, counters: Counters) -> None:
        """Keep what a link counted that is no more."""
        self._retired = Counters(**total((self._retired, counters)))

    @property
    def introduction(self) -> bytes:
        """What precedes the hellos of all links; empty for nothing."""
        return self._introduction

    def introduce(self, introduction: bytes, now: Instant) -> None:
        """Precede hellos from now on by ``introduction``.

        Raises:
            LocalProtocolError: it passes the limit.
        """
        check_introduction(introduction)
        self._introduction = introduction
        for link in self:
            link.introduce(introduction, now)

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
        """Sums over all links, those that are no more among them, by name."""
        return total((self._retired, *(link.counters for link in self)))
