"""What is proved by comparing accepted blocks, and what is not."""

from mechdesign.group.block import genesis, make_block, parse_block
from mechdesign.group.dag import Dag
from mechdesign.group.watch import Watch
from tests.group.lockstep import make_roster, signer


def test_a_block_that_is_read_again_from_the_same_bytes_is_no_second_block():
    roster = make_roster(4)
    watch = Watch(roster)
    made = make_block(roster, signer(1), 0, [genesis(roster, 1)])
    for _ in range(2):
        block = parse_block(made.wire, roster)
        assert block is not None
        assert watch.accepted(block) == []
    assert watch.equivocators == ()


def test_two_blocks_of_one_round_and_two_on_one_predecessor_convict_their_author():
    roster = make_roster(4)
    for rounds in ((0, 0), (0, 1)):
        watch = Watch(roster)
        one, other = (
            make_block(roster, signer(1), round_, [genesis(roster, 1)], (), [leaf])
            for round_, leaf in zip(rounds, (b"one", b"other"), strict=True)
        )
        assert watch.accepted(one) == []
        assert [found.member for found in watch.accepted(other)] == [roster.ids[1]]
        assert watch.equivocators == (1,)


def test_those_without_a_block_of_a_round_are_absent_from_it():
    roster = make_roster(4)
    dag = Dag(roster)
    assert dag.absent(0) == [0, 1, 2, 3]
    for author in (2, 0):
        dag.add(make_block(roster, signer(author), 0, [genesis(roster, author)]))
    assert dag.absent(0) == [1, 3]
    assert dag.absent(1) == [0, 1, 2, 3]


def test_what_is_let_go_is_compared_with_nothing_any_more_whichever_copy_of_it_was_accepted():
    roster = make_roster(4)
    watch = Watch(roster)
    made = make_block(roster, signer(1), 0, [genesis(roster, 1)])
    again = parse_block(made.wire, roster)
    assert again is not None
    watch.accepted(made)
    watch.accepted(again)
    watch.pruned([again])
    assert not watch._slots
    assert not watch._predecessors
