"""What is asked and told beside the blocks: it is answered once in a while, and paid by whoever does it without end."""

from collections.abc import Callable

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.packets import (
    GroupPacket,
    LogWant,
    Pull,
    Snapshot,
    Tips,
    Vouch,
    Want,
    decode_packet,
    encode_packet,
)
from mechdesign.group.tolerance import WORK_BURST, WORK_PER_S, asking
from mechdesign.kernel.machine import SECOND
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send
from tests.group.lockstep import CONFIG, MILLISECOND, Lockstep, member, said
from tests.long_form import mostly_long

RETRY = round(CONFIG.pull_retry_s * SECOND)
ALL_LINKS = 15
MANY = tuple(bytes([number]) * 32 for number in range(256))


def talked() -> Lockstep:
    """A full mesh of four that has certified checkpoints behind it; the test speaks for member 3."""
    net = Lockstep(4, depth=4)
    for number in range(60):
        net.say(number % 4, b"%d" % number)
        net.run(5 * MILLISECOND)
    net.run()
    return net


def answers(net: Lockstep, data: bytes, now: int, place: int = 0) -> list[GroupPacket]:
    """What a member answers member 3."""
    effects = net.hosts[place].core.receive(Packet(member(3), data), now)
    found = [decode_packet(net.roster, effect.data) for effect in effects if isinstance(effect, Send)]
    return [packet for packet in found if packet is not None]


def dropped(core: GroupCore) -> int:
    return dict(core.status().dropped).get("cut off", 0)


def tips(core: GroupCore, *, reply: bool) -> Tips:
    return Tips(core.order.dag.tips(), ALL_LINKS, reply, 0)


FLOODS: dict[str, Callable[[GroupCore], GroupPacket]] = {
    "tips": lambda core: tips(core, reply=False),
    "tips that want tips": lambda core: tips(core, reply=True),
    "what is newer than the newest": lambda core: Want(core.order.dag.tips(), core.order.dag.collection),
    "blocks that there are not": lambda core: Pull(MANY),
    "a log that there is not": lambda core: LogWant(0, 10, bytes(32)),
    "signatures over what is long certified": lambda core: Vouch(1, bytes(32), ((1, bytes(64)), (2, bytes(64)))),
    "a snapshot that nobody asked for": lambda core: Snapshot(bytes(9_000), ((1, bytes(64)),)),
}


@pytest.mark.parametrize(
    "flood", mostly_long((pytest.param(flood, id=name) for name, flood in FLOODS.items()), short=4)
)
def test_who_asks_or_tells_without_end_is_cut_off_and_comes_back_with_time_alone(flood, monkeypatch):
    burst, a_second = WORK_BURST // 10, WORK_PER_S // 10
    monkeypatch.setattr("mechdesign.group.intake.WORK_BURST", burst)
    monkeypatch.setattr("mechdesign.group.intake.WORK_PER_S", a_second)
    net = talked()
    core = net.hosts[0].core
    data = encode_packet(net.roster, flood(core))
    each = asking(len(data))

    def looked_at(packets: int, now: int) -> int:
        before = dropped(core)
        for _ in range(packets):
            answers(net, data, now)
        return packets - (dropped(core) - before)

    begin = net.now + 60 * SECOND
    read = looked_at(burst // each + 50, begin)
    assert burst // each <= read <= burst // each + 1
    core.receive(LinkDown(member(3)), begin)
    core.receive(LinkUp(member(3)), begin)
    assert looked_at(20, begin) == 0
    assert 0 < looked_at(a_second // each + 50, begin + SECOND) <= a_second // each + 1
    # Its neighbours are served as before.
    want = encode_packet(net.roster, Want((-1,) * 4, core.order.dag.floor))
    assert core.receive(Packet(member(2), want), begin + SECOND)


def test_tips_that_want_tips_are_answered_at_once_on_a_new_link_and_then_once_in_a_while():
    net = talked()
    core = net.hosts[0].core
    data = encode_packet(net.roster, tips(core, reply=True))

    def told(now: int) -> int:
        return sum(isinstance(packet, Tips) for packet in answers(net, data, now))

    begin = net.now + SECOND
    step = RETRY // 10
    assert [told(begin + step * turn) for turn in range(20)] == [1, *[0] * 9, 1, *[0] * 9]
    # A neighbour that starts again needs them whenever that is.
    for turn in range(5):
        now = begin + 20 * step + turn
        core.receive(LinkDown(member(3)), now)
        core.receive(LinkUp(member(3)), now)
        assert told(now) == 1


def test_a_neighbour_is_reminded_of_signatures_once_in_a_while_and_at_once_of_new_ones():
    net = Lockstep(4, depth=4)
    held: list[bytes] = []

    def keep(source: int, target: int, data: bytes) -> bool:
        vouch = isinstance(decode_packet(net.roster, data), Vouch)
        if vouch and (source, target) == (1, 0):
            held.append(data)
        return vouch

    net.lose = keep
    for number in range(40):
        net.say(number % 4, b"%d" % number)
        net.run(5 * MILLISECOND)
    core = net.hosts[0].core
    data = encode_packet(net.roster, tips(core, reply=False))

    def reminded(now: int) -> int:
        return sum(isinstance(packet, Vouch) for packet in answers(net, data, now))

    begin = net.now + SECOND
    step = RETRY // 10
    assert [reminded(begin + step * turn) for turn in range(20)] == [1, *[0] * 9, 1, *[0] * 9]
    # One more signature over the newest is news.
    now = begin + 20 * step + 1
    assert reminded(now) == 1
    assert reminded(now) == 0
    core.receive(Packet(member(1), held[-1]), now)
    assert reminded(now) == 1
    assert reminded(now) == 0
    # And a new link knows of nothing that was said on the old one.
    core.receive(LinkDown(member(3)), now)
    core.receive(LinkUp(member(3)), now)
    assert reminded(now) == 1


RING = [(place, (place + 1) % 16) for place in range(16)]


def test_honest_neighbours_in_the_worst_of_times_stay_below_a_hundredth_of_what_they_may_ask(monkeypatch):
    monkeypatch.setattr("mechdesign.group.intake.WORK_PER_S", WORK_PER_S // 100)
    monkeypatch.setattr("mechdesign.group.intake.WORK_BURST", WORK_BURST // 100)
    net = Lockstep(16, links=RING, depth=4)
    packets = iter(range(10**9))
    # Every seventh packet is lost, whatever is in it.
    net.lose = lambda source, target, data: next(packets) % 7 == 0
    for number in range(8):
        net.say(number, b"before %d" % number)
        net.run(40 * MILLISECOND)
    net.crash(5)
    for number in range(8):
        net.say(number + 8, b"meanwhile %d" % number)
        # A link that comes and goes.
        net.part(9, 10)
        net.run(40 * MILLISECOND)
        net.join(9, 10)
    net.restart(5)
    net.run(SECOND)
    net.lose = lambda source, target, data: False
    net.run(3 * SECOND)
    assert [len(heard) for heard in said(net)] == [16] * 16
    assert sum(dropped(host.core) for host in net.hosts) == 0
    assert all(host.core._intake._patience._burst == WORK_BURST // 100 for host in net.hosts)
