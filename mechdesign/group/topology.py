"""Who is linked to whom and where: each member floods its own links, and a map of them names the cut vertices.

A cut vertex is a member whose loss parts the others: the group would lose more than one member with it, so people
should know and add a link. The map is a hint. A link counts where both its ends say that they have it, so a liar can
hide links of its own and cannot invent one between others.

Statements are numbered. A member that starts again and hears a statement of its own from an earlier life goes on
counting above it, as link-state routing does (RFC 2328, section 13.4).

With its links a member may say where it listens: those who came in after one another have no other way to learn that.
It speaks for itself only, and the first that it says in an epoch counts, so nobody can have the others dial about.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mechdesign.group.roster import Roster
from mechdesign.group.tolerance import Tolerance
from mechdesign.kernel.crypto import SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import Value, decode, digest, encode
from mechdesign.transport.messages import Send

__all__ = ["ADDRESS_CHARACTERS", "LINKS_KIND", "Located", "Topology", "cut_vertices"]

LINKS_KIND = 34
"""The first number of these packets."""

ADDRESS_CHARACTERS = 300
"""No address is longer."""

_TAG = "mechdesign/links/1"
_PREFIX_BYTES = 8
_NUMBER_MAX = 2**48
_BYTES_MAX = 256 + 4 * ADDRESS_CHARACTERS
_EVERY: Instant = 250_000
# Of each other member, accepted statements are at least so far apart; our own are twice as far.
_AGAIN: Instant = 60_000_000
# Said again so often, for whoever lost the last one.


@dataclass(frozen=True, slots=True)
class Located:
    """Event: a member of the present epoch says where it listens.

    Attributes:
        member: who says it, of itself.
        address: whatever it says; for the transport to judge.
    """

    member: MemberId
    address: str


def cut_vertices(links: Mapping[int, Iterable[int]]) -> tuple[int, ...]:
    """The vertices whose removal leaves the others in more parts than there were, ascending.

    Args:
        links: for each vertex its neighbours; symmetric.

    >>> cut_vertices({0: [1], 1: [0, 2], 2: [1, 3], 3: [2]})
    (1, 2)
    >>> cut_vertices({0: [1, 3], 1: [0, 2], 2: [1, 3], 3: [2, 0]})
    ()
    """
    graph = {vertex: tuple(others) for vertex, others in links.items()}
    whole = _parts(graph, None)
    # Taking an isolated vertex away leaves one part less, so it is none; any other leaves at least as many.
    return tuple(vertex for vertex in sorted(graph) if _parts(graph, vertex) > whole)


def _parts(graph: Mapping[int, Sequence[int]], without: int | None) -> int:
    seen = set() if without is None else {without}
    parts = 0
    for start in graph:
        if start in seen:
            continue
        parts += 1
        seen.add(start)
        stack = [start]
        while stack:
            for other in graph[stack.pop()]:
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
    return parts


class Topology:
    """The map of one member.

    Members are their index in roster order.

    Args:
        roster: the group.
        signer: signs our own statements.
        scheme: checks the others'.
        address: where we listen; empty where nobody can dial us.

    Raises:
        LocalProtocolError: the signer's member does not stand in the roster, or the address is too long.
    """

    def __init__(self, roster: Roster, signer: Signer, scheme: SignatureScheme, address: str = "") -> None:
        me = roster.place(signer.public)
        if me is None:
            raise LocalProtocolError("only a member of the roster has links to tell of")
        if len(address) > ADDRESS_CHARACTERS:
            raise LocalProtocolError(f"an address has at most {ADDRESS_CHARACTERS} characters, not {len(address)}")
        self.roster = roster
        self._signer = signer
        self._scheme = scheme
        self._me = me
        self._address = address
        self._addresses: dict[int, str] = {}
        self._located: list[Located] = []
        self._linked: list[int] = []
        self._number = 0
        self._due: Instant | None = None
        self._said_at: Instant | None = None
        # Of each member the number, the links and the packet of its newest statement, and when we took it.
        self._known: dict[int, tuple[int, frozenset[int], bytes]] = {}
        self._taken_at: dict[int, Instant] = {}
        self._tolerance = Tolerance()

    @property
    def deadline(self) -> Instant | None:
        """When our links are to be told."""
        return self._due

    def link_up(self, place: int, now: Instant) -> list[Send]:
        """A neighbour can be reached: it is told all that we know, and the others soon of the link."""
        if place not in self._linked:
            self._linked = sorted([*self._linked, place])
        self._changed(now)
        return [self._send(place, wire) for _, (_, _, wire) in sorted(self._known.items())]

    def link_down(self, place: int, now: Instant) -> None:
        """A neighbour cannot be reached."""
        if place in self._linked:
            self._linked.remove(place)
            self._changed(now)

    def tick(self, now: Instant) -> list[Send]:
        """Tell the neighbours of our links, when that is due."""
        if self._due is None or self._due > now:
            return []
        self._due, self._said_at = now + _AGAIN, now
        self._number += 1
        links = frozenset(self._linked)
        head = (self.roster.digest[:_PREFIX_BYTES], self._me, self._number, tuple(sorted(links)))
        body = encode((*head, self._address) if self._address else head)
        wire = encode((LINKS_KIND, body, self._signer.sign(digest(_TAG, self.roster.digest, body))))
        self._known[self._me] = (self._number, links, wire)
        return [self._send(place, wire) for place in self._linked]

    def receive(self, place: int, data: bytes, now: Instant) -> list[Send]:
        """Take a statement that a neighbour made or passed on; never raises."""
        neighbour = self.roster.ids[place]
        if not self._tolerance.admits(neighbour, now):
            return []
        read = _read(data, self.roster)
        if read is None:
            self._tolerance.charge(neighbour, now)
            return []
        author, number, links, address, body, signature = read
        known = self._known.get(author)
        if known is not None and number <= known[0] and author != self._me:
            return []
        if author != self._me and now < self._taken_at.get(author, now) + (0 if known is None else _EVERY):
            # Whoever tells news faster than an honest member does is heard when it has slowed down.
            return []
        if author == self._me and number <= self._number:
            return []
        if not self._scheme.verify(self.roster.ids[author], digest(_TAG, self.roster.digest, body), signature):
            self._tolerance.charge(neighbour, now)
            return []
        if author == self._me:
            self._number = number
            self._changed(now)
            return []
        self._known[author] = (number, links, data)
        self._taken_at[author] = now
        if address and author not in self._addresses:
            self._addresses[author] = address
            self._located.append(Located(self.roster.ids[author], address))
        return [self._send(other, data) for other in self._linked if other != place]

    def located(self) -> list[Located]:
        """Where members said that they listen, since this was asked last."""
        located, self._located = self._located, []
        return located

    def map(self) -> dict[int, tuple[int, ...]]:
        """The links that both ends stated, and our own that stand; members that were not heard of are left out."""
        stated = {author: links for author, (_, links, _) in self._known.items()}
        stated[self._me] = frozenset(self._linked)
        return {
            author: tuple(sorted(other for other in links if author in stated.get(other, ())))
            for author, links in sorted(stated.items())
        }

    def cut_vertices(self) -> tuple[int, ...]:
        """Members whose loss would part the others, as far as we know the links."""
        return cut_vertices(self.map())

    def reached(self) -> tuple[int, ...]:
        """Ourselves and the members that a path of known links leads to, ascending."""
        links = self.map()
        seen, stack = {self._me}, [self._me]
        while stack:
            fresh = [other for other in links.get(stack.pop(), ()) if other not in seen]
            seen.update(fresh)
            stack += fresh
        return tuple(sorted(seen))

    def _changed(self, now: Instant) -> None:
        earliest = now if self._said_at is None else max(now, self._said_at + 2 * _EVERY)
        self._due = earliest if self._due is None else min(self._due, earliest)

    def _send(self, place: int, wire: bytes) -> Send:
        return Send(self.roster.ids[place], wire)


def _read(data: bytes, roster: Roster) -> tuple[int, int, frozenset[int], str, bytes, bytes] | None:
    try:
        match decode(data, bytes_max=_BYTES_MAX + 8 * roster.n):
            case (int(kind), bytes(body), bytes(signature)) if kind == LINKS_KIND and len(signature) == SIGNATURE_BYTES:
                value = decode(body, bytes_max=_BYTES_MAX + 8 * roster.n)
            case _:
                return None
    except WireError:
        return None
    match value:
        case (bytes(prefix), int(author), int(number), tuple(links), *rest) if prefix == roster.digest[:_PREFIX_BYTES]:
            places = tuple(place for place in links if type(place) is int and 0 <= place < roster.n)
            good = len(places) == len(links) and list(places) == sorted(set(places)) and author not in places
            if not good or type(author) is bool or type(number) is bool:
                return None
            if not 0 <= author < roster.n or not 0 < number < _NUMBER_MAX:
                return None
            address = _address(rest)
            return None if address is None else (author, number, frozenset(places), address, body, signature)
    return None


def _address(rest: Sequence[Value]) -> str | None:
    """What follows the links: nothing, or an address."""
    match rest:
        case []:
            return ""
        case [str(address)] if 0 < len(address) <= ADDRESS_CHARACTERS:
            return address
    return None
