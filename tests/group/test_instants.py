"""The first of some deadlines."""

from mechdesign.group.instants import earliest


def test_the_earliest_of_some_instants_leaves_out_those_that_never_come():
    assert earliest(5, None, 3, 9) == 3
    assert earliest(None, 0, 4) == 0
    assert earliest(-2, None) == -2


def test_nothing_is_due_where_no_instant_is():
    assert earliest() is None
    assert earliest(None, None) is None
