"""Terms that honest members decline, and outcomes that the terms do not allow."""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from mechdesign.decision.books import FLOW_BITS_MAX
from mechdesign.decision.messages import Decline, Enrol, Propose, Proposed
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.errors import InputError, LocalProtocolError
from mechdesign.kernel.flow import Flow
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.claims import Claims, Unknown
from mechdesign.mechanisms.events import ProposeSession, SessionAborted
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.limits import breach
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.session import Policy, SessionCore, lookup_with
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases
from tests.decision.toys import make_proposal, make_roster

ROSTER = make_roster(3)
MEMBERS = tuple((member.id, member.name) for member in ROSTER.members)


class Nothing(Outcome):
    """No outcome."""


class Subsidy(Mechanism[int, int, Nothing]):
    """Pays everyone what it reports, out of a purse that it does not declare."""

    name, version = "test.subsidy", 1
    claims = Claims(no_deficit=Unknown())

    def settle(self, reports, context):
        flows = [flow for player, wanted in reports.items() for flow in pay(Account.FUNDER, player, wanted, "subsidy")]
        return Result(Nothing(), tuple(flows))


class Declared(Subsidy):
    """The same with its account declared."""

    name, version = "test.declared-subsidy", 1
    accounts = (Account.FUNDER,)


def session_core(place: int = 0, **options: object) -> SessionCore:
    return SessionCore(MEMBERS[place][0], MEMBERS, bytes, lookup=lookup_with(Subsidy, Declared), **options)  # type: ignore[arg-type]


def terms(mechanism=None, **changes) -> Proposal:
    request = ProposeSession(mechanism=mechanism or SecondPrice(), **changes)
    (propose,) = session_core().submit(request, 0)
    assert isinstance(propose, Propose)
    return propose.proposal


def answers(proposal: Proposal, **options) -> list[object]:
    """What every member answers to a proposal by itself, whoever made it."""
    proposed = partial(Proposed, bytes(32), MEMBERS[0][0], proposal, MEMBERS, True)
    return [session_core(place, **options).receive(proposed(), 0)[1] for place in range(3)]


# Refused beforehand


@pytest.mark.parametrize(
    ("hostile", "account"),
    [
        (lambda: replace(terms(Declared(), accounts={"FUNDER": "the town"}), accounts=()), "FUNDER"),
        (lambda: replace(terms(), accounts=()), "SELLER"),
        (lambda: replace(terms(), accounts=(("BUYER", "the harbour"),)), "SELLER"),
    ],
)
def test_a_hostile_proposal_that_binds_an_account_to_nobody_is_declined_by_everyone(hostile, account) -> None:
    for answer in answers(hostile()):
        assert isinstance(answer, Decline)
        assert answer.reason == f"the proposal does not say who stands behind {account}"


def test_a_proposer_is_told_that_a_deficit_needs_somebody_who_covers_it() -> None:
    with pytest.raises(LocalProtocolError, match="can run a deficit: name who covers it, as account FUNDER"):
        terms(Declared())


def test_a_member_declines_where_it_could_owe_more_than_it_pays() -> None:
    policy = Policy(payment_max=Fraction(50))
    assert all(isinstance(answer, Enrol) for answer in answers(terms(payment_max=Fraction(50)), policy=policy))
    for most, said in ((None, "any amount"), (Fraction(51), "up to 51")):
        for answer in answers(terms(payment_max=most), policy=policy):
            assert isinstance(answer, Decline)
            assert answer.reason == f"a player could owe {said}, and this member pays at most 50"
            assert answer.follows


def test_a_member_declines_a_deposit_above_its_limit() -> None:
    for answer in answers(terms(deposit=Fraction(9)), policy=Policy(deposit_max=Fraction(8))):
        assert isinstance(answer, Decline)
        assert answer.reason == "the deposit of 9 is more than the 8 that this member stakes"


def test_a_member_declines_an_ask_that_is_over_before_an_honest_report_can_be_ordered() -> None:
    for answer in answers(terms(report_ms=249)):
        assert isinstance(answer, Decline)
        assert answer.reason == "249 ms are too short for a report: 250 are needed"
    assert all(isinstance(answer, Enrol) for answer in answers(terms(report_ms=250)))


def test_a_member_stands_behind_accounts_of_others_only_where_its_policy_names_them() -> None:
    proposal = make_proposal(ROSTER, accounts=(("SELLER", "alice"), ("FUNDER", "alice")), report_ms=1000)
    why = "this member would stand behind SELLER, FUNDER, which its policy does not name"
    assert Policy().objection(proposal, other="alice") == why
    assert "behind FUNDER," in Policy(accounts=frozenset({"SELLER"})).objection(proposal, other="alice")
    assert Policy(accounts=frozenset({"SELLER", "FUNDER"})).objection(proposal, other="alice") == ""
    assert Policy().objection(proposal, other="bob") == Policy().objection(proposal) == ""


def test_a_member_declines_where_the_books_have_no_room_for_deposits() -> None:
    proposal = terms(custodian=MEMBERS[1][1], deposit=Fraction(5))
    for carried in (True, False):
        told = Proposed(bytes(32), MEMBERS[1][0], proposal, MEMBERS, True, carried=carried)
        answer = session_core().receive(told, 0)[1]
        assert isinstance(answer, Enrol if carried else Decline)
    why = (
        f"the books have no room for what {MEMBERS[1][1]} would receive (16 KiB for a proposer's sessions, 900 KiB in "
        "all): report pay-outs that were made, or wait for sessions to end"
    )
    assert isinstance(answer, Decline)
    assert answer.reason == why


def test_the_default_report_of_a_proposal_is_a_report_of_its_mechanism() -> None:
    proposal = terms(sanctions=("default_report", "forfeit"), default_report="7.50")
    assert proposal.default_report == b'"15/2"'
    with pytest.raises(InputError):
        terms(sanctions=("default_report",), default_report="much")
    with pytest.raises(LocalProtocolError, match="named together"):
        terms(default_report=1)


# Refused by what comes out


def test_a_breach_is_said_in_words() -> None:
    proposal = make_proposal(ROSTER, accounts=(("SELLER", "m"),), payment_max=Fraction(10))
    players = ("alice", "bob")
    price = Flow("alice", "SELLER", Fraction(12), "price")
    back = Flow("bob", "alice", Fraction(2), "share")
    assert breach(proposal, players, players, [price, back]) == ""
    why = "alice would pay 12, and the proposal lets nobody pay more than 10"
    assert breach(proposal, players, players, [price]) == why
    assert breach(replace(proposal, payment_max=None), players, players, [price]) == ""


def test_an_amount_that_no_balance_could_carry_fails_the_session() -> None:
    proposal = make_proposal(ROSTER, accounts=(("SELLER", "m"),))
    longest = Flow("alice", "SELLER", Fraction((1 << FLOW_BITS_MAX) - 1), "price")
    players = ("alice",)
    assert breach(proposal, players, players, [longest]) == ""
    for amount in (longest.amount + 1, Fraction(1, 1 << FLOW_BITS_MAX)):
        flows = [Flow("alice", "SELLER", amount, "price")]
        why = "an amount takes more than 384 bits, which no balance could carry"
        assert breach(proposal, players, players, flows) == why


def test_what_an_account_pays_counts_for_the_player_behind_it() -> None:
    proposal = make_proposal(ROSTER, accounts=(("FUNDER", "bob"),), payment_max=Fraction(10))
    players = ("alice", "bob")
    flows = [Flow("FUNDER", "alice", Fraction(8), "subsidy"), Flow("bob", "alice", Fraction(3), "share")]
    why = "bob would pay 11, and the proposal lets nobody pay more than 10"
    assert breach(proposal, players, players, flows) == why
    assert breach(replace(proposal, accounts=(("FUNDER", "the town"),)), players, players, flows) == ""


@pytest.mark.parametrize(
    ("electorate", "players"), [({"roll": bytes(32), "rolled": 2}, ("alice", "bob")), ({}, ("carol",))]
)
def test_a_member_behind_accounts_that_does_not_play_pays_no_more_than_the_limit(
    electorate: dict[str, Any], players: tuple[str, ...]
) -> None:
    proposal = make_proposal(ROSTER, seal="open", payment_max=Fraction(10), **electorate)
    proposal = replace(proposal, accounts=(("BUYER", "dave"), ("FUNDER", "dave")))
    bought, subsidy = Flow("BUYER", players[0], Fraction(8), "price"), Flow("FUNDER", "SINK", Fraction(3), "subsidy")
    for members in (("carol", "dave"), ("dave",)):
        why = breach(proposal, members, players, [bought, subsidy])
        assert why == "dave would pay 11, and the proposal lets nobody pay more than 10"
    assert breach(proposal, ("carol", "dave"), players, [bought]) == ""
    assert breach(proposal, ("carol",), players, [bought, subsidy]) == "", "of dave nobody knows anything"


def test_a_participant_on_a_roll_does_not_pay_for_the_member_of_its_name() -> None:
    terms = {"accounts": (("SELLER", "bob"), ("BUYER", "alice")), "payment_max": Fraction(10)}
    proposal = make_proposal(ROSTER, seal="open", roll=bytes(32), rolled=2, **terms)
    flows = [Flow("BUYER", "bob", Fraction(8), "price"), Flow("alice", "SELLER", Fraction(9), "share")]
    assert breach(proposal, ("alice", "bob"), ("alice", "bob"), flows) == ""
    more = [*flows, Flow("bob", "SELLER", Fraction(19), "share")]
    why = "bob would pay 11, and the proposal lets nobody pay more than 10"
    assert breach(proposal, ("alice", "bob"), ("alice", "bob"), more) == why


def run(request: ProposeSession, values: tuple[int, ...]) -> list[SessionAborted]:
    cluster = StackCluster([truthful(value) for value in values], 5, lookup=lookup_with(Subsidy, Declared))
    cluster.start()
    cluster.propose(0, request)
    assert cluster.run(1)
    ends = [end for place in range(len(values)) for end in cluster.ended[place].values()]
    aborted = [end for end in ends if isinstance(end, SessionAborted)]
    assert len(aborted) == len(ends) == len(values)
    return aborted


@pytest.mark.parametrize("n", [3, 4])
def test_a_deficit_that_nobody_agreed_to_cover_aborts_at_everyone_alike(n: int) -> None:
    ends = run(ProposeSession(mechanism=Subsidy(), deposit=Fraction(1), **phases(1000)), tuple(range(n)))
    (reason,) = {end.reason for end in ends}
    assert "a flow names 'FUNDER', which is neither a player nor a declared account" in reason
    assert all(sum(flow.amount for flow in end.booked if flow.payer == "DEPOSIT") == n for end in ends)


@pytest.mark.parametrize("n", [3, 4])
def test_a_payment_above_the_limit_aborts_at_everyone_alike(n: int) -> None:
    request = ProposeSession(mechanism=SecondPrice(), payment_max=Fraction(10), **phases(400))
    ends = run(request, tuple(range(10, 10 + n)))
    (reason,) = {end.reason for end in ends}
    assert "the proposal lets nobody pay more than 10" in reason
