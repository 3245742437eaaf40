"""The node: one member as a running process."""

import asyncio
import builtins
import logging
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.membership import member_of
from mechdesign.decision.transcript import audit, verify_evidence
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, InputError, JournalError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import (
    Asked,
    MemberConvicted,
    Progress,
    ProposeSession,
    SessionBooked,
    SessionProposed,
    Settled,
    Suspicion,
    UserEvent,
)
from mechdesign.mechanisms.session import Policy, recomputation
from mechdesign.node import Node, memory, read_terminal, tcp
from mechdesign.player import truthful
from mechdesign.testing.misbehaviour import Crashed, misbehave
from mechdesign.testing.stacks import phases
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.memory import MemoryNetwork
from mechdesign.transport.zeromq import ZeroMQTransport

NAMES = ("alice", "bob", "carol", "dave")
VALUES = dict(zip(NAMES, (18, 24, 21, 7), strict=True))
BRIEF, PATIENT = phases(400), phases(60_000)


class Group:
    """Four members in one process, each with a journal; nodes can be stopped and started again."""

    def __init__(self, folder):
        self.folder = folder
        self.identities = {name: Identity.generate() for name in NAMES}
        members = tuple(member_of(keys, name) for name, keys in self.identities.items())
        self.roster = Roster("test", members, FaultModel.BYZANTINE)
        self.network = MemoryNetwork()
        self.events: dict[str, list[UserEvent]] = {name: [] for name in NAMES}
        self.nodes = {}

    async def start(self, *names, **options):
        for name in names or NAMES:
            settings = {"strategy": truthful(VALUES[name])} | options
            identity = self.identities[name]
            self.nodes[name] = Node(
                self.roster,
                identity,
                transport=memory(self.network, identity.public, LOCAL.transport),
                journal=self.folder / f"{name}.journal",
                config=LOCAL.group,
                out=self.folder / name,
                on_event=self.events[name].append,
                **settings,
            )
            await self.nodes[name].start()

    async def stop(self, *names):
        await asyncio.gather(*(self.nodes[name].stop() for name in names or list(self.nodes)))

    def propose(self, name="alice", **terms):
        request: dict[str, Any] = {"mechanism": SecondPrice(reserve=5), "label": "first"} | PATIENT | terms
        self.nodes[name].propose(ProposeSession(**request))

    async def ended(self, *names):
        async with asyncio.timeout(60):
            return await asyncio.gather(*(self.nodes[name].ended() for name in names or NAMES))

    async def seen(self, name, kind, **values):
        """Wait until a member was told such an event."""
        async with asyncio.timeout(60):
            while True:
                for event in self.events[name]:
                    if isinstance(event, kind) and all(getattr(event, key) == values[key] for key in values):
                        return event
                await asyncio.sleep(0.005)


@pytest.fixture
async def group(tmp_path):
    made = Group(tmp_path)
    yield made
    await made.stop()


async def test_events_come_in_the_order_of_a_session(group):
    await group.start()
    group.propose()
    await group.ended()
    told = [event for event in group.events["bob"] if not isinstance(event, Progress | Suspicion)]
    assert [type(event) for event in told] == [SessionProposed, Asked, Settled, SessionBooked]
    phases = [event.phase for event in group.events["bob"] if isinstance(event, Progress)]
    assert list(dict.fromkeys(phases)) == [
        phase for phase in ("proposed", "enrolling", "sealing", "opening", "attesting", "settled") if phase in phases
    ]
    assert {"enrolling", "sealing", "opening", "attesting"} <= set(phases)


async def test_every_member_writes_the_same_transcript_and_it_verifies(group):
    await group.start()
    group.propose()
    (end, *_) = await group.ended()
    files = [group.folder / name / f"{end.session.hex()}.transcript" for name in NAMES]
    assert {file.read_bytes() for file in files} == {end.transcript}
    assert audit(files[0].read_bytes(), Ed25519(), recomputation(), group.roster).digest == end.digest
    assert not list(group.folder.rglob("*.part"))


async def test_a_member_that_is_stopped_in_mid_session_comes_back_and_holds_the_same_log(group):
    await group.start()
    await group.stop("dave")
    group.propose("alice", **BRIEF)
    await group.seen("alice", Progress, phase="sealing")
    await group.start("dave")
    ends = await group.ended()
    assert len({end.digest for end in ends}) == 1
    assert {end.digest for end in ends} == {(await group.nodes["dave"].ended(ends[0].session)).digest}


async def test_a_member_that_crashes_after_its_seal_opens_it_after_the_restart(group):
    await group.start("alice", "bob", "carol")
    await group.start("dave", wrap=misbehave("crash"))
    group.propose()
    with pytest.raises(Crashed):
        await group.nodes["dave"].run()
    await group.start("dave")
    ends = await group.ended()
    assert len({end.digest for end in ends}) == 1
    assert ends[0].reports == VALUES


async def test_a_crashed_member_does_not_hold_up_the_others_and_catches_up_later(group):
    await group.start("alice", "bob", "carol")
    await group.start("dave", wrap=misbehave("crash"))
    group.propose(**BRIEF)
    ends = await group.ended("alice", "bob", "carol")
    await group.start("dave")
    late = await group.seen("dave", Settled)
    assert {late.digest} == {end.digest for end in ends}
    await group.stop("carol")
    group.propose("bob", label="second", **BRIEF)
    second = await group.ended("alice", "bob", "dave")
    assert len({end.digest for end in second}) == 1


async def test_what_was_committed_survives_the_stop_of_everybody(group):
    await group.start()
    group.propose()
    (end, *_) = await group.ended()
    await group.stop()
    for events in group.events.values():
        events.clear()
    await group.start()
    assert all(not node.replaying for node in group.nodes.values())
    for name in NAMES:
        assert (await group.nodes[name].ended(end.session)).digest == end.digest
        assert [event for event in group.events[name] if isinstance(event, Asked)] == []
    group.propose(label="second", mechanism=SecondPrice(reserve=30))
    again = await group.ended()
    assert len({each.digest for each in again}) == 1
    assert [each.outcome.winner for each in again] == [None] * 4


async def test_everybody_stopped_in_mid_session_goes_on_from_the_journals(group):
    await group.start(strategy=None)
    group.propose()
    asked = {name: await group.seen(name, Asked) for name in NAMES}
    for name in ("alice", "bob"):
        group.nodes[name].report(asked[name].session, 0, VALUES[name])
    await group.seen("carol", Progress, phase="sealing", missing=("carol", "dave"))
    await group.seen("alice", Progress, phase="sealing", missing=("carol", "dave"))
    await group.stop()
    for events in group.events.values():
        events.clear()
    await group.start(strategy=None)
    for name in ("carol", "dave"):
        again = await group.seen(name, Asked)
        group.nodes[name].report(again.session, 0, VALUES[name])
    assert [event for event in group.events["alice"] if isinstance(event, Asked)] == []
    ends = await group.ended()
    assert len({end.digest for end in ends}) == 1
    assert ends[0].reports == VALUES


async def test_a_convicted_member_leaves_evidence_that_anybody_can_check(group):
    await group.start("alice", "carol", "dave")
    await group.start("bob", wrap=misbehave("equivocate"))
    group.propose(**BRIEF)
    await group.ended("alice", "carol", "dave")
    for name in ("alice", "carol", "dave"):
        await group.seen(name, MemberConvicted, member="bob")
        proof = (group.folder / name / "equivocation-bob.evidence").read_bytes()
        assert verify_evidence(proof, group.roster, Ed25519()) == (group.identities["bob"].public, "equivocation")


async def test_a_policy_decides_without_its_party(group):
    await group.start("alice", "bob", "carol")
    await group.start("dave", policy=Policy(deposit_max=Fraction(1)))
    group.propose(deposit=Fraction(2))
    ends = await group.ended()
    assert {end.players for end in ends} == {("alice", "bob", "carol")}
    told = await group.seen("dave", SessionProposed)
    assert (told.answer, "deposit" in told.reason) == ("declined", True)
    assert ends[3].agrees, "who declines follows and attests all the same"


async def test_a_strategy_is_left_alone_once_the_ask_has_closed(group):
    released = asyncio.Event()

    async def slow(asked):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            released.set()
            raise

    await group.start("alice", "bob", "carol")
    await group.start("dave", strategy=slow)
    group.propose(**BRIEF)
    ends = await group.ended()
    assert released.is_set()
    assert "dave" not in ends[0].reports


async def test_a_wrong_report_of_the_application_is_refused_and_can_be_mended(group):
    await group.start("alice", "bob", "carol")
    await group.start("dave", strategy=None)
    group.propose()
    asked = await group.seen("dave", Asked)
    with pytest.raises(InputError):
        group.nodes["dave"].report(asked.session, asked.step, "a lot")
    group.nodes["dave"].report(asked.session, asked.step, 100)
    ends = await group.ended()
    assert ends[0].reports["dave"] == 100


async def test_a_bug_in_a_core_stops_the_node_loudly(group, caplog):
    class Broken:
        """A stack whose receive raises."""

        def __init__(self, stack):
            self._stack = stack

        def __getattr__(self, name):
            return getattr(self._stack, name)

        def receive(self, incoming, now):
            raise ZeroDivisionError("a bug")

    await group.start("alice", wrap=Broken)
    waiting = asyncio.ensure_future(group.nodes["alice"].ended())
    await group.start("bob")
    with pytest.raises(ZeroDivisionError):
        await group.nodes["alice"].run()
    with pytest.raises(ZeroDivisionError):
        await waiting
    with pytest.raises(ZeroDivisionError):
        group.propose("alice")
    assert [record.levelno for record in caplog.records if "a bug" in record.message] == [logging.CRITICAL]


async def test_a_journal_that_cannot_be_written_stops_the_node_before_it_sends(group, monkeypatch):
    await group.start()

    def refuse(batch):
        raise JournalError("the disk is full")

    monkeypatch.setattr(group.nodes["bob"]._driver._journal, "write", refuse)
    group.propose(**BRIEF)
    with pytest.raises(JournalError, match="full"):
        await group.nodes["bob"].run()
    ends = await group.ended("alice", "carol", "dave")
    assert "bob" not in ends[0].players


async def test_one_journal_serves_one_node(group):
    await group.start("alice")
    with pytest.raises(JournalError, match="in use"):
        await group.start("alice")


async def test_a_stranger_gets_no_node(group):
    stranger = Identity.generate()
    with pytest.raises(ConfigError, match="not a member"):
        Node(group.roster, stranger, transport=memory(group.network, stranger.public))


async def test_a_member_whose_sealing_key_the_roster_does_not_have_gets_no_node(group):
    first, *others = group.roster.members
    other = replace(group.roster, members=(replace(first, sealing=others[0].sealing), *others))
    with pytest.raises(ConfigError, match="other link or sealing keys"):
        Node(other, group.identities["alice"], transport=memory(group.network, first.id))


async def test_what_needs_a_running_node_says_so(group):
    identity = group.identities["alice"]
    node = Node(group.roster, identity, transport=memory(group.network, identity.public))
    await node.stop()
    with pytest.raises(LocalProtocolError):
        await node.run()
    with pytest.raises(LocalProtocolError):
        node.propose(ProposeSession(mechanism=SecondPrice()))
    await node.start()
    with pytest.raises(LocalProtocolError):
        await node.start()
    waiting = asyncio.ensure_future(node.ended())
    await asyncio.sleep(0)
    await asyncio.gather(node.stop(), node.stop())
    await node.run()
    with pytest.raises(LocalProtocolError, match="stopped"):
        await waiting
    with pytest.raises(LocalProtocolError):
        node.report(bytes(32), 0, 1)


async def test_the_status_names_who_is_missing(group):
    await group.start("alice", "bob")
    group.propose()
    async with asyncio.timeout(60):
        while not group.nodes["alice"].status().stack.group.missing:
            await asyncio.sleep(0.01)
    status = group.nodes["alice"].status()
    assert status.name == "alice"
    assert status.counters["sent"] > 0


async def test_an_address_that_is_taken_is_a_configuration_error(group):
    network = {name: PeerAddress(keys.curve_public) for name, keys in group.identities.items()}
    peers = {group.identities[name].public: address for name, address in network.items()}
    first = Node(
        group.roster,
        group.identities["alice"],
        transport=tcp(group.identities["alice"], "tcp://127.0.0.1:*", peers),
    )
    await first.start()
    assert isinstance(first.transport, ZeroMQTransport)
    taken = first.transport.address
    second = Node(group.roster, group.identities["bob"], transport=tcp(group.identities["bob"], taken, peers))
    with pytest.raises(ConfigError):
        await second.start()
    await first.stop()
    await second.stop()


async def test_lines_come_from_the_terminal_and_a_forgotten_prompt_does_not_swallow_one(monkeypatch):
    lines = iter(("first", "second"))
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def typed(prompt=""):
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    monkeypatch.setattr(builtins, "input", typed)
    forgotten = asyncio.ensure_future(read_terminal("one> "))
    await asyncio.sleep(0)
    forgotten.cancel()
    wanted = asyncio.ensure_future(read_terminal("two> "))
    await asyncio.sleep(0)
    gate.set()
    assert await wanted == "first"
    assert await read_terminal("three> ") == "second"
    with pytest.raises(EOFError):
        await read_terminal("four> ")
