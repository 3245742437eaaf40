"""A rule that computes for long holds up its own session and what is booked behind it: nodes over ZeroMQ."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from mechdesign.decision.membership import member_of
from mechdesign.decision.messages import Attest, Verdict
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.auction.one_item import Sale
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.events import ProposeSession, SessionBooked, Settled, UserEvent
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.session import lookup_with
from mechdesign.mechanisms.work import Computed, Job, Reaction
from mechdesign.node import Node, tcp
from mechdesign.node.workers import Workers
from mechdesign.player import truthful
from mechdesign.testing.stacks import phases
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.zeromq import ZeroMQTransport

NAMES = ("alice", "bob", "carol", "dave")


class Endless(SecondPrice):
    """Computes until the test has seen enough."""

    name = "auction.endless"
    enough: ClassVar[threading.Event] = threading.Event()
    computing: ClassVar[threading.Semaphore] = threading.Semaphore(0)

    def settle(self, reports: Profile[Fraction], context: Context) -> Result[Sale]:
        """Count itself, and wait."""
        self.computing.release()
        assert self.enough.wait(120)
        return super().settle(reports, context)


@pytest.fixture(autouse=True)
def enough() -> Iterator[threading.Event]:
    Endless.enough.clear()
    yield Endless.enough
    Endless.enough.set()


class Live:
    """Four members in one process, with sockets and journals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The smaller key of a pair dials: the last one dials everybody, and can be started again at any time.
        keys = sorted((Identity.generate() for _ in NAMES), key=lambda each: each.public, reverse=True)
        self.keys = dict(zip(NAMES, keys, strict=True))
        members = tuple(member_of(keys, name) for name, keys in self.keys.items())
        self.roster = Roster("live", members, FaultModel.BYZANTINE)
        self.addresses: dict[bytes, str] = {}
        self.events: dict[str, list[UserEvent]] = {name: [] for name in NAMES}
        self.replayed: dict[str, list[UserEvent]] = {name: [] for name in NAMES}
        self.nodes: dict[str, Node] = {}

    async def start(self, name: str) -> None:
        keys = self.keys[name]
        peers = {
            each.public: PeerAddress(each.curve_public, self.addresses.get(each.public)) for each in self.keys.values()
        }
        self.events[name], self.replayed[name] = [], []
        node = self.nodes[name] = Node(
            self.roster,
            keys,
            transport=tcp(keys, "tcp://127.0.0.1:*", peers, LOCAL.transport),
            journal=self.folder / f"{name}.journal",
            strategy=truthful(NAMES.index(name) + 1),
            lookup=lookup_with(Endless),
            config=LOCAL.group,
            on_event=partial(self.note, name),
        )
        await node.start()
        assert isinstance(node.transport, ZeroMQTransport)
        assert node.transport.address is not None
        self.addresses[keys.public] = node.transport.address

    def note(self, name: str, event: UserEvent) -> None:
        self.events[name].append(event)
        self.replayed[name] += [event] if self.nodes[name].replaying else []

    def propose(self, name: str, mechanism: SecondPrice) -> None:
        request = ProposeSession(mechanism=mechanism, label=name, seal="commit_reveal", **phases(60_000))
        self.nodes[name].propose(request)

    def ends(self, name: str, mechanism: type[SecondPrice]) -> list[Settled]:
        told = [event for event in self.events[name] if isinstance(event, Settled)]
        return [event for event in told if event.mechanism == mechanism.full_name()]

    def booked(self, name: str) -> list[tuple[bytes, int]]:
        return [(each.session, each.position) for each in self.events[name] if isinstance(each, SessionBooked)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


async def computing(times: int) -> None:
    """Wait until the rule computes at so many members more."""
    for _ in range(times):
        await until(partial(Endless.computing.acquire, blocking=False))


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    made = Live(tmp_path)
    yield made
    await asyncio.gather(*(node.stop() for node in made.nodes.values()))


async def test_an_auction_settles_while_another_computes_and_a_member_restarts(
    live: Live, enough: threading.Event
) -> None:
    for name in NAMES:
        await live.start(name)
    live.propose("alice", Endless())
    await computing(4)
    live.propose("bob", SecondPrice())
    await until(lambda: all(live.ends(name, SecondPrice) for name in NAMES))
    assert [each.phase for each in live.nodes["carol"].status().stack.sessions] == ["computing"]
    assert not any(live.booked(name) for name in NAMES), "the books pass through the same states as at everybody"

    # Nobody waits for a thread to stop, and the next life computes beside its loop as well.
    await live.nodes["dave"].stop()
    await live.start("dave")
    await computing(1)
    await until(lambda: bool(live.ends("dave", SecondPrice)))
    live.propose("carol", SecondPrice(reserve=1))
    await until(lambda: all(len(live.ends(name, SecondPrice)) == 2 for name in NAMES))
    assert not any(live.ends(name, Endless) for name in NAMES)

    enough.set()
    await until(lambda: all(live.ends(name, Endless) and len(live.booked(name)) == 3 for name in NAMES))
    settled = [[*live.ends(name, SecondPrice), *live.ends(name, Endless)] for name in NAMES]
    ends = [sorted((end.session, end.digest) for end in each) for each in settled]
    assert ends == [ends[0]] * 4
    assert [live.booked(name) for name in NAMES] == [live.booked("alice")] * 4


async def test_what_an_earlier_life_was_told_is_no_news_however_late_it_comes(
    live: Live, enough: threading.Event
) -> None:
    enough.set()
    for name in NAMES:
        await live.start(name)
    live.propose("alice", Endless())
    await until(lambda: all(live.booked(name) for name in NAMES))
    told = [event for event in live.events["dave"] if isinstance(event, Settled | SessionBooked)]
    await live.nodes["dave"].stop()

    enough.clear()
    await live.start("dave")
    await computing(4 + 1)
    next_end = asyncio.ensure_future(live.nodes["dave"].ended())
    live.propose("alice", SecondPrice())
    await until(lambda: len(live.nodes["bob"].status().stack.sessions) == 1)
    assert not live.ends("dave", Endless)
    enough.set()
    await until(lambda: len(live.booked("dave")) == 2)
    again = [event for event in live.replayed["dave"] if isinstance(event, Settled | SessionBooked)]
    assert again == told
    assert await next_end == live.ends("dave", SecondPrice)[0], "the first end that is news"


def job(run: Callable[[], Reaction], *, session: int = 0, plays: bool = True) -> Job:
    return Job(bytes([session]) * 32, MemberId(bytes(32)), plays, run)


DONE = Attest(bytes(32), Verdict.SETTLED, bytes(32), ())


def workers(done: list[Computed], failed: list[Exception], patience_s: float) -> Workers:
    return Workers(done.append, failed.append, patience_s)


def gated(gate: threading.Event) -> Reaction:
    assert gate.wait(60)
    return DONE


async def test_what_is_soon_done_is_answered_at_once() -> None:
    done: list[Computed] = []
    assert workers(done, [], 60).begin(job(lambda: DONE)) is DONE
    await asyncio.sleep(0.01)
    assert not done


async def test_what_takes_longer_is_told_on_the_loop() -> None:
    gate, done = threading.Event(), list[Computed]()
    slow = job(partial(gated, gate))
    assert workers(done, [], 0).begin(slow) is None
    assert not done
    gate.set()
    await until(lambda: bool(done))
    assert done == [Computed(slow, DONE)]


async def test_what_is_waited_for_is_not_told_again() -> None:
    gate, done = threading.Event(), list[Computed]()
    ours, slow = workers(done, [], 0), job(partial(gated, gate))
    assert ours.begin(slow) is None
    gate.set()
    assert ours.finish(slow) is DONE
    await asyncio.sleep(0.01)
    assert not done


async def test_what_a_job_raises_is_told_as_a_failure() -> None:
    gate, failed = threading.Event(), list[Exception]()

    def broken() -> Reaction:
        gated(gate)
        raise LocalProtocolError("a bug")

    assert workers([], failed, 0).begin(job(broken)) is None
    gate.set()
    await until(lambda: bool(failed))
    assert isinstance(failed[0], LocalProtocolError)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_what_breaks_a_thread_off_is_told_as_a_failure_too(error: type[BaseException]) -> None:
    gate, failed = threading.Event(), list[Exception]()

    def broken() -> Reaction:
        gated(gate)
        raise error

    assert workers([], failed, 0).begin(job(broken)) is None
    gate.set()
    await until(lambda: bool(failed))
    assert "broken off" in str(failed[0])


async def test_a_thread_that_cannot_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ours, asked = workers([], [], 0), job(lambda: DONE)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        ours.begin(asked)
    with pytest.raises(KeyError):
        ours.finish(asked)


async def test_a_session_in_which_we_play_waits_for_no_other_of_its_proposer() -> None:
    gate = threading.Event()
    ours = workers([], [], 60)
    ours._patience_s = 0
    assert ours.begin(job(partial(gated, gate), session=1)) is None
    assert ours.begin(job(partial(gated, gate), session=2, plays=False)) is None
    ours._patience_s = 60
    assert ours.begin(job(lambda: DONE, session=3)) is DONE
    assert ours.begin(job(lambda: DONE, session=3)) is DONE, "its next step is computed at once as well"
    gate.set()


async def test_sessions_of_others_share_the_thread_of_their_proposer() -> None:
    gate, done, began = threading.Event(), list[Computed](), list[int]()

    def count(number: int) -> Reaction:
        began.append(number)
        return gated(gate)

    ours = workers(done, [], 0)
    jobs = [job(partial(count, number), session=number, plays=False) for number in range(4)]
    assert [ours.begin(each) for each in jobs] == [None] * 4
    await until(lambda: bool(began))
    assert began == [0]
    gate.set()
    assert ours.finish(jobs[2]) is DONE, "what has no thread yet is computed by whoever waits for it"
    await until(lambda: len(done) == 3)
    assert [each.job for each in done] == [jobs[0], jobs[1], jobs[3]]
    assert began in ([0, 2, 1, 3], [0, 1, 2, 3])
    assert ours._lines == {}
    ours._patience_s = 60
    assert ours.begin(job(lambda: DONE, plays=False)) is DONE, "the line is empty"


async def test_the_more_threads_compute_the_sooner_each_gives_way() -> None:
    await until(lambda: not any(each.name == "mechdesign-computation" for each in threading.enumerate()))
    usual, gate, done = sys.getswitchinterval(), threading.Event(), list[Computed]()
    ours = workers(done, [], 0)
    for number in range(5):
        assert ours.begin(job(partial(gated, gate), session=number)) is None
    await until(lambda: sys.getswitchinterval() <= usual / 4)
    gate.set()
    await until(lambda: len(done) == 5)
    await until(lambda: sys.getswitchinterval() == usual)


async def test_where_no_thread_can_be_had_for_the_next_in_line_that_is_told_as_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    gate, failed = threading.Event(), list[Exception]()
    ours = workers([], failed, 0)
    for number in range(2):
        assert ours.begin(job(partial(gated, gate), session=number, plays=False)) is None
    monkeypatch.setattr(threading.Thread, "start", refuse)
    gate.set()
    await until(lambda: bool(failed))
    assert "can't start" in str(failed[0])


async def test_nothing_is_told_after_the_close() -> None:
    gate, done = threading.Event(), list[Computed]()
    ours, slow = workers(done, [], 0), job(partial(gated, gate))
    assert ours.begin(slow) is None
    ours.close()
    gate.set()
    await until(lambda: not any(each.name == "mechdesign-computation" for each in threading.enumerate()))
    await asyncio.sleep(0.01)
    assert not done
