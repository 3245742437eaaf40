"""How an epoch ends for the decision layer, and what the next one starts from."""

from fractions import Fraction
from random import Random
from typing import Any

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import DeclineEntry, EvidenceEntry, Kind, TimerEntry, parse
from mechdesign.decision.epoch import DRAIN_MS
from mechdesign.decision.messages import Aborted, Booked, Decided, Enrolled, Proposed, Refused
from mechdesign.decision.phases import DRAINING
from mechdesign.decision.state import EpochState
from mechdesign.decision.transcript import audit
from mechdesign.group.block import make_block
from mechdesign.group.evidence import InvalidBlock, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, Ready, ViewChanging
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import LocalProtocolError
from tests.decision.slow import propose, release, slow_member
from tests.decision.toys import SILENT, Cluster, Plan, make_roster, sealing_key


def change(cluster: Cluster) -> None:
    """A change of the view is ordered here."""
    for place, core in enumerate(cluster.cores):
        if place not in cluster.down:
            cluster.route(place, core.receive(ViewChanging(len(cluster.log)), cluster.now))


def ready(cluster: Cluster, place: int) -> list[bytes]:
    return [effect.state for effect in cluster.effects[place] if isinstance(effect, Ready)]


def state_of(cluster: Cluster) -> bytes:
    states = {state for place in range(cluster.roster.n) for state in ready(cluster, place)}
    assert len(states) == 1
    return states.pop()


def next_epoch(cluster: Cluster, *, prefix: str = "", n: int | None = None) -> Cluster:
    """The same members, or others, in the epoch behind this one."""
    roster = make_roster(n or cluster.roster.n, prefix=prefix, epoch=cluster.roster.epoch + 1)
    after = Cluster(roster.n, roster=roster, plan=cluster.plan, prefix=prefix)
    for place in range(roster.n):
        after.cores[place] = DecisionCore(
            roster,
            roster.ids[place],
            after.scheme,
            entropy=bytes,
            sealing=after.keys[place],
            state=state_of(cluster),
        )
    return after


def held(cluster: Cluster, place: int = 0) -> dict[str, Fraction]:
    return {line.party: line.amount for line in cluster.cores[place].balances}


TERMS: dict[str, Any] = {"accounts": (("SELLER", "the harbour"),), "deposit": Fraction(7)}


def test_a_group_with_nothing_open_is_ready_at_once_and_everywhere_with_the_same_bytes() -> None:
    cluster = Cluster(4)
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1] * 4
    assert EpochState.parse(state_of(cluster)) is not None


def test_an_open_session_runs_to_its_end_before_anybody_is_ready() -> None:
    cluster = Cluster(4)
    cluster.propose(0, **TERMS)
    for _ in range(7):
        cluster.step()
    change(cluster)
    (status,) = cluster.cores[2].status()
    assert status.delays
    assert status.session.hex()[:16] in cluster.cores[2].hindrance
    while not ready(cluster, 3):
        assert not ready(cluster, 0)
        assert cluster.step()
    assert cluster.decided(3).agrees
    state_of(cluster)
    assert cluster.cores[2].hindrance == ""
    assert held(cluster) == {"dave": -13, "the harbour": 13}


def test_no_session_begins_during_a_change_and_its_proposer_is_told() -> None:
    cluster = Cluster(4)
    change(cluster)
    cluster.run(place=1)
    assert cluster.events(0, Proposed) == []
    (refused,) = cluster.events(1, Refused)
    assert isinstance(refused, Refused)
    assert "changing" in refused.reason
    assert [len(cluster.events(place, Refused)) for place in (0, 2, 3)] == [0, 0, 0]


def test_what_is_ordered_behind_the_change_never_makes_a_member_ready_twice() -> None:
    cluster = Cluster(4)
    change(cluster)
    change(cluster)
    cluster.run()
    assert [len(ready(cluster, place)) for place in range(4)] == [1] * 4


def test_balances_go_on_in_the_next_epoch() -> None:
    cluster = Cluster(4).run(**TERMS)
    change(cluster)
    after = next_epoch(cluster)
    assert held(after) == held(cluster) == {"dave": -13, "the harbour": 13}
    after.run(nonce=bytes(range(16)), **TERMS)
    assert held(after, 2) == {"dave": -26, "the harbour": 26}


def test_a_newcomer_does_not_inherit_the_balance_of_another_member_of_its_name() -> None:
    cluster = Cluster(4).run(**TERMS)
    change(cluster)
    after = next_epoch(cluster, prefix="new ")
    old = f"dave ({cluster.roster.ids[3][:16].hex()})"
    assert held(after) == {old: -13, "the harbour": 13}
    after.run(**TERMS)
    assert held(after) == {old: -13, "dave": -13, "the harbour": 26}
    change(after)
    again = next_epoch(after)
    new = f"dave ({after.roster.ids[3][:16].hex()})"
    assert held(again) == {"dave": -13, new: -13, "the harbour": 26}, "who comes back has its own balance again"


def test_an_outside_party_is_not_taken_for_a_member_that_joins_later() -> None:
    cluster = Cluster(2).run(accounts=(("SELLER", "carol"),))
    assert held(cluster) == {"bob": -11, "carol": 11}
    change(cluster)
    after = next_epoch(cluster, n=3)
    assert held(after) == {"bob": -11, "carol (outside)": 11}


def test_convictions_of_those_who_stay_are_carried_along() -> None:
    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        return [Broadcast(said.key, said.kind, said.data[:-1] + b"\x00")] if said.kind == Kind.ATTEST else [said]

    cluster = Cluster(4)
    cluster.twist = lambda place, said: twist(place, said) if place == 3 else [said]
    cluster.run(**TERMS)
    cluster.wait(5000)
    change(cluster)
    state = EpochState.parse(state_of(cluster))
    assert state is not None
    assert state.convicts == ((cluster.roster.ids[3], "wrong-outcome"),)
    change(after := next_epoch(cluster))
    again = EpochState.parse(state_of(after))
    assert again is not None
    assert again.convicts == state.convicts
    assert state.carried(make_roster(3))[1] == ()
    assert after.cores[1].convicts == state.convicts


@pytest.mark.parametrize("state", [b"\x00", b"no state", Cluster(1).roster.encoded])
def test_a_core_starts_from_no_other_bytes(state: bytes) -> None:
    roster = make_roster(1)
    with pytest.raises(LocalProtocolError):
        DecisionCore(roster, roster.ids[0], Cluster(1).scheme, entropy=bytes, sealing=sealing_key("alice"), state=state)


# What holds a change up


def test_under_unanimous_a_missing_member_holds_the_change_up_and_the_status_names_it() -> None:
    cluster = Cluster(3, faults=FaultModel.UNANIMOUS)
    cluster.propose(0, **TERMS)
    for _ in range(5):
        cluster.step()
    cluster.down.add(2)
    change(cluster)
    for _ in range(10):
        cluster.wait(5000)
    assert ready(cluster, 0) == []
    (status,) = cluster.cores[0].status()
    assert status.delays
    assert status.missing == ("carol",)
    assert "waits for the end of" in cluster.cores[0].hindrance


def test_a_proposal_that_nobody_has_the_code_of_does_not_hold_a_change_up() -> None:
    cluster = Cluster(4)
    for session in cluster.sessions:
        session.enrols = "left"
    cluster.run()
    assert all(isinstance(cluster.aborted(place), Aborted) for place in range(4))
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1] * 4


def nobody_can_follow(**terms: Any) -> Cluster:
    """Dave proposes what nobody else has the code of, and enrols alone before the others can say so."""
    cluster = Cluster(4, fast=False)
    for session in cluster.sessions[:3]:
        session.enrols = "left"
    cluster.propose(3, asked=cluster.roster.ids[3:], **{**TERMS, **terms})
    assert cluster.step()
    say(cluster, 3)
    return cluster


def proof_against(cluster: Cluster, place: int) -> bytes:
    block = make_block(cluster.roster, cluster.signers[place], 5, [], (), [])
    return encode_evidence(InvalidBlock(Signed(block.encoded, block.signature)))


def say(cluster: Cluster, place: int) -> None:
    """What a member has to say next is ordered before what others have."""
    said = next(each for each in cluster.pending if each[0] == place)
    cluster.pending.remove(said)
    cluster.order(place, said[1].kind, said[1].data)


@pytest.mark.parametrize("terms", [{}, {"sanctions": ("forfeit", "abort")}, {"deposit": Fraction(0)}])
def test_a_session_that_no_quorum_has_the_code_of_does_not_begin_and_keeps_no_change_waiting(terms: Any) -> None:
    cluster = nobody_can_follow(**terms)
    assert [each.phase for each in cluster.cores[3].status()] == ["enrolling"]
    cluster.settle()
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1] * 4
    assert state_of(cluster) == ready(cluster, 0)[0]
    aborted = cluster.aborted(0)
    assert aborted.reason == "at most 2 members have the code, and a quorum is 3"
    assert all(cluster.aborted(place) == aborted for place in range(4))
    assert len({event.position for place in range(4) for event in cluster.events(place, Booked)}) == 1
    assert held(cluster) == {}
    assert audit(aborted.transcript, cluster.scheme, cluster.recompute, cluster.roster).flows == ()


def test_a_liar_parts_no_books_by_forfeiting_its_deposit_before_others_could_say_that_they_lack_the_code() -> None:
    cluster = nobody_can_follow(sanctions=("forfeit", "abort"))
    cluster.order(0, Kind.EVIDENCE, EvidenceEntry(proof_against(cluster, 3)).encoded)
    cluster.settle()
    change(cluster)
    assert [held(cluster, place) for place in range(4)] == [{}] * 4
    assert [ready(cluster, place) for place in range(4)] == [[state_of(cluster)]] * 4


def test_who_has_said_that_it_has_the_code_does_not_leave_any_more() -> None:
    cluster = Cluster(4)
    cluster.propose(3, asked=cluster.roster.ids[3:], **TERMS)
    assert cluster.step()
    for place in (3, 0, 1):
        say(cluster, place)
    (status,) = cluster.cores[3].status()
    assert status.phase == "sealing"
    for place in (3, 0, 1):
        cluster.order(place, Kind.DECLINE, DeclineEntry(status.session, "not any more", follows=False).encoded)
    cluster.settle()
    assert cluster.decided(2).certificate.signers == cluster.roster.ids


def test_timers_alone_begin_no_session_before_a_quorum_has_said_that_it_has_the_code() -> None:
    cluster = nobody_can_follow()
    cluster.pending = [each for each in cluster.pending if each[1].kind != Kind.DECLINE]
    for _ in range(3):
        cluster.wait(5000)
    for place in range(4):
        assert cluster.aborted(place).reason == "1 of 4 members have said that they have the code, and a quorum is 3"


def test_a_liar_that_says_nothing_beside_a_member_without_the_code_holds_no_enrolment_open() -> None:
    cluster = Cluster(4)
    cluster.sessions[2].enrols = "left"
    cluster.sessions[3].enrols = SILENT
    cluster.run()
    for _ in range(3):
        cluster.wait(5000)
    assert cluster.aborted(0).reason == "2 of 4 members have said that they have the code, and a quorum is 3"
    assert not cluster.cores[2].status()


def test_with_a_quorum_that_has_the_code_nobody_waits_for_the_others() -> None:
    cluster = Cluster(4)
    cluster.sessions[2].enrols = "left"
    cluster.propose(3, asked=cluster.roster.ids[3:], **TERMS)
    assert cluster.step()
    for place in (3, 0, 1):
        assert [each.phase for each in cluster.cores[2].status()] == ["enrolling"]
        say(cluster, place)
    assert [each.phase for each in cluster.cores[3].status()] == ["sealing"]
    cluster.settle()
    assert cluster.decided(3).certificate.signers == cluster.decided(2).certificate.signers


@pytest.mark.parametrize("seed", range(40))
def test_whoever_has_the_code_books_what_everybody_books_though_a_convict_forfeits_its_deposit(seed: int) -> None:
    chance = Random(seed)
    n = chance.choice((4, 4, 5, 7))
    cluster = Cluster(n)
    liar = n - 1
    lacking = chance.sample(range(liar), chance.randint(0, liar))
    for place in lacking:
        cluster.sessions[place].enrols = "left"
    having = [cluster.roster.ids[place] for place in range(n) if place not in lacking]
    asked = tuple(member for member in having if member == having[-1] or chance.random() < 0.5)
    cluster.propose(liar, asked=asked, sanctions=("forfeit", "abort"), **TERMS)
    offends_at = chance.randrange(12)
    for number in range(200):
        if number == offends_at:
            cluster.order(0, Kind.EVIDENCE, EvidenceEntry(proof_against(cluster, liar)).encoded)
        if cluster.pending:
            # Whatever liars and the network prefer to have ordered first.
            theirs = [each for each in cluster.pending if each[0] == liar]
            first = chance.choice(theirs if theirs and chance.random() < 0.7 else cluster.pending)
            cluster.pending.remove(first)
            cluster.order(first[0], first[1].kind, first[1].data)
        elif number > offends_at:
            break
    cluster.wait(5000)
    change(cluster)
    told = [state for place in range(n) for state in ready(cluster, place)]
    assert len(set(told)) == 1
    everybody = len(having) < cluster.roster.q
    assert len(told) == (n if everybody or not lacking else len(having))
    assert everybody == (not cluster.events(liar, Enrolled))


def test_a_session_founded_behind_a_change_that_is_overdue_is_not_waited_for_either() -> None:
    cluster = Cluster(4)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    while not slow.asked:
        assert cluster.step()
    late = propose(cluster, 0, asked=cluster.roster.ids[1:2], custodian="carol", deposit=5)
    change(cluster)
    cluster.now += DRAIN_MS * 1000
    cluster.route(3, cluster.cores[3].tick(cluster.now))
    cluster.pending.clear()
    release(cluster, 3)
    timers = [parse(each.kind, each.data) for place, each in cluster.pending if place == 3]
    assert TimerEntry(late, 0, DRAINING) in timers


def test_who_left_a_session_that_went_on_cannot_say_what_flowed_and_leaves_it_to_the_others() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.run(**TERMS)
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1, 1, 1, 0]
    assert "takes the balances over" in cluster.cores[3].hindrance
    assert held(next_epoch(cluster), 3) == {"carol": -12, "the harbour": 12}


def test_who_computed_something_else_leaves_it_to_the_others_too() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].lie = b"another library"
    cluster.run(**TERMS)
    cluster.wait(5000)
    change(cluster)
    assert [len(ready(cluster, place)) for place in range(4)] == [1, 1, 1, 0]
    assert cluster.events(3, Booked) == []


# The books of a group


def test_every_end_of_a_session_is_booked_at_its_position_at_every_member() -> None:
    cluster = Cluster(4, plan=Plan((True, False)))
    for number in range(6):
        cluster.propose(number % 4, nonce=bytes([number]) * 16, players_min=4 if number % 2 else 1, **TERMS)
    cluster.sessions[2].enrols = "out"
    cluster.settle()
    for place in range(4):
        booked = [event for event in cluster.sessions[place].events if isinstance(event, Booked)]
        assert [event.kept for event in booked] == [True] * 6
        assert [(event.session, event.position) for event in booked] == [
            (event.session, event.position) for event in cluster.sessions[0].events if isinstance(event, Booked)
        ]
        ends = [event.session for event in cluster.sessions[place].events if isinstance(event, Decided | Aborted)]
        assert ends == [event.session for event in booked]
    assert held(cluster) == {"dave": -14 * 3, "the harbour": 14 * 3}


def test_a_proposer_cannot_crowd_out_the_balances_of_others() -> None:
    cluster = Cluster(4)
    for number in range(200):
        accounts = (("SELLER", f"party {number}"),)
        cluster.run(place=3, accounts=accounts, nonce=number.to_bytes(16, "big"), asked=cluster.roster.ids[3:])
    kept = [event.kept for event in cluster.events(0, Booked)]
    assert 100 < kept.count(True) < 200
    assert kept == sorted(kept, reverse=True), "full is full"
    cluster.run(place=0, nonce=bytes([255]) * 16, **TERMS)
    assert held(cluster)["the harbour"] == 13
    assert sum(held(cluster).values()) == 0
