"""Two different submissions under one number convict, also where both were ordered before a member held either."""

from collections.abc import Sequence

import pytest

from mechdesign.group.block import Block, genesis, make_block
from mechdesign.group.evidence import convict, encode_evidence
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.linearizer import Conflict
from mechdesign.group.messages import Submission
from mechdesign.group.ordering import Ordered, Ordering
from mechdesign.group.views.view import View
from tests.group.lockstep import SCHEME, make_roster, member, signer

ROSTER = make_roster(4)
LIAR = 3


def says(data: bytes, number: int = 0, salt: bytes = b"") -> Block:
    leaves = [encode_leaf(Submission(1, member(LIAR), number, data))]
    # What is void changes nothing but the block's name.
    leaves += [salt] if salt else []
    return make_block(ROSTER, signer(LIAR), 0, [genesis(ROSTER, LIAR)], (), leaves)


def resumed(log: Sequence[Block], ordered: Sequence[Block]) -> Ordering:
    """One that goes on from a checkpoint with the log of some blocks, all of which were out, and holds none of them."""
    order = Ordering(ROSTER, 1 << 20, None, View(ROSTER, SCHEME, None))
    for block in log:
        order.enter(block)
    order.dag.reset(0, 0, [block.digest for block in ordered])
    order.linearizer.resumed([block.digest for block in ordered])
    return order


def proofs(order: Ordering, *blocks: Block) -> list[bytes | None]:
    """Whom the conflicts convict that these blocks bring to light as they come."""
    found: list[bytes | None] = []
    for block in blocks:
        order.add(block)
        for event in order.decide():
            assert isinstance(event, Ordered)
            for entry in event.entries:
                assert isinstance(entry, Conflict)
                found.append(convict(encode_evidence(entry.evidence), ROSTER, SCHEME))
    return found


ONE, OTHER, THIRD = says(b"one"), says(b"other"), says(b"third")


@pytest.mark.parametrize(
    "turn", [1, -1], ids=["what stands in the log comes first", "what stands in the log comes last"]
)
def test_halves_that_were_ordered_before_they_came_convict_when_both_are_there(turn):
    one, other = (ONE, OTHER)[::turn]
    order = resumed([ONE], [ONE, OTHER])
    assert proofs(order, one) == []
    assert proofs(order, other) == [member(LIAR)]


def test_halves_of_which_neither_stands_in_the_log_convict():
    order = resumed([ONE], [OTHER, THIRD])
    assert proofs(order, OTHER, THIRD) == [member(LIAR)]


def test_the_same_words_again_convict_nobody():
    again = says(b"one", salt=b"void")
    order = resumed([ONE], [ONE, again])
    assert proofs(order, ONE, again) == []


def test_what_is_not_ordered_convicts_nobody_yet():
    order = resumed([ONE], [ONE])
    assert proofs(order, ONE, OTHER) == []


def test_what_is_let_go_is_compared_with_nothing_any_more():
    order = resumed([ONE], [ONE, OTHER])
    assert proofs(order, ONE) == []
    order.dag.collection = 1
    order.prune(1)
    assert not any(numbers.where for numbers in order.linearizer._numbers)
