"""A whole distributed session in one process."""

import asyncio
from fractions import Fraction

import pytest

import mechdesign
from mechdesign.decision.transcript import audit
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import InputError, LocalProtocolError
from mechdesign.kernel.money import Amount, Currency
from mechdesign.mechanisms.auction.bailey_cavallo import BaileyCavallo
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.matching.serial_dictatorship import SerialDictatorship
from mechdesign.mechanisms.play import PASS, ask
from mechdesign.mechanisms.public.clarke import Clarke
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.session import lookup_with, recomputation
from mechdesign.mechanisms.ties import TieRule
from mechdesign.mechanisms.voting.borda import Borda
from mechdesign.settlement import SessionFailed, settle, settle_sync

VALUES = {"alice": 18, "bob": 24, "carol": 21, "dave": 7, "erin": 3, "frank": 2, "grace": 1}


class Last(Outcome):
    """Who is left."""

    name: str | None = None


class Ladder(Mechanism[Amount, bool, Last]):
    """Whoever says no leaves; the last one is chosen. For tests: several asks, not sealed."""

    name, version = "test.ladder", 1

    def play(self, context):
        active, height = context.players, 1
        while len(active) > 1 and height < 50:
            answers = yield from ask(bool, of=active, sealed=False, height=height)
            active, height = tuple(player for player in active if answers.get(player)) or active[:1], height + 5
        return Result(Last(name=active[0]))

    def truthful(self, value, ask):
        return value >= ask.info["height"]


class Broken(Mechanism[Amount, Amount, Last]):
    """Raises whenever it is asked to settle."""

    name, version = "test.broken", 1

    def settle(self, reports, context):
        raise RuntimeError("no idea")


@pytest.mark.parametrize("n", range(1, 8))
async def test_any_number_of_players_settles_over_memory(n):
    done = await settle(SecondPrice(reserve=5), dict(list(VALUES.items())[:n]))
    price = {1: 5, 2: 18}.get(n, 21)
    winner = "alice" if n == 1 else "bob"
    assert done.transfers == {player: -price if player == winner else 0 for player in list(VALUES)[:n]}
    assert done.accounts == {"SELLER": price}
    assert done.reports == dict(list(VALUES.items())[:n])
    assert not done.convicted
    assert not done.defaulted


async def test_four_players_settle_over_sockets():
    done = await settle(SecondPrice(reserve=5), dict(list(VALUES.items())[:4]), transport="tcp")
    assert str(done.outcome) == "bob wins, pays 21"
    assert [str(reason) for reason in done.why] == ["second-highest bid: carol"]


@pytest.mark.parametrize("faults", list(FaultModel))
@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold", ""])
async def test_every_fault_model_and_seal_gives_the_same_outcome(faults, seal):
    done = await settle(SecondPrice(), dict(list(VALUES.items())[:4]), faults=faults, seal=seal)
    assert str(done.outcome) == "bob wins, pays 21"
    assert done.roster.faults is faults


async def test_ties_by_coin_are_broken_by_a_coin_that_the_players_tossed():
    done = await settle(SecondPrice(), {"alice": 7, "bob": 24, "carol": 24, "dave": 24}, ties=TieRule("by_coin"))
    (tie,) = done.ties
    assert tie.rule == "by_coin"
    assert done.outcome.winner == tie.chosen
    checked = audit(done.transcript, Ed25519(), recomputation(), done.roster)
    assert len(checked.coins) == 1
    assert checked.digest == done.digest


async def test_a_randomised_mechanism_runs_distributed():
    orders = {"alice": ["x", "y", "z"], "bob": ["x", "y", "z"], "carol": ["x", "z", "y"]}
    for seal in ("threshold", "commit_reveal"):
        done = await settle(SerialDictatorship(options=("x", "y", "z"), order="random"), orders, seal=seal)
        assert audit(done.transcript, Ed25519(), recomputation(), done.roster).coins


async def test_an_outsider_can_check_the_transcript():
    done = await settle(SecondPrice(reserve=5), dict(list(VALUES.items())[:4]), deposit=10)
    checked = audit(done.transcript, Ed25519(), recomputation(), done.roster)
    assert checked.authentic
    assert checked.digest == done.digest
    assert checked.flows == done.booked


async def test_a_mechanism_of_ones_own_with_several_asks():
    done = await settle(Ladder(), {"alice": 3, "bob": 30, "carol": 12})
    assert done.outcome == Last(name="bob")
    checked = audit(done.transcript, Ed25519(), recomputation(lookup_with(Ladder)), done.roster)
    assert checked.digest == done.digest


async def test_transfers_are_rounded_to_the_currency():
    done = await settle(BaileyCavallo(), {"alice": 10, "bob": 20, "carol": 5}, currency=Currency("EUR", 2))
    assert sum(done.transfers.values()) + sum(done.accounts.values()) == 0
    assert all((amount * 100).denominator == 1 for amount in done.transfers.values())
    assert any((flow.amount * 100).denominator != 1 for flow in done.result.flows)


async def test_parameters_ballots_and_accounts_travel():
    vote = await settle(Borda(options=("x", "y")), {"alice": ["x", "y"], "bob": ["y", "x"], "carol": ["y", "x"]})
    assert "y" in str(vote.outcome)
    built = await settle(Clarke(cost=300), {"alice": 110, "bob": 80, "carol": 110}, accounts={"PROVIDER": "the city"})
    assert built.transfers == {"alice": -110, "bob": -100, "carol": -110}


async def test_a_given_order_of_ties_travels_with_the_session():
    values = {"Alice A.": 20, "Bob B.": 20, "Carol C.": 3}
    first = await settle(SecondPrice(), values)
    other = await settle(SecondPrice(), values, ties=TieRule("given", ("Bob B.", "Alice A.")))
    assert (first.outcome.winner, other.outcome.winner) == ("Alice A.", "Bob B.")
    assert [tie.rule for tie in other.ties] == ["given"]


async def test_none_is_a_player_without_a_report_and_a_function_is_a_strategy():
    async def thinking(asked):
        await asyncio.sleep(0)
        return 30

    done = await settle(SecondPrice(), {"alice": None, "bob": 24, "carol": thinking, "dave": lambda asked: PASS})
    assert done.reports == {"bob": 24, "carol": 30}
    assert done.players == ("alice", "bob", "carol", "dave")
    assert str(done.outcome) == "carol wins, pays 24"


async def test_a_strategy_that_raises_or_reports_nonsense_passes(caplog):
    def broken(asked):
        raise ZeroDivisionError("oops")

    done = await settle(SecondPrice(), {"alice": broken, "bob": 24, "carol": lambda asked: -4})
    assert done.reports == {"bob": 24}
    assert "oops" in caplog.text
    assert "carol passes" in caplog.text


async def test_a_deposit_is_booked_and_returned():
    done = await settle(SecondPrice(), {"alice": 1, "bob": 2}, deposit=Fraction(5, 2))
    assert [(flow.payer, flow.payee, flow.amount) for flow in done.booked if "alice" in (flow.payer, flow.payee)] == [
        ("alice", "DEPOSIT", Fraction(5, 2)),
        ("DEPOSIT", "alice", Fraction(5, 2)),
    ]
    assert done.transfers == {"alice": 0, "bob": -1}


async def test_a_mechanism_that_raises_aborts_the_session_at_everyone():
    with pytest.raises(SessionFailed, match="no idea") as failed:
        await settle(Broken(), {"alice": 1, "bob": 2, "carol": 3})
    assert failed.value.aborted is not None


@pytest.mark.parametrize("values", [{"alice": "much"}, {"alice": -1}, {"SELLER": 3}])
async def test_values_and_names_that_cannot_be_used_are_named(values):
    with pytest.raises(InputError, match=next(iter(values))):
        await settle(SecondPrice(), values)


@pytest.mark.parametrize("wrong", [{"transport": "pigeon"}, {"seal": "wax"}, {"deposit": Fraction(1, 1000)}])
async def test_terms_that_cannot_be_used_are_refused(wrong):
    with pytest.raises((InputError, LocalProtocolError)):
        await settle(SecondPrice(), {"alice": 1, "bob": 2}, **wrong)


async def test_a_session_that_does_not_end_says_who_is_missing():
    async def never(asked):
        await asyncio.Event().wait()

    with pytest.raises(SessionFailed, match="bob"):
        await settle(SecondPrice(), {"alice": 1, "bob": never, "carol": 2}, phase_s=600, timeout_s=0.5)


async def test_the_transcripts_are_kept_where_asked(tmp_path):
    done = await settle(SecondPrice(), {"alice": 1, "bob": 2}, out=tmp_path)
    for player in ("alice", "bob"):
        (file,) = (tmp_path / player).iterdir()
        assert file.suffix == ".transcript"
        assert file.read_bytes() == done.transcript


def test_nothing_is_printed(capfd):
    settle_sync(SecondPrice(), {"alice": 1, "bob": 2})
    assert capfd.readouterr() == ("", "")


def test_the_package_exports_what_its_door_promises():
    assert mechdesign.settle is settle
    assert {getattr(mechdesign, name) is not None for name in mechdesign.__all__} == {True}
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mechdesign.nonsense
