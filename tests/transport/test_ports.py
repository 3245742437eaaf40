"""A socket is read until it would block, in bounded turns, and an alarm rings for the earliest deadline."""

from collections.abc import Callable
from typing import Any

import pytest

from mechdesign.kernel.machine import SECOND
from mechdesign.transport.alarm import Alarm
from mechdesign.transport.ports import Port, Ports


class Timer:
    def __init__(self, when: float, callback: Callable[[], Any]) -> None:
        self._when, self.callback, self.cancelled = when, callback, False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop that does nothing by itself."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], Any]] = {}
        self.ready: list[Callable[[], Any]] = []
        self.timers: list[Timer] = []

    def add_reader(self, fd: int, callback: Callable[..., Any], /, *args: Any) -> None:
        self.readers[fd] = lambda: callback(*args)

    def remove_reader(self, fd: int, /) -> bool:
        return self.readers.pop(fd, None) is not None

    def call_soon(self, callback: Callable[..., Any], /, *args: Any) -> None:
        self.ready.append(lambda: callback(*args))

    def is_closed(self) -> bool:
        return False

    def turn(self) -> None:
        ready, self.ready = self.ready, []
        for each in ready:
            each()

    def time(self) -> float:
        return 100.0

    def call_at(self, when: float, callback: Callable[[], Any], /) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]


class Socket:
    """Holds a number of messages."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.linger: int | None = None

    def read(self, port: Port) -> None:
        if not self.messages:
            raise BlockingIOError
        self.messages -= 1

    def close(self, linger: int | None = None) -> None:
        self.linger = linger


def test_a_socket_is_read_in_bounded_turns_until_it_would_block() -> None:
    loop, socket = Loop(), Socket(600)
    Ports(loop, BlockingIOError).watch(socket, 3, socket.read)
    left = []
    while loop.ready:
        loop.turn()
        left.append(socket.messages)
    assert left == [344, 88, 0]
    socket.messages = 1
    loop.readers[3]()
    assert socket.messages == 0


def test_a_port_is_scheduled_once_however_often_it_is_asked_for() -> None:
    loop, socket = Loop(), Socket(0)
    ports = Ports(loop, BlockingIOError)
    port = ports.watch(socket, 3, socket.read)
    ports.soon(port)
    assert len(loop.ready) == 1
    loop.turn()
    ports.soon(port)
    assert len(loop.ready) == 1


def test_a_handler_that_fails_does_not_stop_the_reading() -> None:
    loop, socket = Loop(), Socket(2)

    def read(port: Port) -> None:
        socket.read(port)
        if socket.messages == 1:
            raise RuntimeError("a bug above")

    Ports(loop, BlockingIOError).watch(socket, 3, read)
    with pytest.raises(RuntimeError, match="above"):
        loop.turn()
    loop.turn()
    assert (socket.messages, loop.ready) == (0, [])


def test_a_port_that_is_dropped_by_its_own_message_is_read_no_more() -> None:
    loop, socket = Loop(), Socket(5)
    ports = Ports(loop, BlockingIOError)

    def read(port: Port) -> None:
        socket.read(port)
        ports.drop(port)
        ports.drop(port)

    ports.watch(socket, 3, read)
    loop.turn()
    loop.turn()
    assert (socket.messages, socket.linger, loop.readers, loop.ready) == (4, 0, {}, [])


def test_closing_drops_every_port() -> None:
    loop, sockets = Loop(), [Socket(1), Socket(1)]
    ports = Ports(loop, BlockingIOError)
    for number, socket in enumerate(sockets):
        ports.watch(socket, number, socket.read)
    ports.close()
    loop.turn()
    assert [(each.messages, each.linger) for each in sockets] == [(1, 0), (1, 0)]
    assert loop.readers == {}


def test_an_alarm_rings_for_the_earliest_deadline_and_then_waits_to_be_set() -> None:
    loop, rung = Loop(), []
    alarm = Alarm(loop, lambda: rung.append(True))
    alarm.set(None, 0)
    assert loop.timers == []
    alarm.set(5 * SECOND, 0)
    alarm.set(9 * SECOND, 0)
    alarm.set(3 * SECOND, SECOND)
    assert [(each.when(), each.cancelled) for each in loop.timers] == [(105.0, True), (102.0, False)]
    loop.timers[-1].callback()
    assert rung == [True]
    alarm.set(9 * SECOND, 0)
    assert loop.timers[-1].when() == 109.0


def test_an_alarm_that_is_stopped_may_be_set_again_and_one_that_is_late_rings_at_once() -> None:
    loop = Loop()
    alarm = Alarm(loop, lambda: None)
    alarm.stop()
    alarm.set(SECOND, 0)
    alarm.stop()
    assert loop.timers[0].cancelled
    alarm.set(SECOND, 5 * SECOND)
    assert loop.timers[1].when() == 100.0
