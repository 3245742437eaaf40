"""Hostile neighbours neither break a lobby nor fill it."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.allowances import allowance
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.events import Announced
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.messages import Announce, Enrol, LobbyEffect, PeerKnown, StartWave
from mechdesign.group.lobby.packets import (
    Answer,
    Items,
    Lists,
    Probe,
    Records,
    Root,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.meter import Meter
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import decode, encode
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    line,
    seat_of,
)
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet, Send
from tests.group.lobbies import OPEN, records


def fresh(*linked: int) -> Lobby:
    lobby = Lobby(seat_of(0), ("sim:0",), LobbyConfig(), Random(0).randbytes, WALL)
    lobby.restore((), 0)
    for place in linked:
        lobby.receive(LinkUp(seat_of(place).line.id), 0)
    return lobby


@given(st.lists(st.binary(max_size=120), max_size=30))
def test_bytes_of_strangers_raise_nothing_and_leave_nothing(frames):
    lobby = fresh(1)
    for frame in frames:
        assert lobby.receive(Packet(seat_of(1).line.id, frame), 0) == []
    assert lobby.status().known == ()
    assert lobby.status().dropped == ((("malformed", len(frames)),) if frames else ())


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 2**64), st.binary(max_size=70), st.text(max_size=5),
        st.sampled_from([bytes(16), bytes(32), bytes(64)]),
    ),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 8), st.lists(VALUES, max_size=6)), max_size=20))
def test_well_encoded_nonsense_raises_nothing(packets):
    lobby = fresh(1, 2)
    for kind, fields in packets:
        lobby.receive(Packet(seat_of(1).line.id, encode((kind, *fields))), 0)
    lobby.tick(10 * SECOND)
    assert lobby.status().known == ()


@given(st.data())
def test_honest_packets_with_a_field_changed_raise_nothing(data):
    """The traffic of a formation, each packet perhaps changed in one place and sent to another player."""
    frames = TRAFFIC
    lobby = fresh(1, 2)
    for _ in range(data.draw(st.integers(1, 30))):
        value = decode(data.draw(st.sampled_from(frames)))
        if data.draw(st.booleans()):
            value = changed(value, data)
        lobby.receive(Packet(seat_of(data.draw(st.integers(1, 2))).line.id, encode(value)), 0)
        deadline = lobby.deadline
        assert deadline is not None
    for now in range(0, 100 * SECOND, 5 * SECOND):
        lobby.tick(now)


def changed(value, data):
    if isinstance(value, tuple) and value and data.draw(st.integers(0, 3)):
        place = data.draw(st.integers(0, len(value) - 1))
        return (*value[:place], changed(value[place], data), *value[place + 1 :])
    if isinstance(value, bytes) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return value[:place] + bytes([value[place] ^ 1 << data.draw(st.integers(0, 7))]) + value[place + 1 :]
    return data.draw(VALUES)


def traffic() -> list[bytes]:
    frames: dict[bytes, None] = {}

    def listener(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        if isinstance(event, Packet):
            frames[event.data] = None
        return []

    cluster = LobbyCluster(5, [*line(4), (3, 4), (0, 4)], liars={4: listener})
    cluster.run(1)
    cluster.submit(1, Announce(Terms("club", OPEN, enrol_ms=2000)))
    cluster.run(1)
    for place in (0, 2, 3):
        cluster.submit(place, Enrol(cluster.events(place, Announced)[0].id))
    cluster.submit(0, StartWave(b"who"))
    cluster.run(5)
    return list(frames)


TRAFFIC = traffic()


def test_the_recorded_traffic_has_packets_of_every_kind_but_answers():
    kinds = {type(decode_lobby_packet(frame)) for frame in TRAFFIC}
    # Nobody answers the listener, since it never asks.
    assert kinds >= {Records, Items, Root, Probe}


def test_a_flooding_neighbour_is_cut_off_and_the_others_are_heard():
    lobby = fresh(1, 2)
    junk = encode_lobby_packet(Answer(bytes(32), True, ()))
    for _ in range(10_000):
        lobby.receive(Packet(seat_of(1).line.id, junk), 0)
    dropped = dict(lobby.status().dropped)
    assert dropped["throttled"] == 5000
    (record,) = records([2])
    said = encode_lobby_packet(Records(((record.wire, 60_000, 0),)))
    assert lobby.receive(Packet(seat_of(1).line.id, said), 0) == []
    effects = lobby.receive(Packet(seat_of(2).line.id, said), 0)
    assert PeerKnown(record) in effects


def test_long_packets_cost_their_sender_more():
    lobby = fresh(1)
    long = encode_lobby_packet(Lists((), (bytes(16),) * 10_000, False))
    for _ in range(100):
        lobby.receive(Packet(seat_of(1).line.id, long), 0)
    assert dict(lobby.status().dropped)["throttled"] >= 80


def test_a_new_link_does_not_refill_a_flooders_allowance():
    lobby = fresh(1)
    peer = seat_of(1).line.id
    for _ in range(6000):
        lobby.receive(Packet(peer, b""), 0)
    before = dict(lobby.status().dropped)["throttled"]
    lobby.receive(LinkDown(peer), 0)
    lobby.receive(LinkUp(peer), 0)
    lobby.receive(Packet(peer, b""), 0)
    assert dict(lobby.status().dropped)["throttled"] == before + 1


def test_a_packet_from_somebody_without_a_link_counts_for_nothing():
    lobby = fresh()
    (record,) = records([2])
    said = encode_lobby_packet(Records(((record.wire, 60_000, 0),)))
    assert lobby.receive(Packet(seat_of(1).line.id, said), 0) == []
    assert lobby.status().dropped == (("unlinked", 1),)


def test_roots_that_differ_are_answered_with_lists_only_so_often():
    lobby = fresh(1)
    peer = seat_of(1).line.id
    root = encode_lobby_packet(Root(bytes(32)))
    answers = [bool(lobby.receive(Packet(peer, root), SECOND + number)) for number in range(100)]
    assert answers == [True] + [False] * 99
    lists = encode_lobby_packet(Lists((), (), True))
    pushes = [bool(lobby.receive(Packet(peer, lists), SECOND + number)) for number in range(100)]
    assert sum(pushes) <= 1


def test_memory_stays_bounded_whatever_neighbours_say_for_long():
    def sybils(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
        return []

    config = LobbyConfig(peers_max=20, remembered_max=60, formations_max=4, waves_max=4, cost_per_s=100)
    cluster = LobbyCluster(3, line(3), config=config, liars={2: sybils})
    cluster.run(5)
    chance = Random(7)
    for minute in range(20):
        for number in range(40):
            seat = seat_of(10_000 + 100 * minute + number)
            lobby = Lobby(seat, (), LobbyConfig(), chance.randbytes, WALL)
            lobby.restore((), cluster.now)
            lobby.receive(LinkUp(cluster.key(1)), cluster.now)
            effects: list[LobbyEffect] = [*lobby.tick(cluster.now), *lobby.submit(StartWave(b""), cluster.now)]
            effects += lobby.submit(Announce(Terms("club", OPEN)), cluster.now)
            for effect in effects:
                if isinstance(effect, Send):
                    cluster.send(2, effect)
        cluster.run(60)
        for place in (0, 1):
            status = cluster.lobby(place).status()
            assert len(status.known) <= 20 + 1
            # A share for each of two neighbours: what one was refused may come around through another.
            assert len(status.formations) <= 2 * 4
            assert status.waves <= 2 * 4
            assert cluster.lobby(place)._book.remembered <= 20 + 1
    assert cluster.known(0) == {1}
    assert 0 in cluster.known(1)


def test_whoever_comes_again_and_again_is_sent_no_more_than_one_that_stays():
    lobby, liar, others = fresh(1, 2), seat_of(1).line.id, records(range(3, 61))
    known = encode_lobby_packet(Records(tuple((each.wire, 60_000, 0) for each in others)))
    lobby.receive(Packet(seat_of(2).line.id, known), 0)
    assert len(lobby.status().known) == len(others)
    sent = []
    for _ in range(200):
        lobby.receive(LinkDown(liar), 0)
        lobby.receive(LinkUp(liar), 0)
        effects = lobby.receive(Packet(liar, encode_lobby_packet(Lists((), (), False))), 0)
        packets = [decode_lobby_packet(effect.data) for effect in effects if isinstance(effect, Send)]
        sent.append(sum(len(packet.records) for packet in packets if isinstance(packet, Records)))
    # A whole book at first, and then what a quarter of one neighbour's allowance leaves.
    assert sent[0] >= len(others)
    assert sum(sent) <= LobbyConfig().cost_burst // 4 + len(others)
    assert sent[-1] == 0


def test_allowances_are_kept_of_all_that_have_links_and_of_the_newest_few_thousand_others():
    kept: dict[MemberId, Meter] = {}
    made: list[Meter] = []

    def make() -> Meter:
        made.append(Meter(1, 1, 1))
        return made[-1]

    keys = [MemberId(number.to_bytes(4, "big")) for number in range(6_000)]
    for key in keys:
        allowance(kept, key, keys[:3], make)
    assert list(kept) == [*keys[:3], *keys[-4097:]]
    assert [allowance(kept, key, keys[:3], make) for key in (keys[0], keys[-4097])] == [made[0], made[-4097]]
    assert len(made) == len(keys)
