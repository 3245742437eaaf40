"""Letters across restarts: taken once, told all the same, and never signed in two ways."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mechdesign.group.messages import Append, Compact
from mechdesign.group.multicast.direct import Direct, DirectDelivered, DirectMulticast
from mechdesign.group.multicast.letters import Receipt, parse_post
from mechdesign.group.multicast.outgoing import left_behind
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.kernel.wire import encode
from mechdesign.testing.mail import Mail
from mechdesign.transport.messages import Send
from tests.group.mails import LINE, MESH, signer_of


def test_a_recipient_that_comes_back_has_taken_nothing_twice() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 3)
    mail.tamper = lambda source, target, data: b"" if (source, target) == (2, 1) else data  # receipts vanish
    mail.write(0, b"one", [2], b"hello")
    mail.run(2)
    assert mail.taken[2] == [(0, 0, b"hello")]
    mail.crash(2)
    mail.start(2)
    mail.tamper = lambda _source, _target, data: data
    mail.run(60)
    assert mail.taken[2] == [(0, 0, b"hello")]
    assert mail.acknowledged[0] == [(b"one", 2)]


def _letters(mail: Mail, *contents: bytes) -> list[bytes]:
    """Letters of member 0 to member 1, as they come over their link."""
    keys, holder = signer_of(mail, 0), PlainExchange.Holder(mail.roster.ids[0])
    sender = DirectMulticast(mail.roster, keys, KeyedHash(), PlainExchange(), holder, mail.config, bytes)
    sender.link_up(1, 0)
    made = [sender.submit(Direct(content, (mail.roster.ids[1],), content), 0) for content in contents]
    return [effect.data for effects in made for effect in effects if isinstance(effect, Send)]


class _Reader:
    """Member 1 with its disk, which crashes after so many effects."""

    def __init__(self, mail: Mail, crash: int) -> None:
        self.mail = mail
        self.left = crash
        self.told: list[tuple[int, bytes | None]] = []
        self.receipts = 0
        self.disk: dict[tuple[str, bytes], bytes] = {}
        self.unsynced: dict[tuple[str, bytes], bytes] = {}
        self.start()

    def start(self) -> None:
        """Begin a life."""
        mail, me = self.mail, self.mail.roster.ids[1]
        holder = PlainExchange.Holder(me)
        keys = signer_of(mail, 1)
        self.machine = DirectMulticast(mail.roster, keys, KeyedHash(), PlainExchange(), holder, mail.config, bytes)
        for event in self.machine.restore([(*name, data) for name, data in self.disk.items()], 0):
            self.told.append((event.sequence, event.data))
        self.machine.link_up(0, 0)

    def read(self, letters: Sequence[bytes]) -> bool:
        """Take letters; whether it lived to take them all."""
        for letter in letters:
            for effect in self.machine.receive(0, letter, 0):
                if not self.left:
                    return False
                self.left -= 1
                match effect:
                    case Compact(records):
                        self.disk.update(self.unsynced)
                        self.disk.update({(record.table, record.key): record.data for record in records})
                        self.unsynced.clear()
                    case Append(table, key, data, sync=False):
                        self.unsynced[table, key] = data
                    case DirectDelivered(_, number, content):
                        self.told.append((number, content))
                    case Send(_, data):
                        receipt = parse_post(data, self.mail.roster, KeyedHash())
                        assert isinstance(receipt, Receipt)
                        self.receipts = receipt.upto
        return True


@pytest.mark.parametrize("lost", [False, True], ids=["the disk keeps all", "the disk loses what was not synced"])
def test_whoever_crashes_as_it_takes_letters_is_told_all_that_it_gave_receipts_for_and_only_the_last_twice(
    lost: bool,
) -> None:
    mail, contents = Mail(2, [(0, 1)], 20), [b"a", b"b", b"c", b"d"]
    letters = _letters(mail, *contents)
    # Three that wait for one another and are taken together, and one more.
    arrivals = [letters[1], letters[2], letters[0], letters[3]]
    repeated = set()
    for crash in range(100):
        reader = _Reader(mail, crash)
        if reader.read(arrivals):
            break
        first = len(reader.told)
        if not lost:
            reader.disk.update(reader.unsynced)
        reader.start()
        assert {number for number, _ in reader.told} >= set(range(reader.receipts))
        reader.left = 100
        assert reader.read(letters)
        again = reader.told[first:]
        assert again == list(enumerate(contents))[4 - len(again) :]
        assert len(again) >= 4 - first
        assert reader.told[:first] == list(enumerate(contents))[:first]
        repeated.add(first - (4 - len(again)))
    assert crash > 10
    # Never more than the three that were taken together.
    assert repeated == {0, 1, 2, 3}


def test_a_sender_that_comes_back_repeats_the_same_letter_and_goes_on_counting() -> None:
    mail = Mail(2, [(0, 1)], 4)
    mail.write(0, b"one", [1], b"first")
    mail.run(2)
    mail.loss = 1.0
    mail.write(0, b"two", [1], b"second")
    mail.run(1)
    mail.crash(0)
    mail.start(0)
    mail.loss = 0.0
    mail.write(0, b"two", [1], b"another under a key that waits")
    mail.write(0, b"three", [1], b"third")
    mail.run(60)
    assert mail.taken[1] == [(0, 0, b"first"), (0, 1, b"second"), (0, 2, b"third")]


def test_a_receipt_that_was_taken_is_not_asked_for_again_after_a_restart() -> None:
    mail = Mail(3, MESH[:3], 18)
    mail.crash(2)
    mail.write(0, b"one", [1, 2], b"hello")
    mail.run(1)
    assert mail.acknowledged[0] == [(b"one", 1)]
    mail.crash(0)
    mail.start(0)
    assert (first := mail.machines[0]) is not None
    assert [direct.to for direct in first.outstanding] == [(mail.roster.ids[2],)]
    mail.start(2)
    mail.run(10)
    assert mail.acknowledged[0] == [(b"one", 1), (b"one", 2)]
    assert mail.taken[1:] == [[(0, 0, b"hello")]] * 2


def test_a_letter_that_an_epoch_left_behind_is_read_where_its_recipients_have_other_places() -> None:
    mail = Mail(4, LINE, 19)
    mail.crash(2)
    mail.write(1, b"one", [0, 2, 3], b"hello")
    mail.write(1, b"two", [0], b"taken")
    mail.run(1)
    records = [(table, key, data) for (table, key), data in mail.disks[1].items()]
    ids = mail.roster.ids
    # The relay to the last member is down, too.
    assert left_behind(records, replace(mail.roster, epoch=1, members=mail.roster.members[::-1])) == [
        Direct(b"one", (ids[2], ids[3]), b"hello")
    ]
    assert left_behind(records, mail.roster) == []
    with pytest.raises(JournalError, match="damaged"):
        left_behind([("direct", b"\0\0\0\0letter/one", b"\x90")], replace(mail.roster, epoch=1))


@pytest.mark.parametrize("record", [b"", b"\x90", encode(((1,), (1,))), encode((1, 2))])
def test_a_damaged_record_is_refused(record: bytes) -> None:
    mail = Mail(4, LINE, 13)
    key = mail.roster.ids[0]
    machine = DirectMulticast(
        mail.roster, KeyedHash.Signer(key), KeyedHash(), PlainExchange(), PlainExchange.Holder(key), mail.config, bytes
    )
    with pytest.raises(JournalError, match="damaged"):
        machine.restore([("direct", bytes(4) + b"counts", record)], 0)
    with pytest.raises(JournalError, match="damaged"):
        machine.restore([("direct", bytes(4) + b"letter/one", record)], 0)
    machine.restore([("direct", b"\0\0\0\1letter/of another epoch", record), ("own", b"", record)], 0)


@pytest.mark.parametrize("record", [b"", encode((1, 2)), encode(((bytes(32), 0, b"from nobody"),))])
def test_a_damaged_record_of_letters_that_were_taken_is_refused(record: bytes) -> None:
    reader = _Reader(Mail(2, [(0, 1)], 21), 0)
    reader.disk["direct", bytes(4) + b"untold"] = record
    with pytest.raises(JournalError, match="damaged"):
        reader.start()
