"""Sessions whose deposits a member holds: who may play, what is paid out, and what a custodian can and cannot do."""

from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.books import CUSTODY, Due, Purse
from mechdesign.decision.core import DecisionCore
from mechdesign.decision.custody.cover import RECEIPTS_PER_PLAYER
from mechdesign.decision.custody.custodian import Manual, attend
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry
from mechdesign.decision.custody.till import DepositDue
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Answers, Booked, Payout, Receipt
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Ready, ViewChanging
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import InputError, LocalProtocolError, VerificationError
from tests.decision.toys import Cluster, make_roster

CAROL = 2
TERMS: dict[str, Any] = {
    "custodian": "carol",
    "deposit": Fraction(20),
    "sanctions": ("forfeit",),
    "accounts": (("SELLER", "the harbour"),),
}


def enrolling(**terms: Any) -> Cluster:
    """A session in which everybody wants to play and nobody has paid."""
    cluster = Cluster(4)
    cluster.propose(0, **{**TERMS, **terms})
    cluster.settle()
    return cluster


def session_of(cluster: Cluster) -> bytes:
    return cluster.cores[0].status()[0].session


def receive(cluster: Cluster, player: int, amount: int | str, reference: str, by: int = CAROL) -> None:
    """A receipt is ordered, whoever says it and whatever it says."""
    entry = ReceiptEntry(session_of(cluster), cluster.roster.ids[player], Fraction(str(amount)), reference)
    cluster.order(by, Kind.RECEIPT, entry.encoded)


def deposits(cluster: Cluster, place: int = CAROL) -> dict[str, Fraction]:
    return {due.name: due.lacks for due in cluster.cores[place].custody() if isinstance(due, DepositDue)}


def payouts(cluster: Cluster, place: int = CAROL) -> dict[str, Fraction]:
    return {due.party: due.amount for due in cluster.cores[place].custody() if isinstance(due, Due)}


def held(cluster: Cluster, place: int = 0) -> dict[str, Fraction]:
    assert sum(line.amount for line in cluster.cores[place].balances) == 0
    return {line.party: line.amount for line in cluster.cores[place].balances}


def players(cluster: Cluster) -> set[str]:
    (answers,) = cluster.events(0, Answers)
    assert isinstance(answers, Answers)
    return {cluster.roster.name(member) for member, _ in answers.reports}


# Who may play


def test_the_status_names_a_custodian_that_is_gone_and_nobody_whose_deposit_it_was_to_confirm() -> None:
    """Under ``unanimous`` nothing goes on without it."""
    cluster = Cluster(3, faults=FaultModel.UNANIMOUS)
    cluster.propose(0, **{**TERMS, "asked": cluster.roster.ids[:CAROL]})
    cluster.settle()
    cluster.down = {CAROL}
    for _ in range(3):
        cluster.wait(5000)
    for place in (0, 1):
        (status,) = cluster.cores[place].status()
        assert (status.phase, status.unpaid, status.missing) == ("enrolling", ("alice", "bob"), ("carol",))


def test_no_deposit_is_waited_for_where_no_quorum_will_ever_have_the_code() -> None:
    """A member that leaves and is not heard again would keep it open, and the status could name nobody."""
    cluster = Cluster(3, faults=FaultModel.UNANIMOUS)
    cluster.sessions[CAROL].enrols = "left"
    cluster.propose(0, **{**TERMS, "custodian": "alice"})
    cluster.settle()
    cluster.down = {CAROL}
    for _ in range(3):
        cluster.wait(5000)
    assert cluster.aborted().reason == "at most 2 members have the code, and a quorum is 3"
    assert [core.status() for core in cluster.cores[:CAROL]] == [(), ()]


def test_enrolment_waits_for_the_deposits_and_names_who_has_not_paid() -> None:
    cluster = enrolling()
    (status,) = cluster.cores[1].status()
    assert (status.phase, status.heard, status.missing) == ("enrolling", 0, ())
    assert status.unpaid == ("alice", "bob", "carol", "dave")
    assert deposits(cluster) == {"alice": 20, "bob": 20, "carol": 20, "dave": 20}
    assert cluster.cores[0].custody() == ()
    for player in range(4):
        receive(cluster, player, 20, f"bank {player}")
    cluster.settle()
    assert players(cluster) == {"alice", "bob", "carol", "dave"}
    assert deposits(cluster) == {}


def test_a_player_whose_deposit_is_not_there_at_the_close_does_not_play() -> None:
    cluster = enrolling()
    for player in range(3):
        receive(cluster, player, 20, f"bank {player}")
    receive(cluster, 3, "19.00", "too little")
    assert deposits(cluster) == {"dave": 1}
    cluster.wait(1000)
    assert players(cluster) == {"alice", "bob", "carol"}
    decided = cluster.decided()
    assert all(cluster.decided(place) == decided for place in range(4))
    assert payouts(cluster)["dave"] == 19, "what it has paid goes back"
    report = audit(decided.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert [name for _, name in report.players] == ["alice", "bob", "carol"]


def test_without_receipts_nobody_plays_and_the_session_aborts() -> None:
    cluster = enrolling()
    cluster.wait(1000)
    assert cluster.aborted().reason == "0 of at least 1 players enrolled"
    assert held(cluster) == {}


def test_a_deposit_may_come_in_parts_and_before_its_player_enrols() -> None:
    cluster = Cluster(4)
    cluster.propose(0, **TERMS)
    cluster.step()
    for player in range(4):
        for part in range(4):
            receive(cluster, player, 5, f"{player} {part}")
    cluster.settle()
    assert players(cluster) == {"alice", "bob", "carol", "dave"}


@pytest.mark.parametrize(
    ("amount", "reference", "by"),
    [("20", "bank 0", CAROL), ("20", "by another", 3), ("1/3", "no minor unit", CAROL)],
)
def test_what_is_no_receipt_of_the_custodian_or_the_same_again_covers_nothing(
    amount: str, reference: str, by: int
) -> None:
    cluster = enrolling()
    receive(cluster, 0, 10, "bank 0")
    receive(cluster, 0, amount, reference, by)
    receive(cluster, 1, 20, "bank 0")
    assert deposits(cluster) == {"alice": 10, "bob": 20, "carol": 20, "dave": 20}


def test_a_custodian_cannot_fill_the_session_with_receipts() -> None:
    cluster = enrolling()
    before = len(cluster.cores[0].status())
    for number in range(RECEIPTS_PER_PLAYER + 5):
        receive(cluster, 0, 1, f"cent {number}")
    assert deposits(cluster)["alice"] == 20 - RECEIPTS_PER_PLAYER
    assert len(cluster.cores[0].status()) == before


def test_a_receipt_behind_the_close_is_void() -> None:
    cluster = enrolling()
    session = session_of(cluster)
    for player in range(3):
        receive(cluster, player, 20, f"bank {player}")
    cluster.wait(1000)
    late = ReceiptEntry(session, cluster.roster.ids[3], Fraction(20), "late")
    cluster.order(CAROL, Kind.RECEIPT, late.encoded)
    assert "dave" not in payouts(cluster)


def test_a_custodian_that_has_not_the_code_ends_the_session_because_it_could_pay_nobody() -> None:
    cluster = Cluster(4)
    cluster.sessions[CAROL].enrols = "left"
    cluster.propose(0, **TERMS)
    cluster.settle()
    for player in (0, 1, 3):
        receive(cluster, player, 20, f"bank {player}")
    cluster.settle()
    assert cluster.aborted().reason == "the custodian carol has not the code, so it cannot know whom to pay"
    assert payouts(cluster) == {"alice": 20, "bob": 20, "dave": 20}, "what it has received goes back"


def test_a_session_without_a_custodian_takes_no_receipts_and_waits_for_none() -> None:
    cluster = Cluster(4)
    cluster.propose(0, **{**TERMS, "custodian": ""})
    cluster.step()
    receive(cluster, 0, 20, "bank")
    cluster.settle()
    assert players(cluster) == {"alice", "bob", "carol", "dave"}
    assert CUSTODY not in held(cluster)
    assert payouts(cluster) == {}


def test_a_transcript_with_receipts_resists_every_change() -> None:
    cluster = played()
    data = cluster.decided().transcript
    for at in range(0, len(data), 19):
        with pytest.raises(VerificationError):
            audit(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], cluster.scheme, cluster.recompute, cluster.roster)
    report = audit(data, cluster.scheme, cluster.recompute, cluster.roster)
    assert dict(report.received) == {"alice": 20, "bob": 20, "carol": 20, "dave": 20}


# What is paid out


def played() -> Cluster:
    cluster = enrolling()
    for player in range(4):
        receive(cluster, player, 20, f"bank {player}")
    cluster.settle()
    return cluster


def test_after_the_end_everybody_is_due_what_is_left_and_the_books_are_empty_once_it_is_paid() -> None:
    cluster = played()
    assert held(cluster) == {"alice": 20, "bob": 20, "carol": 20, "dave": 7, "the harbour": 13, CUSTODY: -80}
    assert payouts(cluster) == {"alice": 20, "bob": 20, "carol": 20, "dave": 7, "the harbour": 13}
    assert payouts(cluster, 0) == {}
    for due in cluster.cores[CAROL].custody():
        assert isinstance(due, Due)
        cluster.route(CAROL, cluster.cores[CAROL].submit(Payout(due.session, due.party), 0))
    cluster.settle()
    assert held(cluster) == held(cluster, CAROL) == {}
    assert payouts(cluster) == {}


def test_a_pay_out_counts_once_and_only_from_the_custodian_and_only_if_it_is_due() -> None:
    cluster = played()
    (booked,) = cluster.events(0, Booked)
    assert isinstance(booked, Booked)
    before = held(cluster)
    for by, session, party in ((3, booked.session, "dave"), (CAROL, bytes(32), "dave"), (CAROL, booked.session, "zoe")):
        cluster.order(by, Kind.PAYOUT, PayoutEntry(session, party).encoded)
    assert held(cluster) == before
    for _ in range(2):
        cluster.order(CAROL, Kind.PAYOUT, PayoutEntry(booked.session, "dave").encoded)
    assert held(cluster) == {"alice": 20, "bob": 20, "carol": 20, "the harbour": 13, CUSTODY: -73}


def test_what_is_due_goes_on_in_the_next_epoch_and_a_pay_out_behind_the_end_is_void() -> None:
    cluster = played()
    for place, core in enumerate(cluster.cores):
        cluster.route(place, core.receive(ViewChanging(len(cluster.log)), 0))
    (booked,) = cluster.events(0, Booked)
    assert isinstance(booked, Booked)
    cluster.order(CAROL, Kind.PAYOUT, PayoutEntry(booked.session, "dave").encoded)
    assert payouts(cluster)["dave"] == 7
    (ready,) = [effect for effect in cluster.effects[CAROL] if isinstance(effect, Ready)]
    roster = make_roster(4, epoch=1)
    after = DecisionCore(
        roster, roster.ids[CAROL], cluster.scheme, entropy=bytes, sealing=cluster.keys[CAROL], state=ready.state
    )
    assert after.custody() == cluster.cores[CAROL].custody()
    assert after.balances == cluster.cores[0].balances


def test_an_aborted_session_pays_the_deposits_back() -> None:
    cluster = enrolling(players_min=4)
    for player in range(3):
        receive(cluster, player, 20, f"bank {player}")
    cluster.wait(1000)
    assert cluster.aborted().reason == "3 of at least 4 players enrolled"
    assert payouts(cluster) == {"alice": 20, "bob": 20, "carol": 20}


# The custodian's own member


def test_a_member_signs_as_a_custodian_only_where_it_is_one_and_only_for_money() -> None:
    cluster = enrolling()
    session, alice = session_of(cluster), cluster.roster.ids[0]
    good = Receipt(session, alice, Fraction(20), "bank")
    assert len(cluster.cores[CAROL].submit(good, 0)) == 1
    for place, bad in (
        (0, good),
        (CAROL, Receipt(session, bytes(32), Fraction(20), "bank")),  # type: ignore[arg-type]
        (CAROL, Receipt(session, alice, Fraction(0), "bank")),
        (CAROL, Receipt(session, alice, Fraction(1, 3), "bank")),
        (CAROL, Receipt(session, alice, Fraction(20), "")),
    ):
        with pytest.raises(LocalProtocolError):
            cluster.cores[place].submit(bad, 0)
    assert cluster.cores[CAROL].submit(Receipt(bytes(32), alice, Fraction(20), "bank"), 0) == []


def test_a_person_confirms_what_is_shown_once_and_the_session_settles_and_pays_out() -> None:
    cluster, shown = enrolling(), list[str]()
    custodian = Manual(shown.append)

    def attended() -> None:
        for request in attend(custodian, cluster.cores[CAROL].custody()):
            cluster.route(CAROL, cluster.cores[CAROL].submit(request, 0))
        cluster.settle()

    attended()
    attended()
    assert len(shown) == 4
    assert shown[0].startswith("alice pays 20 as its deposit; confirm it as in/")
    with pytest.raises(InputError, match="no payment is called"):
        custodian.confirm("in/nothing")
    for name in custodian.open:
        custodian.confirm(name)
    attended()
    assert cluster.decided().agrees
    attended()
    assert len(shown) == 9
    assert "pay 13 to the harbour" in shown[8]
    for name in custodian.open:
        custodian.confirm(name)
    attended()
    attended()
    assert held(cluster) == {}
    assert custodian.open == ()


def test_what_a_person_confirmed_counts_for_no_session_that_is_called_alike() -> None:
    shown: list[str] = []
    custodian = Manual(shown.append)
    purse, payer = Purse("EUR", "carol"), make_roster(4).ids[0]
    # As many digits alike as a proposer could find in a year of trying.
    small = Due(bytes(12) + b"a" * 20, purse, "alice", Fraction(1), payer)
    large = Due(bytes(12) + b"b" * 20, purse, "alice", Fraction(1000), payer)
    assert attend(custodian, [small, large]) == []
    custodian.confirm(custodian.open[0])
    assert attend(custodian, [small, large]) == [Payout(small.session, "alice")]
    assert len(shown) == 2
