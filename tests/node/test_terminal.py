"""A person at a terminal, whose question closes while an answer is being typed."""

import asyncio
import os
import sys

import pytest

from mechdesign.node.terminal import read_terminal


def typed(master: int, text: bytes) -> None:
    """Type, and wait until the terminal shows it: from then on it holds what was typed."""
    os.write(master, text)
    shown = b""
    while text.strip() not in shown:
        shown += os.read(master, 1024)


async def test_half_a_line_is_no_part_of_the_answer_to_the_next_question(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        closed = asyncio.ensure_future(read_terminal("one> "))
        await asyncio.sleep(0)
        typed(master, b"18")
        closed.cancel()
        await asyncio.gather(closed, return_exceptions=True)
        wanted = asyncio.ensure_future(read_terminal("two> "))
        await asyncio.sleep(0)
        typed(master, b"7\n")
        assert await wanted == "7"
    os.close(master)
