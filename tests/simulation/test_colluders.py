"""Colluding liars of every two kinds, as many as the group bears, between two camps of honest members.

In runs that chance alone makes one of the camps is often empty, or the twins never come to both. Here both camps have
honest members in them, and it is counted that each of them met twins which the other did not get from the liar.
"""

from itertools import combinations_with_replacement

import pytest

from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import COLLUDING_KINDS, EQUIVOCATING_KINDS
from mechdesign.testing.frames import frame_reader
from tests.long_form import mostly_long
from tests.simulation.acts import Twins, count_acts

SEED = 3
CAMP = frozenset({0, 2, 3})
KINDS = ("split", *COLLUDING_KINDS, "withhold", "select")
"""Those that part the camps by themselves, and those that help or hinder others at it."""


def pairs():
    """All of them; one of each kind, beside one that splits, is played by `make test`."""
    for kinds in combinations_with_replacement(KINDS, 2):
        yield pytest.param(kinds, marks=[] if "split" in kinds and kinds[0] != kinds[1] else pytest.mark.long)


# Who hides the twins of nobody shows nothing; so it has a conspirator beside it, where a group bears three.
TRIPLES = (("conspire", "conspire", "hide"), ("conspire", "hide", "two-faced"), ("conspire", "hide", "hide"))


def play(liars, n, seed):
    """A group talks, agrees, falls quiet and has time for what is owed; gives it with the twins that were seen."""
    cluster = Cluster(n, seed=seed, liars=liars, sides=CAMP)
    twins = Twins(cluster, frame_reader(cluster.roster))
    cluster.start_all()
    # The liars speak as well: two faces that say nothing make the same block.
    for place in range(n):
        cluster.say(place, b"word of %d" % place)
        cluster.run(0.05)
    cluster.assert_agreed()
    return cluster, twins


def assert_parted_and_convicted(cluster, twins):
    """Whoever parts the camps did so, and is convicted by all; nobody else is."""
    camps = CAMP & {*cluster.honest}, {*cluster.honest} - CAMP
    assert all(camps)
    makers = [place for place, kind in cluster.liars.items() if kind in EQUIVOCATING_KINDS]
    for maker in makers:
        assert twins.parted(maker, camps) > 0, f"{cluster.liars[maker]} at {maker} met one camp only"
    cluster.assert_convicted(*makers)


@pytest.mark.parametrize("kinds", list(pairs()), ids="-".join)
def test_two_liars_of_seven_part_the_camps_and_neither_agreement_nor_progress_suffers(kinds):
    cluster, twins = play(dict(zip((1, 5), kinds, strict=True)), 7, SEED)
    assert_parted_and_convicted(cluster, twins)


@pytest.mark.parametrize("kinds", mostly_long(map(pytest.param, TRIPLES), short=0), ids="-".join)
def test_three_liars_of_ten_part_the_camps_and_neither_agreement_nor_progress_suffers(kinds, monkeypatch):
    acts = count_acts(monkeypatch)
    cluster, twins = play(dict(zip((1, 5, 8), kinds, strict=True)), 10, SEED)
    assert acts["hide"] > 0
    assert_parted_and_convicted(cluster, twins)
