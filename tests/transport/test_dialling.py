"""Either end of a pair may dial; whatever the network lets through, they end with one connection and one session."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.kernel.config import TransportConfig, microseconds
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.links import seeded_entropy, seeded_identity
from mechdesign.transport.dialling import FIRST_RETRY, Dialling
from mechdesign.transport.frames import ANSWER, CONFIRM, INTRODUCE, OPEN
from mechdesign.transport.link import HangUp, Link, LinkEffect, Redial, Transmit
from mechdesign.transport.messages import LinkDown, Packet

CONFIG = TransportConfig()
HEARTBEAT, SILENCE = microseconds(CONFIG.heartbeat_s), microseconds(CONFIG.silence_s)
# The scheme of simulations: a signature is a keyed hash, so that thousands of handshakes are cheap.
SCHEME = KeyedHash()


@dataclass
class End:
    """One end: its link, the connection that it holds to the other end, and what was reported."""

    link: Link
    reaches: bool
    connection: int | None = None
    events: list[str] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)


class Pair:
    """An eager and a spare end with a network between them that delays and loses frames, in virtual time."""

    def __init__(
        self,
        *,
        eager_reaches: bool = True,
        spare_reaches: bool = True,
        introduction: bytes = b"",
        delay: Instant = 1_000,
    ) -> None:
        self.now: Instant = 0
        self.delay = delay
        self.lost: set[int] = set()
        self.count = 0
        self.queue: list[tuple[Instant, int, int, bytes, bytes]] = []
        self.dialled = 0
        self.introduction = introduction
        self.ends = [End(self.make(0), eager_reaches), End(self.make(1), spare_reaches)]
        self.connect(0)

    def make(self, end: int) -> Link:
        """A new life of one end; end 0 is the eager one."""
        keys = [SCHEME.Signer(seeded_identity(name).public) for name in ("eager", "spare")]
        curves = [b"e" * 32, b"s" * 32]
        return Link(
            keys[end],
            curves[end],
            keys[1 - end].public,
            curves[1 - end],
            scheme=SCHEME,
            config=CONFIG,
            entropy=seeded_entropy(f"{end} {self.now}"),
            dials=end == 0,
            spare=True,
            introduction=self.introduction,
            now=self.now,
        )

    def restart(self, end: int) -> None:
        """One end loses everything; connections to it break with it."""
        self.ends[end].link = self.make(end)
        self.ends[end].connection = None
        if end == 0:
            self.connect(0)

    def connect(self, end: int) -> None:
        self.dialled += 1
        self.ends[end].connection = self.dialled

    def perform(self, end: int, effects: Sequence[LinkEffect]) -> None:
        here = self.ends[end]
        for effect in effects:
            if isinstance(effect, Redial):
                self.connect(end)
            elif isinstance(effect, HangUp):
                assert here.connection is not None
                here.connection = None
            elif isinstance(effect, Transmit):
                self.carry(end, effect)
            elif isinstance(effect, Packet):
                here.packets.append(effect.data)
            else:
                here.events.append(type(effect).__name__)

    def carry(self, end: int, transmit: Transmit) -> None:
        """A frame goes out over our own connection, or back over the one that it names if the other still holds it."""
        here, other = self.ends[end], self.ends[1 - end]
        self.count += 1
        if self.count in self.lost:
            return
        if not transmit.route:
            if here.connection is not None and here.reaches:
                route = b"%d" % here.connection
                heapq.heappush(self.queue, (self.now + self.delay, self.count, 1 - end, route, transmit.data))
        elif other.connection == int(transmit.route):
            heapq.heappush(self.queue, (self.now + self.delay, self.count, 1 - end, b"", transmit.data))

    def run(self, duration: Instant) -> None:
        until = self.now + duration
        while True:
            times = [end.link.deadline for end in self.ends if end.link.deadline is not None]
            times += [self.queue[0][0]] if self.queue else []
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            if self.queue and self.queue[0][0] <= self.now:
                _, _, end, route, data = heapq.heappop(self.queue)
                if route or self.ends[end].connection is not None:
                    self.perform(end, self.ends[end].link.receive((route, data), self.now))
                continue
            for end, each in enumerate(self.ends):
                if each.link.deadline is not None and each.link.deadline <= self.now:
                    self.perform(end, each.link.tick(self.now))
        self.now = until

    @property
    def connections(self) -> list[int]:
        return [end for end, each in enumerate(self.ends) if each.connection is not None and each.reaches]

    def assert_linked(self) -> None:
        """Both are up in one session over one connection, and hear one another."""
        assert [each.link.up for each in self.ends] == [True, True]
        assert len({each.link._session for each in self.ends}) == 1
        assert len(self.connections) == 1
        for end, each in enumerate(self.ends):
            self.perform(end, each.link.submit(b"heard by %d" % (1 - end), self.now))
        self.run(4 * self.delay)
        assert [each.packets[-1:] for each in self.ends] == [[b"heard by 0"], [b"heard by 1"]]


def test_where_both_can_be_reached_the_eager_end_dials_and_the_spare_never_does() -> None:
    pair = Pair()
    pair.run(20 * SILENCE)
    pair.assert_linked()
    assert (pair.dialled, pair.connections) == (1, [0])
    assert [each.events for each in pair.ends] == [["LinkUp"], ["LinkUp"]]


def test_where_the_eager_end_dials_in_vain_the_spare_dials_after_its_patience() -> None:
    pair = Pair(eager_reaches=False)
    pair.run(SILENCE - 1)
    assert not pair.ends[1].link.up
    pair.run(5 * HEARTBEAT)
    pair.assert_linked()
    assert pair.connections == [1]
    assert pair.ends[0].connection is None  # and the eager end has given up its own


def test_who_carries_an_introduction_does_not_wait_as_long() -> None:
    pair = Pair(eager_reaches=False, introduction=b"record")
    pair.run(4 * HEARTBEAT)
    pair.assert_linked()


def test_an_introduction_goes_before_each_hello_and_nowhere_else() -> None:
    link = Pair(introduction=b"record").make(0)
    sent = [each.data for at in (0, SECOND, 2 * SECOND) for each in link.tick(at) if isinstance(each, Transmit)]
    assert [data[0] for data in sent] == [INTRODUCE, OPEN] * 3
    assert {data[1:] for data in sent if data[0] == INTRODUCE} == {b"record"}


def test_who_knows_the_dialler_reads_past_its_introduction() -> None:
    link = Pair().make(1)
    assert link.receive((b"1", bytes((INTRODUCE,)) + b"record"), 0) == ()
    assert link.counters.malformed == 0
    link.receive((b"1", bytes((INTRODUCE,)) + bytes(4097)), 0)
    link.receive((b"", bytes((INTRODUCE,)) + b"record"), 0)
    assert link.counters.malformed == 2


def test_the_eager_end_leaves_a_hello_unanswered_while_it_counts_on_its_own() -> None:
    link = Pair().make(0)
    hello = bytes((OPEN,)) + bytes(32)
    assert link.receive((b"9", hello), 0) == ()
    for _ in range(5):
        link.tick(link.deadline or 0)
    assert link.receive((b"9", hello), SECOND)


def one(effects: Sequence[LinkEffect], *, kind: int) -> bytes:
    """The frame of a kind among some effects."""
    (frame,) = [each.data for each in effects if isinstance(each, Transmit) and each.data[0] == kind]
    return frame


def test_where_both_handshakes_complete_both_ends_keep_the_session_that_the_eager_end_dialled() -> None:
    pair = Pair()
    eager, spare = pair.ends[0].link, pair.ends[1].link
    for _ in range(5):  # unanswered, so that the eager end answers as well
        hello = one(eager.tick(eager.deadline or 0), kind=OPEN)
    now = max(SILENCE, eager.dialling.deadline or 0)
    counter = one(spare.tick(now), kind=OPEN)
    answers = spare.receive((b"1", hello), now), eager.receive((b"2", counter), now)
    to_eager, to_spare = (one(each, kind=ANSWER) for each in answers)
    confirmed = eager.receive((b"", to_eager), now), spare.receive((b"", to_spare), now)
    assert eager.up
    assert spare.up
    assert eager._session != spare._session
    assert eager.receive((b"2", one(confirmed[1], kind=CONFIRM)), now) == ()
    assert HangUp() in spare.receive((b"1", one(confirmed[0], kind=CONFIRM)), now)
    assert eager._session == spare._session


@pytest.mark.parametrize("restarted", [0, 1])
@pytest.mark.parametrize("eager_reaches", [True, False])
def test_a_pair_heals_after_a_restart_of_either_end(restarted: int, eager_reaches: bool) -> None:
    pair = Pair(eager_reaches=eager_reaches)
    pair.run(3 * SILENCE)
    pair.assert_linked()
    pair.restart(restarted)
    pair.run(6 * SILENCE)
    pair.assert_linked()


def test_another_address_hung_up_or_not_yet_dialled_is_learnt_without_harm_to_the_session() -> None:
    pair = Pair(eager_reaches=False)
    pair.run(3 * SILENCE)
    eager = pair.ends[0].link
    eager.dialling.learn(eager=True, able=True, now=pair.now)
    pair.run(3 * SILENCE)
    pair.assert_linked()
    assert pair.ends[0].events == ["LinkUp"]


def test_who_dialled_the_session_that_was_lost_dials_again_at_once() -> None:
    pair = Pair(eager_reaches=False)
    pair.run(3 * SILENCE)
    spare = pair.ends[1].link
    pair.perform(0, pair.ends[0].link.close())
    pair.run(4 * pair.delay)
    assert not spare.up
    assert spare.deadline is not None
    assert spare.deadline <= pair.now + FIRST_RETRY
    dialling = Dialling(eager=False, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    dialling.open(SILENCE)
    dialling.restart(SECOND)
    assert dialling.deadline == SECOND
    dialling.hang_up()
    dialling.restart(SECOND)
    assert dialling.deadline == SECOND + SILENCE


def test_an_end_without_an_address_never_dials() -> None:
    dialling = Dialling(eager=False, able=False, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    assert dialling.deadline is None
    dialling.hasten(0, 0)
    assert not dialling.due(100 * SECOND)
    dialling.learn(eager=False, able=True, now=0)
    assert dialling.deadline is not None


def test_a_spare_that_is_being_dialled_goes_on_waiting() -> None:
    dialling = Dialling(eager=False, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    dialling.dialled(SILENCE - 1)
    assert dialling.deadline == 2 * SILENCE - 1


def test_retries_back_off_to_one_a_heartbeat() -> None:
    dialling = Dialling(eager=True, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    pauses = []
    for _ in range(7):
        at = dialling.deadline or 0
        dialling.open(at)
        pauses.append((dialling.deadline or 0) - at)
    assert pauses == [min(FIRST_RETRY << n, HEARTBEAT) for n in range(7)]


def test_whoever_floods_is_dialled_again_after_pauses_that_double_up_to_five_minutes() -> None:
    dialling = Dialling(eager=True, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    now, pauses = 0, []
    for _ in range(14):
        dialling.open(now)
        dialling.cut_off(now)
        dialling.restart(now)  # as its link goes down with the connection
        assert not dialling.connected
        assert not dialling.due((dialling.deadline or 0) - 1)
        pauses.append((dialling.deadline or 0) - now)
        now = dialling.deadline or 0
        assert dialling.due(now)
        assert dialling.open(now)
    assert pauses == [min(HEARTBEAT << n, 300 * SECOND) for n in range(14)]


@pytest.mark.parametrize(("quiet", "pause"), [(600 * SECOND - 1, 2 * HEARTBEAT), (600 * SECOND, HEARTBEAT)])
def test_a_flood_is_forgotten_ten_minutes_after_its_pause_and_not_earlier(quiet: Instant, pause: Instant) -> None:
    dialling = Dialling(eager=True, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    dialling.cut_off(0)
    dialling.cut_off(HEARTBEAT + quiet)
    assert dialling.deadline == HEARTBEAT + quiet + pause


def test_neither_another_address_nor_an_introduction_shortens_the_pause_after_a_flood() -> None:
    dialling = Dialling(eager=True, able=True, heartbeat=HEARTBEAT, patience=SILENCE, now=0)
    dialling.cut_off(0)
    dialling.learn(eager=True, able=True, now=1)
    dialling.hasten(2, 0)
    assert dialling.deadline == HEARTBEAT


def test_a_link_goes_down_with_our_connection_that_flooded_and_stays_where_it_is_another() -> None:
    pair = Pair()
    pair.run(SILENCE)
    eager, spare = pair.ends[0].link, pair.ends[1].link
    assert eager.cut_off(pair.now) == (HangUp(), LinkDown(eager.peer))
    assert not eager.up
    assert eager.deadline == pair.now + HEARTBEAT
    assert spare.cut_off(pair.now) == (HangUp(),)
    assert spare.up


@settings(max_examples=200, deadline=None)
@given(
    reaches=st.sampled_from([(True, True), (True, False), (False, True)]),
    introduction=st.sampled_from([b"", b"record"]),
    delay=st.integers(0, 2 * SECOND),
    lost=st.sets(st.integers(1, 60), max_size=25),
    restarts=st.lists(st.tuples(st.integers(0, 8 * SECOND), st.integers(0, 1)), max_size=3),
)
def test_one_connection_and_one_session_come_of_any_delays_losses_and_restarts(
    reaches: tuple[bool, bool], introduction: bytes, delay: Instant, lost: set[int], restarts: list[tuple[Instant, int]]
) -> None:
    pair = Pair(eager_reaches=reaches[0], spare_reaches=reaches[1], introduction=introduction, delay=delay)
    pair.lost = lost
    for pause, end in restarts:
        pair.run(pause)
        pair.restart(end)
    pair.run(20 * SILENCE)
    pair.delay = min(delay, HEARTBEAT // 4)
    pair.run(10 * SILENCE)
    pair.assert_linked()
    for each in pair.ends:
        assert all(before != after for before, after in zip(each.events, each.events[1:], strict=False) if not restarts)
