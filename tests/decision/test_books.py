"""The ledger over all sessions of a group: zero at every log position, the same everywhere, one spelling."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.decision import books as books_module
from mechdesign.decision.books import (
    AMOUNT_BITS_MAX,
    BOOKS_BYTES_MAX,
    BYTES_PER_PROPOSER,
    CUSTODY,
    Balance,
    Books,
    Purse,
)
from mechdesign.decision.entries import AttestEntry, OpenEntry, parse
from mechdesign.decision.messages import Booked
from mechdesign.decision.state import STATE_BYTES_MAX, EpochState
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import DEPOSIT, Flow, bound
from mechdesign.kernel.wire import Value, decode, encode
from tests.decision.toys import NAMES, Cluster, Plan, make_proposal, make_roster

ROSTER = make_roster(4)
PARTIES = (*NAMES[:4], "SELLER", "SINK", "FUNDER")


def session(number: int) -> bytes:
    return number.to_bytes(32, "big")


def total(books: Books) -> dict[Purse, Fraction]:
    sums: dict[Purse, Fraction] = {}
    for line in books.balances:
        sums[line.purse] = sums.get(line.purse, Fraction(0)) + line.amount
    return {purse: amount for purse, amount in sums.items() if amount}


flows = st.lists(
    st.builds(
        lambda ends, minor: Flow(ends[0], ends[1], Fraction(minor, 100), "x"),
        st.sampled_from([(a, b) for a in PARTIES for b in PARTIES if a != b]),
        st.integers(1, 10**9),
    ),
    max_size=6,
)
ended = st.tuples(
    flows,
    st.sampled_from(["", "EUR", "USD"]),
    st.sampled_from(["", "carol"]),
    st.dictionaries(st.sampled_from(NAMES[:4]), st.integers(1, 1000).map(Fraction), max_size=4),
    st.integers(0, 3),
    st.sampled_from([(), (("SELLER", "the harbour"),), (("SELLER", "alice"), ("FUNDER", "the town"))]),
)


def booked(ends: list[Any]) -> Books:
    books = Books()
    for number, (moved, currency, custodian, received, proposer, accounts) in enumerate(ends):
        terms = make_proposal(ROSTER, decimals=2, currency=currency, custodian=custodian, accounts=accounts)
        paid = tuple(received.items()) if custodian else ()
        assert books.book(session(number), ROSTER.ids[proposer], terms, moved, paid)
        assert total(books) == {}
    return books


@settings(max_examples=60)
@given(st.lists(ended, max_size=8), st.data())
def test_the_books_sum_to_zero_whatever_is_booked_and_paid_in_any_order(ends: list[Any], data: st.DataObject) -> None:
    books = booked(ends)
    for _ in range(data.draw(st.integers(0, len(books.dues)))):
        due = books.dues[data.draw(st.integers(0, len(books.dues) - 1))]
        assert books.pay(due.session, due.party, "dave") is None
        assert books.pay(due.session, due.party, "carol") == due
        assert books.pay(due.session, due.party, "carol") is None
        assert total(books) == {}
    state = EpochState.of(books, ROSTER, [(ROSTER.ids[1], "equivocation")])
    again = EpochState.parse(state.encoded)
    assert again is not None
    assert again.encoded == state.encoded
    assert again.books.balances == books.balances
    assert again.books.dues == books.dues


@settings(max_examples=40)
@given(st.lists(ended, min_size=1, max_size=4))
def test_once_everything_is_paid_only_claims_are_left(ends: list[Any]) -> None:
    books = booked(ends)
    for due in books.dues:
        books.pay(due.session, due.party, "carol")
    for line in books.balances:
        if line.purse.custodian and line.party != CUSTODY:
            assert line.amount < 0, "whoever owes more than it has paid in"


def test_accounts_are_booked_to_the_parties_behind_them_and_nobody_pays_itself() -> None:
    moved = [Flow("bob", "SELLER", Fraction(8), "price"), Flow("alice", "SELLER", Fraction(1), "own")]
    assert bound(moved, [("SELLER", "alice")]) == (Flow("bob", "alice", Fraction(8), "price"),)
    assert bound(moved, [])[0].payee == "SELLER"


def test_books_that_do_not_sum_to_zero_are_refused() -> None:
    line = Balance(Purse("EUR", ""), "alice", Fraction(1), ROSTER.ids[0])
    with pytest.raises(LocalProtocolError, match="sum to 1 instead of zero"):
        Books([line])


# The state's one spelling


def sample() -> bytes:
    books = Books()
    terms = make_proposal(ROSTER, decimals=2, currency="EUR", custodian="carol")
    moved = [Flow("alice", "bob", Fraction(7, 2), "x"), Flow("dave", "SINK", Fraction(2), "y")]
    books.book(session(1), ROSTER.ids[0], terms, moved, [("alice", Fraction(10)), ("dave", Fraction(2))])
    convicts = [(ROSTER.ids[3], "false-share"), (ROSTER.ids[1], "equivocation"), (ROSTER.ids[3], "equivocation")]
    return EpochState.of(books, ROSTER, convicts).encoded


def mutations(value: Value) -> list[Value]:
    """The value with any one part dropped, doubled, swapped with its neighbour, or replaced by another kind."""
    found: list[Value] = [None, True, "x", b"x", 0, -1, Fraction(1, 2), ()]
    if isinstance(value, tuple):
        for at, item in enumerate(value):
            found += [(*value[:at], *value[at + 1 :]), (*value[:at], item, *value[at:])]
            if at:
                found.append((*value[: at - 1], item, value[at - 1], *value[at + 1 :]))
            found += [(*value[:at], other, *value[at + 1 :]) for other in mutations(item)]
    return found


def test_a_state_has_one_spelling_and_nothing_else_is_one() -> None:
    data = sample()
    value = decode(data)
    state = EpochState.parse(data)
    assert state is not None
    assert state.encoded == data
    read = [EpochState.parse(encode(other)) for other in mutations(value) if other != value]
    for other in read:
        # Another name, key, offence or amount is another state; it still has to be a whole one that sums to zero.
        assert other is None or (other.encoded != data and total(other.books) == {})
    assert sum(other is None for other in read) > 100


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_state(data: bytes) -> None:
    assert EpochState.parse(data) is None


def test_a_state_is_bounded_by_the_members_whatever_they_do() -> None:
    books, terms = Books(), make_proposal(ROSTER, decimals=0)
    kept = 0
    for number in range(2000):
        moved = [Flow("dave", f"party {number:04}", Fraction(1), "x")]
        kept += books.book(session(number), ROSTER.ids[3], terms, moved)
    most = encode(("", "", "party 0000", Fraction((1 << AMOUNT_BITS_MAX) - 1, 10**18), ROSTER.ids[3]))
    # Dave's own line takes a little less than one of theirs.
    assert kept == BYTES_PER_PROPOSER // len(most) - 1
    assert kept > 100
    assert books.book(session(9999), ROSTER.ids[0], terms, [Flow("alice", "bob", Fraction(1), "x")])


# At every log position, in sessions that honest and dishonest members run at once


def cheats(place: int, said: Broadcast) -> list[Broadcast]:
    entry = parse(said.kind, said.data)
    if place == 3 and isinstance(entry, OpenEntry) and entry.session[0] % 2:
        return []
    if place == 3 and isinstance(entry, AttestEntry) and entry.session[0] % 3:
        false = AttestEntry(entry.session, entry.position, entry.inputs, entry.verdict, bytes(32))
        return [Broadcast(said.key, said.kind, false.encoded)]
    return [said]


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_balances_sum_to_zero_and_are_the_same_at_every_member_at_every_log_position(seal: str) -> None:
    cluster = Cluster(4, plan=Plan((True, False)), twist=cheats)
    accounts = [(), (("SELLER", "the harbour"),), (("SELLER", "alice"),)]
    for number in range(12):
        cluster.propose(
            number % 4,
            seal=seal,
            nonce=bytes([number]) * 16,
            deposit=Fraction(number, 2),
            decimals=1,
            currency=("", "EUR")[number % 2],
            sanctions=(("forfeit",), ("recompute",), ("forfeit", "exclude"))[number % 3],
            accounts=accounts[number % 3],
        )
    seen: list[dict[int, tuple[Balance, ...]]] = [{} for _ in range(4)]
    while any(core.status() for core in cluster.cores) or cluster.pending:
        if not cluster.step():
            cluster.wait(5000)
        for place, core in enumerate(cluster.cores):
            sums: dict[Purse, Fraction] = {}
            for line in core.balances:
                assert line.party != DEPOSIT, "no deposit outlives its session"
                sums[line.purse] = sums.get(line.purse, Fraction(0)) + line.amount
            assert not any(sums.values())
            seen[place][len(cluster.log)] = core.balances
    assert len(cluster.events(0, Booked)) == 12
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert ("dave", "wrong-outcome") in cluster.convicted(0)


def _fill(count: int, letters: int) -> tuple[Books, list[MemberId]]:
    """Books into which so many proposers have put as much as they can, with outside parties of long names."""
    books, openers = Books(), [MemberId(bytes((place,)) * 32) for place in range(1, count + 1)]
    for place, opener in enumerate(openers):
        for number in range(400):
            party = f"{place}-{number}".ljust(64, "é")[: max(letters, 8)]
            proposal = make_proposal(ROSTER, currency="", accounts=(("SELLER", party),), nonce=bytes(16))
            moved = [Flow(NAMES[0], "SELLER", Fraction(1, 3), "x")]
            books.book(session(place * 1000 + number), opener, proposal, moved)
    return books, openers


def test_the_fullest_books_go_on_into_the_next_epoch_and_no_minority_crowds_the_others_out() -> None:
    books, openers = _fill(6, 64)
    weight = dict.fromkeys(openers, 0)
    for line in books.balances:
        weight[line.opener] += len(
            encode((line.purse.currency, line.purse.custodian, line.party, line.amount, line.opener))
        )
    assert max(weight.values()) <= BYTES_PER_PROPOSER
    assert len(books.balances) >= 6 * 50
    honest = MemberId(bytes((200,)) * 32)
    proposal = make_proposal(ROSTER, currency="EUR", accounts=(("SELLER", "the house"),), nonce=bytes(16))
    assert books.book(session(999_999), honest, proposal, [Flow(NAMES[1], "SELLER", Fraction(5), "x")])
    # Books as full as they get, the largest roster and a conviction of each of its members still make a state.
    assert BOOKS_BYTES_MAX + 128 * (64 * 4 + 40) + 128 * 64 + 1024 <= STATE_BYTES_MAX
    assert EpochState.parse(EpochState.of(books, ROSTER, ()).encoded) is not None


def test_amounts_that_add_up_to_an_endless_fraction_are_not_carried_on() -> None:
    books = Books()
    proposal = make_proposal(ROSTER, currency="", accounts=(("SELLER", "the house"),), nonce=bytes(16))
    kept = [
        books.book(
            session(number), ROSTER.ids[0], proposal, [Flow(NAMES[0], "SELLER", Fraction(1, 2**61 - number), "x")]
        )
        for number in range(1, 40)
    ]
    assert kept[0]
    assert not kept[-1]
    assert all(line.amount.denominator.bit_length() <= AMOUNT_BITS_MAX for line in books.balances)
    assert total(books) == {}


def test_room_that_was_kept_is_enough_though_everybody_is_owed_and_the_money_is_the_purses_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proposal = make_proposal(ROSTER, deposit=Fraction(20), custodian="carol", asked=ROSTER.ids[:1])
    books = Books()
    for room in range(4096):
        monkeypatch.setattr(books_module, "BYTES_PER_PROPOSER", room)
        if books.reserve(session(1), ROSTER.ids[0], proposal, ["alice"]):
            break
    # Alice has paid in more than its deposit, and loses that: she is owed the rest, and nobody stands behind SINK.
    paid = [Flow("alice", DEPOSIT, Fraction(20), "deposit"), Flow(DEPOSIT, "SINK", Fraction(20), "forfeited")]
    assert books.book(session(1), ROSTER.ids[0], proposal, paid, [("alice", Fraction(100))])
    held = {line.party: line.amount for line in books.balances}
    assert held == {"alice": 80, "SINK": 20, CUSTODY: -100}
