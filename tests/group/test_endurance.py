"""What a member holds does not grow with the rounds; `make endurance` looks at a hundred thousand of them."""

import pytest

from mechdesign.group import outbox
from mechdesign.group.certifier import Certifier
from tests.group.endurance import BESIEGED_HELD_MAX, BESIEGED_RECORDS_MAX, CONFIG, besieged, endure, holdings
from tests.group.lockstep import MILLISECOND, Lockstep


def test_memory_and_journal_are_flat_over_a_thousand_rounds():
    # Between two checkpoints both grow a little, so a few looks are compared with a few.
    looks = list(endure(1100, 12, kept=8))
    assert max(look.held for look in looks[6:]) <= 1.1 * max(look.held for look in looks[:6])
    assert max(look.records for look in looks[6:]) <= 1.1 * max(look.records for look in looks[:6])
    # Far more was said than is remembered: the newest keys, and those that no checkpoint counts yet.
    assert looks[-1].said // 4 > 10 * 8
    assert max(look.keys for look in looks) <= 8 + 20
    assert max(look.own for look in looks) <= 20


@pytest.mark.long
def test_with_a_liar_that_floods_and_a_member_that_comes_and_goes_what_is_held_stays_below_a_fixed_number():
    looks = list(besieged(520, 16, kept=16))
    assert max(look.held for look in looks) <= BESIEGED_HELD_MAX
    assert max(look.records for look in looks) <= BESIEGED_RECORDS_MAX
    assert looks[-1].said > 400


def test_without_certified_checkpoints_both_grow(monkeypatch):
    monkeypatch.setattr(Certifier, "certified", lambda self: None)
    early, late = endure(300, 2)
    assert late.held > 1.5 * early.held
    assert late.records > 1.5 * early.records


@pytest.mark.long
def test_without_certified_checkpoints_a_siege_passes_the_number(monkeypatch):
    monkeypatch.setattr(Certifier, "certified", lambda self: None)
    *_, last = besieged(400, 1)
    assert last.held > BESIEGED_HELD_MAX
    assert last.records > BESIEGED_RECORDS_MAX


@pytest.mark.long
@pytest.mark.parametrize("away", [0, 100], ids=["restarted at once", "after a long sleep"])
def test_who_comes_back_to_a_long_log_soon_holds_no_more_than_the_others(monkeypatch, away):
    monkeypatch.setattr(outbox, "KEYS_KEPT", 16)
    net = Lockstep(4, config=CONFIG.model_copy(update={"log_bytes_max": 200_000}), depth=8)

    def talk(count, speakers):
        for at in range(count):
            net.say(speakers[at % len(speakers)], b"%d of %d" % (at, net.now))
            net.run(4 * MILLISECOND)

    talk(300, [0, 1, 2, 3])
    net.crash(3)
    talk(away, [0, 1, 2])
    net.restart(3)
    net.run()
    talk(60, [0, 1, 2, 3])
    net.run()
    held = [holdings(host.core) for host in net.hosts]
    assert len(net.hosts[3].log) == 360 + away
    assert held[3] <= 1.2 * max(held[:3])
