"""What a member says can be ordered after what it said later; nothing is lost, nothing stands twice, all hear the same.

A member that is heard by nobody for as long as the collection depth says one word, and then another. Its block with the
first is collected, the one on top of it is ordered, and the first word comes in a later block. Whoever needs an order
among the words of one sender puts numbers into them, or waits for the first before it says the second.
"""

import pytest

from tests.group.lockstep import MILLISECOND, Lockstep
from tests.long_form import mostly_long

DEPTH, LATE, OTHERS = 4, 3, (0, 1, 2)
FIRST, SECOND = b"the first word", b"the second word"


def play(between: int, after: int) -> list[bytes]:
    """The log where a member says two words so many milliseconds apart, and is heard so many after the second."""
    net = Lockstep(4, depth=DEPTH)
    unheard = False
    net.lose = lambda source, target, data: unheard and source == LATE
    said: list[bytes] = []

    def go_on(milliseconds: int) -> None:
        """The others never fall silent."""
        for _ in range(milliseconds):
            said.append(b"word %d" % len(said))
            net.say(OTHERS[len(said) % 3], said[-1])
            net.run(MILLISECOND)

    go_on(20)
    unheard = True
    net.say(LATE, FIRST)
    go_on(between)
    net.say(LATE, SECOND)
    go_on(after)
    unheard = False
    go_on(20)
    net.run()
    net.assert_agreement()
    assert sorted(net.hosts[0].said) == sorted([*said, FIRST, SECOND])
    return net.hosts[0].said


def test_a_word_whose_block_was_collected_comes_after_a_later_one_of_its_sender():
    log = play(8, 6)
    assert log.index(SECOND) < log.index(FIRST)


def test_words_keep_their_order_where_nothing_is_collected():
    log = play(1, 0)
    assert log.index(FIRST) < log.index(SECOND)


@pytest.mark.parametrize("step", mostly_long([4, 1], short=1))
def test_whenever_a_member_is_heard_again_each_of_its_words_stands_once_and_at_one_place_for_all(step):
    logs = [play(between, after) for between in range(0, 12, step) for after in range(0, 12, step)]
    orders = {log.index(FIRST) < log.index(SECOND) for log in logs}
    assert orders == {True, False}
