"""The computation of a session: from answers to the next ask, or to a digest."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.entries import STEPS_MAX
from mechdesign.decision.messages import Answers, Attest, CoinReady, Enrolled, Request, Toss, Verdict
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import InputError, LocalProtocolError
from mechdesign.kernel.flow import Flow, net
from mechdesign.kernel.money import Amount, Currency
from mechdesign.mechanisms.auction.bailey_cavallo import BaileyCavallo
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.computation import Computation, settlement_flows, tie_from_text, tie_to_text
from mechdesign.mechanisms.cost.airport import Airport
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.inputs import decide
from mechdesign.mechanisms.play import ask, toss
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.terms import proposal_of
from mechdesign.mechanisms.ties import TieRule

NAMES = ("alice", "bob", "carol")
IDS = tuple(MemberId(bytes([number]) * 32) for number in (7, 3, 5))
SESSION = bytes(range(32))
INPUTS = bytes(32)


class Plain(Outcome):
    """An outcome with one text."""

    text: str = ""


class Rounds(Mechanism[Amount, Amount, Plain]):
    """Asks everybody, then the first who answered, and shows what came before."""

    name, version = "test.rounds", 1

    def play(self, context):
        first = yield from ask(Amount, of=context.players)
        chosen = tuple(first)[:1]
        second = yield from ask(Amount, of=chosen, sealed=False, show={"sum": str(sum(first.values()))})
        return Result(Plain(text=f"{sum(first.values())} {sum(second.values())}"))


class Endless(Mechanism[Amount, Amount, Plain]):
    """Asks for ever."""

    name, version = "test.endless", 1

    def play(self, context):
        while True:
            yield from ask(Amount, of=context.players)


class Tossing(Mechanism[Amount, Amount, Plain]):
    """Tosses a coin."""

    name, version = "test.tossing", 1

    def play(self, context):
        yield from ask(Amount, of=context.players)
        coin = yield from toss()
        yield from ask(Amount, of=context.players)
        return Result(Plain(text=str(coin.below(1000))))


class Raising(Mechanism[Amount, Amount, Plain]):
    """Divides by zero."""

    name, version = "test.raising", 1

    def settle(self, reports, context):
        return Result(Plain(text=str(1 // len(reports) // 0)))


class Floating(Outcome):
    """An outcome with a binary float in it."""

    share: float


class Inexact(Mechanism[Amount, Amount, Floating]):
    """Returns a float."""

    name, version = "test.inexact", 1

    def settle(self, reports, context):
        return Result(Floating(share=0.5))


class Idle(Mechanism[Amount, Amount, Plain]):
    """Asks nobody and settles at once."""

    name, version = "test.idle", 1
    accounts = (Account.SELLER,)

    def play(self, context):
        return Result(Plain(text="done"), pay(context.players[0], Account.SELLER, 1, "fee"))
        yield


def computation(mechanism, **terms):
    request = ProposeSession(mechanism=mechanism, label="test", **terms)
    names = dict(zip(IDS, NAMES, strict=True))
    return Computation(proposal_of(request, IDS[0], names, bytes), mechanism, NAMES)


def enrolled(position=3):
    return Enrolled(SESSION, tuple(zip(IDS, NAMES, strict=True)), position)


def answers(step, *reports, position=9, inputs=INPUTS, balances=()):
    given = tuple((IDS[place], data) for place, data in enumerate(reports) if data is not None)
    return Answers(SESSION, step, given, position, inputs, balances)


def settled(*reports, mechanism=None, **where):
    run = computation(mechanism or SecondPrice())
    run.enrolled(enrolled())
    return run, run.answered(answers(0, *reports, **where))


def test_a_sealed_mechanism_asks_everybody_once_and_then_attests():
    run = computation(SecondPrice(reserve=5))
    assert run.enrolled(enrolled()) == Request(SESSION, 0, IDS, True)
    attest = run.answered(answers(0, b'"18"', b'"24"', b'"21"'))
    assert attest.verdict is Verdict.SETTLED
    assert attest.flows == (Flow("bob", "SELLER", Fraction(21), "price"),)
    assert str(run.result.outcome) == "bob wins, pays 21"
    assert run.reports == [{"alice": 18, "bob": 24, "carol": 21}]


def test_each_ask_follows_from_the_answers_before():
    run = computation(Rounds())
    run.enrolled(enrolled())
    assert run.answered(answers(0, None, b'"4"', b'"5"')) == Request(SESSION, 1, (IDS[1],), False)
    assert run.ask.info == {"sum": "9"}
    last = run.answered(answers(1, None, b'"7"'))
    assert isinstance(last, Attest)
    assert run.result.outcome.text == "9 7"


def test_a_mechanism_that_asks_nobody_attests_at_enrolment():
    run = computation(Idle())
    attest = run.enrolled(enrolled())
    assert attest.verdict is Verdict.SETTLED
    assert attest.flows == (Flow("alice", "SELLER", Fraction(1), "fee"),)


@pytest.mark.parametrize("void", [b"", b"18", b'"-1"', b'"1e3"', b'"18" ', b"\xff", b'"2/4"', b"[" * 100, b'"018"'])
def test_a_report_outside_its_type_counts_as_absent(void):
    run, attest = settled(b'"18"', void, b'"21"')
    assert run.reports == [{"alice": 18, "carol": 21}]
    _, without = settled(b'"18"', None, b'"21"')
    assert attest == without


@given(st.lists(st.none() | st.binary(max_size=40), min_size=3, max_size=3))
def test_no_bytes_of_a_report_make_the_computation_raise_or_fail(reports):
    _, attest = settled(*reports)
    assert attest.verdict is Verdict.SETTLED


def test_the_digest_covers_position_inputs_balances_and_outcome():
    reports = (b'"18"', b'"24"', b'"21"')
    variants = [
        settled(*reports),
        settled(*reports, position=10),
        settled(*reports, inputs=b"\1" * 32),
        settled(*reports, balances=(("alice", Fraction(1)),)),
        settled(b'"18"', b'"24"', b'"22"'),
    ]
    assert len({attest.digest for _, attest in variants}) == len(variants)
    assert settled(*reports)[1] == variants[0][1]


@pytest.mark.parametrize("mechanism", [Raising(), Inexact()])
def test_what_goes_wrong_in_a_mechanism_fails_alike_at_everyone(mechanism):
    run, attest = settled(b'"1"', b'"2"', None, mechanism=mechanism)
    assert attest.verdict is Verdict.FAILED
    assert attest.flows == ()
    assert run.failure
    assert run.result is None
    assert settled(b'"1"', b'"2"', None, mechanism=mechanism)[1] == attest
    assert settled(b'"1"', b'"2"', None, mechanism=mechanism, position=10)[1].digest != attest.digest


def fallen(step, coin, position=12):
    return CoinReady(SESSION, step, coin, position, INPUTS, ())


def test_a_toss_is_a_step_of_its_own_and_the_coin_goes_into_the_outcome():
    ends = []
    for coin in (bytes(32), bytes([1]) * 32):
        run = computation(Tossing())
        assert run.enrolled(enrolled()) == Request(SESSION, 0, IDS, True)
        assert run.answered(answers(0, b'"1"')) == Toss(SESSION, 1)
        assert run.ask is None
        assert run.tossed(fallen(1, coin)) == Request(SESSION, 2, IDS, True)
        ends.append((run.answered(answers(2)), run.result.outcome.text))
    assert ends[0] != ends[1]


def test_ties_by_coin_toss_only_where_there_is_a_tie():
    rule = TieRule("by_coin")
    untied = computation(SecondPrice(), ties=rule)
    untied.enrolled(enrolled())
    assert isinstance(untied.answered(answers(0, b'"18"', b'"24"', b'"21"')), Attest)
    winners = set()
    for number in range(20):
        tied = computation(SecondPrice(), ties=rule)
        tied.enrolled(enrolled())
        assert tied.answered(answers(0, b'"24"', b'"24"', b'"21"')) == Toss(SESSION, 1)
        assert isinstance(tied.tossed(fallen(1, bytes([number]) * 32)), Attest)
        winners.add(tied.result.outcome.winner)
    assert winners == {"alice", "bob"}


def test_a_coin_that_was_not_tossed_is_a_mistake_of_ours():
    run = computation(Tossing())
    with pytest.raises(LocalProtocolError):
        run.tossed(fallen(0, bytes(32)))
    run.enrolled(enrolled())
    with pytest.raises(LocalProtocolError):
        run.tossed(fallen(0, bytes(32)))
    run.answered(answers(0))
    with pytest.raises(LocalProtocolError):
        run.tossed(fallen(0, bytes(32)))


def test_a_mechanism_that_asks_for_ever_fails_at_the_step_limit():
    run = computation(Endless())
    reaction = run.enrolled(enrolled())
    steps = 0
    while isinstance(reaction, Request):
        assert reaction.step == steps
        reaction = run.answered(answers(steps))
        steps += 1
    assert steps == STEPS_MAX
    assert reaction.verdict is Verdict.FAILED


def test_answers_to_another_ask_are_a_bug_of_the_caller():
    run = computation(SecondPrice())
    run.enrolled(enrolled())
    with pytest.raises(LocalProtocolError):
        run.answered(answers(1))


def test_flows_are_rounded_once_to_minor_units():
    run = computation(BaileyCavallo(), currency=Currency("EUR", 2))
    run.enrolled(enrolled())
    attest = run.answered(answers(0, b'"10"', b'"20"', b'"5"'))
    assert attest.verdict is Verdict.SETTLED
    assert all(flow.amount * 100 == int(flow.amount * 100) for flow in attest.flows)
    assert any(flow.amount * 100 != int(flow.amount * 100) for flow in run.result.flows)


@pytest.mark.parametrize(
    ("rule", "pays_more"),
    [(TieRule(), "carol"), (TieRule("given", ("carol", "alice")), "bob"), (TieRule("by_coin"), "carol")],
)
def test_a_last_minor_unit_goes_by_the_order_of_the_tie_rule_in_a_session_and_on_a_file(rule, pays_more):
    run = computation(Airport(), currency=Currency("EUR", 2), ties=rule)
    run.enrolled(enrolled())
    attest = run.answered(answers(0, b'"1"', b'"1"', b'"1"'))
    paid = {name: -amount for name, amount in net(attest.flows).items() if name in NAMES}
    assert paid == {name: Fraction(34 if name == pays_more else 33, 100) for name in NAMES}
    document = {"parameters": {"decimals": 2, "ties": rule.dump()}, "reports": dict.fromkeys(NAMES, 1)}
    settled = decide("cost.airport", document).document()["settlement"]["transfers"]
    assert {name: -Fraction(amount) for name, amount in settled.items()} == paid


amounts = st.fractions(min_value=Fraction(1, 900), max_value=50, max_denominator=997)
parties = st.sampled_from([*NAMES, "SINK", "SELLER"])
flow_lists = st.lists(st.tuples(parties, parties, amounts).filter(lambda flow: flow[0] != flow[1]), max_size=8)


@given(flow_lists, st.integers(0, 3))
def test_rounded_flows_are_whole_and_each_party_ends_within_a_unit_of_its_exact_net(raw, decimals):
    exact = [Flow(payer, payee, amount, "why") for payer, payee, amount in raw]
    currency = Currency("", decimals)
    whole = settlement_flows(exact, currency, NAMES)
    unit = Fraction(1, 10**decimals)
    assert all((flow.amount / unit).denominator == 1 for flow in whole)
    before, after, none = net(exact), net(whole), Fraction(0)
    assert all(abs(before.get(party, none) - after.get(party, none)) < unit for party in (*NAMES, "SINK", "SELLER"))


@pytest.mark.parametrize("rule", [TieRule(), TieRule("by_coin"), TieRule("given", ("bob", "alice"))])
def test_a_tie_rule_survives_its_text(rule):
    assert tie_from_text(tie_to_text(rule)) == rule


@pytest.mark.parametrize("text", ["", "none", "[", "[1]", "{}", '["a","a"]'])
def test_other_texts_are_no_tie_rules(text):
    with pytest.raises(InputError):
        tie_from_text(text)
