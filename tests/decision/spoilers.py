"""What members with modified programs say: each function spoils one kind of entry."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mechdesign.decision.entries import AttestEntry, Kind, OpenEntry, SealEntry, ShareEntry, parse
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Purpose, Share
from mechdesign.group.messages import Broadcast
from tests.decision.toys import Cluster, Plan

HIGHEST = 3
"""The place of the member that bids the most."""

Spoil = Callable[[Cluster, Any], Any]


def opens_falsely(cluster: Cluster, said: Any) -> Any:
    return replace(said, salt=bytes(32)) if isinstance(said, OpenEntry) else said


def deals_badly(cluster: Cluster, said: Any) -> Any:
    return replace(said, sealed=b"no dealing") if isinstance(said, SealEntry) else said


def seals_garbage(cluster: Cluster, said: Any) -> Any:
    """A valid dealing whose ciphertext opens to nothing."""
    if not isinstance(said, SealEntry):
        return said
    setting = cluster.cores[0].setting(said.session)
    assert setting is not None
    context = setting.context(said.step, Purpose.REPORT, cluster.roster.ids[HIGHEST])
    polynomial = draw(setting.committee, context, b"x", bytes(32))
    return replace(said, sealed=commit(setting.committee, context, polynomial, bytes(ciphertext_bytes(16))).encoded)


def signs_another_outcome(cluster: Cluster, said: Any) -> Any:
    return replace(said, digest=bytes(32)) if isinstance(said, AttestEntry) else said


def shares_falsely(cluster: Cluster, said: Any) -> Any:
    if not isinstance(said, ShareEntry):
        return said
    share = Share.parse(said.share)
    assert share is not None
    return replace(said, share=replace(share, points=share.points[32:] + share.points[:32]).encoded)


def spoilt_by(place: int, spoil: Spoil, plan: Plan | None = None, *, fast: bool = True) -> Cluster:
    """A cluster in which a member says other things than its program would."""
    cluster = Cluster(4, plan=plan or Plan(), fast=fast)

    def twist(who: int, said: Broadcast) -> list[Broadcast]:
        entry = parse(said.kind, said.data)
        if who != place or entry is None:
            return [said]
        return [Broadcast(said.key, said.kind, spoil(cluster, entry).encoded)]

    cluster.twist = twist
    return cluster


def shares_early(place: int, *, stop: Sequence[int] = (), **terms: Any) -> Cluster:
    """A cluster in which a member shares once two reports are sealed, run to the end.

    Args:
        place: whose share it is.
        stop: who shares in nothing.
        terms: of the session.
    """
    cluster = Cluster(4, twist=lambda who, said: [] if who in stop and said.kind == Kind.SHARE else [said])
    cluster.propose(**terms)
    while sum(entry.submission.kind == Kind.SEAL for entry in cluster.log) < 2:
        cluster.step()
    (status,) = cluster.cores[0].status()
    cluster.order(place, Kind.SHARE, ShareEntry(status.session, 0, b"too early").encoded)
    cluster.settle()
    return cluster
