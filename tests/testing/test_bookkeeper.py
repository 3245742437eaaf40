"""Who keeps accounts beside the members finds what is wrong with theirs, whatever is wrong."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.books import Books
from mechdesign.decision.custody.cover import Cover
from mechdesign.decision.messages import Booked
from mechdesign.kernel.flow import DEPOSIT, Flow
from mechdesign.testing.bookkeeper import Bookkeeper
from mechdesign.testing.session_runs import Played, play_sessions

KIND_COUNT = 18
"""So many sessions have all the cheap kinds among them: with deposits, with thirds, in custody."""

book, pay, renamed, take = Books.book, Books.pay, Books.renamed, Cover.take


def played(case: str = "scheme double", conditions: str = "calm") -> Played:
    return play_sessions(case, conditions, 1, KIND_COUNT, audited=100)


def test_with_nothing_wrong_nothing_is_found() -> None:
    assert played().violation == played(conditions="change").violation == ""


def a_flow_dropped(books: Books, session: bytes, proposer: Any, terms: Any, flows: Any, received: Any = ()) -> bool:
    return book(books, session, proposer, terms, flows[1:], received)


def a_deposit_booked_twice(
    books: Books, session: bytes, proposer: Any, terms: Any, flows: Any, received: Any = ()
) -> bool:
    again = tuple(flow for flow in flows if flow.payee == DEPOSIT)[:1]
    return book(books, session, proposer, terms, (*again, *flows), received)


def cents_lost(books: Books, session: bytes, proposer: Any, terms: Any, flows: Any, received: Any = ()) -> bool:
    whole = tuple(replace(flow, amount=Fraction(int(flow.amount))) for flow in flows if flow.amount >= 1)
    return book(books, session, proposer, terms, whole, received)


def money_received_and_not_booked(
    books: Books, session: bytes, proposer: Any, terms: Any, flows: Any, received: Any = ()
) -> bool:
    return book(books, session, proposer, terms, flows, received[1:])


def the_wrong_party_booked(
    books: Books, session: bytes, proposer: Any, terms: Any, flows: Any, received: Any = ()
) -> bool:
    turned = tuple(Flow(flow.payee, flow.payer, flow.amount, flow.reason) for flow in flows)
    return book(books, session, proposer, terms, turned, received)


def a_session_forgotten(books: Books, *terms: Any) -> bool:
    return True


@pytest.mark.parametrize(
    "mutated",
    [
        a_flow_dropped,
        a_deposit_booked_twice,
        cents_lost,
        money_received_and_not_booked,
        the_wrong_party_booked,
        a_session_forgotten,
    ],
)
def test_what_is_booked_wrongly_is_found(monkeypatch: pytest.MonkeyPatch, mutated: Callable[..., bool]) -> None:
    monkeypatch.setattr(Books, "book", mutated)
    # Where nobody loses a deposit to others no cent is left over.
    told = [played(case).violation for case in ("scheme double", "cheat no-reveal")]
    assert any("the books are not what was booked" in violation for violation in told)


def test_a_due_that_is_not_returned_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(books: Books, session: bytes, party: str, payer: str) -> Any:
        return books._dues.pop((session, party), None)

    monkeypatch.setattr(Books, "pay", forgotten)
    assert "the books are not what was booked" in played().violation


def test_a_due_that_is_returned_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(books: Books, session: bytes, party: str, payer: str) -> Any:
        due = pay(books, session, party, payer)
        if due is not None:
            books._dues[session, party] = due
            books._weigh(due, 1)
        return due

    monkeypatch.setattr(Books, "pay", twice)
    assert "the books are not what was booked" in played().violation


def test_one_payment_that_is_counted_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def credulous(cover: Cover, sender: Any, said: Any) -> bool:
        return take(cover, sender, said) or bool(
            cover._references.pop(said.reference, None) and take(cover, sender, said)
        )

    monkeypatch.setattr(Cover, "take", credulous)
    assert "the books are not what was booked" in played().violation


def test_balances_that_are_lost_between_two_epochs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Books, "renamed", lambda books, before, roster: Books((), renamed(books, before, roster).dues))
    assert played(conditions="change").violation == "epoch 1 does not begin with what everybody held"


def test_books_that_do_not_sum_to_zero_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    add = Books._add

    def generous(books: Books, purse: Any, party: str, amount: Fraction, opener: Any) -> None:
        add(books, purse, party, amount + (amount > 0), opener)

    monkeypatch.setattr(Books, "_add", generous)
    monkeypatch.setattr(Books, "_check", lambda books: None)
    assert "the books do not sum to zero" in played().violation


@pytest.mark.parametrize("wrong", ["kept", "halved", "more than agreed"])
def test_a_session_whose_deposits_do_not_come_out_as_they_went_in_is_found(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    see = Bookkeeper.see

    def seen(keeper: Bookkeeper, effect: object) -> None:
        if isinstance(effect, Booked) and any(flow.payer == DEPOSIT for flow in effect.flows):
            (*others, last) = sorted(effect.flows, key=lambda flow: flow.payer == DEPOSIT)
            first, *rest = sorted(effect.flows, key=lambda flow: flow.payee != DEPOSIT)
            flows = {
                "kept": others,
                "halved": [*others, replace(last, amount=last.amount / 2)],
                "more than agreed": [replace(first, amount=first.amount + 1), *rest],
            }[wrong]
            effect = replace(effect, flows=tuple(flows))
        see(keeper, effect)

    monkeypatch.setattr(Bookkeeper, "see", seen)
    assert "of deposits of" in played().violation


def test_books_of_two_members_that_differ_in_the_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the accounts beside them gone, the members are still compared with one another.
    monkeypatch.setattr(Bookkeeper, "check", lambda keeper, balances: None)
    counted = iter(range(10**6))

    def every_third_forgotten(books: Books, *terms: Any) -> bool:
        return book(books, *terms) if next(counted) % 3 else True

    monkeypatch.setattr(Books, "book", every_third_forgotten)
    assert "the members' books differ in the end" in played().violation
