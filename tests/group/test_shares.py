"""Fair room: the largest share gives way, and of a share what ranks last."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.shares import NOBODY, Shares
from mechdesign.kernel.crypto import MemberId

A, B, C = (MemberId(letter * 32) for letter in (b"a", b"b", b"c"))


def filled(**sizes: int) -> Shares[str]:
    shares: Shares[str] = Shares()
    for letter, size in sizes.items():
        for number in range(size):
            shares.enter(f"{letter}{number}", MemberId(letter.encode() * 32), number)
    return shares


def test_the_largest_share_gives_way_and_of_it_what_ranks_last():
    shares = filled(a=3, b=5)
    assert shares.spare(A, 0) == "b4"
    assert shares.spare(C, 99) == "b4", "whoever brings little loses nothing, whatever it says"


def test_in_the_largest_share_only_what_ranks_before_another_takes_its_place():
    shares = filled(a=3, b=5)
    assert shares.spare(B, 2) == "b4"
    assert shares.spare(B, 4) is None, "of equal ranks who came first stays"
    assert shares.spare(B, 9) is None


def test_of_equal_shares_the_newcomers_own_gives_way():
    shares = filled(a=3, b=3)
    assert shares.spare(A, 0) == "a2"
    assert shares.spare(B, 0) == "b2"


def test_what_comes_with_one_rank_is_ranked_as_it_came():
    shares: Shares[str] = Shares()
    for key in "xyz":
        shares.enter(key, A, 0)
    assert [shares.rank(key) for key in "xyz"] == [0, 1, 2]
    shares.enter("x", A, 0)
    assert [shares.rank(key) for key in "xyz"] == [0, 1, 2], "and does not lose its place by coming again"


def test_what_a_neighbour_left_behind_is_one_share_whatever_its_keys_were():
    shares = filled(a=2, b=2, c=2)
    shares.orphan(A)
    shares.orphan(B)
    assert shares.largest() == NOBODY
    assert shares.spare(C, 0) in {"a1", "b1"}
    shares.enter("a0", C, 0)
    assert (shares.size(NOBODY), shares.size(C)) == (3, 3)


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([A, B, C]), st.integers(-1, 9), st.integers(0, 3))))
def test_every_key_is_in_one_share_and_ranks_are_different_and_without_gaps(steps):
    shares: Shares[int] = Shares()
    for key, source, said, what in steps:
        if what == 0:
            shares.leave(key)
        elif what == 1:
            shares.orphan(source)
        else:
            shares.enter(key, source, said)
        ranks = shares.ranks()
        assert len(ranks) == len(shares) == sum(shares.size(each) for each in (A, B, C, NOBODY))
        for each in (A, B, C, NOBODY):
            own = [rank for known, rank in ranks.items() if shares.source(known) == each]
            assert sorted(own) == list(range(shares.size(each)))
        assert all(shares.rank(known) == rank for known, rank in ranks.items())
