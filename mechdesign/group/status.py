"""What a member can say about its group at this moment; local, never an ordered fact."""

from dataclasses import dataclass

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId

__all__ = ["GroupStatus", "condition"]


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A snapshot of the group core.

    Attributes:
        state: ``"starting"`` (asks its neighbours before it signs), ``"running"``, ``"behind"`` (fetches the log up to
            a certified checkpoint), ``"refusing"`` (somebody else signed with our key, or certified another log) or
            ``"forked"`` (more members lie than the fault model bears).
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
