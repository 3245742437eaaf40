"""What the base class refuses at definition, and how any mechanism runs."""

from collections.abc import Iterator
from fractions import Fraction
from types import new_class
from typing import Any

import pytest

from mechdesign.kernel import wire
from mechdesign.kernel.errors import InputError, LocalProtocolError, MechanismError
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.codec import VOID
from mechdesign.mechanisms.coin import Seed
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Flow, pay
from mechdesign.mechanisms.play import PASS, Ask, Coin, Play, Run, ask, run_pure, toss
from mechdesign.mechanisms.result import Decision, Result

F = Fraction
THREE = Context(("alice", "bob", "carol"))


def settle(self: Any, reports: Profile[Fraction], context: Context) -> Result[int]:
    return Result(0)


def decide(self: Any, reports: Profile[Fraction], context: Context) -> Decision[int]:
    return Decision(0)


def transfers(self: Any, decision: Decision[int], reports: Profile[Fraction], context: Context) -> tuple[Flow, ...]:
    return ()


def define(**body: Any) -> type[Mechanism[Any, Any, Any]]:
    body = {"__doc__": "A rule.", "__module__": __name__, "name": "test.mine"} | body
    return new_class("Mine", (Mechanism[Amount, Amount, int],), exec_body=lambda namespace: namespace.update(body))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "overrides none"),
        ({"settle": settle, "decide": decide}, "overrides settle and decide"),
        ({"settle": settle, "transfers": transfers}, "transfers belongs to decide"),
        ({"settle": settle, "name": "Mine"}, "family.name"),
        ({"settle": settle, "version": 0}, "whole number from 1"),
        ({"settle": settle, "__doc__": ""}, "docstring"),
        ({"settle": settle, "claims": {"dsic": True}}, "Claims"),
        ({"settle": settle, "accounts": ("SELLER",)}, "Account members"),
        ({"settle": settle, "__annotations__": {"decimals": int}}, "setting of the session"),
    ],
)
def test_a_wrong_definition_is_refused_where_it_is_made(body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MechanismError, match=complaint):
        define(**body)


def test_each_of_the_three_ways_is_accepted() -> None:
    for body in ({"settle": settle}, {"decide": decide}, {"decide": decide, "transfers": transfers}):
        result: Result[int] = run_pure(define(**body)(), THREE, {})
        assert result.outcome == 0


def test_types_must_be_definite() -> None:
    with pytest.raises(MechanismError, match="three definite types"):
        new_class(
            "Loose", (Mechanism,), exec_body=lambda space: space.update(name="t.loose", __doc__="x", settle=settle)
        )


def test_parameters_are_validated_frozen_and_have_one_text() -> None:
    auction = SecondPrice.from_parameters({"reserve": "5.50"})
    assert auction.encode_parameters() == b'{"reserve":"11/2"}'
    assert SecondPrice.decode_parameters(b'{"reserve":"11/2"}') == auction
    for other in (b'{"reserve":"5.50"}', b'{"reserve": "11/2"}', b"{}", b'{"reserve":"11/2","x":1}', b"\xff"):
        with pytest.raises(InputError):
            SecondPrice.decode_parameters(other)
    with pytest.raises(InputError, match=r"parameters.reserve: .*at least 0"):
        SecondPrice.from_parameters({"reserve": -1})
    with pytest.raises(InputError, match=r"parameters.reserv: .*parameters of auction.second-price/1: reserve"):
        SecondPrice.from_parameters({"reserv": 1})


class Clock(Mechanism[Amount, bool, tuple[str, int]]):
    """A price rises by one as long as two stay in; the last one left wins, a coin decides among several."""

    name, version = "test.clock", 1
    accounts = (Account.SELLER,)

    def play(self, context: Context) -> Play[tuple[str, int]]:
        active, price = context.players, 0
        while len(active) > 1:
            stays = yield from ask(bool, of=active, sealed=True, price=price)
            remaining = tuple(player for player in active if stays.get(player))
            if not remaining:
                seed = yield from toss("who left last")
                active = (active[seed.below(len(active))],)
                break
            active, price = remaining, price + 1
        winner = active[0]
        return Result((winner, price), pay(winner, Account.SELLER, price, "price"))

    def truthful(self, value: Fraction, ask: Ask[Any]) -> bool:
        return bool(value >= ask.info["price"])


def test_a_mechanism_that_plays_asks_shows_tosses_and_returns() -> None:
    run = Run(Clock(), THREE)
    assert isinstance(run.request, Ask)
    assert run.request.of == THREE.players
    assert run.request.info == {"price": 0}
    run.answer({"carol": True, "alice": True})
    assert isinstance(run.request, Ask)
    assert run.request.of == ("alice", "carol")
    run.answer({})
    coin: object = run.request
    assert coin == Coin("who left last")
    run.toss(bytes(32))
    assert run.request is None
    assert run.result is not None
    assert run.result.outcome[1] == 1
    assert run.result.net("SELLER") == 1


def test_the_same_answers_lead_to_the_same_state() -> None:
    values = {"alice": 3, "bob": 7, "carol": 5}
    clock = Clock()
    strategies = {
        player: (lambda asked, value=value: clock.truthful(F(value), asked)) for player, value in values.items()
    }
    one = run_pure(clock, THREE, strategies)
    assert one.outcome == ("bob", 7)
    assert run_pure(clock, THREE, strategies) == one


def test_misuse_by_the_driver_raises() -> None:
    run = Run(Clock(), THREE)
    with pytest.raises(LocalProtocolError):
        run.toss(b"")
    with pytest.raises(LocalProtocolError, match="not asked"):
        run.answer({"mallory": True})
    run.answer({"alice": True})
    with pytest.raises(LocalProtocolError):
        run.answer({})


def test_a_mechanism_that_raises_loops_or_asks_wrongly_ends_with_an_error_of_its_own() -> None:
    def never(self: Any, context: Context) -> Play[int]:
        while True:
            yield from ask(int, of=context.players)

    def broken(self: Any, reports: Profile[Fraction], context: Context) -> Result[int]:
        raise ZeroDivisionError

    def strangers(self: Any, context: Context) -> Play[int]:
        yield from ask(int, of=("mallory",))
        return Result(0)

    def twice(self: Any, context: Context) -> Play[int]:
        yield from ask(int, of=("alice", "alice"))
        return Result(0)

    def leak(self: Any, reports: Profile[Fraction], context: Context) -> Result[int]:
        return Result(0, pay("alice", Account.SINK, F(1), "undeclared"))

    def nothing(self: Any, reports: Profile[Fraction], context: Context) -> None:
        return None

    def odd(self: Any, context: Context) -> Iterator[int]:
        yield 1

    cases: list[tuple[dict[str, Any], str]] = [
        ({"play": never}, "more than 10 times"),
        ({"settle": broken}, "ZeroDivisionError"),
        ({"play": strangers}, "roster"),
        ({"play": twice}, "roster"),
        ({"settle": leak}, "neither a player nor a declared account"),
        ({"settle": nothing}, "instead of a Result"),
        ({"play": odd}, "yield from"),
    ]
    for body, complaint in cases:
        with pytest.raises(MechanismError, match=complaint):
            run_pure(define(**body)(), THREE, {}, steps_max=10)


def test_a_report_outside_its_type_names_the_player() -> None:
    with pytest.raises(InputError, match=r"reports\.bob: .*at least 0"):
        run_pure(SecondPrice(), THREE, {"alice": 1, "bob": -1})


def test_a_strategy_may_pass() -> None:
    result = run_pure(SecondPrice(), THREE, {"alice": lambda asked: PASS, "bob": lambda asked: F(3)})
    assert str(result.outcome) == "bob wins, pays 0"


def test_a_profile_cannot_be_changed_by_the_mechanism() -> None:
    def greedy(self: Any, reports: dict[str, Fraction], context: Context) -> Result[int]:
        reports["alice"] = F(99)
        return Result(0)

    with pytest.raises(MechanismError, match="TypeError"):
        run_pure(define(settle=greedy)(), THREE, {"alice": 1})


def test_flows_are_exact_positive_and_between_two_parties() -> None:
    assert pay("a", "b", F(0), "x") == ()
    assert pay("a", "b", F(-2), "x") == (Flow("b", "a", F(2), "x"),)
    wrong: list[tuple[str, str, Any]] = [
        ("a", "b", F(0)),
        ("a", "b", F(-1)),
        ("a", "a", F(1)),
        ("a", "b", 0.5),
        ("a", "b", True),
    ]
    for payer, payee, amount in wrong:
        with pytest.raises(MechanismError):
            Flow(payer, payee, amount, "x")


def test_a_context_refuses_ambiguous_names() -> None:
    for players in (("a", "a"), ("SINK",), ("",), ("DEPOSIT",)):
        with pytest.raises(InputError):
            Context(players)


def test_the_canonical_result_has_one_encoding() -> None:
    result = run_pure(SecondPrice(), THREE, {"alice": "18.50", "bob": 24})
    value = SecondPrice().canonical_result(result)
    assert value == (
        "auction.second-price/1",
        '{"price":"37/2","winner":"bob"}',
        (("bob", "SELLER", "37/2", "price"),),
        (),
    )
    assert wire.decode(wire.encode(value)) == value


def test_reports_have_one_text_and_all_else_is_void() -> None:
    asked = Ask[Fraction](Amount, THREE.players)
    assert asked.encode(F(37, 2)) == b'"37/2"'
    assert asked.parse(b'"37/2"') == F(37, 2)
    for other in (
        b'"18.50"',
        b"18.5",
        b"21",
        b' "21"',
        b'"-1"',
        b"null",
        b"",
        b"\xff",
        b"[" * 4096,
        b'"' + b"1" * 9000,
    ):
        assert asked.parse(other) is VOID
    with pytest.raises(InputError):
        asked.encode(F(-1))
    with pytest.raises(InputError, match="more than the 4 "):
        Ask[Fraction](Amount, THREE.players, bytes_max=4).encode(F(12345))
    with pytest.raises(InputError, match="limit on digits"):
        asked.encode(F(10**70))


def test_a_validator_that_fails_on_a_value_makes_it_void() -> None:
    class Broken:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            from pydantic_core import core_schema

            return core_schema.no_info_plain_validator_function(lambda value: value["missing"])

    assert Ask[Any](Broken, THREE.players).parse(b"{}") is VOID


def test_draws_from_a_seed_are_fixed_unbiased_and_bounded() -> None:
    seed = Seed(bytes(32))
    counts = [0] * 5
    for number in range(2000):
        counts[seed.below(5, str(number))] += 1
    assert all(330 < count < 470 for count in counts)
    assert sorted(seed.shuffled("abcdef", "x")) == list("abcdef")
    assert seed.shuffled("abcdef", "x") == seed.shuffled("abcdef", "x")
    assert len({seed.shuffled("abc", str(number)) for number in range(100)}) == 6
    with pytest.raises(MechanismError):
        seed.below(0)


def test_claims_list_what_is_stated() -> None:
    claims = Claims(dsic=Holds("somebody"), efficient=Fails(Witness({"a": 1})))
    assert [concept for concept, _ in claims.stated()] == ["dsic", "efficient"]
    assert len(list(claims.items())) == 15


def test_an_example_is_in_roster_order() -> None:
    assert list(Example({"bob": 1, "alice": 2}).reports) == ["bob", "alice"]
