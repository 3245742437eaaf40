"""Liars that read what is sealed before the others do and then hold back what would open it, or settle it.

With n members, b liars and l honest members that lack the code, n - b - l honest ones publish shares. A threshold of at
most that many opens whatever the liars do; one above it lets them choose. The same holds for what a quorum settles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest

from mechdesign.decision.coin import coin, parse_contribution
from mechdesign.decision.entries import AttestEntry, CoinEntry, Kind, SealEntry, ShareEntry, parse
from mechdesign.decision.messages import Aborted, Answers, CoinReady, Decided
from mechdesign.decision.proposal import Proposal, session_id
from mechdesign.decision.sealing.threshold import (
    Committee,
    Context,
    Dealing,
    Purpose,
    Share,
    combine,
    open_share,
    parse_dealing,
    targets,
)
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.crypto import MemberId
from tests.decision.toys import Cluster, Plan, finish, nets

DEPOSIT = Fraction(5)
BIDS, TOSS = Plan(), Plan(sealed=(), tosses=(0,))
PLANS = pytest.mark.parametrize("plan", [BIDS, TOSS], ids=["bids", "coin"])
WITHHELD = pytest.mark.parametrize("silent", [(Kind.SHARE,), (Kind.SHARE, Kind.ATTEST)], ids=["shares", "all"])


@dataclass(frozen=True)
class Group:
    """How many members, which of them lie, which lack the code, and how many shares open."""

    n: int
    liars: tuple[int, ...]
    lacking: tuple[int, ...]
    threshold: int

    @property
    def fits(self) -> bool:
        """Whether the honest members that have the code are enough to open."""
        return self.threshold <= self.n - len(self.liars) - len(self.lacking)


EQUIPPED = [Group(4, (1,), (), 3), Group(7, (1, 4), (), 5)]
WITH_ALLOWANCE = [Group(4, (1,), (3,), 2), Group(7, (1, 4), (6,), 4), Group(7, (1, 4), (5, 6), 3)]
ONE_TOO_HIGH = [replace(group, threshold=group.threshold + 1) for group in WITH_ALLOWANCE]
LARGE_ENOUGH = [Group(6, (1,), (5,), 4), Group(9, (1, 4), (8,), 6)]


def start(group: Group, plan: Plan, *silent: Kind, other: bool = False) -> Cluster:
    """A session is proposed in which the liars never say entries of some kinds, or attest something else."""

    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        if place not in group.liars:
            return [broadcast]
        said = parse(broadcast.kind, broadcast.data)
        if other and isinstance(said, AttestEntry):
            return [replace(broadcast, data=replace(said, digest=bytes([place]) * 32).encoded)]
        return [] if broadcast.kind in silent else [broadcast]

    cluster = Cluster(group.n, plan=plan, twist=twist)
    assert cluster.roster.b == len(group.liars), "as many as the model allows"
    for place in group.lacking:
        cluster.sessions[place].enrols = "left"
    terms = {"seal": "threshold", "threshold": group.threshold, "deposit": DEPOSIT}
    cluster.propose(0, **terms, sanctions=("recompute", "forfeit"))
    return cluster


def brought(cluster: Cluster) -> tuple[object, ...]:
    """What the session came to at an honest member: reports or coin, and what everybody ends with."""
    shown = (
        [event.reports for event in cluster.events(0, Answers)],
        [event.coin for event in cluster.events(0, CoinReady)],
    )
    return *shown, nets(cluster.decided().flows)


def dealings(cluster: Cluster, terms: Proposal, committee: Committee) -> Iterator[tuple[Context, Dealing]]:
    """What was dealt so far, in roster order."""
    first = cluster.log[0].submission
    session = session_id(cluster.roster, first.sender, first.sequence, first.data)
    for who in cluster.roster.ids:
        for each in cluster.log:
            if each.submission.sender != who:
                continue
            dealt: Dealing | None = None
            purpose = Purpose.REPORT
            match parse(each.submission.kind, each.submission.data):
                case SealEntry(sealed=bytes(data)):
                    dealt = parse_dealing(data, committee, terms.report_bytes)
                case CoinEntry(dealing=data):
                    dealt, purpose = parse_contribution(data, committee), Purpose.COIN
            if dealt is not None:
                yield Context(cluster.roster.digest, 0, session, 0, purpose, who), dealt


def readable(cluster: Cluster, group: Group) -> object:
    """What the liars read from the log with all their keys: reports or the coin; None below t shares."""
    roster = cluster.roster
    terms = Proposal.parse(cluster.log[0].submission.data)
    assert terms is not None
    committee = Committee(roster.ids, tuple(member.sealing for member in roster.members), terms.threshold)
    dealt = list(dealings(cluster, terms, committee))
    shares: dict[MemberId, Share] = {}
    for each in cluster.log:
        said = parse(each.submission.kind, each.submission.data)
        share = Share.parse(said.share) if isinstance(said, ShareEntry) else None
        if share is not None:
            shares[each.submission.sender] = share
    if not dealt or len(shares.keys() | {roster.ids[place] for place in group.liars}) < terms.threshold:
        return None
    for place in group.liars:
        me = roster.ids[place]
        shares[me] = open_share(cluster.keys[place], committee, me, targets(committee, me, dealt))
    if dealt[0][0].purpose == Purpose.COIN:
        points = {who: [share.point(at) for at in range(len(dealt))] for who, share in shares.items()}
        return coin(committee, dealt, points, roster.b + 1)
    return tuple(
        (
            context.dealer,
            combine(
                committee, context, each, terms.report_bytes, {who: share.point(at) for who, share in shares.items()}
            ),
        )
        for at, (context, each) in enumerate(dealt)
    )


def first_reading(cluster: Cluster, group: Group) -> object:
    """Order what there is until the liars can read, which is never before the close; None if that never comes."""
    read: object = None
    while read is None:
        if not cluster.step():
            return None
        read = readable(cluster, group)
    assert cluster.cores[0].status()[0].phase == "opening"
    return read


def opened(cluster: Cluster) -> object:
    """What an honest member sees opened: the reports or the coin."""
    for event in cluster.sessions[0].events:
        if isinstance(event, Answers | CoinReady):
            return event.coin if isinstance(event, CoinReady) else event.reports
    return None


def came_to_nothing(cluster: Cluster, group: Group) -> bool:
    """Whether the session aborted at whoever has the code, nobody was convicted, and every deposit came back."""
    equipped = [place for place in range(group.n) if place not in group.lacking]
    ends = [
        event for place in equipped for event in cluster.sessions[place].events if isinstance(event, Aborted | Decided)
    ]
    aborted = len(ends) == len(equipped) and all(isinstance(end, Aborted) and not nets(end.flows) for end in ends)
    return aborted and not any(cluster.convicted(place) for place in range(group.n))


def withholding_changes_nothing(group: Group, silent: tuple[Kind, ...], plan: Plan) -> bool:
    """Whether all comes out as without liars, at a threshold of q, and nobody is convicted."""
    honest, cheated = finish(start(group, plan)), finish(start(group, plan, *silent))
    assert cheated.roster.q == group.threshold
    return brought(cheated) == brought(honest) and not cheated.convicted()


@PLANS
@WITHHELD
@pytest.mark.parametrize("group", EQUIPPED, ids=str)
def test_where_everybody_has_the_code_whoever_withholds_at_a_threshold_of_q_changes_nothing(
    group: Group, silent: tuple[Kind, ...], plan: Plan
) -> None:
    assert withholding_changes_nothing(group, silent, plan)


@PLANS
@pytest.mark.parametrize("group", [*EQUIPPED, *WITH_ALLOWANCE], ids=str)
def test_what_the_liars_read_once_shares_come_is_what_everybody_sees(group: Group, plan: Plan) -> None:
    assert group.fits
    cluster = start(group, plan, Kind.SHARE)
    read = first_reading(cluster, group)
    assert read is not None
    assert opened(finish(cluster)) == read


@PLANS
@pytest.mark.parametrize("group", WITH_ALLOWANCE, ids=str)
def test_a_threshold_that_allows_for_members_without_the_code_opens_whatever_the_liars_withhold(
    group: Group, plan: Plan
) -> None:
    honest, cheated = finish(start(group, plan)), finish(start(group, plan, Kind.SHARE))
    assert brought(cheated) == brought(honest)
    assert cheated.convicted() == []


@pytest.mark.parametrize("group", [*EQUIPPED, *WITH_ALLOWANCE], ids=str)
def test_the_price_of_a_threshold_is_that_so_many_who_collude_read_before_the_close_and_one_less_do_not(
    group: Group,
) -> None:
    cluster = start(group, BIDS)
    sealing = group.n - len(group.lacking) - 1
    while sum(each.submission.kind == Kind.SEAL for each in cluster.log) < sealing:
        assert cluster.step()
    assert cluster.cores[0].status()[0].phase == "sealing"
    colluders = tuple(range(group.threshold))
    assert readable(cluster, replace(group, liars=colluders[1:])) is None
    early = readable(cluster, replace(group, liars=colluders))
    assert isinstance(early, tuple)
    assert len(early) == sealing
    finish(cluster)
    shown = opened(cluster)
    assert isinstance(shown, tuple)
    assert set(early) < set(shown)


@PLANS
@pytest.mark.parametrize("group", ONE_TOO_HIGH, ids=str)
def test_with_a_threshold_that_counts_on_members_without_the_code_liars_read_first_and_end_the_session_at_no_cost(
    group: Group, plan: Plan
) -> None:
    assert not group.fits
    cluster = start(group, plan, Kind.SHARE)
    read = first_reading(cluster, group)
    assert read is not None
    assert came_to_nothing(finish(cluster), group)
    assert opened(cluster) is None, "nobody else has read it"
    # What they read is true: it is what opens where they withhold nothing.
    assert opened(finish(start(group, plan))) == read


@PLANS
@pytest.mark.parametrize("group", WITH_ALLOWANCE, ids=str)
def test_where_fewer_than_q_honest_members_have_the_code_liars_undo_what_all_have_seen_by_attesting_otherwise(
    group: Group, plan: Plan
) -> None:
    cluster = finish(start(group, plan, other=True))
    assert opened(cluster) is not None, "what they do not like, everybody has seen"
    assert came_to_nothing(cluster, group)


@PLANS
@WITHHELD
@pytest.mark.parametrize("group", LARGE_ENOUGH, ids=str)
def test_a_group_of_which_q_honest_members_have_the_code_is_stopped_by_no_liar(
    group: Group, silent: tuple[Kind, ...], plan: Plan
) -> None:
    assert withholding_changes_nothing(group, silent, plan)


@PLANS
@pytest.mark.parametrize("group", LARGE_ENOUGH, ids=str)
def test_a_group_of_which_q_honest_members_have_the_code_convicts_who_attests_otherwise(
    group: Group, plan: Plan
) -> None:
    cluster = finish(start(group, plan, other=True))
    assert opened(cluster) == opened(finish(start(group, plan)))
    names = [cluster.roster.members[place].name for place in group.liars]
    assert cluster.convicted() == [(name, "wrong-outcome") for name in names]
    assert all(nets(cluster.decided().flows)[name] == -DEPOSIT for name in names)
