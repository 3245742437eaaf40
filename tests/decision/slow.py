"""Members whose session cores take their time over some sessions; what they are told, and what is booked."""

from dataclasses import dataclass, field
from typing import Any

from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Booked,
    CoinReady,
    Convicted,
    Decided,
    Defaulted,
    Enrolled,
)
from mechdesign.decision.proposal import session_id
from mechdesign.group.block import make_block
from mechdesign.group.evidence import InvalidBlock, Signed, encode_evidence
from mechdesign.group.messages import Delivered, EvidenceFound, Ready, ViewChanging
from tests.decision.toys import Cluster, ToySession

ASKS = (Enrolled, Answers, CoinReady)
SEEN = (Answers, CoinReady, Convicted, Decided, Defaulted, Aborted, Enrolled)


@dataclass
class Slow(ToySession):
    """A session core that keeps what it is asked of some proposers' sessions until the test lets it answer."""

    slow: tuple[bytes, ...] = ()
    asked: list[Any] = field(default_factory=list)
    held: bool = True

    def react(self, event: object) -> list[Any]:
        if self.held and isinstance(event, ASKS) and event.session in self.slow:
            self.asked.append(event)
            return []
        return super().react(event)


def slow_member(cluster: Cluster, place: int) -> Slow:
    """Make the session core of a member slow; its sessions are to be named."""
    old = cluster.sessions[place]
    made = cluster.sessions[place] = Slow(old.me, place, old.plan, old.report)
    return made


def name(cluster: Cluster, delivered: Delivered) -> bytes:
    sent = delivered.submission
    return session_id(cluster.roster, sent.sender, sent.sequence, sent.data)


def propose(cluster: Cluster, place: int, **terms: Any) -> bytes:
    """Have a member propose a session and order that at once."""
    cluster.propose(place, nonce=bytes([len(cluster.log)]) * 16, **terms)
    broadcast = next(each for each in cluster.pending if each[1].kind == Kind.PROPOSE)
    cluster.pending.remove(broadcast)
    return name(cluster, cluster.order(place, Kind.PROPOSE, broadcast[1].data))


def release(cluster: Cluster, place: int, at: int = 0) -> None:
    """Let a slow session core answer what it was asked."""
    slow = cluster.sessions[place]
    assert isinstance(slow, Slow)
    asked = slow.asked.pop(at)
    for request in ToySession.react(slow, asked):
        cluster.route(place, cluster.cores[place].submit(request, cluster.now))


def finish(cluster: Cluster, place: int) -> None:
    """Let a slow session core answer everything, and order what follows."""
    slow = cluster.sessions[place]
    assert isinstance(slow, Slow)
    while slow.asked or cluster.pending:
        while slow.asked:
            release(cluster, place)
        cluster.settle()


def others_go_on(cluster: Cluster) -> None:
    """Let the time of every phase run out, so that nobody is waited for any more."""
    for phase_ms in (1000, 2000, 3000, 4000):
        cluster.wait(phase_ms)


def seen(cluster: Cluster, place: int, session: bytes) -> list[object]:
    """What a member was told of one session that everybody is told alike, in order."""
    told = [event for event in cluster.effects[place] if isinstance(event, SEEN)]
    return [event for event in told if getattr(event, "session", None) == session]


def booked(cluster: Cluster, place: int) -> list[Booked]:
    return [event for event in cluster.effects[place] if isinstance(event, Booked)]


def asked(cluster: Cluster, place: int, count: int = 1) -> None:
    """Order what there is, until a slow member computes so many sessions."""
    slow = cluster.sessions[place]
    assert isinstance(slow, Slow)
    while len(slow.asked) < count:
        assert cluster.step()


def held_back(**options: Any) -> tuple[Cluster, Slow, bytes, bytes]:
    """Dave computes Alice's session for long, and Bob's settles meanwhile."""
    cluster = Cluster(4, **options)
    slow = slow_member(cluster, 3)
    dull = propose(cluster, 0)
    slow.slow = (dull,)
    quick = propose(cluster, 1)
    cluster.settle()
    return cluster, slow, dull, quick


def convict(cluster: Cluster, place: int) -> None:
    """Have Bob present a proof against a member."""
    block = make_block(cluster.roster, cluster.signers[place], 5, [], (), [])
    proof = encode_evidence(InvalidBlock(Signed(block.encoded, block.signature)))
    cluster.evidence(1, EvidenceFound(cluster.roster.ids[place], proof))


def change(cluster: Cluster) -> None:
    """Order a change of the members."""
    for place in range(4):
        cluster.route(place, cluster.cores[place].receive(ViewChanging(1), cluster.now))


def ready(cluster: Cluster, place: int) -> list[Ready]:
    return [effect for effect in cluster.effects[place] if isinstance(effect, Ready)]
