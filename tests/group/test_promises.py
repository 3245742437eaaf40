"""Promises of far rounds, under load that does not end: they keep nobody from speaking."""

import pytest

from mechdesign.group.block import Reference, make_block
from mechdesign.group.catchup import CatchUp
from mechdesign.group.packets import Tips, decode_packet, encode_blocks, encode_packet
from mechdesign.kernel.config import GroupConfig
from tests.group.lockstep import MILLISECOND, SECOND, Lockstep, said, status
from tests.long_form import mostly_long

CALM = GroupConfig(round_timeout_s=1.0, pull_retry_s=0.3, tips_min_s=0.5, tips_max_s=8)
BOAST = Tips((2**40,) * 4, 0b1111, False)
WORD = b"the victim's word"


def by_tips(net, victim):
    """The liar, honest in all else, says one time that it is a million rounds ahead."""
    net.give(3, victim, encode_packet(net.roster, BOAST))


def by_a_block(net, victim):
    """It shows a block of another member from far ahead, with no signature worth looking at."""
    parents = [Reference(10**6 - 1, place, bytes(32)) for place in (1, 0, 2)]
    block = make_block(net.roster, net.hosts[3].core._signer, 10**6, parents)
    net.give(3, victim, encode_blocks(net.roster, [block.wire]))


@pytest.fixture
def borne_out(monkeypatch):
    """As where more than may lie say so too: nobody looks at what the others tell."""
    monkeypatch.setattr(CatchUp, "_borne_out", lambda self, now: True)


def starve(boast, *, again=None, victims=(0,), seconds=10):
    """Members 1 and 2 never fall silent, while the liar promises far rounds to the victims and tells them no tips."""
    net = Lockstep(4, config=CALM)
    net.say(1, b"warm up")
    net.run(SECOND)
    net.say(1, b"go")
    net.run(20 * MILLISECOND)
    net.lose = lambda source, target, data: (
        source == 3 and target in victims and isinstance(decode_packet(net.roster, data), Tips)
    )
    begin = next_boast = net.now
    for victim in victims:
        boast(net, victim)
    net.run(10 * MILLISECOND)
    held = status(net, victims[0])
    net.say(0, WORD)
    number = 0
    while net.now < begin + seconds * SECOND and WORD not in net.hosts[1].said:
        if again is not None and net.now >= next_boast:
            next_boast = net.now + again
            for victim in victims:
                boast(net, victim)
        net.say(1 + number % 2, b"%d" % number)
        number += 1
        net.run(5 * MILLISECOND)
    return net, held


def held_back(net):
    """How many words of the others went before the victim's; they order some 200 each second."""
    assert WORD in net.hosts[1].said
    return sum(entry != WORD for entry in net.hosts[1].said)


@pytest.mark.parametrize("boast", [by_tips, by_a_block])
def test_what_one_neighbour_promises_and_the_others_do_not_bear_out_holds_nothing_back(boast):
    net, held = starve(boast)
    assert held.detail == ""
    assert held_back(net) < 20


@pytest.mark.parametrize("boast", mostly_long([by_tips, by_a_block], short=1))
@pytest.mark.usefixtures("borne_out")
def test_what_is_borne_out_holds_a_word_back_for_a_timeout_and_no_longer(boast):
    net, _ = starve(boast)
    assert 20 < held_back(net) < 1.5 * 200


@pytest.mark.usefixtures("borne_out")
@pytest.mark.long
def test_neither_do_promises_without_end():
    net, _ = starve(by_tips, again=20 * MILLISECOND)
    assert WORD in net.hosts[1].said
    spoken = []
    for number in range(40):
        net.give(3, 0, encode_packet(net.roster, BOAST))
        net.say(0, b"again %d" % number)
        net.say(1, b"beside %d" % number)
        net.run(50 * MILLISECOND)
        spoken.append(len([word for word in net.hosts[1].said if word.startswith(b"again")]))
    # In 2 seconds a neighbour's allowance grows back by 1/32 of that: of 40 words a few are late, and none is lost.
    assert spoken[-1] >= 35
    net.run(2 * SECOND)
    assert said(net)[1].count(b"again 39") == 1


@pytest.mark.usefixtures("borne_out")
@pytest.mark.long
def test_a_promise_would_silence_a_member_for_ever_if_patience_had_no_end(monkeypatch):
    monkeypatch.setattr(CatchUp, "holds", lambda self, now: self.asked is not None and self._far(self.asked))
    net, _ = starve(by_tips, seconds=2)
    assert WORD not in net.hosts[1].said
    assert len(net.hosts[1].said) > 200


@pytest.mark.usefixtures("borne_out")
@pytest.mark.long
def test_a_member_that_is_held_says_for_whom_it_waits():
    net, held = starve(by_tips)
    assert held.state == "behind"
    assert "m3" in held.detail
    assert status(net, 0).state == "running"
    assert status(net, 0).detail == ""


def test_neighbours_that_are_not_heard_deny_nothing():
    net = Lockstep(4, config=CALM)
    net.say(1, b"warm up")
    net.run(SECOND)
    # Cables that nobody noticed to be pulled: what these two told long ago says nothing about now.
    net.lose = lambda source, target, data: target == 0 and source in (1, 2)
    net.run(SECOND)
    by_tips(net, 0)
    net.run(10 * MILLISECOND)
    net.say(0, WORD)
    assert status(net, 0).state == "behind"


@pytest.mark.usefixtures("borne_out")
@pytest.mark.long
def test_a_liar_whose_link_flaps_as_it_boasts_costs_a_quorum_few_of_its_rounds():
    def rounds(every):
        net = Lockstep(4, config=CALM, silent=[3])
        net.run(2 * SECOND)
        begin = flap = net.now
        number = 0
        while net.now < begin + 8 * SECOND:
            if every and net.now >= flap:
                flap = net.now + every
                for place in net.live:
                    net.part(3, place)
                    net.join(3, place)
                    net.give(3, place, encode_packet(net.roster, BOAST))
            net.say(number % 3, b"%d" % number)
            number += 1
            net.run(20 * MILLISECOND)
        return status(net, 0).round

    usual = rounds(0)
    # One timeout of eight seconds is the allowance at first.
    assert rounds(295 * MILLISECOND) > usual * (1 - 1 / 8 - 1 / 8)


def test_a_member_that_returns_first_catches_up_where_a_neighbour_keeps_its_promise():
    net = Lockstep(4, config=CALM)
    net.run(SECOND)
    net.crash(3)
    for number in range(60):
        net.say(number % 3, b"%d" % number)
        net.run(5 * MILLISECOND)
    behind, ahead = status(net, 3).round, status(net, 0).round
    assert ahead > behind + 60
    net.restart(3)
    net.say(3, b"back")
    net.run(SECOND)
    net.assert_agreement()
    assert net.hosts[0].said[-1] == b"back"
    # It made no block for a round that had long been decided.
    own = {block.round for block in net.hosts[0].core.order.dag.blocks() if block.author == 3 and block.round > behind}
    assert min(own) > ahead - 6
