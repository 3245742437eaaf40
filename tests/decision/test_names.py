"""Names in the books over changes of the members: no two parties become one, and no change makes anybody fall over."""

from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.decision.ballots.roll import Roll
from mechdesign.decision.books import Balance, Books, Purse
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.parties import is_outside, participant
from mechdesign.decision.state import EpochState
from mechdesign.group.lobby.presence import well_formed_line
from mechdesign.group.roster import Member, Roster, is_member_name
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import Flow
from tests.decision.toys import make_proposal, make_roster, sealing_key

PURSE = Purse("EUR", "")
BASE = make_roster(4)
WITHOUT, ALL = BASE.members[:3], BASE.members


def roster_of(epoch: int, *members: Member) -> Roster:
    return replace(BASE, members=members, epoch=epoch)


def books_of(**amounts: int) -> Books:
    return Books(Balance(PURSE, party, Fraction(amount), BASE.ids[0]) for party, amount in amounts.items())


def begin(before: Roster, after: Roster, kept: Books) -> Books:
    """What a member of the next epoch begins with, from the very state that a quorum signed."""
    state = EpochState.of(kept, before, ()).encoded
    me = after.ids[0]
    core = DecisionCore(after, me, Ed25519(), entropy=bytes, sealing=sealing_key(after.name(me)), state=state)
    return core._epoch.books


def held(books: Books) -> dict[str, int]:
    return {line.party: int(line.amount) for line in books.balances}


def bind(books: Books, roster: Roster, session: bytes, party: str, amount: int) -> None:
    terms = make_proposal(roster, accounts=(("SELLER", party),), currency="EUR")
    assert books.book(session, BASE.ids[0], terms, (Flow("alice", "SELLER", Fraction(amount), "price"),))


def test_an_outside_party_of_the_name_of_a_member_that_is_away_twice_is_one_party() -> None:
    books = books_of(alice=-5, dave=5)
    books = begin(roster_of(1, *WITHOUT), roster_of(2, *ALL), books)
    assert held(books) == {"alice": -5, "dave (outside)": 5}
    books = begin(roster_of(2, *ALL), roster_of(3, *WITHOUT), books)
    bind(books, roster_of(3, *WITHOUT), bytes(32), "dave", 7)
    assert held(books) == {"alice": -12, "dave": 7, "dave (outside)": 5}
    books = begin(roster_of(3, *WITHOUT), roster_of(4, *ALL), books)
    assert held(books) == {"alice": -12, "dave (outside)": 12}


def test_what_cancels_out_between_them_leaves_no_line() -> None:
    books = books_of(**{"dave": 5, "dave (outside)": -5})
    assert held(begin(roster_of(1, *WITHOUT), roster_of(2, *ALL), books)) == {}


@pytest.mark.parametrize(
    "name",
    [f"carol ({BASE.ids[2][:16].hex()})", participant("zoe", bytes(range(32))), "dave (outside)"],
)
def test_no_member_is_called_as_the_books_call_somebody_else(name: str) -> None:
    assert not is_member_name(name)
    assert not is_outside(name)
    with pytest.raises(LocalProtocolError, match="marks who is none"):
        roster_of(1, *WITHOUT, replace(ALL[3], name=name))


def test_two_rolls_of_one_first_half_are_as_hard_to_find_as_two_keys() -> None:
    one = Roll(((MemberId(b"z" * 32), "zoe"),)).root
    other = one[:15] + bytes([one[15] ^ 1]) + one[16:]
    assert participant("zoe", one) != participant("zoe", other)
    assert participant("zoe", one).endswith(f"(roll {one[:16].hex()})")


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", "zoe (outside)", "zoe)"])
def test_an_introduction_under_such_a_name_is_refused_before_anybody_could_enrol_it(name: str) -> None:
    assert well_formed_line(ALL[3], b"")
    assert well_formed_line(replace(ALL[3], name="Grace (of Harbour) 2"), b"")
    assert not well_formed_line(replace(ALL[3], name=name), b"")
