"""The schedules of kills are what they say they are."""

from random import Random

import pytest

from tests.network.kills import WAYS, down_at, schedule


@pytest.mark.parametrize(("n", "b", "kills"), [(7, 2, 20), (7, 2, 4), (4, 1, 8), (16, 5, 30)])
def test_never_are_more_members_down_than_the_group_bears_and_nobody_is_killed_twice_in_one_life(
    n: int, b: int, kills: int
) -> None:
    for seed in range(200):
        drawn = schedule(Random(seed), n, b, kills, 3.0 * kills)
        assert len(drawn) == kills
        for kill in drawn:
            down = down_at(drawn, kill.at)
            assert len(down) <= b
            assert len(set(down)) == len(down)
            assert kill.back > kill.at


def test_every_way_comes_in_so_few_kills_as_there_are_ways() -> None:
    for seed in range(200):
        drawn = schedule(Random(seed), 7, 2, len(WAYS), 9)
        assert {kill.way for kill in drawn} == set(WAYS)


def test_kills_stand_to_one_another_as_their_way_says() -> None:
    together = 0
    for seed in range(200):
        drawn = schedule(Random(seed), 7, 2, 20, 60)
        for kill in drawn:
            before = [each for each in drawn if each is not kill and each.at <= kill.at]
            match kill.way:
                case "alone":
                    assert not [each for each in before if each.back > kill.at]
                case "again":
                    assert max(each.back for each in before if each.victim == kill.victim) <= kill.at
                case "together":
                    together += len(down_at(drawn, kill.at)) == 2
    assert together > 600, "most of those who are to be down together are"
