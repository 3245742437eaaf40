"""What is asked of a party: a person at a terminal answers one question at a time."""

import asyncio
import builtins
import queue

import pytest

from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import Asked, Progress
from mechdesign.mechanisms.play import Ask
from mechdesign.node.party import Party
from mechdesign.node.terminal import read_terminal
from mechdesign.player import Person

SALE, OTHER = b"s" * 32, b"o" * 32
PLAYERS = ("alice", "mallory")


def asked(session: bytes) -> Asked:
    auction = SecondPrice()
    return Asked(session, 0, "alice", Ask(auction.report_schema(), PLAYERS, True, {}), auction, PLAYERS)


class Desk:
    """Alice at her terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._typed: queue.Queue[str] = queue.Queue()
        self._answers: asyncio.Queue[tuple[bytes, object]] = asyncio.Queue()
        monkeypatch.setattr(builtins, "input", lambda prompt="": self._typed.get())
        person = Person(read_terminal, lambda text: None)
        self.party = Party(person, lambda session, step, value: self._answers.put_nowait((session, value)))

    async def ask(self, session: bytes) -> None:
        self.party.tell(asked(session), replaying=False)
        for _ in range(5):
            await asyncio.sleep(0)

    async def types(self, line: str) -> tuple[bytes, object]:
        """What is reported then."""
        self._typed.put(line)
        return await asyncio.wait_for(self._answers.get(), 30)


async def test_what_is_typed_for_one_session_answers_no_other_that_begins_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch)
    await desk.ask(SALE)
    await desk.ask(OTHER)
    assert await desk.types("100") == (SALE, 100)
    assert await desk.types("7") == (OTHER, 7)
    await desk.party.close(LocalProtocolError("over"))


async def test_the_next_question_is_asked_once_the_one_before_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    await desk.ask(SALE)
    await desk.ask(OTHER)
    desk.party.tell(Progress(SALE, "opening", 0, 0, 0, ()), replaying=False)
    for _ in range(5):
        await asyncio.sleep(0)
    assert await desk.types("7") == (OTHER, 7)
    await desk.party.close(LocalProtocolError("over"))
