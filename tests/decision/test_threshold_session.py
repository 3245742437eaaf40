"""Sessions under threshold sealing: what the members do together, and what a cheat can and cannot do to them."""

from dataclasses import replace
from itertools import combinations
from typing import Any, cast

import pytest

from mechdesign.decision.entries import CoinEntry, Kind, SealEntry, ShareEntry, parse
from mechdesign.decision.messages import Answers, Defaulted, PhaseChanged
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import GARBAGE, ciphertext_bytes, decrypt
from mechdesign.decision.sealing.sharing import interpolate
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, Purpose, Share, deal, parse_dealing
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import decode, digest
from tests.decision.toys import SILENT, Cluster, Plan, bids, make_proposal, nets

FORFEITS = (Sanction.RECOMPUTE, Sanction.FORFEIT)


def read(kind, data):
    """An entry that is known to be one."""
    return parse(kind, data)


def read_share(data):
    return Share.parse(data)


def kind_of(effect):
    return effect.kind


def run(n=4, **options):
    terms = options.pop("terms", {})
    cluster = Cluster(n, **options)
    cluster.run(seal="threshold", **terms)
    return cluster


def twisting(place, change):
    """A member whose broadcasts pass through ``change``."""

    def twist(who, broadcast):
        return change(broadcast) if who == place else [broadcast]

    return twist


def kinds(cluster):
    return [Kind(each.submission.kind) for each in cluster.log]


def senders(cluster, kind):
    return [each.submission.sender for each in cluster.log if each.submission.kind == kind]


def entries(cluster, kind):
    return [read(kind, each.submission.data) for each in cluster.log if each.submission.kind == kind]


def reports(cluster, place=0, step=0):
    return dict(next(event for event in cluster.events(place, Answers) if event.step == step).reports)


def is_said(effect):
    return isinstance(effect, Broadcast)


def convictions(cluster, place=0):
    """Who was convicted of what; each proof is checked as an outsider would."""
    found = []
    for event in cluster.effects[place]:
        if type(event).__name__ == "Convicted":
            found.append((cluster.roster.name(event.member), event.offence))
            assert verify_evidence(event.evidence, cluster.roster, cluster.scheme) == (event.member, event.offence)
    return found


@pytest.mark.parametrize("n", range(1, 8))
def test_a_group_of_any_size_seals_opens_and_settles(n):
    cluster = run(n, fast=n != 4)
    ends = [cluster.decided(place) for place in range(n)]
    assert all(end == ends[0] and end.agrees for end in ends)
    assert reports(cluster) == {member: bytes([10 + place]) for place, member in enumerate(cluster.roster.ids)}
    found = audit(ends[0].transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert found.digest == ends[0].digest
    assert dict(found.reports) == reports(cluster)


def test_no_report_is_readable_in_the_log_before_the_close():
    secret = b"a very telling 1"
    cluster = run(4, report=lambda place, step: secret if place == 0 else bids(place, step))
    opened = kinds(cluster).index(Kind.SHARE)
    assert all(secret not in each.submission.data for each in cluster.log)
    assert kinds(cluster)[:opened].count(Kind.SEAL) == 4
    assert reports(cluster)[cluster.roster.ids[0]] == secret


def test_shares_leave_only_after_the_close_is_in_the_member_s_own_log():
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    while kinds(cluster).count(Kind.SEAL) < 3:
        cluster.step()
    assert not any(
        kind_of(effect) == Kind.SHARE for effects in cluster.effects for effect in effects if is_said(effect)
    )
    cluster.down.add(3)  # it does not see the close
    while kinds(cluster).count(Kind.SEAL) < 4:
        waiting = next(at for at, (_, each) in enumerate(cluster.pending) if each.kind == Kind.SEAL)
        place, broadcast = cluster.pending.pop(waiting)
        cluster.order(place, broadcast.kind, broadcast.data)
    shared = [
        any(kind_of(effect) == Kind.SHARE for effect in effects if is_said(effect)) for effects in cluster.effects
    ]
    assert shared == [True, True, True, False]


def test_a_bidder_that_is_gone_for_good_after_sealing_still_has_its_bid_opened_and_counted():
    cluster = Cluster(4, report=lambda place, step: bytes([99 if place == 1 else 10 + place]))
    cluster.propose(seal="threshold", deposit=5, sanctions=FORFEITS)
    while cluster.roster.ids[1] not in senders(cluster, Kind.SEAL):
        cluster.step()
    cluster.down.add(1)
    cluster.settle()
    for _ in range(4):
        cluster.wait(5000)
    end = cluster.decided(0)
    assert reports(cluster)[cluster.roster.ids[1]] == b"\x63"
    assert nets(end.flows) == {"bob": -99, "SELLER": 99}
    assert cluster.events(0, Defaulted) == []


def test_members_that_are_not_asked_share_too():
    cluster = Cluster(4)
    cluster.run(seal="threshold", asked=cluster.roster.ids[:2])
    assert set(senders(cluster, Kind.SHARE)) == set(cluster.roster.ids)
    assert len(reports(cluster)) == 2


def test_a_pass_is_plain_and_opens_to_nothing():
    cluster = run(4, report=lambda place, step: None if place < 3 else b"\7")
    assert [said.sealed is None for said in entries(cluster, Kind.SEAL)].count(True) == 3
    assert reports(cluster) == {cluster.roster.ids[3]: b"\7"}


def test_where_everybody_passes_there_is_nothing_to_open():
    cluster = run(4, report=lambda place, step: None)
    assert Kind.SHARE not in kinds(cluster)
    assert reports(cluster) == {}
    assert cluster.decided(0).agrees


def test_the_opening_ends_where_t_valid_shares_are_ordered_and_later_ones_are_void():
    cluster = run(7)
    opening = [event for event in cluster.events(0, PhaseChanged) if event.phase == "opening"]
    assert [(event.heard, event.asked) for event in opening] == [(heard, 5) for heard in range(6)]
    assert kinds(cluster).count(Kind.SHARE) == 7


@pytest.mark.parametrize("threshold", [2, 3])
def test_any_t_between_b_and_q_opens_with_t_shares(threshold):
    cluster = run(4, terms={"threshold": threshold})
    opening = [event for event in cluster.events(0, PhaseChanged) if event.phase == "opening"]
    assert opening[-1].asked == threshold
    assert cluster.decided(0).agrees


@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_a_proposal_with_a_threshold_outside_its_bounds_founds_no_session(threshold):
    cluster = Cluster(4)
    proposal = replace(make(cluster), threshold=threshold)
    cluster.order(0, Kind.PROPOSE, proposal.encoded)
    assert all(session.events == [] for session in cluster.sessions)
    assert "threshold" in str(proposal.fault(cluster.roster))


def make(cluster, **terms):
    return make_proposal(cluster.roster, seal="threshold", **terms)


def withhold(places, kind=Kind.SHARE):
    return lambda who, broadcast: [] if who in places and broadcast.kind == kind else [broadcast]


def test_without_t_shares_the_timers_abort_the_session_and_deposits_return():
    cluster = Cluster(4, twist=withhold({2, 3}))
    cluster.run(seal="threshold", deposit=5, sanctions=FORFEITS)
    cluster.wait(3000)
    for place in range(4):
        end = cluster.aborted(place)
        assert "2 of 3 members' shares" in end.reason
        assert nets(end.flows) == {}
    assert cluster.aborted(0).defaulted == cluster.roster.ids[2:]
    assert convictions(cluster) == []


def test_a_withheld_share_below_the_limit_changes_nothing():
    cluster = run(4, twist=withhold({3}))
    assert len(reports(cluster)) == 4
    assert convictions(cluster) == []


# Offences


def change_entry(kind, change):
    def apply(broadcast):
        if broadcast.kind != kind:
            return [broadcast]
        return [replace(broadcast, data=change(read(kind, broadcast.data)).encoded)]

    return apply


def spoilt(data, at=40):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


FALSE_SEALS = {
    "a changed byte": lambda said: replace(said, sealed=spoilt(said.sealed)),
    "a changed ciphertext": lambda said: replace(said, sealed=spoilt(said.sealed, -3)),
    "no dealing at all": lambda said: replace(said, sealed=bytes(32)),
    "nothing": lambda said: replace(said, sealed=b""),
    "longer": lambda said: replace(said, sealed=said.sealed + b"\0"),
}


@pytest.mark.parametrize("change", FALSE_SEALS.values(), ids=FALSE_SEALS)
def test_an_invalid_dealing_convicts_and_its_report_is_void(change):
    cluster = run(4, twist=twisting(1, change_entry(Kind.SEAL, change)), terms={"deposit": 6, "sanctions": FORFEITS})
    assert convictions(cluster) == [("bob", "false-dealing")] == convictions(cluster, 3)
    assert cluster.roster.ids[1] not in reports(cluster)
    assert nets(cluster.decided(0).flows) == {"dave": -13 + 2, "SELLER": 13, "bob": -6, "alice": 2, "carol": 2}
    assert audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute).convicted == (
        (cluster.roster.ids[1], "false-dealing"),
    )


def test_a_copied_dealing_is_an_invalid_one_of_the_copier():
    """Mallory gives alice's sealed bid as its own: the dealing is bound to its dealer."""
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, lambda said: replace(said, sealed=stolen(cluster))))
    cluster.propose(seal="threshold")
    cluster.settle()
    assert convictions(cluster) == [("dave", "false-dealing")]
    assert len(reports(cluster)) == 3


def stolen(cluster):
    sealed = entries(cluster, Kind.SEAL)
    if not sealed:  # alice's is not ordered yet, but she has said it
        return next(read(each.kind, each.data).sealed for each in cluster.said[0].values() if each.kind == Kind.SEAL)
    return sealed[0].sealed


def context(cluster, dealer, step=0, purpose=Purpose.REPORT):
    proposed = next(each.submission for each in cluster.log if each.submission.kind == Kind.SEAL)
    session = read(proposed.kind, proposed.data).session
    return Context(cluster.roster.digest, 0, session, step, purpose, dealer)


def committee(cluster, threshold=None):
    return Committee(
        cluster.roster.ids, tuple(m.sealing for m in cluster.roster.members), threshold or cluster.roster.q
    )


@pytest.mark.parametrize("other", ["step", "session", "epoch", "group", "purpose"])
def test_a_dealing_of_another_place_is_invalid(other):
    cluster = Cluster(4)

    def replayed(said):
        made = Context(cluster.roster.digest, 0, said.session, said.step, Purpose.REPORT, cluster.roster.ids[3])
        changed: dict[str, Any] = {
            "step": {"step": 1},
            "session": {"session": bytes(32)},
            "epoch": {"epoch": 1},
            "group": {"group": bytes(32)},
            "purpose": {"purpose": Purpose.COIN},
        }
        there = replace(made, **changed[other])
        if other == "purpose":
            dealing = commit(
                committee(cluster), there, draw(committee(cluster), there, b"", bytes(32)), bytes(ciphertext_bytes(16))
            )
        else:
            dealing = deal(committee(cluster), there, b"\x21", 16, bytes(32))
        return replace(said, sealed=dealing.encoded)

    cluster.twist = twisting(3, change_entry(Kind.SEAL, replayed))
    cluster.run(seal="threshold")
    assert convictions(cluster) == [("dave", "false-dealing")]


def garbage_seal(cluster):
    def change(said):
        there = Context(cluster.roster.digest, 0, said.session, said.step, Purpose.REPORT, cluster.roster.ids[3])
        polynomial = draw(committee(cluster), there, b"x", bytes(32))
        return replace(said, sealed=commit(committee(cluster), there, polynomial, bytes(ciphertext_bytes(16))).encoded)

    return change


def test_garbage_inside_a_valid_dealing_convicts_when_it_is_opened():
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    cluster.run(seal="threshold", deposit=6, sanctions=FORFEITS)
    assert convictions(cluster) == [("dave", "sealed-garbage")] == convictions(cluster, 2)
    assert cluster.roster.ids[3] not in reports(cluster)
    assert nets(cluster.decided(1).flows)["dave"] == -6
    found = audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute)
    assert found.convicted == ((cluster.roster.ids[3], "sealed-garbage"),)


def test_under_the_sanction_abort_garbage_costs_the_deposit_and_ends_nothing_that_others_see():
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    cluster.run(seal="threshold", deposit=6, sanctions=(Sanction.RECOMPUTE, Sanction.ABORT))
    assert convictions(cluster) == [("dave", "sealed-garbage")]
    assert all(nets(cluster.decided(place).flows) == nets(cluster.decided(0).flows) for place in range(4))
    assert nets(cluster.decided(0).flows) == {"dave": -6, "alice": 2, "bob": 2, "carol": 2 - 12, "SELLER": 12}


@pytest.mark.parametrize("place", [0, 3])
def test_under_the_sanction_abort_a_false_share_is_no_way_out_of_what_was_seen(place):
    cluster = Cluster(4, twist=twisting(place, change_entry(Kind.SHARE, false_share)))
    cluster.propose(seal="threshold", deposit=6, sanctions=(Sanction.RECOMPUTE, Sanction.ABORT))
    hold_back(cluster, place)
    assert convictions(cluster) == [(cluster.roster.members[place].name, "false-share")]
    assert len(reports(cluster)) == 4
    assert all(cluster.decided(other).certificate == cluster.decided(0).certificate for other in range(4))


def false_share(said):
    share = read_share(said.share)
    points = share.points[32:] + share.points[:32]
    return replace(said, share=Share(share.opens, points, share.proof).encoded)


@pytest.mark.parametrize("place", [0, 3])
def test_a_false_share_convicts_and_the_others_open(place):
    cluster = Cluster(4, twist=twisting(place, change_entry(Kind.SHARE, false_share)))
    cluster.propose(seal="threshold", deposit=6, sanctions=FORFEITS)
    hold_back(cluster, place)
    name = cluster.roster.members[place].name
    assert convictions(cluster) == [(name, "false-share")]
    assert len(reports(cluster)) == 4
    assert nets(cluster.decided(0).flows)[name] <= -6


def hold_back(cluster, first):
    """Order the shares of ``first`` before those of others."""
    while cluster.pending:
        at = next((at for at, (who, each) in enumerate(cluster.pending) if who == first and each.kind == Kind.SHARE), 0)
        place, broadcast = cluster.pending.pop(at)
        cluster.order(place, broadcast.kind, broadcast.data)


@pytest.mark.parametrize("data", [b"", b"\0" * 40, "other set"])
def test_what_is_no_share_of_this_set_is_void_and_no_offence(data):
    def change(said):
        if data == "other set":
            share = read_share(said.share)
            return replace(said, share=Share(bytes(32), share.points, share.proof).encoded)
        return replace(said, share=data)

    cluster = Cluster(4, twist=twisting(0, change_entry(Kind.SHARE, change)))
    cluster.propose(seal="threshold")
    hold_back(cluster, 0)
    assert convictions(cluster) == []
    assert len(reports(cluster)) == 4


def early(cluster, place, at):
    """Have a member order a share when so many seals are in the log."""
    while kinds(cluster).count(Kind.SEAL) < at:
        cluster.step()
    entry = ShareEntry(context(cluster, cluster.roster.ids[place]).session, 0, b"too early")
    cluster.order(place, Kind.SHARE, entry.encoded)
    cluster.settle()


def test_a_share_before_the_close_convicts_by_the_order_that_a_quorum_signed():
    cluster = Cluster(4)
    cluster.propose(seal="threshold", deposit=6, sanctions=FORFEITS)
    early(cluster, 2, 2)
    assert convictions(cluster) == [("carol", "early-share")] == convictions(cluster, 3)
    assert nets(cluster.decided(0).flows)["carol"] == -6
    found = audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute)
    assert found.convicted == ((cluster.roster.ids[2], "early-share"),)
    assert len(reports(cluster)) == 4


def test_a_share_after_the_close_that_is_late_for_the_opening_is_no_offence():
    cluster = run(4)
    session = context(cluster, cluster.roster.ids[3]).session
    cluster.order(3, Kind.SHARE, ShareEntry(session, 0, b"late").encoded)
    assert convictions(cluster) == []


def proofs():
    """One proof of each kind, with the cluster that it comes from."""
    cluster = Cluster(4)
    cluster.twist = twisting(3, change_entry(Kind.SEAL, garbage_seal(cluster)))
    yield "sealed-garbage", cluster.run(seal="threshold")
    yield "false-dealing", run(4, twist=twisting(1, change_entry(Kind.SEAL, FALSE_SEALS["a changed byte"])))
    cluster = Cluster(4, twist=twisting(0, change_entry(Kind.SHARE, false_share)))
    yield "false-share", cluster.run(seal="threshold")
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    early(cluster, 2, 2)
    yield "early-share", cluster


PROOFS = list(proofs())


@pytest.mark.parametrize(("offence", "cluster"), PROOFS, ids=[name for name, _ in PROOFS])
def test_a_proof_that_was_tampered_with_convicts_nobody_else(offence, cluster):
    event = next(event for event in cluster.effects[1] if type(event).__name__ == "Convicted")
    assert event.offence == offence
    data = event.evidence
    for at in range(0, len(data), max(1, len(data) // 150)):
        changed = data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :]
        try:
            found = verify_evidence(changed, cluster.roster, cluster.scheme)
        except VerificationError:
            continue
        assert found == (event.member, offence), at


@pytest.mark.parametrize(("offence", "cluster"), PROOFS, ids=[name for name, _ in PROOFS])
def test_a_proof_convicts_nobody_under_the_roster_of_another_group(offence, cluster):
    event = next(event for event in cluster.effects[1] if type(event).__name__ == "Convicted")
    other = replace(cluster.roster, nonce=bytes([7]) * 16)
    with pytest.raises(VerificationError):
        verify_evidence(event.evidence, other, cluster.scheme)


# What fewer than t members can see


def seals_of(cluster):
    """What is in the log before the first share, as (kind, sender, data)."""
    first = kinds(cluster).index(Kind.SHARE)
    return [(each.submission.kind, each.submission.sender, each.submission.data) for each in cluster.log[:first]]


@pytest.mark.parametrize(("n", "t", "changed"), [(4, 2, 0), (4, 3, 3), (7, 3, 2), (7, 5, 6)])
@pytest.mark.parametrize("bids", [(b"\x20", b"a longer bid"), (b"", bytes(16)), (b"\x01", b"\x02")])
def test_changing_one_sealed_value_changes_nothing_before_the_close_but_ciphertext_and_dealing(n, t, changed, bids):
    one, other = (
        run(n, terms={"threshold": t}, report=lambda place, step, bid=bid: bid if place == changed else b"\1")
        for bid in bids
    )
    before, after = seals_of(one), seals_of(other)
    assert len(before) == len(after)
    differ = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [(kind, sender) for (kind, sender, _), _ in differ] == [(Kind.SEAL, one.roster.ids[changed])]
    (_, _, mine), (_, _, theirs) = differ[0]
    assert len(mine) == len(theirs)
    said = [read(Kind.SEAL, data) for data in (mine, theirs)]
    assert (said[0].session, said[0].step) == (said[1].session, said[1].step)
    dealings = [each for each in (Dealing.parse(seal.sealed, n, 20 + 16) for seal in said) if each is not None]
    assert len(dealings) == 2
    lengths = [[len(part) for part in cast("tuple[bytes, ...]", decode(each.encoded))] for each in dealings]
    assert lengths[0] == lengths[1]
    # With their keys t - 1 members get a point each, of the same length.
    for at in range(1, t):
        points = [one.keys[at - 1].decrypt(each.share(at)) for each in dealings]
        assert [len(point) for point in points] == [32, 32]
        assert points[0] != points[1]


@pytest.mark.parametrize(("n", "t"), [(4, 2), (4, 3), (7, 3), (7, 5)])
def test_t_less_one_members_with_all_their_keys_cannot_open_a_report(n, t):
    """Fewer than t pool their keys, whoever they are: no secret that they can make from their shares opens anything."""
    cluster = run(n, terms={"threshold": t})
    made = committee(cluster, t)
    for place, dealer in enumerate(cluster.roster.ids):
        said = entries(cluster, Kind.SEAL)[senders(cluster, Kind.SEAL).index(dealer)]
        dealing = parse_dealing(said.sealed, made, 16)
        assert isinstance(dealing, Dealing)
        there = context(cluster, dealer)
        points = {at: cluster.keys[at - 1].decrypt(dealing.share(at)) for at in range(1, n + 1)}
        shown = [part[k * 32 : k * 32 + 32] for part in (dealing.commitments, dealing.encrypted) for k in range(n)]
        assert all(decrypt(made, there, guess, dealing.ciphertext, 16) is GARBAGE for guess in shown)
        for size in range(1, t):
            for colluders in combinations(range(1, n + 1), size):
                guesses = [interpolate({k: points[k] for k in colluders}), *(points[k] for k in colluders)]
                assert all(decrypt(made, there, guess, dealing.ciphertext, 16) is GARBAGE for guess in guesses)
        # The control: any t of them do open it.
        for enough in (range(1, t + 1), range(n - t + 1, n + 1)):
            opened = decrypt(made, there, interpolate({k: points[k] for k in enough}), dealing.ciphertext, 16)
            assert opened == bytes([10 + place])


# Restart


@pytest.mark.parametrize("at", range(0, 24, 3))
def test_a_member_that_restarts_anywhere_says_the_same_bytes_again(at):
    cluster = Cluster(4)
    cluster.propose(seal="threshold")
    for _ in range(at):
        cluster.step()
    before = dict(cluster.said[2])
    cluster.said[2] = {}
    cluster.restart(2)
    again = cluster.said[2]
    assert again == {key: before[key] for key in again}
    cluster.said[2] = before | again
    cluster.pending = unique(cluster)
    cluster.settle()
    assert cluster.decided(0) == cluster.decided(2)
    assert len(reports(cluster)) == 4


def unique(cluster):
    """What waits, without what a replay said once more."""
    seen, kept = set(), []
    ordered = {(each.submission.sender, each.submission.data) for each in cluster.log}
    for place, broadcast in cluster.pending:
        mark = place, broadcast.key
        if mark not in seen and (cluster.roster.ids[place], broadcast.data) not in ordered:
            kept.append((place, broadcast))
        seen.add(mark)
    return kept


def test_two_steps_of_one_session_are_sealed_apart():
    cluster = run(4, plan=Plan(sealed=(True, True)))
    assert reports(cluster, step=0) == {m: bytes([10 + k]) for k, m in enumerate(cluster.roster.ids)}
    assert reports(cluster, step=1) == {m: bytes([11 + k]) for k, m in enumerate(cluster.roster.ids)}
    assert cluster.decided(0).agrees


def test_a_silent_player_is_waited_for_until_the_timers_and_then_absent():
    cluster = Cluster(4, report=lambda place, step: SILENT if place == 2 else bids(place, step))
    cluster.run(seal="threshold")
    cluster.wait(2000)
    assert set(reports(cluster)) == set(cluster.roster.ids) - {cluster.roster.ids[2]}
    assert cluster.decided(0).agrees


def test_every_changed_byte_of_a_transcript_is_found():
    cluster = run(4)
    data = cluster.decided(0).transcript
    for at in range(0, len(data), 97):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(VerificationError):
            audit(changed, cluster.scheme, cluster.recompute, cluster.roster)


def test_coin_entries_and_shares_of_no_session_are_ignored():
    cluster = Cluster(4)
    cluster.order(0, Kind.COIN, CoinEntry(digest("none"), 0, b"x").encoded)
    cluster.order(0, Kind.SHARE, ShareEntry(digest("none"), 0, b"x").encoded)
    cluster.order(0, Kind.SEAL, SealEntry(digest("none"), 0, b"x").encoded)
    assert cluster.pending == []
