"""Shapes of networks: what their names promise, and that those who last stay connected."""

from random import Random

import pytest

from mechdesign.testing.topologies import SHAPES, connected, links_of


def neighbours(edges, places):
    return {place: sum(place in edge for edge in edges) for place in places}


def test_a_line_a_ring_a_ring_with_a_chord_and_a_star():
    places = [3, 1, 4, 0, 2]
    assert links_of("line", places) == ((2, 0), (3, 1), (4, 0), (4, 1))
    assert links_of("ring", places) == ((2, 0), (3, 1), (3, 2), (4, 0), (4, 1))
    assert links_of("chord", places) == ((2, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 3))
    assert links_of("star", places) == ((3, 0), (3, 1), (3, 2), (4, 3))
    assert sorted(neighbours(links_of("ring", places), places).values()) == [2] * 5


def test_a_tree_has_no_link_too_many_and_a_random_one_may():
    for seed in range(20):
        places = list(range(7))
        assert len(links_of("tree", places, Random(seed))) == 6
        assert len(links_of("random", places, Random(seed))) >= 6


@pytest.mark.parametrize("shape", SHAPES)
def test_those_who_last_reach_each_other_without_the_others_and_nobody_is_alone(shape):
    for seed in range(30):
        random = Random(seed)
        places = random.sample(range(8), 8)
        lasting = set(random.sample(places, 5))
        edges = connected(links_of(shape, places, random), lasting, random)
        reached, waiting = set(), [min(lasting)]
        while waiting:
            here = waiting.pop()
            reached.add(here)
            beside = {place for edge in edges if here in edge for place in edge}
            waiting += sorted((beside & lasting) - reached)
        assert reached == lasting
        assert min(neighbours(edges, range(8)).values()) >= 1
