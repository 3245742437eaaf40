"""What a member holds does not grow with the rounds; `make endurance` looks at a hundred thousand of them."""

from mechdesign.group.certifier import Certifier
from tests.group.endurance import endure


def test_memory_and_journal_are_flat_over_thousands_of_rounds():
    # Between two checkpoints both grow a little, so a few looks are compared with a few.
    looks = list(endure(2000, 12))
    assert max(look.held for look in looks[6:]) <= 1.1 * max(look.held for look in looks[:6])
    assert max(look.records for look in looks[6:]) <= 1.1 * max(look.records for look in looks[:6])
    # What has to grow is one key for each broadcast, in memory and in the journal of whoever made it.
    assert [(look.keys, look.own) for look in looks] == [(look.said, look.said) for look in looks]


def test_without_certified_checkpoints_both_grow(monkeypatch):
    monkeypatch.setattr(Certifier, "certified", lambda self: None)
    early, late = endure(300, 2)
    assert late.held > 1.5 * early.held
    assert late.records > 1.5 * early.records
