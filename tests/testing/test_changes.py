"""What the seeds of runs with changing members cover, as far as members write to one another or equivocate there."""

from collections import Counter

from mechdesign.testing.letter_liars import LETTER_LIAR_KINDS
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.scenario import Changes
from mechdesign.testing.schedule import draw

SCENARIOS = [draw(seed, changing=True) for seed in range(1000)]


def changes() -> list[Changes]:
    return [scenario.changes for scenario in SCENARIOS if scenario.changes is not None]


def test_members_write_to_some_of_the_others_in_half_of_the_runs() -> None:
    written = [each for each in changes() if each.notes]
    assert 400 <= len(written) <= 600
    assert sum(not each.steps for each in written) >= 100
    assert sum(len(each.steps) > 1 for each in written) >= 200
    notes = [note for each in written for note in each.notes]
    assert min(Counter(note.ordered for note in notes).values()) >= len(notes) / 4
    assert min(Counter(len(note.to) > 1 for note in notes).values()) >= len(notes) / 5
    assert all(note.place not in note.to for note in notes)


def test_letters_go_over_partial_meshes_and_through_crashes_and_cuts() -> None:
    scenarios = [scenario for scenario in SCENARIOS if scenario.changes is not None and scenario.changes.notes]
    assert sum(scenario.edges is not None for scenario in scenarios) >= 100
    assert sum(bool(scenario.crashes) for scenario in scenarios) >= 200
    assert sum(bool(scenario.cuts) for scenario in scenarios) >= 200


def test_every_kind_that_lies_about_ends_or_letters_occurs_where_there_is_something_to_lie_about() -> None:
    lies = Counter(kind for scenario in SCENARIOS for _, kind in scenario.liars)
    assert min(lies[kind] for kind in (*EPOCH_LIAR_KINDS, *LETTER_LIAR_KINDS)) >= 5
    for scenario in SCENARIOS:
        assert scenario.changes is not None
        if not scenario.changes.notes:
            assert not {kind for _, kind in scenario.liars}.intersection(LETTER_LIAR_KINDS)
