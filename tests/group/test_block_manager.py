"""Acceptance: ancestors first, bounded parking, twins kept, third twins only where an honest history needs them."""

from collections.abc import Iterable

from mechdesign.group.block import Block, Reference, genesis, make_block
from mechdesign.group.block_manager import BlockManager
from mechdesign.group.dag import Dag
from tests.group.lockstep import make_roster, signer

ROSTER = make_roster(4, depth=4)


class Shelf:
    """A manager whose accepted blocks go into the DAG."""

    def __init__(self, per_author: int = 8, bytes_max: int | None = None) -> None:
        self.dag = Dag(ROSTER)
        self.liars: set[int] = set()
        self.looks = 0
        self.manager = BlockManager(self.dag, 4, per_author, self.equivocates, bytes_max)

    def equivocates(self, author: int) -> bool:
        self.looks += 1
        return author in self.liars

    def offer(self, block: Block) -> list[Block]:
        accepted = []
        for one in self.manager.offer(block, None):
            self.dag.add(one)
            accepted.append(one)
        return accepted

    def retry(self) -> list[Block]:
        accepted = []
        for one in self.manager.retry():
            self.dag.add(one)
            accepted.append(one)
        return accepted


def start(author: int, leaf: bytes = b"") -> Block:
    return make_block(ROSTER, signer(author), 0, [genesis(ROSTER, author)], (), [leaf] if leaf else [])


def after(author: int, round_: int, *parents: Block | Reference) -> Block:
    refs = [parent.ref if isinstance(parent, Block) else parent for parent in parents]
    return make_block(ROSTER, signer(author), round_, refs)


def test_a_block_waits_for_its_ancestors_and_comes_after_them() -> None:
    shelf = Shelf()
    low = [start(author) for author in range(3)]
    middle = after(0, 1, *low)
    top = after(0, 2, middle)
    assert shelf.offer(top) == []
    assert shelf.offer(middle) == []
    assert [item.reference for item in shelf.manager.missing(middle, far=False)] == [block.ref for block in low]
    assert shelf.manager.missing(top, far=False) == []
    assert shelf.offer(low[0]) + shelf.offer(low[1]) == low[:2]
    assert shelf.offer(low[2]) == [low[2], middle, top]
    assert len(shelf.manager) == 0


def test_a_reference_with_the_wrong_round_or_author_is_not_held_until_it_is_collected() -> None:
    shelf = Shelf()
    low = [start(author) for author in range(3)]
    for block in low:
        shelf.offer(block)
    wrong = after(0, 2, low[0], Reference(1, 1, low[1].digest))
    assert shelf.offer(wrong) == []
    assert shelf.manager.missing(wrong, far=False) == []
    shelf.dag.collection = 2
    assert shelf.retry() == [wrong]


def test_what_is_older_than_the_collection_round_is_let_go() -> None:
    shelf = Shelf()
    parked = after(0, 1, Reference(0, 0, bytes(32)))
    shelf.offer(parked)
    assert parked.digest in shelf.manager
    shelf.dag.collection = 2
    assert shelf.retry() == []
    assert len(shelf.manager) == 0
    assert shelf.offer(start(1)) == []


def test_parking_is_bounded_for_each_author_and_low_rounds_stay() -> None:
    shelf = Shelf(per_author=3)
    chain = [after(1, round_, Reference(round_ - 1, 1, bytes([round_]) * 32)) for round_ in range(10, 20)]
    for block in reversed(chain):
        shelf.offer(block)
    assert [block.digest in shelf.manager for block in chain] == [True] * 3 + [False] * 7
    shelf.offer(after(2, 50, Reference(49, 2, bytes(32))))
    assert len(shelf.manager) == 4
    assert shelf.manager.evicted == 7


def test_an_equivocator_cannot_crowd_out_what_others_rest_on() -> None:
    shelf = Shelf(per_author=3)
    shelf.liars = {1}
    for fill in range(1, 9):
        shelf.offer(after(1, 5, Reference(4, 1, bytes([fill]) * 32)))
    needed = after(1, 7, Reference(6, 1, bytes([99]) * 32))
    assert shelf.offer(needed) == []
    assert needed.digest not in shelf.manager
    shelf.offer(after(0, 8, needed, Reference(7, 2, bytes(32))))
    shelf.offer(needed)
    assert needed.digest in shelf.manager


def test_a_chain_of_an_equivocator_that_has_no_room_comes_in_from_below_once_an_honest_block_rests_on_it() -> None:
    shelf = Shelf(per_author=3)
    shelf.liars = {3}
    low = [start(author) for author in range(4)]
    chain = [low[3]]
    for round_ in range(1, 9):
        chain.append(after(3, round_, chain[-1], *low[:3]))
    honest = after(0, 9, chain[-1])
    # Asked for from above, one after another, for each tells what the next one to be asked for is.
    assert shelf.offer(honest) == []
    accepted: list[Block] = []
    for _ in range(4):
        for block in [*reversed(chain[1:]), *low]:
            if block.digest not in shelf.dag and block.digest not in shelf.manager:
                accepted += shelf.offer(block)
    assert accepted[-1] == honest
    assert not shelf.manager._vouched


def test_a_third_twin_is_taken_only_when_an_honest_block_rests_on_it() -> None:
    shelf = Shelf()
    shelf.liars = {3}
    twins = [start(3, bytes([fill])) for fill in range(1, 5)]
    others = [start(author) for author in range(3)]
    for block in (*others, *twins[:2]):
        assert shelf.offer(block) == [block]
    assert shelf.manager.surplus(twins[2])
    assert shelf.offer(twins[2]) == []
    # The equivocator's own block does not warrant it, an honest one on top does, also through the parked one.
    own = after(3, 1, twins[2], *others)
    assert shelf.offer(own) == []
    honest = after(0, 2, Reference(1, 0, bytes(32)), own)
    assert shelf.offer(honest) == [twins[2], own]
    assert shelf.manager.get(honest.digest) is honest
    # The other order: the honest block first, then the twin.
    witness = after(1, 1, others[1], twins[3])
    assert shelf.offer(witness) == []
    assert not shelf.manager.surplus(twins[3])
    assert shelf.offer(twins[3]) == [twins[3], witness]


def long_chain(author: int, rounds: int) -> list[Block]:
    """Long blocks of one author, one a round, on the first of two others who send theirs later."""
    others = [start(other) for other in range(4) if other != author][:2]
    chain = [make_block(ROSTER, signer(author), 0, [genesis(ROSTER, author)], (), [bytes(1000)])]
    for round_ in range(1, rounds):
        before = [chain[-1].ref, *(Reference(round_ - 1, other.author, other.digest) for other in others)]
        chain.append(make_block(ROSTER, signer(author), round_, before, (), [bytes(1000)]))
    return chain


def size(blocks: Iterable[Block]) -> int:
    return sum(len(block.wire) for block in blocks)


def test_long_blocks_fill_the_place_of_their_author_by_their_bytes_and_the_low_ones_stay() -> None:
    chain = long_chain(0, 12)
    room = size(chain[1:6]) + 100
    shelf = Shelf(per_author=100, bytes_max=room)
    for block in reversed(chain[1:]):
        shelf.offer(block)
        assert size(shelf.manager.parked()) <= room
    assert sorted(block.round for block in shelf.manager.parked()) == [1, 2, 3, 4, 5]
    assert shelf.manager.evicted == 6
    # What is too high for the room that is left makes none.
    shelf.offer(chain[9])
    assert sorted(block.round for block in shelf.manager.parked()) == [1, 2, 3, 4, 5]
    # Another author's place is its own.
    other = long_chain(1, 3)
    shelf.offer(other[2])
    assert other[2].digest in shelf.manager


def test_the_room_of_long_blocks_is_free_again_when_they_leave() -> None:
    chain = long_chain(0, 9)
    room = size(chain[1:4])
    shelf = Shelf(per_author=100, bytes_max=room)
    others = [start(1), start(2)]
    for block in chain[1:4]:
        shelf.offer(block)
    assert size(shelf.manager.parked()) == room
    # One is accepted, one takes the room that it leaves.
    shelf.offer(chain[0])
    for block in others:
        shelf.offer(block)
    assert chain[1].digest in shelf.dag
    shelf.offer(chain[4])
    assert [block.round for block in shelf.manager.parked()] == [2, 3, 4]
    # Old ones are let go, and so is everything when the parking begins again.
    shelf.dag.collection = 4
    shelf.retry()
    held = {block.digest for block in shelf.manager.parked()} | {chain[4].digest}
    assert chain[2].digest not in held
    assert chain[3].digest not in held
    shelf.manager.reset()
    for block in chain[5:8]:
        shelf.offer(block)
    assert [block.round for block in shelf.manager.parked()] == [5, 6, 7]
    assert shelf.manager.evicted == 0


def test_whether_a_newcomer_is_worth_a_place_is_found_out_with_one_look_at_each_parked_block() -> None:
    length = 60
    shelf = Shelf(per_author=length)
    shelf.liars.add(3)
    chain = [after(3, 1, Reference(0, 3, b"m" * 32))]
    for round_ in range(2, length + 1):
        chain.append(after(3, round_, chain[-1]))
    # One that is not known to lie rests on the top of the chain by way of liars, and on a higher block that is refused.
    refused = after(3, length + 2, Reference(length + 1, 3, b"n" * 32))
    shelf.liars.add(2)
    bridge = after(2, length + 1, Reference(length, 2, b"o" * 32), chain[-1])
    honest = after(1, length + 3, Reference(length + 2, 1, b"p" * 32), bridge, refused)
    for block in (*chain, bridge, honest):
        shelf.offer(block)
    assert len(shelf.manager) == length + 2
    shelf.looks = 0
    shelf.offer(refused)
    assert refused.digest not in shelf.manager
    assert shelf.looks <= 2 * length


def test_what_waits_behind_liars_alone_costs_one_look_each_when_the_collection_round_moves() -> None:
    """Twins that nobody warrants all rest under one long chain of liars, and are asked about one after another."""
    count, length = 40, 40
    shelf = Shelf(per_author=100)
    for face in (b"a" * 40, b"b" * 40):
        shelf.offer(start(3, face))
    shelf.liars.update((2, 3))
    twins = [start(3, b"%040d" % number) for number in range(count)]
    low = after(2, 1, Reference(0, 2, b"m" * 32), *twins)
    chain = [low]
    for round_ in range(2, length):
        chain.append(after(2, round_, chain[-1]))
    for block in (*chain, *twins):
        shelf.offer(block)
    assert len(shelf.manager) == len(chain) + count
    shelf.looks = 0
    assert shelf.retry() == []
    assert shelf.looks <= 2 * (count + length)
