"""A member whose own submissions wait hears on: what it has to say is held back, and not lost."""

from typing import Any

import pytest

from mechdesign.decision.entries import Kind
from mechdesign.group.messages import Broadcast, Delivered, Inclusion, Submission
from mechdesign.group.outbox import Outbox
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import CongestionError, LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import CarryBallots, ProposeSession, Report
from mechdesign.player import truthful
from mechdesign.stack import Stack
from mechdesign.testing.stacks import StackCluster, phases
from mechdesign.transport.messages import Packet

ME, PEER = MemberId(bytes(31) + b"\1"), MemberId(bytes(31) + b"\2")
PACKET = Packet(PEER, b"")


class Narrow:
    """A group with room for so many submissions."""

    deadline = None

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[bytes] = []
        self.says: list[object] = []

    def submit(self, request: Any, now: int) -> list[object]:
        if not self.room:
            raise CongestionError("full")
        self.room -= 1
        self.taken.append(request.key)
        return []

    def receive(self, incoming: object, now: int) -> list[object]:
        told, self.says = self.says, []
        return told

    def deliver(self, sender: MemberId) -> None:
        """Have an entry of somebody in the log with the next packet."""
        self.room += sender == ME
        self.says.append(Delivered(0, Submission(99, sender, 0, b""), Inclusion(b"", b"", 0, ())))


class Says:
    """A decision core that says what it is told to, at the next occasion."""

    deadline = None
    overfull = None
    hindrance = ""
    convicts = ()

    def __init__(self) -> None:
        self.next: list[Broadcast] = []

    def receive(self, incoming: object, now: int) -> list[Broadcast]:
        told, self.next = self.next, []
        return told

    submit = receive


class Passes:
    """A session core that hands every request on."""

    deadline = None
    open_sessions = ()

    def submit(self, request: object, now: int) -> list[object]:
        return [Broadcast(b"proposal", Kind.PROPOSE, b"")] if isinstance(request, ProposeSession) else []


def narrow(room: int) -> tuple[Stack, Narrow, Says]:
    group, decision = Narrow(room), Says()
    parts: list[Any] = [None, type("Signer", (), {"public": ME})(), group, decision, Passes()]
    return Stack(*parts), group, decision


def say(*keys: bytes) -> list[Broadcast]:
    return [Broadcast(key, 50, b"") for key in keys]


def test_what_does_not_fit_waits_in_its_order_until_something_of_ours_is_ordered():
    stack, group, decision = narrow(room=1)
    decision.next = say(b"1", b"2", b"3")
    group.deliver(PEER)
    assert stack.receive(PACKET, 0) == []
    assert (group.taken, len(stack._held)) == ([b"1"], 2)
    decision.next = say(b"4", b"2")
    group.deliver(PEER)
    stack.receive(PACKET, 0)
    assert (group.taken, len(stack._held)) == ([b"1"], 3), (
        "an entry of somebody else makes no room, and what is said twice waits once"
    )
    group.deliver(ME)
    group.deliver(ME)
    stack.receive(PACKET, 0)
    assert group.taken == [b"1", b"2", b"3"]
    group.deliver(ME)
    stack.receive(PACKET, 0)
    assert (group.taken, len(stack._held)) == ([b"1", b"2", b"3", b"4"], 0)


def test_what_is_said_while_others_are_held_back_does_not_overtake_them():
    stack, group, decision = narrow(room=0)
    decision.next = say(b"1")
    group.deliver(PEER)
    stack.receive(PACKET, 0)
    decision.next = say(b"2")
    group.deliver(ME)
    stack.receive(PACKET, 0)
    assert group.taken == [b"1"]
    assert len(stack._held) == 1


def test_a_party_whose_group_is_congested_can_report_and_is_refused_all_that_can_wait():
    stack, group, decision = narrow(room=0)
    with pytest.raises(CongestionError):
        stack.submit(ProposeSession(mechanism=SecondPrice()), 0)
    assert len(stack._held) == 0, "a proposal is never held back: its party was told"
    decision.next = say(b"1")
    group.deliver(PEER)
    stack.receive(PACKET, 0)
    for request in (ProposeSession(mechanism=SecondPrice()), CarryBallots((b"",))):
        with pytest.raises(CongestionError, match="wait to be ordered"):
            stack.submit(request, 0)
    assert stack.submit(Report(b"session", 0, 1), 0) == []


def tighten(monkeypatch: pytest.MonkeyPatch, bytes_max: int) -> None:
    """Let only so many bytes of every member's submissions wait: a few of those that a session makes."""
    made = Outbox.__init__
    monkeypatch.setattr(Outbox, "__init__", lambda self, roster, me, _: made(self, roster, me, bytes_max))


def held(cluster: StackCluster, place: int) -> int:
    """How much a member holds back."""
    return cluster.stack(place).status().held


def test_a_bound_that_one_submission_passes_is_refused_with_its_value_and_the_least() -> None:
    config = LOCAL.group.model_copy(update={"pending_bytes_max": 65_599})
    cluster = StackCluster([truthful(1)], seed=1, config=config)
    with pytest.raises(LocalProtocolError, match="pending_bytes_max is 65599 and has to be 65600 at least"):
        cluster.start()
    StackCluster([truthful(1)], seed=1, config=config.model_copy(update={"pending_bytes_max": 65_600})).start()


@pytest.mark.parametrize(("seal", "bytes_max"), [("open", 390), ("commit_reveal", 390), ("threshold", 800)])
def test_sessions_settle_among_members_that_have_room_for_few_submissions_at_a_time(
    monkeypatch: pytest.MonkeyPatch, seal: str, bytes_max: int
) -> None:
    tighten(monkeypatch, bytes_max)
    cluster = StackCluster([truthful(value) for value in (10, 24, 21, 7)], seed=5)
    most = [0] * 4

    def look(place: int) -> None:
        most[place] = max(most[place], held(cluster, place))

    cluster.start()
    cluster.simulator.watch_steps(look)
    for place in range(4):
        cluster.propose(place, ProposeSession(mechanism=SecondPrice(), seal=seal, label=str(place), **phases(9_000)))
    assert cluster.run(4)
    assert {str(end.outcome) for end in cluster.settled()} == {"bob wins, pays 21"}
    assert any(most), "somebody had to hold something back"
    assert not any(held(cluster, place) for place in range(4))


@pytest.mark.parametrize("crashes", [False, True])
def test_a_member_that_is_cut_off_holds_back_what_it_has_to_say_until_it_is_heard_again(
    monkeypatch: pytest.MonkeyPatch, crashes: bool
) -> None:
    tighten(monkeypatch, 390)
    cluster = StackCluster([truthful(value) for value in (10, 24, 21, 7)], seed=6)
    simulator = cluster.simulator
    cluster.start()
    for place in range(3):
        cluster.propose(place, ProposeSession(mechanism=SecondPrice(), seal="open", label=str(place), **phases(30_000)))
    assert simulator.run(60 * SECOND, lambda: len(cluster.stack(3).status().sessions) == 3)
    simulator.cut([(3, other) for other in range(3)])
    simulator.run(simulator.now + 40 * SECOND)  # so that its timers have run out
    assert held(cluster, 3) > 0
    with pytest.raises(CongestionError):
        cluster.stack(3).submit(ProposeSession(mechanism=SecondPrice()), simulator.now)
    if crashes:
        simulator.crash(3)
        simulator.start(3)
        simulator.run(simulator.now + 40 * SECOND)
        assert held(cluster, 3) > 0, "what was held back is said again"
    simulator.mend()
    assert cluster.run(3)
    assert {str(end.outcome) for end in cluster.settled()} == {"bob wins, pays 21"}
    assert simulator.run(simulator.now + 10 * SECOND, lambda: held(cluster, 3) == 0)
