"""Messages to some of the members while others come and go, beside liars that equivocate or lie about letters."""

import pytest

from mechdesign.testing.letter_liars import LETTER_LIAR_KINDS
from mechdesign.testing.letters import SECRET
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.scenario import Crash, Note
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster
from tests.long_form import mostly_long

# Everybody hangs on members 0 and 2, who stay; the liar is member 1.
SPARSE = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 2), (4, 0), (4, 1), (5, 2)]

# Of each kind one is played by `make test`, by turns with all links and with few.
LIARS = [
    pytest.param(kind, edges, id=f"{kind}-{'sparse' if edges else 'full'}")
    for at, kind in enumerate(LETTER_LIAR_KINDS)
    for edges in ((None, SPARSE) if at % 2 else (SPARSE, None))
]


def started(**options):
    cluster = ViewCluster(4, 6, **options)
    for place in range(4):
        cluster.start(place)
    cluster.run(0.3)
    return cluster


def write(cluster, number, place, to, *, ordered=False):
    cluster.post.write(Note(0, place, tuple(to), ordered), b"note %d" % number)


def change(cluster, first=0):
    """Members write to one another while member 4 comes in, and then while 3 goes and 5 comes in."""
    for joins, goes in (((4,), ()), ((5,), (3,))):
        for at in range(3):
            for place in (0, 2):
                first += 1
                write(cluster, first, place, (2 - place, 1), ordered=bool(at % 2))
            cluster.run(0.05)
        cluster.want(joins, goes)
        cluster.assert_settled()
    return first


@pytest.mark.parametrize("kind", EPOCH_LIAR_KINDS)
@pytest.mark.parametrize("drains", [False, True])
@pytest.mark.parametrize("seed", mostly_long(range(3), short=1))
def test_members_come_and_go_beside_one_that_equivocates_where_the_epoch_ends(kind, drains, seed):
    cluster = started(liars={1: kind}, drains=drains, seed=seed)
    for joins, goes in (((4,), ()), ((5,), (3,))):
        cluster.want(joins, goes)
        cluster.assert_settled()
    assert max(cluster.chain) >= 2


def test_one_that_tells_two_halves_different_things_is_convicted_by_both():
    cluster = started(liars={1: "two-groups"}, seed=2)
    cluster.say_all(b"a word")
    cluster.want([4])
    cluster.assert_settled()
    liar = cluster.signers[1].public
    assert all(liar in cluster.evidence.convicted[place] for place in (0, 2, 3))


@pytest.mark.parametrize(("kind", "edges"), mostly_long(LIARS, short=len(LETTER_LIAR_KINDS)))
def test_letters_arrive_in_order_beside_a_liar_also_while_members_come_and_go(kind, edges):
    cluster = started(liars={1: kind}, letters=True, edges=edges)
    written = change(cluster)
    assert written == 12
    assert not cluster.post.waiting(cluster.live)
    assert cluster.post.received == 12


def test_letters_and_private_messages_outlive_crashes_of_their_writer_and_their_reader():
    cluster = started(letters=True)
    for number in range(12):
        write(cluster, number, 0, (2, 3), ordered=number % 3 == 0)
        cluster.run(0.01)
        if number % 4 == 1:
            for place in (0, 2):
                cluster.crash(Crash(0, place, number, cluster.simulator.now + 100_000, "lost"))
    cluster.run(0.2)
    cluster.heal()
    cluster.assert_settled()
    assert not cluster.post.waiting(cluster.live)


@pytest.mark.parametrize("tail", ["lost", "kept"])
@pytest.mark.parametrize("after", mostly_long(range(12), short=4))
def test_a_letter_is_told_wherever_its_reader_crashes(after, tail):
    cluster = started(letters=True)
    cluster.run(0.5)
    for number in range(3):
        write(cluster, number, 0, (2,))
    cluster.crash(Crash(0, 2, after, cluster.simulator.now + 100_000, tail))
    cluster.run(0.3)
    cluster.heal()
    cluster.assert_settled()
    assert not cluster.post.waiting(cluster.live)


def test_a_secret_in_a_frame_is_noticed(monkeypatch):
    cluster = started(letters=True)
    with pytest.raises(Violation, match="only recipients are to read"):
        cluster.say(0, SECRET + b"said aloud")
