"""What must not be lost, nor stop a member, at the moment when one epoch ends and the next begins."""

from random import Random

import pytest

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.layer import GroupLayer
from mechdesign.group.messages import Append, Broadcast, Compact, EvidenceFound, Leave, ViewChanged
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered
from mechdesign.group.multicast.multicast import Means, is_beside
from mechdesign.group.multicast.private import Private, PrivateDelivered
from mechdesign.group.topology import Located
from mechdesign.group.views.packets import Signatures, encode_epoch_packet, is_epoch_packet
from mechdesign.group.views.said import KEYS_KEPT, Said
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import CongestionError, JournalError, LocalProtocolError
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.wire import digest
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.view_cluster import ViewCluster
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send
from tests.group.epochs import invite
from tests.group.lockstep import make_roster, member, signer


def fill(cluster):
    """Have member 0 say short things until it is refused."""
    for number in range(1000):
        cluster.simulator.submit(0, Broadcast(b"%d" % number, 0, b"%d" % number))


@pytest.mark.parametrize("milliseconds", range(1, 5))
def test_a_member_with_no_room_for_more_submissions_is_ready_for_the_next_epoch(milliseconds):
    cluster = ViewCluster(3, 4, 1, config=BRISK.model_copy(update={"pending_bytes_max": 2000}))
    for each in range(3):
        cluster.start(each)
    cluster.run(1)
    cluster.wanted[3] = None
    cluster._invite(3, cluster.machine(0).roster, [1])
    cluster.run(milliseconds / 1000)
    with pytest.raises(LocalProtocolError, match="wait to be ordered"):
        fill(cluster)
    cluster.run(5)
    assert cluster.settled(), cluster.describe()


def write(disk, effects, until=None):
    """Perform effects on a disk, up to the one after which the member crashes; whether it did."""
    for effect in effects:
        match effect:
            case Append(table, key, data):
                disk[table, key] = data
            case Compact(records, gone):
                write(disk, records)
                for name in gone:
                    disk.pop(name, None)
                if until in [record.key for record in records]:
                    return True
    return False


def closed(machine):
    """Whether the present epoch's log has ended."""
    view = machine.status().view
    return view is not None and view.closed


def records_of(disk):
    return [(table, key, data) for (table, key), data in disk.items()]


def test_a_crash_right_after_the_switch_loses_nothing_that_is_carried_over():
    roster, now = make_roster(1), 0
    disk: dict[tuple[str, bytes], bytes] = {}
    group = Group(roster, signer(0), KeyedHash(), BRISK, carry_over=True)
    write(disk, group.restore((), now))
    write(disk, group.submit(invite(roster, 1).join, now))
    while not closed(group):
        now = max(now, group.deadline or 0)
        write(disk, group.tick(now))
    write(disk, group.submit(Broadcast(b"key", 0, b"too late for the old epoch"), now))
    crashed = False
    while not crashed:
        now = max(now, group.deadline or 0)
        crashed = write(disk, group.tick(now), until=b"epoch")
    group = Group(roster, signer(0), KeyedHash(), BRISK, carry_over=True)
    effects = group.restore(records_of(disk), now)
    assert [effect.roster.epoch for effect in effects if isinstance(effect, ViewChanged)] == [1]
    assert group.status().pending == 1


def test_a_proof_that_was_found_too_late_for_one_epoch_is_handed_up_again_in_the_next():
    cluster = ViewCluster(4, 5, 1, liars={2: "unsigned"})
    for place in range(4):
        cluster.start(place)
    cluster.run(1)
    group, liar = cluster.machine(0), cluster.signers[2]
    roster, told = group.roster, []
    for what in (b"one end", b"another"):
        statement = Statement(roster.digest, digest("c", what), digest("s", what), digest("r", what))
        said = Signatures(statement.checkpoint, statement.state, statement.successor, ((2, statement.sign(liar)),))
        packet = Packet(liar.public, frame(channel_of(roster), encode_epoch_packet(said)))
        told += [each for each in group.receive(packet, cluster.simulator.now) if isinstance(each, EvidenceFound)]
    assert [found.member for found in told] == [liar.public]
    later = []
    cluster.simulator.watch(EvidenceFound, lambda place, event: later.append((place, event)))
    cluster.want(joins=[4])
    cluster.assert_settled()
    assert later == [(0, told[0])]
    cluster.want(goes=[2])
    cluster.assert_settled()
    assert later == [(0, told[0])], "who has gone is nobody's concern any more"


def test_the_keys_of_earlier_epochs_are_bounded_and_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr("mechdesign.group.views.said.KEYS_KEPT", 3)
    cluster = ViewCluster(3, 4, 1)
    for place in range(3):
        cluster.start(place)
    cluster.run(1)
    for number in range(4):
        for word in (b"a%d" % number, b"b%d" % number):
            cluster.say(0, word)
        cluster.run(1)
        cluster.want(*(([3], []) if number % 2 == 0 else ([], [3])))
        cluster.assert_settled()
    process = cluster.simulator.processes[0]
    assert [record.key for record in process.disk.records() if record.table == "said"] == [b"b2", b"a3", b"b3"]
    cluster.simulator.crash(0)
    cluster.said[0] = []
    cluster.start(0)
    for word, pending in ((b"b2", 0), (b"a3", 0), (b"b3", 0), (b"a2", 1)):
        cluster.machine(0).submit(Broadcast(word, 0, word), cluster.simulator.now)
        assert cluster.machine(0).status().pending == pending


def test_of_more_keys_than_are_kept_those_of_one_epoch_are_not_even_written():
    said, disk = Said(), {}
    for epoch in range(3):
        written, gone = said.add(b"%d/%d" % (epoch, number) for number in range(KEYS_KEPT // 2 * (epoch + 1)))
        assert len(written) <= KEYS_KEPT
        disk.update({(record.table, record.key): record.data for record in written})
        for name in gone:
            del disk[name]
        assert len(disk) <= KEYS_KEPT
    again = Said()
    again.restore(records_of(disk))
    assert list(again) == list(said) == [key for _, key in disk]
    assert len(disk) == KEYS_KEPT


class Three:
    """Three layers and the wires between them; the first member leaves, and the second crashes if it is to."""

    def __init__(self, config=BRISK, apart=()):
        self.roster, self.config, self.apart, self.located = make_roster(3), config, apart, []
        self.layers = [self.layer(place) for place in range(3)]
        self.disks: list[dict[tuple[str, bytes], bytes]] = [{} for _ in self.layers]
        self.wire, self.told, self.now, self.crash = [], [], 0, None
        self.letters, self.receipts = [], []
        self.lost: tuple[bytes, ...] = ()
        self.stalled = None
        for place, layer in enumerate(self.layers):
            self.perform(place, layer.restore((), 0))
        for place in range(3):
            self.link(place)

    def layer(self, place):
        group = Group(self.roster, signer(place), KeyedHash(), self.config, carry_over=True)
        means = Means(PlainExchange(), PlainExchange.Holder(member(place)), Random(place).randbytes)
        return GroupLayer(group, signer(place), KeyedHash(), self.config, means, address=f"tcp://192.0.2.{place}:1")

    def link(self, place):
        for other in range(3):
            if other != place and {place, other} != set(self.apart):
                self.perform(place, self.layers[place].receive(LinkUp(member(other)), self.now))

    def perform(self, place, effects):
        if write(self.disks[place], effects, self.crash if place == 1 else None):
            self.crash = None
            self.layers[1] = self.layer(1)
            self.perform(1, self.layers[1].restore(records_of(self.disks[1]), self.now))
            self.link(1)
            return
        for effect in effects:
            if isinstance(effect, Send):
                target, (channel, packet) = effect.peer[0] - 1, unframe(effect.data)
                stalled = self.stalled == (place, target) and is_epoch_packet(packet)
                if not stalled and not (channel in self.lost and is_beside(packet)):
                    self.wire.append((place, target, effect.data))
            elif isinstance(effect, DirectDelivered):
                self.letters.append((place, self.layers[place].roster.epoch, effect.sender, effect.data))
            elif isinstance(effect, Located):
                self.located.append((place, effect.member, effect.address))
            elif isinstance(effect, Acknowledged):
                self.receipts.append((place, effect.key, effect.member))
            elif isinstance(effect, PrivateDelivered):
                self.told.append((place, self.layers[place].roster.epoch, effect.to, effect.data))

    def run(self, done, steps=6000):
        for _ in range(steps):
            if done():
                return
            if self.wire:
                source, target, data = self.wire.pop(0)
                self.now += 100
                self.perform(target, self.layers[target].receive(Packet(member(source), data), self.now))
            else:
                self.now = min(layer.deadline for layer in self.layers if layer.deadline is not None)
            for place in range(3):
                deadline = self.layers[place].deadline
                if deadline is not None and deadline <= self.now:
                    self.perform(place, self.layers[place].tick(self.now))
        raise AssertionError("it does not come about")


@pytest.mark.parametrize("crash", [None, b"epoch"], ids=["", "a crash right after the switch"])
def test_a_private_message_that_an_epoch_did_not_order_is_sealed_again_in_the_next(crash):
    three = Three()
    three.perform(0, three.layers[0].submit(Leave(), 0))
    three.run(lambda: closed(three.layers[1]))
    # The recipients' places are others in the next roster, and one of them is no member any more.
    private = Private(b"key", (member(0), member(2)), b"a secret")
    three.perform(1, three.layers[1].submit(private, three.now))
    three.crash = crash
    three.run(lambda: {place for place, *_ in three.told} == {1, 2})
    assert three.crash is None
    assert sorted(three.told) == [(1, 1, (member(2),), None), (2, 1, (member(2),), b"a secret")]
    assert not [key for table, key in three.disks[1] if table == "whisper"]
    three.perform(1, three.layers[1].submit(Private(b"key", (member(2),), b"a secret"), three.now))
    assert three.layers[1].status().pending == 0, "its key was used"


@pytest.mark.parametrize(
    "crash", [None, b"epoch", b"\0\0\0\1letter/key"], ids=["", "after the switch", "after the letters' own"]
)
def test_a_letter_that_waits_for_its_receipt_as_an_epoch_ends_is_sent_again_in_the_next(crash):
    three = Three()
    three.lost = (channel_of(three.roster),)
    three.perform(0, three.layers[0].submit(Leave(), 0))
    three.run(lambda: closed(three.layers[1]))
    letter = Direct(b"key", (member(0), member(2)), b"a letter")
    three.perform(1, three.layers[1].submit(letter, three.now))
    three.crash = crash
    three.run(lambda: three.receipts)
    assert three.crash is None
    assert three.letters == [(2, 1, member(1), b"a letter")]
    assert three.receipts == [(1, b"key", member(2))]
    assert [key for table, key in three.disks[1] if table == "direct"] == [b"\0\0\0\1counts"]


def test_whoever_left_keeps_no_letter():
    three = Three()
    three.lost = (channel_of(three.roster),)
    three.perform(0, three.layers[0].submit(Direct(b"key", (member(2),), b"a letter"), 0))
    three.perform(0, three.layers[0].submit(Leave(), 0))
    three.run(lambda: all(layer.roster.epoch == 1 for layer in three.layers))
    assert not [key for table, key in three.disks[0] if table == "direct"]


def test_everybody_knows_who_is_linked_to_whom_soon_after_the_last_one_began_the_epoch():
    three = Three()
    # One lacks a signature, so it hears the first words of the new epoch while it is in the old one.
    three.stalled = (0, 2)
    three.perform(0, three.layers[0].submit(Leave(), 0))
    three.run(lambda: three.layers[1].roster.epoch == 1)
    assert three.layers[2].roster.epoch == 0
    three.run(lambda: three.layers[2].roster.epoch == 1)
    begun = three.now
    three.run(lambda: all(layer.status().reached == layer.roster.ids for layer in three.layers[1:]))
    assert three.now - begun < 2 * SECOND


def test_where_a_member_listens_is_told_to_those_that_have_no_link_with_it_in_each_epoch():
    three = Three(apart=(1, 2))
    expected = [(1, member(2), "tcp://192.0.2.2:1"), (2, member(1), "tcp://192.0.2.1:1")]
    three.run(lambda: len(three.located) == 2)
    assert sorted(three.located) == expected
    three.perform(0, three.layers[0].submit(invite(three.roster, 3).join, three.now))
    later = three.now + 5 * SECOND
    three.run(lambda: three.now > later and all(layer.roster.epoch == 1 for layer in three.layers))
    assert sorted(three.located) == sorted(2 * expected)


def located_again(three, place):
    """Start a member again from its disk; where it then knows that others listen."""
    three.located.clear()
    three.layers[place] = three.layer(place)
    three.perform(place, three.layers[place].restore(records_of(three.disks[place]), three.now))
    return sorted((member, address) for _, member, address in three.located)


def test_who_starts_again_knows_where_the_others_listen_with_nobody_left_to_tell_it():
    three = Three(apart=(1, 2))
    three.run(lambda: len(three.located) == 2)
    # Of the neighbour, too: it may be away by then.
    expected = [(member(0), "tcp://192.0.2.0:1"), (member(2), "tcp://192.0.2.2:1")]
    assert located_again(three, 1) == expected
    assert located_again(three, 1) == expected


def test_where_a_member_listens_is_known_across_epochs_until_it_is_none_any_more():
    three = Three()
    three.run(lambda: len([key for table, key in three.disks[1] if table == "located"]) == 2)
    three.perform(0, three.layers[0].submit(Leave(), three.now))
    # Right behind the switch nobody has said anything in the new epoch yet.
    three.run(lambda: three.layers[1].roster.epoch == 1)
    assert located_again(three, 1) == [(member(2), "tcp://192.0.2.2:1")]
    assert [key for table, key in three.disks[1] if table == "located"] == [member(2)]


def test_whoever_had_a_link_with_us_is_looked_for_where_it_listens_once_that_link_is_lost():
    three = Three()
    three.run(lambda: len([key for table, key in three.disks[1] if table == "located"]) == 2)
    assert three.located == []
    three.perform(1, three.layers[1].receive(LinkDown(member(2)), three.now))
    assert three.located == [(1, member(2), "tcp://192.0.2.2:1")]


def test_an_address_that_is_no_text_any_more_is_a_damaged_journal():
    three = Three()
    with pytest.raises(JournalError, match="address"):
        three.layer(1).restore([("located", member(2), b"\xff")], 0)


def test_what_waits_as_an_epoch_ends_fits_the_bound_again_in_the_next():
    three = Three(BRISK.model_copy(update={"pending_bytes_max": 20_000}))
    three.perform(0, three.layers[0].submit(Leave(), 0))
    three.run(lambda: closed(three.layers[1]))
    full = 0
    for number in range(1000):
        key = b"%d" % number
        request = Private(key, (member(0), member(2)), key) if number % 3 else Broadcast(key, 0, key)
        try:
            three.perform(1, three.layers[1].submit(request, three.now))
        except CongestionError:
            full += 1
    assert full > 100
    pending = three.layers[1].status().pending
    assert pending > 100
    three.run(lambda: three.layers[1].roster.epoch == 1)
    assert three.layers[1].status().pending == pending
    three.run(lambda: not three.layers[1].status().pending)
