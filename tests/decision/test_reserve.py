"""Room in the books for sessions behind which there is money: kept from the proposal on, or nobody pays."""

from fractions import Fraction
from random import Random
from typing import Any

import pytest

from mechdesign.decision.books import Books, Due
from mechdesign.decision.messages import Booked, Payout, Proposed, Receipt
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import Flow
from tests.decision.toys import NAMES, SILENT, Cluster, make_proposal, make_roster

ROSTER = make_roster(4)
CAROL, DAVE = 2, 3
CUSTODY: dict[str, Any] = {"custodian": "carol", "deposit": Fraction(20), "currency": "EUR", "sanctions": ("forfeit",)}


def terms(number: int, custodial: bool, players: int = 4) -> Proposal:
    """A session with an outside party, and with a custodian in a currency, that no other has."""
    accounts = (("SELLER", f"the house {number:03}"),)
    held = {**CUSTODY, "currency": f"C{number}"} if custodial else {}
    return make_proposal(
        ROSTER, accounts=accounts, asked=ROSTER.ids[:players], nonce=number.to_bytes(16, "big"), **held
    )


def session(number: int) -> bytes:
    return number.to_bytes(32, "big")


def reserve(books: Books, number: int, proposer: int, proposal: Proposal) -> bool:
    return books.reserve(session(number), ROSTER.ids[proposer], proposal, map(ROSTER.name, proposal.asked))


def test_what_is_reserved_no_later_session_takes_and_without_room_nothing_is_reserved() -> None:
    books = Books()
    granted = [reserve(books, number, DAVE, terms(number, True)) for number in range(30)]
    assert granted.count(True) > 3
    assert granted == sorted(granted, reverse=True)
    assert reserve(books, 100, 0, terms(100, True)), "another proposer has its own"
    assert reserve(books, 101, DAVE, terms(101, False)), "where nobody pays nothing is kept"
    moved = [Flow("dave", "SELLER", Fraction(1), "x")]
    carried = [books.book(session(each), ROSTER.ids[DAVE], terms(each, False), moved) for each in range(101, 120)]
    assert carried[-1] is False, "what is left is taken, and no more"
    books.release(session(0))
    assert books.book(session(120), ROSTER.ids[DAVE], terms(120, False), moved)


@pytest.mark.parametrize("seed", range(10))
def test_every_session_that_has_room_at_its_proposal_is_carried_whatever_else_happens(seed: int) -> None:
    chance = Random(seed)
    books = Books()
    # Two proposers that have used up most of their shares.
    for number in range(1000, 1000 + chance.randrange(60, 80)):
        for proposer in (0, 1):
            moved = [Flow(f"guest {number}-{proposer}", NAMES[0], Fraction(1), "x")]
            assert books.book(session(2 * number + proposer), ROSTER.ids[proposer], terms(number, False), moved)
    open_: dict[int, tuple[int, Proposal]] = {}
    kept: set[int] = set()
    refused = 0
    for number in range(400):
        what = chance.choice(("propose", "propose", "propose", "end", "end", "end", "pay"))
        if what == "propose":
            proposer, proposal = chance.randrange(2), terms(number, chance.random() < 0.3, chance.randint(1, 4))
            if reserve(books, number, proposer, proposal) and proposal.takes_deposits:
                kept.add(number)
            open_[number] = proposer, proposal
        elif what == "end" and len(open_) > len(kept & open_.keys()):
            # Those with deposits last longer, so that others have the time to take their room.
            ending = chance.choice(
                [each for each in open_ if each not in kept] if chance.random() < 0.9 else list(open_)
            )
            opener, proposal = open_.pop(ending)
            names = NAMES[: len(proposal.asked)]
            moved = [
                Flow(name, "SELLER", Fraction(chance.randint(1, 3)), "x") for name in names if chance.random() < 0.7
            ]
            paid = names if ending in kept else ()
            received = [(name, Fraction(chance.randint(1, 3))) for name in paid if chance.random() < 0.9]
            carried = books.book(session(ending), ROSTER.ids[opener], proposal, moved, received)
            assert carried or ending not in kept
            assert not books.reserved(session(ending))
            refused += not carried
        elif what == "pay" and books.dues:
            due = chance.choice(books.dues)
            assert books.pay(due.session, due.party, "carol") == due
        assert sum(line.amount for line in books.balances) == 0
    assert refused, "the books were full at times"


# The attack, and what the members see of it


def fill(cluster: Cluster) -> None:
    """Dave alone runs sessions with ever new outside parties until his share of the books is full."""
    for number in range(200):
        accounts = (("SELLER", f"party {number}"),)
        cluster.run(place=DAVE, accounts=accounts, nonce=number.to_bytes(16, "big"), asked=cluster.roster.ids[DAVE:])
    kept = [event.kept for event in cluster.events(0, Booked)]
    assert False in kept


def pay(cluster: Cluster, session: bytes, place: int) -> None:
    request = Receipt(session, cluster.roster.ids[place], Fraction(20), f"bank {place}")
    cluster.route(CAROL, cluster.cores[CAROL].submit(request, cluster.now))
    cluster.settle()


def test_no_custodian_takes_a_deposit_that_the_books_could_not_carry() -> None:
    cluster = Cluster(4)
    fill(cluster)
    cluster.propose(DAVE, nonce=bytes([255]) * 16, **CUSTODY, accounts=(("SELLER", "the harbour"),))
    cluster.settle()
    for place in range(4):
        told = cluster.events(place, Proposed)[-1]
        assert not told.carried
    assert cluster.cores[CAROL].custody() == ()
    with pytest.raises(LocalProtocolError, match="the books have no room for its deposits"):
        pay(cluster, told.session, 0)


def test_no_custodian_takes_a_deposit_for_a_session_that_asks_for_none() -> None:
    cluster = Cluster(4)
    cluster.sessions[0].enrols = SILENT
    cluster.propose(0, custodian="carol")
    cluster.settle()
    (told,) = cluster.events(0, Proposed)
    assert isinstance(told, Proposed)
    assert told.carried
    with pytest.raises(LocalProtocolError, match="it asks for none"):
        pay(cluster, told.session, 0)


def test_deposits_that_were_paid_are_carried_though_their_proposer_fills_its_share_meanwhile() -> None:
    cluster = Cluster(4)
    cluster.propose(DAVE, nonce=bytes([255]) * 16, **CUSTODY, accounts=(("SELLER", "the harbour"),))
    cluster.settle()
    (told,) = cluster.events(0, Proposed)
    assert isinstance(told, Proposed)
    assert told.carried
    fill(cluster)
    for place in range(4):
        pay(cluster, told.session, place)
    booked = cluster.events(0, Booked)[-1]
    assert (booked.session, booked.kept) == (told.session, True)
    dues = {due.party: due.amount for due in cluster.cores[CAROL].custody() if isinstance(due, Due)}
    assert sum(dues.values()) == 80, "all that came in goes out again"
    for party in dues:
        cluster.route(CAROL, cluster.cores[CAROL].submit(Payout(told.session, party), cluster.now))
    cluster.settle()
    assert cluster.cores[CAROL].custody() == ()
    assert not [line for line in cluster.cores[0].balances if line.purse.custodian and line.amount > 0]
