"""The session core between decision and a party."""

from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    Convicted,
    Decline,
    Defaulted,
    Enrol,
    Enrolled,
    PhaseChanged,
    Propose,
    Proposed,
    Request,
    Submit,
    Verdict,
)
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import InputError, LocalProtocolError, MechanismError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.claims import Claims, Unknown
from mechdesign.mechanisms.events import (
    Asked,
    DefaultSeen,
    MemberConvicted,
    Progress,
    ProposeSession,
    Report,
    SessionAborted,
    SessionProposed,
)
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.play import PASS
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.session import (
    Policy,
    SessionCore,
    computation_of,
    lookup_with,
    recomputation,
    registered,
)

MEMBERS = tuple((MemberId(bytes([number]) * 32), name) for number, name in ((7, "alice"), (3, "bob"), (5, "carol")))
ME = MEMBERS[0][0]
SESSION = bytes(range(32))


class Nothing(Outcome):
    """No outcome."""


class Unlisted(Mechanism[int, int, Nothing]):
    """Not in the registry."""

    name, version = "test.unlisted", 1

    def settle(self, reports, context):
        return Result(Nothing())


class Deficit(Mechanism[int, int, Nothing]):
    """May run a deficit."""

    name, version = "test.deficit", 1
    accounts = (Account.FUNDER,)
    claims = Claims(no_deficit=Unknown())

    def settle(self, reports, context):
        return Result(Nothing())


def core(**options):
    return SessionCore(ME, MEMBERS, bytes, **options)


def proposal(mechanism=None, **terms):
    (propose,) = core().submit(ProposeSession(mechanism=mechanism or SecondPrice(reserve=5), **terms), 0)
    assert isinstance(propose, Propose)
    return propose.proposal


def proposed(terms=None, asked=True):
    return Proposed(SESSION, MEMBERS[1][0], terms or proposal(), MEMBERS, asked)


def asked_core(mechanism=None, **terms):
    machine = core()
    machine.receive(proposed(proposal(mechanism, **terms)), 0)
    request, asked = machine.receive(Enrolled(SESSION, MEMBERS, 3), 0)
    return machine, request, asked


def test_a_proposal_carries_all_that_can_change_the_outcome():
    terms = proposal(
        SecondPrice(reserve=5), asked=("carol", "alice"), deposit=Fraction(3), sanctions=("forfeit", "recompute")
    )
    assert (terms.mechanism, terms.version) == ("auction.second-price", 1)
    assert terms.code == SecondPrice.code_digest()
    assert terms.parameters == '{"reserve":"5"}'
    assert terms.asked == (MEMBERS[0][0], MEMBERS[2][0])
    assert terms.accounts == (("SELLER", "seller"),)
    assert [str(each) for each in terms.sanctions] == ["recompute", "forfeit"]
    assert terms.report_bytes >= 124


def test_a_label_makes_two_requests_one_proposal_and_without_one_each_is_new():
    drawn = iter((b"a" * 16, b"b" * 16))
    machine = SessionCore(ME, MEMBERS, lambda n: next(drawn))
    labelled = ProposeSession(mechanism=SecondPrice(), label="first")
    assert machine.submit(labelled, 0) == machine.submit(labelled, 1)
    assert machine.submit(labelled, 0) != machine.submit(replace(labelled, label="second"), 0)
    unlabelled = replace(labelled, label="")
    assert machine.submit(unlabelled, 0) != machine.submit(unlabelled, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"asked": ("mallory",)},
        {"seal": "wax"},
        {"sanctions": ("hang",)},
        {"accounts": {"DEPOSIT": "x"}},
        {"accounts": {"alice": "x"}},
        {"threshold": -1},
        {"mechanism": Deficit()},
        {"players_min": 4},
        {"sanctions": ("abort",)},
    ],
)
def test_terms_that_no_session_can_run_under_are_refused(wrong):
    with pytest.raises(LocalProtocolError):
        proposal(**wrong)


def test_a_mechanism_that_can_run_a_deficit_needs_a_funder():
    assert proposal(Deficit(), accounts={"FUNDER": "the city"}).accounts == (("FUNDER", "the city"),)


def test_a_fitting_proposal_is_enrolled_in_at_once():
    told, answer = core().receive(proposed(), 0)
    assert answer == Enrol(SESSION)
    assert isinstance(told, SessionProposed)
    assert (told.proposer, told.mechanism, told.answer) == ("bob", "auction.second-price/1", "enrolled")


@pytest.mark.parametrize(
    "change",
    [
        {"mechanism": "auction.unheard-of"},
        {"version": 9},
        {"code": bytes(32)},
        {"parameters": '{"reserve": "5"}'},
        {"parameters": '{"reserve":"-5"}'},
        {"parameters": "no json"},
        {"accounts": ()},
        {"tie": "by_chance"},
    ],
)
def test_without_the_code_or_with_impossible_terms_a_member_leaves(change):
    terms = replace(proposal(), **change)
    for asked in (True, False):
        machine = core()
        told, answer = machine.receive(proposed(terms, asked), 0)
        assert isinstance(answer, Decline)
        assert not answer.follows
        assert told.reason
        assert machine.receive(Enrolled(SESSION, MEMBERS, 3), 0) == ()


@pytest.mark.parametrize(
    "policy",
    [Policy(enrol=False), Policy(mechanisms=frozenset({"voting.borda"})), Policy(deposit_max=Fraction(2))],
)
def test_what_the_policy_refuses_is_declined_and_still_followed(policy):
    machine = core(policy=policy)
    told, answer = machine.receive(proposed(proposal(deposit=Fraction(3))), 0)
    assert (answer.follows, answer.reason) == (True, told.reason)
    request, *rest = machine.receive(Enrolled(SESSION, MEMBERS[1:], 3), 0)
    assert request == Request(SESSION, 0, (MEMBERS[1][0], MEMBERS[2][0]), True)
    assert rest == [], "our own player is not asked"


def test_a_member_takes_part_in_so_many_sessions_at_a_time_and_not_with_endless_reports():
    machine = core(policy=Policy(sessions_max=2))
    ids = [bytes([number]) * 32 for number in range(3)]
    answers = [machine.receive(replace(proposed(), session=each), 0)[1] for each in ids]
    assert [type(answer) for answer in answers] == [Enrol, Enrol, Decline]
    machine.receive(Aborted(ids[0], "nobody came", (), ()), 0)
    assert machine.receive(replace(proposed(), session=bytes([9]) * 32), 0)[1] == Enrol(bytes([9]) * 32)
    long = replace(proposal(), report_bytes=60_000)
    assert isinstance(core().receive(proposed(long), 0)[1], Decline)


@pytest.mark.parametrize(
    ("terms", "stakes"),
    [
        ({"deposit": Fraction(3), "open_ms": 1}, False),
        ({"deposit": Fraction(3), "open_ms": 999}, False),
        ({"deposit": Fraction(3), "open_ms": 1000}, True),
        ({"deposit": Fraction(0), "open_ms": 1}, True),
        ({"deposit": Fraction(3), "open_ms": 1, "seal": "open"}, True),
    ],
)
def test_no_deposit_is_staked_on_an_opening_that_cannot_be_in_time(terms, stakes):
    _, answer = core().receive(proposed(proposal(**{"seal": "commit_reveal", **terms})), 0)
    assert isinstance(answer, Enrol if stakes else Decline)


@pytest.mark.parametrize("names", [{"auction.second-price"}, {"auction.second-price/1"}])
def test_a_policy_names_mechanisms_with_or_without_their_version(names):
    assert Policy(mechanisms=frozenset(names)).objection(proposal()) == ""


def test_a_member_that_is_not_asked_follows_and_attests():
    machine = core()
    told, said = machine.receive(proposed(asked=False), 0)
    assert told.answer == "not asked"
    assert said == Decline(SESSION, "", follows=True), "a session begins once a quorum has the code"
    machine.receive(Enrolled(SESSION, MEMBERS[1:], 3), 0)
    (attest,) = machine.receive(Answers(SESSION, 0, ((MEMBERS[1][0], b'"9"'),), 8, bytes(32), ()), 0)
    assert isinstance(attest, Attest)
    assert attest.verdict is Verdict.SETTLED


def test_no_name_from_a_peer_loads_a_file_or_a_module(tmp_path):
    trap = tmp_path / "trap.py"
    trap.write_text("raise SystemExit('loaded')")
    for name in (str(trap), f"{trap}:Trap", "os.path:join", "auction.second-price"):
        assert registered(name, 99) is None
    assert registered("auction.second-price", 1) is SecondPrice


def test_a_lookup_can_know_more_than_the_registry():
    assert registered("test.unlisted", 1) is None
    find = lookup_with(Unlisted)
    assert find("test.unlisted", 1) is Unlisted
    assert find("auction.second-price", 1) is SecondPrice


def test_our_player_is_asked_and_its_report_handed_down():
    machine, request, asked = asked_core()
    assert request == Request(SESSION, 0, tuple(member for member, _ in MEMBERS), True)
    assert isinstance(asked, Asked)
    assert (asked.player, asked.players, asked.mechanism) == (
        "alice",
        ("alice", "bob", "carol"),
        SecondPrice(reserve=5),
    )
    assert machine.submit(Report(SESSION, 0, Fraction(37, 2)), 0) == (Submit(SESSION, 0, b'"37/2"'),)
    assert machine.submit(Report(SESSION, 0, "18.5"), 0) == (Submit(SESSION, 0, b'"37/2"'),)


@pytest.mark.parametrize("nothing", [None, PASS])
def test_none_and_pass_give_no_report(nothing):
    machine, _, _ = asked_core()
    assert machine.submit(Report(SESSION, 0, nothing), 0) == (Submit(SESSION, 0, None),)


@pytest.mark.parametrize("wrong", [-1, 1.5, "much", True, [1]])
def test_a_report_that_is_not_of_the_type_is_refused_with_its_reason(wrong):
    machine, _, _ = asked_core()
    with pytest.raises(InputError, match="report"):
        machine.submit(Report(SESSION, 0, wrong), 0)


def test_a_report_to_what_is_closed_or_unknown_does_nothing():
    machine, _, _ = asked_core()
    assert machine.submit(Report(SESSION, 1, 5), 0) == ()
    assert machine.submit(Report(bytes(32), 0, 5), 0) == ()
    machine.receive(Answers(SESSION, 0, (), 8, bytes(32), ()), 0)
    assert machine.submit(Report(SESSION, 0, 5), 0) == ()


def test_an_ask_is_open_until_our_own_answer_is_in_the_log():
    machine, _, asked = asked_core()
    others = tuple(member for member, _ in MEMBERS[1:])
    everyone = tuple(member for member, _ in MEMBERS)
    machine.receive(PhaseChanged(SESSION, "sealing", 0, 0, 3, everyone), 0)
    assert machine.is_open(asked)
    machine.receive(PhaseChanged(SESSION, "sealing", 0, 1, 3, others), 0)
    assert not machine.is_open(asked)


def test_what_decision_says_is_told_with_names():
    machine, _, _ = asked_core()
    bob = MEMBERS[1][0]
    assert machine.receive(PhaseChanged(SESSION, "sealing", 0, 2, 3, (bob,)), 0) == (
        Progress(SESSION, "sealing", 0, 2, 3, ("bob",)),
    )
    assert machine.receive(Defaulted(SESSION, 0, bob), 0) == (DefaultSeen(SESSION, 0, "bob"),)
    assert machine.receive(Convicted(bob, "equivocation", b"proof", (SESSION,)), 0) == (
        MemberConvicted("bob", bob, "equivocation", b"proof", (SESSION,)),
    )
    assert machine.receive(Aborted(SESSION, "nobody came", (bob,), ()), 0) == (
        SessionAborted(SESSION, "auction.second-price/1", "nobody came", ("bob",), ()),
    )
    assert machine.open_sessions == ()


def test_an_audit_recomputes_with_the_code_at_hand_or_says_why_it_cannot():
    run = recomputation()(proposed())
    assert isinstance(run.enrolled(Enrolled(SESSION, MEMBERS, 3)), Request)
    with pytest.raises(MechanismError, match="code"):
        recomputation()(proposed(replace(proposal(), code=bytes(32))))
    assert computation_of(proposed(), lookup_with())[1] == ""
