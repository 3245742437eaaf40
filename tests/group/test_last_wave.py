"""The end of an epoch beside a liar: whoever can decide the last leader helps those who cannot yet."""

from random import Random

import pytest

from mechdesign.group.messages import Broadcast
from mechdesign.group.turn import Turn
from tests.group.last_wave import HONEST, LIAR, close
from tests.group.lockstep import SECOND
from tests.long_form import mostly_long

WORDS = [(0, b"word 0"), (0, b"word 1"), (0, b"word 2")]


def words(net):
    return [[(epoch, data) for epoch, data in net.delivered[place] if data.startswith(b"word")] for place in HONEST]


def nobody_votes_on(monkeypatch):
    """A member whose log has come to its end makes no more blocks."""
    right = Turn._causes
    monkeypatch.setattr(Turn, "_causes", lambda self, round_: [] if self._closed else right(self, round_))


def test_a_leader_that_only_one_member_can_decide_directly_still_ends_the_epoch_for_all():
    net = close()
    assert net.late
    assert net.convicted == {LIAR}
    assert list(net.epochs.values()) == [1, 1, 1]
    assert words(net) == [WORDS] * 3


def test_it_would_not_if_members_stopped_voting_at_their_own_end_of_the_log(monkeypatch):
    nobody_votes_on(monkeypatch)
    net = close()
    assert net.late
    assert [net.groups[place].epochs[0].core.order.final is not None for place in HONEST] == [True, False, False]
    net.run(600 * SECOND)
    assert list(net.epochs.values()) == [0, 0, 0]


@pytest.mark.parametrize("seed", mostly_long(range(40), short=8))
def test_whatever_a_liar_signs_in_the_last_wave_the_epoch_ends_for_all(seed):
    net = close(Random(seed))
    assert net.last is not None
    assert list(net.epochs.values()) == [1, 1, 1]
    assert words(net) == [WORDS] * 3
    assert net.convicted <= {LIAR}


def test_all_is_quiet_when_the_epoch_has_ended():
    net = close()
    made = dict(net.made)
    net.run(600 * SECOND)
    assert net.made == made


def test_what_is_said_between_the_end_of_the_log_and_its_certificate_is_ordered_in_the_next_epoch_only(monkeypatch):
    nobody_votes_on(monkeypatch)
    net = close()
    assert net.groups[0].epochs[0].core.order.final is not None
    net.say(0, Broadcast(b"late", 7, b"word too late"))
    monkeypatch.undo()
    net.run(20 * SECOND)
    assert list(net.epochs.values()) == [1, 1, 1]
    # Member 1 has left by then, so the other two and the liar are the group; it said nothing for ever.
    assert words(net)[1] == WORDS
    assert net.groups[0].status().pending == 1
