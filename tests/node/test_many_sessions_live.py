"""Two hundred sessions at once over ZeroMQ: four nodes with sockets, keys and journals of their own."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.events import ProposeSession, SessionAborted, SessionBooked, Settled, UserEvent
from mechdesign.mechanisms.registry import load
from mechdesign.node import Node, tcp
from mechdesign.player import truthful
from mechdesign.testing.bookkeeper import bookkept
from mechdesign.testing.remembered import remembered_points
from mechdesign.testing.stacks import phases
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.zeromq import ZeroMQTransport

NAMES = ("alice", "bob", "carol", "dave")
SESSIONS = 200


@pytest.fixture(autouse=True)
def points() -> Iterator[None]:
    """Four members in one process check everything four times; and somebody else keeps their books, too."""
    with remembered_points(), bookkept() as keepers:
        yield
    assert [keeper.booked for keeper in keepers.values()] == [SESSIONS] * 4
    assert all(keeper.looked > SESSIONS for keeper in keepers.values()), "at every log position"


async def test_two_hundred_sessions_settle_at_once_over_zeromq(tmp_path: Path) -> None:
    keys = {name: Identity.generate() for name in NAMES}
    roster = Roster("live", tuple(member_of(keys[name], name) for name in NAMES), FaultModel.BYZANTINE)
    ended: dict[str, dict[bytes, Settled | SessionAborted]] = {name: {} for name in NAMES}
    books: dict[str, list[Any]] = {name: [] for name in NAMES}
    nodes: dict[str, Node] = {}
    addresses: dict[bytes, str] = {}

    def hear(name: str, event: UserEvent) -> None:
        if isinstance(event, Settled | SessionAborted):
            ended[name][event.session] = event
        elif isinstance(event, SessionBooked):
            books[name].append((event.position, event.flows))

    try:
        # The smaller key of a pair dials, so the larger one has to listen by then.
        for name in sorted(NAMES, key=lambda each: keys[each].public, reverse=True):
            peers = {key.public: PeerAddress(key.curve_public, addresses.get(key.public)) for key in keys.values()}
            nodes[name] = Node(
                roster,
                keys[name],
                transport=tcp(keys[name], "tcp://127.0.0.1:*", peers, LOCAL.transport),
                journal=tmp_path / f"{name}.journal",
                strategy=truthful(NAMES.index(name) + 1),
                config=LOCAL.group,
                on_event=partial(hear, name),
            )
            await nodes[name].start()
            transport = nodes[name].transport
            assert isinstance(transport, ZeroMQTransport)
            assert transport.address is not None
            addresses[keys[name].public] = transport.address
        kinds = [
            ("auction.second-price", ""),
            ("auction.first-price", "open"),
            ("auction.second-price", "commit_reveal"),
        ]
        for number in range(SESSIONS):
            mechanism, seal = kinds[number % len(kinds)]
            made = load(mechanism).from_parameters({})
            nodes[NAMES[number % 4]].propose(
                ProposeSession(mechanism=made, seal=seal, label=f"{number}", **phases(300_000))
            )
        async with asyncio.timeout(300):
            while any(len(each) < SESSIONS for each in ended.values()):
                await asyncio.sleep(0.05)
    finally:
        await asyncio.gather(*(node.stop() for node in nodes.values()))
    first = ended["alice"]
    for name in NAMES:
        assert all(isinstance(end, Settled) and end.agrees for end in ended[name].values())
        assert {session: end.booked for session, end in ended[name].items()} == {
            session: end.booked for session, end in first.items()
        }
        assert books[name] == books["alice"]
        assert len(books[name]) == SESSIONS
