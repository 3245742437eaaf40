"""Remembering what was read changes nothing but how long a simulation takes."""

from collections import Counter
from contextlib import nullcontext
from itertools import count

import pytest

from mechdesign.group import intake, records
from mechdesign.group.block import Standing, parse_block
from mechdesign.testing import frames, runs
from mechdesign.testing.remembered import remembered_reading
from mechdesign.testing.runs import run_seed
from mechdesign.testing.schedule import draw
from tests.long_form import mostly_long

KINDS = {
    "with a liar": lambda scenario: scenario.liars and not scenario.changes,
    "with changes of the members": lambda scenario: scenario.changes,
    "with Ed25519": lambda scenario: scenario.real and scenario.n < 6,
}


@pytest.mark.parametrize("kind", mostly_long(KINDS, short=1))
def test_a_run_is_the_same_whether_reading_is_remembered_or_not(monkeypatch, kind):
    seed = next(seed for seed in count() if KINDS[kind](draw(seed)))
    remembered = run_seed(seed)
    monkeypatch.setattr(runs, "remembered_reading", nullcontext)
    assert run_seed(seed) == remembered


def test_a_block_is_read_once_however_many_members_and_checkers_read_it(monkeypatch):
    read: Counter[bytes] = Counter()

    def counting(data, roster):
        read[data] += 1
        return parse_block(data, roster)

    for module in (intake, frames):
        monkeypatch.setattr(module, "parse_block", counting)
    assert run_seed(3).violation is None
    assert len(read) > 10
    assert set(read.values()) == {1}


def test_what_stands_in_the_place_of_a_reader_is_what_is_remembered_and_everything_is_put_back(monkeypatch):
    judged: list[object] = []

    def broken(block, roster, scheme):
        judged.append(block)
        return Standing.GARBAGE

    right = vars(records)["judge"]
    monkeypatch.setattr(intake, "judge", broken)
    with remembered_reading():
        for _ in range(2):
            assert vars(intake)["judge"]("block", "roster", "scheme") is Standing.GARBAGE
        assert vars(records)["judge"] is not right
    assert judged == ["block"]
    assert vars(intake)["judge"] is broken
    assert vars(records)["judge"] is right
