"""Coins in sessions: dealt after the reports are fixed, the set fixed before any share, and open to no regret."""

from dataclasses import replace

import pytest

from mechdesign.decision.coin import coin, parse_contribution
from mechdesign.decision.entries import CoinEntry, Kind, ShareEntry, parse
from mechdesign.decision.messages import Answers, CoinReady, Convicted, PhaseChanged
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.threshold import Committee, Context, Purpose, Share
from mechdesign.decision.transcript import audit
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import VerificationError
from tests.decision.toys import Cluster, Plan

THEN_TOSS = Plan(sealed=(True, False), tosses=(1,))


def read_share(data):
    return Share.parse(data)


def read_contribution(data, committee):
    return parse_contribution(data, committee)


def progress(cluster):
    return cluster.events(0, PhaseChanged)


def kinds(cluster):
    return [Kind(each.submission.kind) for each in cluster.log]


def fallen(cluster, place=0):
    return [event.coin for event in cluster.events(place, CoinReady)]


def dealt(cluster):
    """The first dealing for a coin in the log."""
    sent = next(each.submission for each in cluster.log if each.submission.kind == Kind.COIN)
    return parse(sent.kind, sent.data)


def changing(place, kind, change):
    def twist(who, broadcast):
        if who != place or broadcast.kind != kind:
            return [broadcast]
        said = change(parse(kind, broadcast.data))
        return [] if said is None else [replace(broadcast, data=said.encoded)]

    return twist


def convictions(cluster, place=0):
    found = []
    for event in cluster.effects[place]:
        if isinstance(event, Convicted):
            found.append((cluster.roster.name(event.member), event.offence))
            assert verify_evidence(event.evidence, cluster.roster, cluster.scheme) == (event.member, event.offence)
    return found


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("seal", ["threshold", "commit_reveal", "open"])
def test_members_toss_one_coin_under_every_seal_and_fault_model(n, seal):
    cluster = Cluster(n, plan=THEN_TOSS).run(seal=seal)
    assert len({fallen(cluster, place)[0] for place in range(n)}) == 1
    assert [len(fallen(cluster, place)) for place in range(n)] == [1] * n
    assert all(cluster.decided(place).agrees for place in range(n))
    found = audit(cluster.decided(0).transcript, cluster.scheme, cluster.recompute, cluster.roster)
    assert found.coins == tuple(fallen(cluster))


@pytest.mark.parametrize("faults", FaultModel)
def test_every_fault_model_tosses(faults):
    cluster = Cluster(5, plan=THEN_TOSS, faults=faults).run(seal="threshold")
    assert len(fallen(cluster)) == 1


def test_the_coin_falls_where_the_t_th_valid_share_is_ordered():
    cluster = Cluster(4, plan=THEN_TOSS).run()
    event = next(event for event in cluster.effects[0] if isinstance(event, CoinReady))
    assert len(event.coin) == 32
    assert event.position == next(
        p for p, each in enumerate(cluster.log) if kinds(cluster)[: p + 1].count(Kind.SHARE) == 3
    )


def test_nothing_is_dealt_before_the_reports_are_fixed_and_nothing_shared_before_the_dealings_are():
    order = [
        kind
        for kind in kinds(Cluster(4, plan=THEN_TOSS).run())
        if kind in (Kind.SEAL, Kind.OPEN, Kind.COIN, Kind.SHARE)
    ]
    assert order == [Kind.SEAL] * 4 + [Kind.OPEN] * 4 + [Kind.COIN] * 4 + [Kind.SHARE] * 4


def test_other_sessions_and_other_tosses_give_other_coins():
    cluster = Cluster(4, plan=Plan(sealed=(True, False, False), tosses=(1, 2)))
    cluster.run(nonce=bytes(16))
    cluster.run(nonce=bytes([1]) * 16)
    assert len(fallen(cluster)) == 4 == len(set(fallen(cluster)))


def test_a_mechanism_may_toss_first():
    cluster = Cluster(4, plan=Plan(sealed=(False,), tosses=(0,), flows=False)).run()
    assert len(fallen(cluster)) == 1
    assert cluster.events(0, Answers) == []
    assert cluster.decided(0).agrees


def test_a_dealer_that_stays_away_is_not_waited_for_beyond_the_timers():
    cluster = Cluster(4, plan=THEN_TOSS, twist=changing(3, Kind.COIN, lambda said: None)).run()
    assert fallen(cluster) == []
    cluster.wait(2000)
    assert len(fallen(cluster)) == 1
    assert cluster.decided(0).agrees


def test_timers_alone_do_not_close_a_toss_that_lacks_an_honest_dealing():
    """Three of four withhold: b + 1 = 2 valid dealings are not there, and the toss goes on waiting."""
    cluster = Cluster(4, plan=THEN_TOSS, twist=withholding({1, 2, 3})).run()
    for _ in range(3):
        cluster.wait(3000)
    assert fallen(cluster) == []
    assert {status.phase for status in cluster.cores[0].status()} == {"tossing"}
    place, broadcast = 1, next(each for each in cluster.said[1].values() if each.kind == Kind.COIN)
    cluster.order(place, broadcast.kind, broadcast.data)
    cluster.settle()
    assert len(fallen(cluster)) == 1


def withholding(places):
    return lambda who, broadcast: [] if who in places and broadcast.kind == Kind.COIN else [broadcast]


def test_if_everybody_dealt_and_too_few_validly_the_session_aborts():
    spoil = {place: changing(place, Kind.COIN, lambda said: replace(said, dealing=b"none")) for place in (1, 2, 3)}
    cluster = Cluster(
        4, plan=THEN_TOSS, twist=lambda who, each: spoil[who](who, each) if who in spoil else [each]
    ).run()
    assert {cluster.aborted(place).reason for place in range(4)} == {"too few members dealt validly for a coin"}
    assert convictions(cluster) == [(name, "false-dealing") for name in ("bob", "carol", "dave")]


@pytest.mark.parametrize("shares", [0, 1, 2])
def test_a_dealer_that_is_gone_after_dealing_cannot_take_its_part_out(shares):
    """Also once it has seen as many shares of the others as there can be before the coin falls."""
    cluster = Cluster(4, plan=THEN_TOSS)
    cluster.propose()
    while kinds(cluster).count(Kind.COIN) < 4:
        cluster.step()
    dealer = cluster.roster.ids[2]
    mute = [each for each in cluster.pending if (each[0], each[1].kind) == (2, Kind.SHARE)]
    assert len(mute) == 1
    cluster.pending = [each for each in cluster.pending if each not in mute]
    before = kinds(cluster).count(Kind.SHARE)
    while kinds(cluster).count(Kind.SHARE) < before + shares:
        cluster.step()
    assert all(each.submission.sender != dealer for each in cluster.log if each.submission.kind == Kind.SHARE)
    cluster.down.add(2)
    cluster.settle()
    whole = Cluster(4, plan=THEN_TOSS).run()
    assert fallen(cluster) == fallen(whole)


@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:]])
def test_an_invalid_contribution_convicts_and_is_left_out(change):
    twist = changing(3, Kind.COIN, lambda said: replace(said, dealing=change(said.dealing)))
    cluster = Cluster(4, plan=THEN_TOSS, twist=twist)
    cluster.run(deposit=6, sanctions=(Sanction.RECOMPUTE, Sanction.FORFEIT))
    assert convictions(cluster) == [("dave", "false-dealing")]
    assert len(fallen(cluster)) == 1
    assert fallen(cluster) != fallen(Cluster(4, plan=THEN_TOSS).run(deposit=6))


def test_a_conviction_after_the_set_is_fixed_does_not_toss_again():
    """Dave gives a false share to be convicted: his dealing stays in, and the coin is the one that it was."""

    def lie(said):
        share = read_share(said.share)
        return replace(said, share=Share(share.opens, share.points[32:] + share.points[:32], share.proof).encoded)

    honest = Cluster(4, plan=THEN_TOSS).run()
    cluster = Cluster(4, plan=THEN_TOSS, twist=changing(0, Kind.SHARE, lie)).run()
    assert convictions(cluster) == [("alice", "false-share")]
    assert fallen(cluster) == fallen(honest)


def test_without_t_shares_the_session_aborts():
    cluster = Cluster(4, plan=THEN_TOSS, twist=lambda who, each: [] if who > 1 and each.kind == Kind.SHARE else [each])
    cluster.run()
    cluster.wait(3000)
    assert "2 of 3 members' shares" in cluster.aborted(0).reason


def test_in_a_unanimous_group_one_member_aborts_the_coin_and_chooses_nothing():
    cluster = Cluster(3, plan=THEN_TOSS, twist=lambda who, each: [] if who == 2 and each.kind == Kind.SHARE else [each])
    cluster.run()
    cluster.wait(3000)
    assert fallen(cluster) == []
    assert "2 of 3" in cluster.aborted(0).reason


def test_an_early_share_of_a_coin_convicts():
    cluster = Cluster(4, plan=THEN_TOSS)
    cluster.propose()
    while kinds(cluster).count(Kind.COIN) < 2:
        cluster.step()
    session = dealt(cluster).session
    cluster.order(3, Kind.SHARE, ShareEntry(session, 1, b"too early").encoded)
    cluster.settle()
    assert convictions(cluster) == [("dave", "early-share")]
    assert len(fallen(cluster)) == 1


def test_progress_of_a_toss_names_who_has_not_dealt():
    cluster = Cluster(4, plan=THEN_TOSS).run()
    seen = [event for event in progress(cluster) if event.phase == "tossing"]
    assert [(event.heard, event.asked) for event in seen] == [(heard, 4) for heard in range(5)]
    assert [len(event.missing) for event in seen] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("at", range(0, 30, 5))
def test_a_member_that_restarts_deals_the_same_bytes_again(at):
    cluster = Cluster(4, plan=THEN_TOSS)
    cluster.propose()
    for _ in range(at):
        cluster.step()
    before = dict(cluster.said[2])
    cluster.said[2] = {}
    cluster.restart(2)
    assert cluster.said[2] == {key: before[key] for key in cluster.said[2]}
    cluster.said[2] = before | cluster.said[2]
    cluster.settle()
    assert cluster.decided(0) == cluster.decided(2)


def test_every_changed_byte_of_a_transcript_with_a_coin_is_found():
    cluster = Cluster(4, plan=THEN_TOSS).run(seal="threshold")
    data = cluster.decided(0).transcript
    for at in range(0, len(data), 151):
        with pytest.raises(VerificationError):
            audit(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], cluster.scheme, cluster.recompute, cluster.roster)


def test_what_is_ordered_after_a_coin_has_fallen_waits_until_it_is_answered():
    cluster = Cluster(1, plan=THEN_TOSS)
    react = cluster.sessions[0].react
    setattr(cluster.sessions[0], "react", lambda event: [] if isinstance(event, CoinReady) else react(event))  # noqa: B010 - a method
    cluster.run()
    heard = len(cluster.effects[0])
    cluster.order(0, Kind.COIN, dealt(cluster).encoded)
    assert len(cluster.effects[0]) == heard
    (coin,) = [event for event in cluster.effects[0] if isinstance(event, CoinReady)]
    cluster.route(0, [effect for answer in react(coin) for effect in cluster.cores[0].submit(answer, 0)])
    cluster.settle()
    assert cluster.decided().agrees


def test_a_coin_from_hands_full_of_the_log_is_the_same():
    """Anybody computes the coin again from the entries of the log, with any t of the shares."""
    cluster = Cluster(4, plan=THEN_TOSS).run()
    made = Committee(cluster.roster.ids, tuple(m.sealing for m in cluster.roster.members), cluster.roster.q)
    dealt = {}
    shares = {}
    for each in cluster.log:
        sent = each.submission
        match parse(sent.kind, sent.data):
            case CoinEntry(session, step, data):
                there = Context(cluster.roster.digest, 0, session, step, Purpose.COIN, sent.sender)
                dealt[sent.sender] = there, read_contribution(data, made)
            case ShareEntry(share=data):
                shares[sent.sender] = read_share(data)
    ordered = [dealt[member] for member in cluster.roster.ids]
    for left_out in cluster.roster.ids:
        points = {m: [share.point(k) for k in range(4)] for m, share in shares.items() if m != left_out}
        assert coin(made, ordered, points, 2) == fallen(cluster)[0]
