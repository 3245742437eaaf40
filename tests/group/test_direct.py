"""Letters between members: in order, once, whatever the network and the neighbours do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.group.multicast.direct import LETTERS_MAX, DirectMulticast
from mechdesign.group.multicast.envelope import seal_envelope
from mechdesign.group.multicast.letters import Letter, Receipt, is_post, parse_post, sign_post
from mechdesign.group.packets import Pull, encode_packet
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.kernel.wire import Value, encode
from mechdesign.testing.mail import Mail
from tests.group.mails import LINE, MESH, signer_of


def test_a_letter_crosses_a_line_and_its_receipt_comes_back() -> None:
    mail = Mail(4, LINE, 1)
    mail.write(0, b"one", [3], b"hello")
    mail.run(5)
    assert mail.taken == [[], [], [], [(0, 0, b"hello")]]
    assert mail.acknowledged[0] == [(b"one", 3)]
    first = mail.machines[0]
    assert first is not None
    assert first.deadline is None
    assert first.outstanding == ()
    assert not [key for _, key in mail.disks[0] if b"letter/" in key]


def test_between_neighbours_nobody_else_is_bothered() -> None:
    mail = Mail(4, MESH, 1)
    mail.write(0, b"one", [2], b"hello")
    mail.run(5)
    assert mail.taken[2] == [(0, 0, b"hello")]
    assert mail.frames == 2  # the letter and its receipt


def test_one_letter_to_several_is_acknowledged_by_each() -> None:
    mail = Mail(4, LINE, 1)
    mail.write(1, b"one", [0, 2, 3], b"hello")
    mail.run(5)
    assert [mail.taken[place] for place in (0, 2, 3)] == [[(1, 0, b"hello")]] * 3
    assert sorted(mail.acknowledged[1]) == [(b"one", 0), (b"one", 2), (b"one", 3)]


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.booleans()), min_size=1, max_size=25),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.lists(st.integers(0, 4), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_each_recipient_takes_each_senders_letters_once_and_in_order(
    seed: int, letters: list[tuple[int, int, bool]], loss: float, crashes: list[int]
) -> None:
    ring = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]
    mail = Mail(5, ring, seed, loss=loss)
    wanted: dict[tuple[int, int], list[bytes]] = {}
    for number, (sender, hop, two) in enumerate(letters):
        to = sorted({(sender + hop) % 5, (sender + 1) % 5} if two else {(sender + hop) % 5})
        content = bytes((number,))
        mail.write(sender, content, to, content)
        for place in to:
            wanted.setdefault((sender, place), []).append(content)
        mail.run(0.01)
        if number < len(crashes):
            mail.crash(crashes[number])
            mail.run(0.5)
            mail.start(crashes[number])
    mail.loss = 0.0
    mail.run(120)
    for (sender, place), contents in wanted.items():
        assert [data for source, _, data in mail.taken[place] if source == sender] == contents
        assert [number for source, number, _ in mail.taken[place] if source == sender] == list(range(len(contents)))
    assert sum(map(len, mail.taken)) == sum(map(len, wanted.values()))
    assert all(machine is not None and not machine.outstanding for machine in mail.machines)


def test_a_relay_reads_nothing_and_changes_nothing() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 5)
    seen: list[bytes] = []

    def tamper(source: int, target: int, data: bytes) -> bytes:
        if source == 1:
            seen.append(data)
            return data[:-1] + bytes((data[-1] ^ 1,))
        return data

    mail.tamper = tamper
    mail.write(0, b"one", [2], b"a secret that is long enough to be found")
    mail.run(5)
    assert mail.taken[2] == []
    assert seen
    assert not [data for data in seen if b"a secret that is long enough to be found" in data]
    honest = Mail(3, [(0, 1), (1, 2)], 5)
    honest.write(0, b"one", [2], b"a secret that is long enough to be found")
    honest.run(5)
    assert honest.taken[2] == [(0, 0, b"a secret that is long enough to be found")]


def test_what_is_forged_repeated_or_rubbish_is_dropped_and_counted() -> None:
    mail = Mail(4, LINE, 6)
    roster = mail.roster
    sealed = seal_envelope(
        roster, PlainExchange(), roster.ids[0], (1,), encode(("direct", (0,))), b"content", bytes(32)
    ).encoded
    forged = Letter(0, (1,), (0,), 0, sealed).signed(roster, signer_of(mail, 3))
    for data in (forged, b"", b"\x93\x20", forged[:-5], encode((32, b"x", bytes(64))), encode((33, 1, 2))):
        mail.inject(1, 2, data)
    shapes: list[tuple[int, tuple[Value, ...]]] = [
        (32, ((1,), (0,), True)),
        (32, ((1, 1), (0, 0), 0)),
        (33, ((0, 1), 0, 0)),
        (34, ((1,), (0,), 0)),
    ]
    for kind, fields in shapes:
        mail.inject(1, 2, sign_post((kind, 0, *fields, sealed), roster, signer_of(mail, 0)))
    assert mail.taken[1] == []
    good = Letter(0, (1,), (0,), 0, sealed).signed(roster, signer_of(mail, 0))
    for _ in range(3):
        mail.inject(1, 0, good)
    mail.run(1)
    assert mail.taken[1] == [(0, 0, b"content")]
    machine = mail.machines[1]
    assert machine is not None
    assert machine.dropped["repeated"] == 2
    assert machine.dropped["invalid"] == 10


def test_a_receipt_for_letters_that_were_never_sent_settles_nothing() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 7, loss=1.0)
    mail.write(0, b"one", [2], b"hello")
    lie = Receipt(2, (0,), 5, 0, 0).signed(mail.roster, signer_of(mail, 2))
    other = Receipt(1, (0,), 1, 0, 0).signed(mail.roster, signer_of(mail, 1))
    mail.inject(0, 1, lie)
    mail.inject(0, 1, other)
    assert mail.acknowledged[0] == []
    assert mail.machines[0] is not None
    assert len(mail.machines[0].outstanding) == 1


def test_a_letter_that_holds_rubbish_is_taken_as_nothing_and_the_next_follows() -> None:
    mail = Mail(2, [(0, 1)], 8)
    rubbish = Letter(0, (1,), (0,), 0, b"no envelope").signed(mail.roster, signer_of(mail, 0))
    sealed = seal_envelope(
        mail.roster, PlainExchange(), mail.roster.ids[0], (1,), encode(("direct", (1,))), b"good", bytes(32)
    ).encoded
    mail.inject(1, 0, Letter(0, (1,), (1,), 0, sealed).signed(mail.roster, signer_of(mail, 0)))
    assert mail.taken[1] == []
    mail.inject(1, 0, rubbish)
    assert mail.taken[1] == [(0, 0, None), (0, 1, b"good")]


def test_an_envelope_of_another_letter_or_sender_does_not_open() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 9)
    sealed = seal_envelope(
        mail.roster, PlainExchange(), mail.roster.ids[0], (2,), encode(("direct", (0,))), b"for you", bytes(32)
    ).encoded
    mail.inject(2, 1, Letter(1, (2,), (0,), 0, sealed).signed(mail.roster, signer_of(mail, 1)))
    mail.inject(2, 1, Letter(0, (2,), (0,), 0, sealed).signed(mail.roster, signer_of(mail, 0)))
    mail.inject(2, 1, Letter(0, (2,), (1,), 0, sealed).signed(mail.roster, signer_of(mail, 0)))
    assert mail.taken[2] == [(1, 0, None), (0, 0, b"for you"), (0, 1, None)]


def test_a_flood_of_one_member_is_cut_off_and_the_others_letters_pass() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 10, config=GroupConfig(direct_bytes_per_s=20_000))
    for number in range(400):
        data = Letter(0, (2,), (number,), 0, bytes(1000)).signed(mail.roster, signer_of(mail, 0))
        mail.inject(1, 0, data)
    relay = mail.machines[1]
    assert relay is not None
    assert relay.dropped["author"] + relay.dropped.get("neighbour", 0) > 200
    mail.write(1, b"mine", [2], b"through")
    mail.run(10)
    assert (1, 0, b"through") in mail.taken[2]


def test_letters_far_ahead_are_not_kept() -> None:
    mail = Mail(2, [(0, 1)], 11)
    for number in range(LETTERS_MAX + 10, 0, -1):
        mail.inject(1, 0, Letter(0, (1,), (number,), 0, b"").signed(mail.roster, signer_of(mail, 0)))
    mail.inject(1, 0, Letter(0, (1,), (0,), 0, b"").signed(mail.roster, signer_of(mail, 0)))
    assert len(mail.taken[1]) == LETTERS_MAX
    machine = mail.machines[1]
    assert machine is not None
    assert machine.dropped["early"] == 11


def test_our_own_side_is_told_what_it_did_wrong() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 12, loss=1.0)
    for to in ([], [0], [1, 1]):
        with pytest.raises(LocalProtocolError, match="different other members"):
            mail.write(0, b"x", to, b"")
    with pytest.raises(LocalProtocolError, match="passes the group's limit"):
        mail.write(0, b"x", [1], bytes(64 * 1024 + 1))
    for number in range(LETTERS_MAX):
        mail.write(0, bytes((number,)), [1], b"")
    with pytest.raises(LocalProtocolError, match="receipt of m1"):
        mail.write(0, b"one more", [1], b"")
    mail.write(0, b"one more", [2], b"")


class _Counting(KeyedHash):
    """Counts how often a signature is looked at."""

    def __init__(self) -> None:
        self.looked = 0

    def verify(self, member: MemberId, message: bytes, signature: bytes) -> bool:
        self.looked += 1
        return super().verify(member, message, signature)


def test_whoever_forges_letters_is_soon_not_listened_to_and_the_others_are() -> None:
    mail, scheme = Mail(4, MESH, 15), _Counting()
    holder = PlainExchange.Holder(mail.roster.ids[0])
    machine = DirectMulticast(mail.roster, signer_of(mail, 0), scheme, PlainExchange(), holder, mail.config, bytes)
    for number in range(20_000):
        forged = Receipt(1, (0,), 0, number, 0).signed(mail.roster, signer_of(mail, 3))
        assert machine.receive(3, forged, 50 * number) == []
    # A second's worth of what a transport lets through.
    assert scheme.looked < 500
    wire = Receipt(1, (2,), 0, 0, 0).signed(mail.roster, signer_of(mail, 1))
    machine.link_up(2, 0)
    assert len(machine.receive(1, wire, 10**6)) == 1


def test_packets_of_the_group_core_are_told_apart() -> None:
    mail = Mail(4, LINE, 14)
    assert is_post(Receipt(0, (1,), 0, 0, 0).signed(mail.roster, signer_of(mail, 0)))
    assert not is_post(encode_packet(mail.roster, Pull((bytes(32),))))
    assert not is_post(b"")


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_no_bytes_make_the_parser_raise(data: bytes) -> None:
    mail = Mail(2, [(0, 1)], 0)
    assert parse_post(data, mail.roster, KeyedHash()) is None
    assert parse_post(encode((32, data, bytes(64))), mail.roster, KeyedHash()) is None


class _Refusing(PlainExchange):
    """Agrees on nothing with one member, as the real exchange where a member's key is no point of the right order."""

    def __init__(self, refused: MemberId) -> None:
        self._refused = refused

    def agree(self, secret: bytes, member: MemberId) -> bytes | None:
        return None if member == self._refused else super().agree(secret, member)


def test_a_letter_to_a_member_without_a_good_key_is_refused_and_leaves_nothing_behind() -> None:
    mail = Mail(3, MESH[:3], 15)
    keys = [KeyedHash.Signer(key) for key in mail.roster.ids]
    holder, exchange = PlainExchange.Holder(keys[0].public), _Refusing(keys[2].public)
    machine = DirectMulticast(mail.roster, keys[0], KeyedHash(), exchange, holder, mail.config, mail.random.randbytes)
    mail.machines[0] = machine
    machine.link_up(1, mail.now)
    with pytest.raises(LocalProtocolError, match="no good point"):
        mail.write(0, b"one", [1, 2], b"hello")
    assert machine.deadline is None
    mail.write(0, b"two", [1], b"hello")
    mail.run(5)
    assert mail.taken[1] == [(0, 0, b"hello")]


def test_a_relay_that_repeats_old_letters_does_not_use_up_their_writers_allowance() -> None:
    mail = Mail(3, MESH[:3], 16, config=GroupConfig(direct_bytes_per_s=50_000))
    old: list[bytes] = []

    def overhear(source: int, target: int, data: bytes) -> bytes:
        if (source, target) == (0, 2):
            old.append(data)
        return data

    mail.tamper = overhear
    for number in range(6):
        mail.write(0, bytes((number,)), [2], bytes(60_000))
        mail.run(3)
    mail.crash(2)
    mail.start(2)
    for data in old:
        mail.inject(2, 1, data)
    mail.write(0, b"fresh", [2], b"fresh")
    mail.run(0.1)
    assert mail.taken[2][-1] == (0, 6, b"fresh")


def test_a_link_that_goes_up_and_down_does_not_make_a_member_repeat_everything_each_time() -> None:
    mail = Mail(3, [(0, 1), (1, 2)], 17)
    mail.crash(2)
    for number in range(20):
        mail.write(0, bytes((number,)), [2], b"hello")
    mail.run(1)
    before = mail.frames
    for _ in range(50):
        mail.crash(1)
        mail.start(1)
        mail.run(0.01)
    assert mail.frames - before <= 20
    mail.start(2)
    mail.run(10)
    assert [data for _, _, data in mail.taken[2]] == [b"hello"] * 20
