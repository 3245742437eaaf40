"""What a member holds does not grow with the rounds; `make endurance` looks at a hundred thousand of them."""

from mechdesign.group.certifier import Certifier
from tests.group.endurance import endure


def test_memory_and_journal_are_flat_over_thousands_of_rounds():
    # Between two checkpoints both grow a little, so a few looks are compared with a few.
    looks = list(endure(2000, 12))
    assert max(held for _, held, _ in looks[6:]) <= 1.1 * max(held for _, held, _ in looks[:6])
    assert max(records for _, _, records in looks[6:]) <= 1.1 * max(records for _, _, records in looks[:6])


def test_without_certified_checkpoints_both_grow(monkeypatch):
    monkeypatch.setattr(Certifier, "certified", lambda self: None)
    (_, first, records), (_, held, more_records) = endure(300, 2)
    assert held > 1.5 * first
    assert more_records > 1.5 * records
