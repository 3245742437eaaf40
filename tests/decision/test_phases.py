"""The tables of phases, and the document drawn from them."""

from dataclasses import fields
from pathlib import Path

import pytest

from mechdesign.decision.entries import Kind
from mechdesign.decision.phases import ENDED, PHASES, TRANSITIONS, Cause, Phase, diagram, document, follow
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.errors import LocalProtocolError


def test_the_document_is_what_the_tables_draw() -> None:
    text = (Path(__file__).parents[2] / "docs" / "phases.md").read_text()
    assert text.partition("\n## ")[0] == document(), "up to the chapter on how they are checked"


def test_the_tables_cover_every_phase_and_cause() -> None:
    assert set(PHASES) == set(TRANSITIONS) == set(Phase)
    assert {cause for steps in TRANSITIONS.values() for cause in steps} == set(Cause)
    assert {kind for row in PHASES.values() for kind in row.counts} == set(Kind) - {Kind.PROPOSE, Kind.PAYOUT}


def test_every_phase_is_reached_and_leads_to_an_end() -> None:
    reached, todo = {Phase.ENROLLING}, [Phase.ENROLLING]
    while todo:
        for after in TRANSITIONS[todo.pop()].values():
            if after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(Phase)
    assert {phase for phase, steps in TRANSITIONS.items() if not steps} == ENDED


def test_every_open_phase_has_a_timer_that_the_proposal_sets() -> None:
    names = {field.name for field in fields(Proposal)}
    assert {row.duration for phase, row in PHASES.items() if phase not in ENDED} <= names
    assert {row.duration for phase, row in PHASES.items() if phase in ENDED} == {""}


@pytest.mark.parametrize("phase", Phase)
def test_a_step_that_is_not_in_the_table_is_a_bug(phase: Phase) -> None:
    for cause in Cause:
        if cause in TRANSITIONS[phase]:
            assert follow(phase, cause) in Phase
        else:
            with pytest.raises(LocalProtocolError):
                follow(phase, cause)


def test_the_diagram_draws_every_step_once() -> None:
    lines = diagram().splitlines()
    assert len(lines) == len(set(lines)) == 2 + sum(map(len, TRANSITIONS.values())) + len(ENDED)
