"""Which entry of a values file answers in which session: what a player has no part in moves nothing."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mechdesign.cli.node_files import ValuesFile
from mechdesign.cli.values import ValuesStrategy
from mechdesign.mechanisms.events import Asked, SessionProposed

VALUES = ValuesFile.model_validate({"answer": [{"mechanism": "*", "value": "90"}, {"mechanism": "*", "value": "2"}]})


def proposed(session: int, answer: str = "enrolled", mechanism: str = "m/1") -> SessionProposed:
    return cast(SessionProposed, SimpleNamespace(mechanism=mechanism, session=bytes([session]), answer=answer))


def asked(session: int, mechanism: str = "m/1") -> Asked:
    about: Any = SimpleNamespace(
        identifier=mechanism, type_schema=lambda: Fraction, truthful=lambda value, ask: Fraction(value)
    )
    return cast(Asked, SimpleNamespace(session=bytes([session]), player="alice", ask=None, mechanism=about))


def test_the_second_entry_answers_in_the_second_session_and_in_all_later_ones() -> None:
    strategy = ValuesStrategy(VALUES)
    for session in range(3):
        strategy.proposed(proposed(session))
    assert [strategy(asked(session)) for session in range(3)] == [90, 2, 2]


@pytest.mark.parametrize("answer", ["declined", "not asked"])
def test_a_session_that_it_has_no_part_in_moves_no_answer(answer: str) -> None:
    strategy = ValuesStrategy(VALUES)
    strategy.proposed(proposed(0, answer))
    strategy.proposed(proposed(1))
    assert strategy(asked(1)) == 90


def test_a_session_that_is_told_again_counts_once_and_each_mechanism_by_itself() -> None:
    strategy = ValuesStrategy(VALUES)
    for event in (proposed(0), proposed(0), proposed(1, mechanism="other/1"), proposed(2)):
        strategy.proposed(event)
    assert [strategy(asked(0)), strategy(asked(1, "other/1")), strategy(asked(2))] == [90, 90, 2]
