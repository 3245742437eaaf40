"""The map of links, and the members whose loss would part the group."""

from collections import deque
from random import Random

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.group.topology import LINKS_KIND, Topology, cut_vertices
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import digest, encode
from mechdesign.transport.messages import Send


class _Net:
    """Members that flood their links over a topology; every frame arrives at once, in a drawn order."""

    def __init__(self, n: int, edges: list[tuple[int, int]], seed: int = 0) -> None:
        ids = [MemberId(bytes((place + 1,)) * 32) for place in range(n)]
        members = tuple(Member(key, f"m{place}", key, key) for place, key in enumerate(ids))
        self.roster = Roster("map", members, FaultModel.default(n))
        self.random = Random(seed)
        self.now = 0
        self.members = [self._new(place) for place in range(n)]
        self.wire: deque[tuple[int, Send]] = deque()
        for one, other in edges:
            self.link(one, other)

    def _new(self, place: int) -> Topology:
        return Topology(self.roster, KeyedHash.Signer(self.roster.ids[place]), KeyedHash())

    def link(self, one: int, other: int) -> None:
        for place, peer in ((one, other), (other, one)):
            self.wire.extend((place, send) for send in self.members[place].link_up(peer, self.now))

    def cut(self, one: int, other: int) -> None:
        self.members[one].link_down(other, self.now)
        self.members[other].link_down(one, self.now)

    def restart(self, place: int, neighbours: list[int]) -> None:
        for other in neighbours:
            self.members[other].link_down(place, self.now)
        self.members[place] = self._new(place)
        self.run()
        for other in neighbours:
            self.link(place, other)

    def run(self) -> None:
        for _ in range(12):
            self.now += 300_000
            for place, member in enumerate(self.members):
                if member.deadline is not None and member.deadline <= self.now:
                    self.wire.extend((place, send) for send in member.tick(self.now))
            while self.wire:
                at = self.random.randrange(len(self.wire))
                self.wire.rotate(-at)
                source, send = self.wire.popleft()
                target = self.roster.ids.index(send.peer)
                more = self.members[target].receive(source, send.data, self.now)
                self.wire.extend((target, each) for each in more)


LINE = [(0, 1), (1, 2), (2, 3), (3, 4)]
RING = [*LINE, (4, 0)]


@pytest.mark.parametrize(
    ("edges", "cuts"), [(LINE, (1, 2, 3)), (RING, ()), ([(0, place) for place in range(1, 5)], (0,))]
)
def test_everybody_knows_the_cut_vertices(edges: list[tuple[int, int]], cuts: tuple[int, ...]) -> None:
    net = _Net(5, edges)
    net.run()
    assert [member.cut_vertices() for member in net.members] == [cuts] * 5
    assert all((member.deadline or 0) > net.now + 30_000_000 for member in net.members)  # all is said for a while


def test_a_link_that_fails_makes_cut_vertices_and_one_that_comes_back_unmakes_them() -> None:
    net = _Net(5, RING)
    net.run()
    net.cut(4, 0)
    net.run()
    assert net.members[2].cut_vertices() == (1, 2, 3)
    assert net.members[2].reached() == (0, 1, 2, 3, 4)
    net.cut(1, 2)
    net.run()
    assert [member.reached() for member in net.members] == [(0, 1), (0, 1), (2, 3, 4), (2, 3, 4), (2, 3, 4)]
    net.link(1, 2)
    net.run()
    net.link(4, 0)
    net.run()
    assert [member.cut_vertices() for member in net.members] == [()] * 5


def test_what_was_lost_is_said_again() -> None:
    net = _Net(5, RING)
    net.run()
    net.cut(4, 0)
    for place, member in enumerate(net.members):
        net.now += 1_000_000
        member.tick(net.now)  # what it sends is lost
        assert place == 2 or net.members[2].cut_vertices() == ()
    net.now += 61_000_000
    net.run()
    assert [member.cut_vertices() for member in net.members] == [(1, 2, 3)] * 5


def test_a_member_that_starts_again_is_believed_again() -> None:
    net = _Net(5, RING)
    net.run()
    net.cut(0, 1)
    net.cut(0, 1)
    net.restart(0, [4])
    net.run()
    assert net.members[2].map()[0] == (4,)
    assert net.members[2].cut_vertices() == (2, 3, 4)


@given(st.integers(2, 9), st.integers(0, 2**32), st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_the_cut_vertices_are_those_of_an_independent_implementation(n: int, seed: int, density: float) -> None:
    graph = networkx.gnp_random_graph(n, density, seed=seed)
    assert cut_vertices(networkx.to_dict_of_lists(graph)) == tuple(sorted(networkx.articulation_points(graph)))


def test_a_liar_cannot_invent_a_link_between_others_nor_one_to_another() -> None:
    net = _Net(4, [(0, 1), (1, 2), (2, 3)])
    net.run()
    body = encode((net.roster.digest[:8], 3, 99, (0, 1, 2)))
    signature = KeyedHash.Signer(net.roster.ids[3]).sign(digest("mechdesign/links/1", net.roster.digest, body))
    net.now += 1_000_000
    assert net.members[2].receive(3, encode((LINKS_KIND, body, signature)), net.now)
    assert net.members[2].map()[3] == (2,)
    assert net.members[2].cut_vertices() == (1, 2)


@pytest.mark.parametrize(
    "body",
    [
        (b"prefixed", 0, 7, (1,)),
        (b"", 0, 7, (1,)),
        (b"", 9, 7, (1,)),
        (b"", 0, 0, (1,)),
        (b"", 0, True, (1,)),
        (b"", 0, 7, (1, 1)),
        (b"", 0, 7, (0,)),
        (b"", 0, 7, (2, 1)),
        (b"", 0, 7, (b"",)),
        (b"", 0, 2**50, (1,)),
        (b"", 0),
    ],
)
def test_what_is_malformed_or_forged_changes_nothing(body: tuple[bytes | int | tuple[int, ...], ...]) -> None:
    net = _Net(4, [(0, 1), (1, 2), (2, 3)])
    net.run()
    before = net.members[1].map()
    shape = (net.roster.digest[:8] if body[0] == b"" and body != (b"", 0, 7, (1,)) else body[0], *body[1:])
    data = encode(shape)
    signature = KeyedHash.Signer(net.roster.ids[0]).sign(digest("mechdesign/links/1", net.roster.digest, data))
    net.now += 1_000_000
    assert net.members[1].receive(0, encode((LINKS_KIND, data, signature)), net.now) == []
    assert net.members[1].receive(0, encode((LINKS_KIND, data, bytes(64))), net.now) == []
    assert net.members[1].map() == before


def test_news_that_come_too_fast_are_passed_over_until_they_slow_down() -> None:
    net = _Net(3, [(0, 1), (1, 2)])
    net.run()
    heard = 0
    for number in range(50, 150):
        body = encode((net.roster.digest[:8], 0, number, (1,)))
        signature = KeyedHash.Signer(net.roster.ids[0]).sign(digest("mechdesign/links/1", net.roster.digest, body))
        net.now += 10_000
        heard += bool(net.members[1].receive(0, encode((LINKS_KIND, body, signature)), net.now))
    assert 1 <= heard <= 5


def test_everybody_learns_where_the_others_listen_and_the_first_that_one_says_counts() -> None:
    net = _Net(4, [])
    for place in (0, 1, 3):
        signer = KeyedHash.Signer(net.roster.ids[place])
        net.members[place] = Topology(net.roster, signer, KeyedHash(), f"tcp://192.0.2.{place}:1")
    for one, other in ((0, 1), (1, 2), (2, 3)):
        net.link(one, other)
    net.run()
    told = [{(each.member, each.address) for each in member.located()} for member in net.members]
    where = {place: (net.roster.ids[place], f"tcp://192.0.2.{place}:1") for place in (0, 1, 3)}
    assert told == [{where[other] for other in where if other != place} for place in range(4)]
    assert [member.located() for member in net.members] == [[]] * 4
    net.members[0] = Topology(net.roster, KeyedHash.Signer(net.roster.ids[0]), KeyedHash(), "tcp://198.51.100.7:1")
    net.link(0, 1)
    net.run()
    assert net.members[3].map()[0] == (1,)
    assert [member.located() for member in net.members[1:]] == [[]] * 3


@pytest.mark.parametrize("rest", [("",), ("a" * 301,), (b"tcp://192.0.2.1:1",), ("tcp://192.0.2.1:1", 0), (7,)])
def test_a_statement_with_an_address_that_is_none_is_dropped(rest: tuple[str | bytes | int, ...]) -> None:
    net = _Net(2, [(0, 1)])
    for what, news in ((rest, False), (("tcp://192.0.2.1:1",), True)):
        body = encode((net.roster.digest[:8], 1, 50, (0,), *what))
        signature = KeyedHash.Signer(net.roster.ids[1]).sign(digest("mechdesign/links/1", net.roster.digest, body))
        net.now += 1_000_000
        net.members[0].receive(1, encode((LINKS_KIND, body, signature)), net.now)
        assert bool(net.members[0].located()) == news
    with pytest.raises(LocalProtocolError, match="at most 300"):
        Topology(net.roster, KeyedHash.Signer(net.roster.ids[0]), KeyedHash(), "a" * 301)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    net = _Net(2, [(0, 1)])
    assert net.members[0].receive(1, data, 1) == []
    assert net.members[0].receive(1, encode((LINKS_KIND, data, bytes(64))), 1) == []


def test_whoever_forges_statements_of_links_is_soon_not_listened_to_and_the_others_are() -> None:
    class Counting(KeyedHash):
        looked = 0

        def verify(self, member: MemberId, message: bytes, signature: bytes) -> bool:
            self.looked += 1
            return super().verify(member, message, signature)

    net, scheme = _Net(4, []), Counting()
    hearing = Topology(net.roster, KeyedHash.Signer(net.roster.ids[0]), scheme)
    for number in range(1, 20_000):
        body = encode((net.roster.digest[:8], 1, number, (0,)))
        assert hearing.receive(3, encode((LINKS_KIND, body, bytes(64))), 50 * number) == []
    assert scheme.looked < 500
    telling = net.members[1]
    telling.link_up(0, 0)
    (send,) = telling.tick(0)
    hearing.link_up(1, 10**6)
    hearing.receive(1, send.data, 10**6)
    assert hearing.map()[0] == (1,)
