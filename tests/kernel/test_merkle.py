import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel import merkle
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import digest


def leaves(count):
    return [digest("leaf", bytes([at % 256, at // 256])) for at in range(count)]


@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proved_at_its_place_and_nowhere_else(count, data):
    all_leaves = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    top = merkle.root(all_leaves)
    path = merkle.path(all_leaves, index)
    assert merkle.verify(top, all_leaves[index], index, count, path)
    for other in range(-1, count + 1):
        if other != index:
            assert not merkle.verify(top, all_leaves[index], other, count, path)
    assert not merkle.verify(top, all_leaves[index], index, count + 1, path)
    assert not merkle.verify(top, all_leaves[index], index, count, (*path, path[0] if path else top))
    assert not merkle.verify(top, all_leaves[index - 1], index, count, path) or count == 1
    if path:
        assert not merkle.verify(top, all_leaves[index], index, count, path[:-1])


def test_lists_of_different_length_have_different_roots():
    assert len({merkle.root(leaves(count)) for count in range(40)}) == 40


def test_the_root_of_a_pair_is_not_taken_for_a_leaf():
    pair = leaves(2)
    inner = digest("mechdesign/merkle/node/1", *pair)
    assert merkle.root([inner]) != merkle.root(pair)


def test_a_repeated_last_leaf_changes_the_root():
    assert merkle.root(leaves(3)) != merkle.root([*leaves(3), leaves(3)[-1]])


def test_a_path_to_a_leaf_that_is_not_there_is_our_own_fault():
    with pytest.raises(LocalProtocolError, match="no leaf 3 among 3"):
        merkle.path(leaves(3), 3)
