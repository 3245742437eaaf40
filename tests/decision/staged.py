"""Sessions that are opened by hand, members that hold back what they would say, and the end that all see."""

from collections.abc import Callable

from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Decided
from mechdesign.decision.proposal import session_id
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import Broadcast
from tests.decision.toys import Cluster

__all__ = ["agree", "only", "open_session"]


def open_session(cluster: Cluster, **terms: object) -> bytes:
    """Propose, order the proposal alone, and return the session's identifier."""
    cluster.propose(0, **terms)
    assert cluster.step()
    sent = cluster.log[0].submission
    return session_id(cluster.roster, sent.sender, sent.sequence, sent.data)


def only(*kinds: Kind, places: set[int]) -> Callable[[int, Broadcast], list[Broadcast]]:
    """A twist under which the named members never say entries of these kinds."""

    def twist(place: int, broadcast: Broadcast) -> list[Broadcast]:
        return [] if place in places and broadcast.kind in kinds else [broadcast]

    return twist


def agree(cluster: Cluster) -> Decided:
    first = cluster.decided()
    assert all(cluster.decided(place) == first for place in range(cluster.roster.n))
    audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    return first
