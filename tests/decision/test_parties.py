"""One name, one party: nobody is taken for somebody else in the books, and nobody owes without having agreed."""

from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.decision.books import Books, party_flows
from mechdesign.decision.parties import CUSTODY, is_outside, participant, renaming
from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.flow import ACCOUNTS, Flow, bound
from tests.decision.toys import Cluster, make_proposal, make_roster

ROSTER = make_roster(4)
BEFORE = [(member.name, member.id) for member in ROSTER.members]


def roster_of(*members: Member) -> Roster:
    return replace(ROSTER, members=members, epoch=ROSTER.epoch + 1)


def test_who_stays_keeps_its_name_and_who_goes_gets_its_key_behind_it() -> None:
    called = renaming(BEFORE, roster_of(*ROSTER.members[:3]))
    gone = called("dave")
    assert [called(name) for name in ("alice", "the harbour")] == ["alice", "the harbour"]
    assert gone == f"dave ({ROSTER.ids[3][:16].hex()})"
    later = renaming(BEFORE[:3], roster_of(*ROSTER.members))
    assert later(gone) == "dave"
    assert later("dave") == "dave (outside)"


def test_a_newcomer_is_neither_a_former_member_nor_an_outside_party_of_its_name() -> None:
    newcomer = replace(make_roster(4, prefix="new ").members[3], name="dave")
    called = renaming(BEFORE, roster_of(*ROSTER.members[:3], newcomer))
    assert called("dave") == f"dave ({ROSTER.ids[3][:16].hex()})"
    assert renaming(BEFORE[:3], roster_of(*ROSTER.members[:3], newcomer))("dave") == "dave (outside)"


@pytest.mark.parametrize("name", [*ACCOUNTS, CUSTODY])
def test_named_accounts_are_called_the_same_for_ever(name: str) -> None:
    odd = roster_of(*ROSTER.members[:3], replace(ROSTER.members[3], name=name))
    assert renaming(BEFORE, odd)(name) == name
    assert not is_outside(name)


def test_no_renamed_party_can_be_named_by_a_proposal() -> None:
    called = renaming(BEFORE, roster_of(*ROSTER.members[:3]))
    assert not is_outside(called("dave"))
    assert not is_outside("zoe (outside)")
    assert not is_outside(participant("zoe", bytes(32)))
    assert is_outside("the (old) harbour")
    assert is_outside("Hafen (Hamburg)")


def test_a_participant_on_a_roll_is_not_the_member_of_its_name() -> None:
    terms = make_proposal(
        ROSTER, accounts=(("SELLER", "alice"),), roll=bytes(range(32)), rolled=3, seal="open", players_min=1
    )
    flows = (Flow("alice", "SELLER", Fraction(5), "fee"), Flow("zoe", "alice", Fraction(1), "x"))
    books = Books()
    assert books.book(bytes(32), ROSTER.ids[0], terms, flows)
    assert {line.party: line.amount for line in books.balances} == {
        "alice (roll 000102030405060708090a0b0c0d0e0f)": -4,
        "alice": 5,
        "zoe (roll 000102030405060708090a0b0c0d0e0f)": -1,
    }
    assert party_flows(flows, replace(terms, roll=b"", rolled=0)) == bound(flows, terms.accounts)


# Consent


def test_a_member_that_is_not_asked_is_not_made_to_stand_behind_an_account() -> None:
    cluster = Cluster(4)
    cluster.run(place=3, asked=cluster.roster.ids[1:], accounts=(("FUNDER", "alice"),))
    assert cluster.aborted().reason == "alice stands behind FUNDER and does not take part"
    assert all(cluster.aborted(place) == cluster.aborted() for place in range(4))
    assert cluster.cores[0].balances == ()


def test_nor_is_one_that_declines() -> None:
    cluster = Cluster(4)
    cluster.sessions[0].enrols = "out"
    cluster.run(place=3, accounts=(("SELLER", "alice"),))
    assert cluster.aborted().reason == "alice stands behind SELLER and does not take part"


@pytest.mark.parametrize(("proposer", "asked"), [(0, slice(1, 4)), (3, slice(0, 4))])
def test_who_proposes_or_takes_part_has_agreed(proposer: int, asked: slice) -> None:
    cluster = Cluster(4)
    cluster.run(place=proposer, asked=cluster.roster.ids[asked], accounts=(("SELLER", "alice"),))
    assert cluster.decided().agrees
    assert {line.party: line.amount for line in cluster.cores[1].balances} == {"dave": -13, "alice": 13}
