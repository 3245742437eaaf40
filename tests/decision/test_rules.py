"""Reports, seals and openings, proposals, foreign entries: what counts, and where."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mechdesign.decision.admission import SESSIONS_PER_PROPOSER
from mechdesign.decision.entries import (
    AttestEntry,
    DeclineEntry,
    EnrolEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    Verdict,
    parse,
)
from mechdesign.decision.messages import Answers, Decided, Defaulted, PhaseChanged, Proposed
from mechdesign.decision.proposal import Sanction, Seal
from mechdesign.decision.record import Record
from mechdesign.decision.sealing.commit_reveal import commitment, pad
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Broadcast, Submission
from mechdesign.group.roster import FaultModel
from tests.decision.staged import agree, only, open_session
from tests.decision.toys import SILENT, Cluster, Plan, bids, make_roster, nets


@pytest.mark.parametrize("seal", ["open", "commit_reveal"])
def test_players_may_pass(seal: str) -> None:
    cluster = Cluster(4, report=lambda place, step: None if place else bids(place, step)).run(seal=seal)
    assert nets(agree(cluster).flows) == {"alice": -10, "SELLER": 10}
    assert [len(event.reports) for event in cluster.events(0, Answers)] == [1]


@pytest.mark.parametrize("seal", ["open", "commit_reveal"])
@pytest.mark.parametrize("n", [1, 4])
def test_everybody_passing_is_a_defined_outcome(n: int, seal: str) -> None:
    cluster = Cluster(n, report=lambda place, step: None).run(seal=seal, deposit=Fraction(7))
    assert nets(agree(cluster).flows) == {}


def test_a_session_without_flows_settles() -> None:
    assert agree(Cluster(4, plan=Plan(flows=False)).run()).flows == ()


def late_pair(cluster: Cluster) -> Cluster:
    """Carol and dave leave it to the test to report."""
    for place in (2, 3):
        cluster.sessions[place].report = lambda place, step: SILENT
    return cluster


def test_the_first_report_counts() -> None:
    cluster = late_pair(Cluster(4))
    session = open_session(cluster, seal="open")
    cluster.settle()
    for place, amount in ((3, 40), (3, 90), (2, 1)):
        cluster.order(place, Kind.REPORT, ReportEntry(session, 0, bytes([amount])).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"dave": -40, "SELLER": 40}


def test_the_first_seal_counts() -> None:
    cluster = late_pair(Cluster(4))
    session = open_session(cluster)
    cluster.settle()
    dave = cluster.roster.ids[3]
    first, second = pad(b"\x28", 16), pad(b"\x5a", 16)
    for padded in (first, second):
        made = commitment(cluster.roster, session, 0, dave, bytes(32), padded)
        cluster.order(3, Kind.SEAL, SealEntry(session, 0, made).encoded)
    cluster.order(2, Kind.SEAL, SealEntry(session, 0, None).encoded)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 0, bytes(32), first).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"dave": -40, "SELLER": 40}


def test_a_report_that_is_too_long_is_silence() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster, seal="open")
    cluster.settle()
    cluster.order(3, Kind.REPORT, ReportEntry(session, 0, b"\xff" * 17).encoded)
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.wait(2000)
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert cluster.convicted() == []


@pytest.mark.parametrize("sealed", [True, False])
def test_players_that_an_ask_is_not_of_are_not_heard_in_it(sealed: bool) -> None:
    cluster = Cluster(4, plan=Plan((sealed,), of=((0, 1),)), report=lambda place, step: SILENT)
    session = open_session(cluster)
    cluster.settle()
    cluster.order(2, Kind.SEAL, SealEntry(session, 0, bytes(32)).encoded)
    cluster.order(2, Kind.REPORT, ReportEntry(session, 0, b"\xff").encoded)
    for place in (0, 1):
        cluster.order(place, Kind.SEAL, SealEntry(session, 0, None).encoded)
        cluster.order(place, Kind.REPORT, ReportEntry(session, 0, None).encoded)
    cluster.settle()
    decided = agree(cluster)
    assert nets(decided.flows) == {}
    kept = Record.parse(decided.transcript).frozen
    assert not [
        entry
        for entry in kept
        if entry.submission.kind in {Kind.SEAL, Kind.REPORT} and entry.sender == cluster.roster.ids[2]
    ]


def test_openings_that_repeat_or_name_another_step_are_void() -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={3}))
    session = open_session(cluster, deposit=Fraction(1), sanctions=("forfeit",))
    cluster.settle()
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 1, bytes(32), pad(b"x", 16)).encoded)
    cluster.order(2, Kind.OPEN, OpenEntry(session, 0, bytes(32), pad(b"x", 16)).encoded)
    own = next(effect for effect in cluster.effects[3] if isinstance(effect, Broadcast) and effect.kind == Kind.OPEN)
    cluster.order(3, own.kind, own.data)
    cluster.settle()
    assert cluster.convicted() == []
    assert nets(agree(cluster).flows) == {"dave": -13, "SELLER": 13}


def test_entries_after_the_close_change_nothing_and_prove_nothing() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster)
    cluster.settle()
    before = len(cluster.sessions[0].events)
    for data in (EnrolEntry(session), DeclineEntry(session, "", True)):
        kind = Kind.ENROL if isinstance(data, EnrolEntry) else Kind.DECLINE
        cluster.order(3, kind, data.encoded)
    cluster.order(3, Kind.OPEN, OpenEntry(session, 0, bytes(32), bytes(20)).encoded)
    cluster.order(3, Kind.REPORT, ReportEntry(session, 0, b"\xff").encoded)
    cluster.order(3, Kind.ATTEST, AttestEntry(session, 3, bytes(32), Verdict.SETTLED, bytes(32)).encoded)
    assert len(cluster.sessions[0].events) == before
    cluster.wait(2000)
    cluster.order(3, Kind.SEAL, SealEntry(session, 0, bytes(32)).encoded)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert cluster.convicted() == []


def test_an_honest_seal_that_comes_too_late_is_not_opened_and_costs_nothing() -> None:
    cluster = Cluster(4, twist=only(Kind.SEAL, places={3}))
    open_session(cluster, deposit=Fraction(5), sanctions=("forfeit",))
    cluster.settle()
    cluster.wait(2000)
    late = next(effect for effect in cluster.effects[3] if isinstance(effect, Broadcast) and effect.kind == Kind.SEAL)
    cluster.order(3, late.kind, late.data)
    cluster.settle()
    assert nets(agree(cluster).flows) == {"carol": -12, "SELLER": 12}
    assert not [each for each in cluster.effects[3] if isinstance(each, Broadcast) and each.kind == Kind.OPEN]


@pytest.mark.parametrize("sanctions", [(), ("recompute",), ("forfeit",), ("forfeit", "abort")])
def test_not_opening_is_a_default_that_forfeits_and_never_a_conviction(sanctions: tuple[str, ...]) -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={3}))
    cluster.run(deposit=Fraction(10), sanctions=sanctions)
    cluster.wait(3000)
    decided = agree(cluster)
    dave = cluster.roster.ids[3]
    assert [event.member for event in cluster.events(0, Defaulted)] == [dave]
    assert cluster.convicted() == []
    if "forfeit" in sanctions:
        assert nets(decided.flows) == {"alice": 4, "bob": 3, "carol": 3 - 12, "dave": -10, "SELLER": 12}
    else:
        assert nets(decided.flows) == {"carol": -12, "SELLER": 12}
    report = audit(decided.transcript, cluster.scheme, cluster.recompute)
    assert report.defaulted == (dave,)


def test_the_copy_of_a_commitment_cannot_be_opened() -> None:
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 3 else bids(place, step))
    session = open_session(cluster, deposit=Fraction(3), sanctions=("forfeit",))
    while cluster.step():
        seals = [entry.submission for entry in cluster.log if entry.submission.kind == Kind.SEAL]
        if len(seals) == 3 and not any(entry.submission.sender == cluster.roster.ids[3] for entry in cluster.log[5:]):
            cluster.order(3, Kind.SEAL, seals[0].data)
    opened = next(entry.submission for entry in cluster.log if entry.submission.kind == Kind.OPEN)
    assert opened.data.startswith(OpenEntry(session, 0, bytes(32), b"").encoded[:30])
    cluster.wait(3000)
    assert [event.member for event in cluster.events(0, Defaulted)] == [cluster.roster.ids[3]]
    assert nets(agree(cluster).flows) == {"alice": 1, "bob": 1, "carol": 1 - 12, "dave": -3, "SELLER": 12}


def test_all_players_defaulting_leaves_the_deposits_to_the_sink() -> None:
    cluster = Cluster(4, twist=only(Kind.OPEN, places={0, 1, 2, 3}))
    cluster.run(deposit=Fraction(10), sanctions=("forfeit",))
    cluster.wait(3000)
    assert nets(agree(cluster).flows) == {"alice": -10, "bob": -10, "carol": -10, "dave": -10, "SINK": 40}


def test_two_sessions_of_the_same_terms_are_decided_each_by_itself() -> None:
    cluster = Cluster(4)
    cluster.propose(0, nonce=bytes(16))
    cluster.propose(1, nonce=bytes([1]) * 16)
    cluster.settle()
    digests = {event.session: event.digest for event in cluster.events(0, Decided)}
    assert len(digests) == 2
    for place in range(4):
        assert {event.session: event.digest for event in cluster.events(place, Decided)} == digests


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_entries_of_another_session_are_not_entries_of_this_one(seal: str) -> None:
    """All that was said in a session is said again, as it is, in a second one of the same terms."""
    cluster = Cluster(4, plan=Plan((seal != "open",)))
    cluster.propose(0, nonce=bytes(16), seal=seal)
    cluster.settle()
    said = [entry.submission for entry in cluster.log[1:]]
    cluster.propose(1, nonce=bytes([1]) * 16, seal=seal)
    cluster.step()
    before = cluster.cores[0].status()
    assert len(before) == 1
    for entry in said:
        cluster.append(cluster.roster.ids.index(entry.sender), entry)
        cluster.order(cluster.roster.ids.index(entry.sender), entry.kind, entry.data)
    assert cluster.cores[0].status() == before
    cluster.settle()
    one, other = (event.digest for event in cluster.events(0, Decided))
    assert one != other
    assert cluster.convicted() == []


def test_a_proposal_that_another_member_says_again_or_changes_founds_another_session_or_none() -> None:
    """What was enrolled and sealed under the terms that alice signed counts under those terms alone."""
    cluster = Cluster(4)
    terms = cluster.propose(0, seal="threshold", deposit=Fraction(2), sanctions=("recompute", "forfeit"))
    cluster.step()
    mine = cluster.log[0].submission.data
    assert mine == terms.encoded
    changed = [
        replace(terms, deposit=Fraction(1)),
        replace(terms, seal=Seal.OPEN),
        replace(terms, threshold=2),
        replace(terms, sanctions=(Sanction.RECOMPUTE,)),
        replace(terms, report_ms=terms.report_ms + 1),
        replace(terms, nonce=bytes(16)),
    ]
    for data in (mine, *(each.encoded for each in changed)):
        cluster.order(3, Kind.PROPOSE, data)
    spelt = [mine + b"\0", mine[:-1], b"\xdc\x00" + bytes([mine[0] & 15]) + mine[1:], b""]
    for data in spelt:
        cluster.order(3, Kind.PROPOSE, data)
    cluster.settle()
    cluster.wait(60_000)
    proposed = cluster.events(1, Proposed)
    assert len({event.session for event in proposed}) == len(proposed) == 2 + len(changed)
    assert [event.proposer for event in proposed] == [cluster.roster.ids[0]] + [cluster.roster.ids[3]] * 7
    ends = {event.session: event for event in cluster.events(1, Decided)}
    alone = Cluster(4)
    alone.propose(0, seal="threshold", deposit=Fraction(2), sanctions=("recompute", "forfeit"))
    alone.settle()
    mine_ended = ends[proposed[0].session]
    assert mine_ended.session == alone.decided().session
    assert nets(mine_ended.flows) == nets(alone.decided().flows)
    assert cluster.convicted(1) == []


@pytest.mark.parametrize("seal", ["commit_reveal", "threshold"])
def test_what_was_sealed_for_another_session_is_void_in_this_one_whoever_hands_it_in(seal: str) -> None:
    """A cheat writes the name of the second session on what a rival, or it itself, had sealed in the first."""
    for source in (2, 3):
        cluster = Cluster(4)
        cluster.propose(0, nonce=bytes(16), seal=seal)
        cluster.settle()
        parsed = [(each.submission.sender, parse(each.submission.kind, each.submission.data)) for each in cluster.log]
        old = {sender: said for sender, said in parsed if isinstance(said, SealEntry)}[cluster.roster.ids[source]]
        known = {event.session for event in cluster.events(0, Decided)}

        def twist(place: int, broadcast: Broadcast, known: set[bytes] = known, old: SealEntry = old) -> list[Broadcast]:
            said = parse(broadcast.kind, broadcast.data)
            if place != 3 or not isinstance(said, SealEntry) or said.session in known:
                return [broadcast]
            return [replace(broadcast, data=replace(said, sealed=old.sealed).encoded)]

        cluster.twist = twist
        cluster.propose(1, nonce=bytes([1]) * 16, seal=seal)
        cluster.settle()
        for _ in range(3):
            cluster.wait(5000)
        again = [event for event in cluster.events(0, Answers) if event.session not in known]
        assert cluster.roster.ids[3] not in dict(again[0].reports)
        assert len(again[0].reports) == 3
        # A dealing shows by itself that it is of another place; the other commitment is one that nothing opens.
        assert cluster.convicted() == ([("dave", "false-dealing")] if seal == "threshold" else [])


@pytest.mark.parametrize("terms", [{"epoch": 1}, {"depth": 32}])
def test_a_replay_from_another_epoch_or_group_opens_nothing(terms: dict[str, Any]) -> None:
    old = Cluster(4).run()
    new = Cluster(4, roster=make_roster(4, **terms))
    new.propose()
    new.step()
    for entry in old.log[1:]:
        place = new.roster.place(entry.submission.sender)
        assert place is not None
        new.order(place, entry.submission.kind, entry.submission.data)
    assert new.cores[0].status()[0].heard == 0


def test_a_failed_computation_ends_the_session_with_a_certificate_and_without_its_flows() -> None:
    cluster = Cluster(4, plan=Plan(fails=True)).run(deposit=Fraction(4))
    decided = agree(cluster)
    assert decided.verdict is Verdict.FAILED
    assert nets(decided.flows) == {}
    last = cluster.events(0, PhaseChanged)[-1]
    assert last.phase == "aborted"


def test_majority_groups_go_on_with_a_bare_majority() -> None:
    cluster = Cluster(3, faults=FaultModel.MAJORITY)
    cluster.down.add(2)
    cluster.run()
    for wait in (1000, 2000, 3000, 4000):
        cluster.wait(wait)
    assert len(cluster.decided().certificate.signers) == 2


def test_a_proposer_with_too_many_open_sessions_founds_no_more() -> None:
    cluster = Cluster(2, report=lambda place, step: SILENT)
    for number in range(SESSIONS_PER_PROPOSER + 3):
        cluster.propose(0, nonce=number.to_bytes(16, "big"))
    cluster.settle()
    assert len(cluster.cores[1].status()) == SESSIONS_PER_PROPOSER
    cluster.propose(1)
    cluster.settle()
    assert len(cluster.cores[1].status()) == SESSIONS_PER_PROPOSER + 1


def test_a_proposal_that_is_none_founds_no_session() -> None:
    cluster = Cluster(4)
    stranger = bytes(32)
    good = cluster.propose()
    cluster.pending.clear()
    for data in (b"", good.encoded[:-1], good.encoded + b"\0", good.encoded.replace(cluster.roster.ids[1], stranger)):
        cluster.order(1, Kind.PROPOSE, data)
    assert cluster.cores[0].status() == ()
    cluster.append(1, Submission(Kind.PROPOSE, cluster.roster.ids[1], 77, good.encoded))
    assert len(cluster.cores[0].status()) == 1
