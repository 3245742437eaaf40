"""A connection is a peer's within its time, or it is cut off."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.transport.connections import Connections

ALICE, BOB = b"a" * 32, b"b" * 32


def test_a_connection_that_is_nobodys_is_cut_off_after_its_time() -> None:
    connections = Connections(SECOND)
    connections.opened(7, 0)
    assert (connections.unclaimed, connections.deadline, connections.due(SECOND - 1)) == (True, SECOND, [])
    assert connections.due(SECOND) == [7]
    assert (len(connections), connections.cut, connections.deadline) == (0, 1, None)


def test_a_connection_of_a_peer_stays() -> None:
    connections = Connections(SECOND)
    connections.opened(7, 0)
    connections.claim(7, ALICE, 0)
    assert (connections.unclaimed, connections.due(100 * SECOND), len(connections)) == (False, [], 1)


def test_the_connections_of_a_removed_peer_are_cut_off_and_those_of_others_are_not() -> None:
    connections = Connections(SECOND)
    for number, owner in ((1, ALICE), (2, BOB), (3, ALICE)):
        connections.opened(number, 0)
        connections.claim(number, owner, 0)
    connections.disown(ALICE, SECOND)
    assert connections.due(SECOND) == [1, 3]
    assert len(connections) == 1


def test_a_peer_that_is_added_again_in_time_keeps_its_connection() -> None:
    connections = Connections(SECOND)
    connections.opened(1, 0)
    connections.claim(1, ALICE, 0)
    connections.disown(ALICE, SECOND)
    connections.claim(1, ALICE, 0)
    assert connections.due(SECOND) == []


def test_of_many_connections_of_one_peer_the_newest_few_stay() -> None:
    connections = Connections(SECOND)
    for number in range(6):
        connections.opened(number, 0)
        connections.claim(number, ALICE, number)
        connections.claim(number, ALICE, number)
    assert connections.due(5) == [0, 1]
    assert len(connections) == 4


def test_a_number_that_is_used_again_is_another_connection() -> None:
    connections = Connections(SECOND)
    connections.opened(7, 0)
    connections.claim(7, ALICE, 0)
    connections.opened(7, 5)
    assert connections.due(SECOND + 5) == [7]
    connections.opened(7, 0)
    connections.closed(7)
    connections.closed(7)
    assert (len(connections), connections.due(10 * SECOND)) == (0, [])


def test_what_is_said_about_a_connection_that_is_not_open_is_forgotten() -> None:
    connections = Connections(SECOND)
    connections.claim(7, ALICE, 0)
    connections.end(7, 0)
    connections.disown(ALICE, 0)
    assert (len(connections), connections.due(SECOND)) == (0, [])


def test_an_end_may_come_earlier_and_never_later() -> None:
    connections = Connections(SECOND)
    connections.opened(7, 0)
    connections.end(7, 10)
    connections.end(7, 20)
    assert connections.deadline == 10
    connections.opened(8, 0)
    connections.end(8, 5 * SECOND)
    assert connections.due(SECOND) == [7, 8]


ACTS = st.tuples(st.sampled_from(["opened", "closed", "claim", "disown", "due"]), st.integers(0, 6), st.booleans())


@given(st.lists(st.tuples(ACTS, st.integers(0, SECOND))))
def test_no_connection_is_nobodys_for_longer_than_its_time(acts: list[tuple[tuple[str, int, bool], Instant]]) -> None:
    connections, now = Connections(SECOND), 0
    opened: dict[int, Instant] = {}
    owned: set[int] = set()
    for (act, number, first), pause in acts:
        now += pause
        key = ALICE if first else BOB
        if act == "opened":
            connections.opened(number, now)
            opened[number] = now
            owned.discard(number)
        elif act == "closed":
            connections.closed(number)
            opened.pop(number, None)
        elif act == "claim":
            connections.claim(number, key, now)
            owned.add(number)
        elif act == "disown":
            connections.disown(key, now)
        for cut in connections.due(now):
            opened.pop(cut, None)
        assert all(now - at < SECOND or each in owned for each, at in opened.items())
        assert len(connections) == len(opened)


def test_a_connection_over_which_a_message_does_not_end_is_cut_off() -> None:
    connections = Connections(SECOND, 1000)
    came = {7: 0, 8: 0}
    for number, owner in ((7, ALICE), (8, BOB)):
        connections.opened(number, 0)
        connections.claim(number, owner, 0)
    for step in range(1, 20):
        came = {7: 900 * step, 8: 100 * step}
        connections.heard(7)
        connections.weigh(came.get, step)
        assert connections.due(step) == ([8] if step == 11 else []), "whole messages do not count, nor does time"


def test_over_a_connection_that_is_nobodys_little_may_come() -> None:
    connections = Connections(SECOND, 1 << 30)
    connections.opened(7, 0)
    connections.weigh({7: 1 << 18}.get, 1)
    assert connections.due(1) == []
    connections.weigh({7: (1 << 18) + 1}.get, 2)
    assert connections.due(2) == [7]


def test_where_nobody_can_say_how_much_came_nobody_is_cut_off() -> None:
    connections = Connections(SECOND, 0)
    connections.opened(7, 0)
    connections.claim(7, ALICE, 0)
    connections.weigh(lambda connection: None, 1)
    assert connections.due(1) == []


def test_what_came_over_an_older_connection_of_the_same_number_is_forgotten() -> None:
    connections = Connections(SECOND, 1000)
    connections.opened(7, 0)
    connections.claim(7, ALICE, 0)
    connections.heard(7)
    connections.weigh({7: 5000}.get, 1)
    connections.closed(7)
    connections.opened(7, 2)
    connections.claim(7, BOB, 2)
    connections.weigh({7: 1001}.get, 3)
    assert connections.due(3) == [7]
