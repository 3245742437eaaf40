"""What a member can say about its group at this moment; local, never an ordered fact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mechdesign.group.block_manager import BlockManager
from mechdesign.group.gate import Gate
from mechdesign.group.keeping import Keeping
from mechdesign.group.ordering import Ordering
from mechdesign.group.pacing import Pacing
from mechdesign.group.proposer import Proposer
from mechdesign.group.roster import Roster
from mechdesign.group.synchronizer import Synchronizer
from mechdesign.group.turn import Turn
from mechdesign.group.views.view import View
from mechdesign.group.watch import Watch
from mechdesign.kernel.crypto import MemberId

__all__ = ["GroupStatus", "ViewStatus", "condition", "describe", "outsider"]


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A change of the view on its way.

    Attributes:
        joins: names of who comes in.
        goes: names of who goes.
        ready: members that have ended what belongs to this epoch.
        unready: members that have not; a quorum of all has to be ready.
        closed: whether the log of the epoch has come to its end.
        signed: members whose signature under that end we have; a quorum's make the certificate.
    """

    joins: tuple[str, ...]
    goes: tuple[str, ...]
    ready: tuple[MemberId, ...]
    unready: tuple[MemberId, ...]
    closed: bool = False
    signed: tuple[MemberId, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A snapshot of the group core.

    Attributes:
        state: ``"joining"`` (invited, and not yet in a roster that it can prove), ``"left"`` (in the newest roster no
            more), ``"starting"`` (asks its neighbours before it signs), ``"running"``, ``"behind"`` (fetches the log up
            to a certified checkpoint, waits for blocks that a neighbour says it has, or goes over to an epoch that has
            begun), ``"refusing"`` (somebody else signed with our key, or certified another log) or ``"forked"`` (more
            members lie than the fault model bears).
        detail: why, where the state is not ``"running"``; else empty.
        round: round of our newest block, -1 before the first.
        highest: highest round of any accepted block.
        commits: how many leaders were committed.
        committed_round: round of the last committed leader, -1 before the first.
        collection_round: what is older is no longer ordered.
        checkpoint: commits up to the newest certified checkpoint, 0 before the first.
        floor: what is older is no longer kept.
        blocks: how many blocks are kept.
        delivered: length of the log.
        linked: our neighbours.
        heard: who has a block in one of the two newest rounds.
        suspected: who is not waited for at the moment.
        missing: who keeps us from the quorum that our next block needs; empty while nothing is to be said.
        equivocators: who signed blocks that exclude each other.
        pending: own submissions that are not in the log yet.
        parked: blocks that wait for ancestors.
        pulls: blocks that are being asked for.
        dropped: what was thrown away, by reason.
        awake: how many of our blocks each member caused by a payload or by a round to fill.
        epoch: counts the views of the group.
        members: how many belong to it in this epoch.
        view: the change of the view that is under way, or None.
        reached: members that a path of links leads to, ourselves among them, as far as links are known.
        cut_vertices: members whose loss would part the others, as far as links are known.
        unacknowledged: letters of ours that wait for receipts, by recipient, in roster order.
    """

    state: str
    detail: str
    round: int
    highest: int
    commits: int
    committed_round: int
    collection_round: int
    delivered: int
    linked: tuple[MemberId, ...]
    heard: tuple[MemberId, ...]
    suspected: tuple[MemberId, ...]
    missing: tuple[MemberId, ...]
    equivocators: tuple[MemberId, ...]
    pending: int
    parked: int
    pulls: int
    dropped: tuple[tuple[str, int], ...]
    awake: tuple[tuple[MemberId, int], ...]
    checkpoint: int = 0
    floor: int = 0
    blocks: int = 0
    epoch: int = 0
    members: int = 0
    view: ViewStatus | None = None
    reached: tuple[MemberId, ...] = ()
    cut_vertices: tuple[MemberId, ...] = ()
    unacknowledged: tuple[tuple[MemberId, int], ...] = ()


def describe(
    roster: Roster,
    order: Ordering,
    proposer: Proposer,
    pacing: Pacing,
    turn: Turn,
    sync: Synchronizer,
    keeping: Keeping,
    gate: Gate,
    watch: Watch,
    manager: BlockManager,
    pending: int,
    dropped: Mapping[str, int],
) -> GroupStatus:
    """The snapshot of a group core, from its parts.

    Args:
        roster: the group.
        order: what was decided.
        proposer: our newest block.
        pacing: who is suspected.
        turn: who is missing.
        sync: who is linked.
        keeping: checkpoints.
        gate: whether we may sign.
        watch: who was convicted.
        manager: which blocks wait for ancestors.
        pending: own submissions that are not in the log.
        dropped: what else was thrown away, by reason.
    """

    def ids(places: Iterable[int]) -> tuple[MemberId, ...]:
        return tuple(roster.ids[place] for place in places)

    behind = keeping.behind or sync.catchup.progress
    state, detail = condition(roster, order.committer.forked, gate.refusal, behind, gate.asking)
    reasons = {**dropped, "evicted": manager.evicted, "throttled": sync.throttled}
    return GroupStatus(
        state=state,
        detail=detail,
        round=proposer.round,
        highest=order.dag.highest,
        commits=order.commits,
        committed_round=order.committed_round,
        collection_round=order.dag.collection,
        delivered=order.linearizer.length,
        linked=ids(sync.linked),
        heard=ids(order.dag.recent()),
        suspected=ids(pacing.suspected),
        missing=ids(turn.missing()),
        equivocators=ids(watch.equivocators),
        pending=pending,
        parked=len(manager),
        pulls=sync.pulls,
        dropped=tuple(sorted(reasons.items())),
        awake=tuple(zip(roster.ids, turn.awake, strict=True)),
        checkpoint=keeping.index,
        floor=order.dag.floor,
        blocks=len(order.dag),
        epoch=roster.epoch,
        members=roster.n,
        view=_view(roster, order.view),
    )


def outsider(
    roster: Roster, state: str, detail: str, linked: tuple[MemberId, ...], dropped: tuple[tuple[str, int], ...]
) -> GroupStatus:
    """The snapshot of one that is not yet in a group, or not any more."""
    nobody: tuple[MemberId, ...] = ()
    return GroupStatus(
        state=state,
        detail=detail,
        round=-1,
        highest=-1,
        commits=0,
        committed_round=-1,
        collection_round=0,
        delivered=0,
        linked=linked,
        heard=nobody,
        suspected=nobody,
        missing=nobody,
        equivocators=nobody,
        pending=0,
        parked=0,
        pulls=0,
        dropped=dropped,
        awake=(),
        epoch=roster.epoch,
        members=roster.n,
    )


def _view(roster: Roster, view: View) -> ViewStatus | None:
    if view.since is None:
        return None
    ready = view.ready
    return ViewStatus(
        tuple(member.name for member in view.joined),
        tuple(member.name for member in view.gone),
        ready,
        tuple(member for member in roster.ids if member not in ready),
    )


def condition(
    roster: Roster, forked: tuple[int, int] | None, refusal: str, behind: str, asking: bool
) -> tuple[str, str]:
    """The state of a member and why.

    Args:
        roster: the group.
        forked: a slot with contradicting quorums.
        refusal: why it never signs again, or empty.
        behind: what it fetches before it goes on, or empty.
        asking: whether it still asks the others for its newest block.
    """
    if forked is not None:
        return "forked", f"round {forked[0]} of {roster.members[forked[1]].name} has contradicting quorums"
    if refusal:
        return "refusing", refusal
    if behind:
        return "behind", behind
    if asking:
        return "starting", "asks the others for our newest block before signing one"
    return "running", ""
