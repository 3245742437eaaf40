"""A toy total order and a toy session core, to drive decision cores without a group or a mechanism."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar

from nacl.signing import SigningKey

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Attest,
    CoinReady,
    Convicted,
    Decided,
    Decline,
    Enrol,
    Enrolled,
    Propose,
    Proposed,
    Reached,
    Request,
    Submit,
    Toss,
    Verdict,
)
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.group.block import genesis, inclusions, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Append, Broadcast, Delivered, EvidenceFound, Submission
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId, SignatureScheme, Signer
from mechdesign.kernel.flow import SELLER, Flow
from mechdesign.kernel.wire import digest, encode

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
CODE = digest("toy/code")
MS = 1000
SILENT = object()

_Event = TypeVar("_Event")


class SeededSigner:
    """An Ed25519 signer whose key comes from its name."""

    def __init__(self, name: str) -> None:
        self._key = SigningKey(hashlib.sha256(name.encode()).digest())
        self.public = MemberId(bytes(self._key.verify_key))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


@cache
def seeded(name: str) -> SeededSigner:
    return SeededSigner(name)


@cache
def sealing_key(name: str) -> EncryptionKey:
    return EncryptionKey(digest("toy/sealing", name.encode()))


def make_roster(n: int, faults: FaultModel | None = None, *, prefix: str = "", **terms: Any) -> Roster:
    members = tuple(
        Member(
            seeded(prefix + name).public, name, digest("toy/curve", name.encode()), sealing_key(prefix + name).public
        )
        for name in NAMES[:n]
    )
    return Roster("toy", members, faults or FaultModel.default(n), **terms)


def signer_of(member: Member, *, fast: bool, prefix: str = "") -> Signer:
    return KeyedHash.Signer(member.id) if fast else seeded(prefix + member.name)


@dataclass(frozen=True)
class Plan:
    """What the toy mechanism asks: for each step whether it is sealed, and who is asked (None: all players)."""

    sealed: tuple[bool, ...] = (True,)
    of: tuple[tuple[int, ...] | None, ...] = ()
    tosses: tuple[int, ...] = ()
    fails: bool = False
    flows: bool = True


class ToyComputation:
    """A pure mechanism: whoever reported the most in the last ask pays it to the seller."""

    def __init__(self, plan: Plan, lie: bytes = b"") -> None:
        self.plan = plan
        self.lie = lie
        self.players: tuple[tuple[MemberId, str], ...] = ()
        self.history: list[Answers] = []
        self.coins: list[bytes] = []

    def enrolled(self, event: Enrolled) -> Request | Toss | Attest:
        self.players = event.players
        return self._next(event.session, 0)

    def answered(self, event: Answers) -> Request | Toss | Attest:
        self.history.append(event)
        return self._next(event.session, event.step + 1)

    def tossed(self, event: CoinReady) -> Request | Toss | Attest:
        self.coins.append(event.coin)
        return self._next(event.session, event.step + 1)

    def _next(self, session: bytes, step: int) -> Request | Toss | Attest:
        if step in self.plan.tosses:
            return Toss(session, step)
        if step < len(self.plan.sealed):
            chosen = self.plan.of[step] if step < len(self.plan.of) else None
            ids = tuple(member for member, _ in self.players)
            of = ids if chosen is None else tuple(ids[place] for place in chosen if place < len(ids))
            if of:
                return Request(session, step, of, self.plan.sealed[step])
        said = [(answer.step, answer.position, answer.inputs, answer.reports) for answer in self.history]
        made = digest("toy/outcome", encode(tuple(said)), self.lie, *self.coins)
        if self.plan.fails:
            return Attest(session, Verdict.FAILED, made, ())
        return Attest(session, Verdict.SETTLED, made, self.flows())

    def flows(self) -> tuple[Flow, ...]:
        bids = (
            [(int.from_bytes(report, "big"), who) for who, report in self.history[-1].reports] if self.history else []
        )
        names = dict(self.players)
        best = max(bids, default=(0, None))
        if not self.plan.flows or best[1] is None or not best[0]:
            return ()
        return (Flow(names[best[1]], SELLER, Fraction(best[0]), "price"),)


@dataclass
class ToySession:
    """A session core for one member: enrols, answers asks from a function, computes with the toy mechanism."""

    me: MemberId
    place: int
    plan: Plan
    report: Callable[[int, int], object]
    enrols: object = True
    lie: bytes = b""
    events: list[object] = field(default_factory=list)
    running: dict[bytes, ToyComputation] = field(default_factory=dict)

    def react(self, event: object) -> list[Enrol | Decline | Request | Toss | Attest | Submit]:
        self.events.append(event)
        match event:
            case Proposed(session=session, asked=asked):
                if self.enrols is SILENT:
                    return []
                if self.enrols in {"left", "out"}:
                    return [Decline(session, "not for me", follows=self.enrols == "out")]
                return [Enrol(session) if asked else Decline(session, "", follows=True)]
            case Enrolled(session=session):
                self.running[session] = ToyComputation(self.plan, self.lie)
                return self._go(self.running[session].enrolled(event))
            case Answers(session=session):
                return self._go(self.running[session].answered(event))
            case CoinReady(session=session):
                return self._go(self.running[session].tossed(event))
        return []

    def _go(self, said: Request | Toss | Attest) -> list[Enrol | Decline | Request | Toss | Attest | Submit]:
        if isinstance(said, Attest | Toss) or self.me not in said.of:
            return [said]
        report = self.report(self.place, said.step)
        if report is SILENT:
            return [said]
        assert report is None or isinstance(report, bytes)
        return [said, Submit(said.session, said.step, report)]


def bids(place: int, step: int) -> object:
    """Member k bids 10 + k, and one more in each step."""
    return bytes([10 + (place + step) % 240])


class Cluster:
    """Members over one list as their total order; ``twist`` may replace what a member has ordered."""

    def __init__(
        self,
        n: int,
        *,
        plan: Plan = Plan(),
        report: Callable[[int, int], object] = bids,
        faults: FaultModel | None = None,
        fast: bool = True,
        prefix: str = "",
        roster: Roster | None = None,
        twist: Callable[[int, Broadcast], list[Broadcast]] | None = None,
    ) -> None:
        self.roster = roster or make_roster(n, faults, prefix=prefix)
        self.scheme: SignatureScheme = KeyedHash() if fast else Ed25519()
        self.signers = [signer_of(member, fast=fast, prefix=prefix) for member in self.roster.members]
        self.keys = [sealing_key(prefix + member.name) for member in self.roster.members]
        self.plan = plan
        self.report = report
        self.twist = twist or (lambda place, broadcast: [broadcast])
        self.now = 0
        self.log: list[Delivered] = []
        self.pending: list[tuple[int, Broadcast]] = []
        self.said: list[dict[bytes, Broadcast]] = [{} for _ in self.signers]
        self.secrets: list[dict[bytes, bytes]] = [{} for _ in self.signers]
        self.sequences = [0] * n
        self.effects: list[list[object]] = [[] for _ in self.signers]
        self.down: set[int] = set()
        self.cores = [self._core(place) for place in range(n)]
        self.sessions = [ToySession(member.id, place, plan, report) for place, member in enumerate(self.roster.members)]

    def _core(self, place: int) -> DecisionCore:
        def entropy(size: int) -> bytes:
            # A new life goes on with fresh numbers, as the system's generator would.
            drawn[0] += 1
            return hashlib.shake_128(f"{place} {drawn[0]}".encode()).digest(size)

        drawn = [len(self.secrets[place])]

        core = DecisionCore(self.roster, self.roster.ids[place], self.scheme, entropy=entropy, sealing=self.keys[place])
        core.restore(self.secrets[place].items())
        return core

    def route(self, place: int, effects: Sequence[object]) -> None:
        """Perform effects depth first, as the stack does."""
        for effect in effects:
            self.effects[place].append(effect)
            match effect:
                case Append(table="secret", key=key, data=data):
                    self.secrets[place][key] = data
                case Broadcast():
                    if effect.key not in self.said[place]:
                        self.said[place][effect.key] = effect
                        self.pending += [(place, each) for each in self.twist(place, effect)]
                case Reached():
                    pass  # for whoever tells what is news
                case _:
                    for request in self.sessions[place].react(effect):
                        self.route(place, self.cores[place].submit(request, self.now))

    def propose(self, place: int = 0, **terms: Any) -> Proposal:
        proposal = make_proposal(self.roster, **terms)
        self.route(place, self.cores[place].submit(Propose(proposal), self.now))
        return proposal

    def order(self, place: int, kind: int, data: bytes) -> Delivered:
        """Put a submission of a member at the end of the log and hand it to everyone that is up."""
        sender = self.signers[place].public
        submission = Submission(kind, sender, self.sequences[place], data)
        self.sequences[place] += 1
        return self.append(place, submission)

    def append(self, place: int, submission: Submission) -> Delivered:
        others = [Submission(0, submission.sender, 10_000 + at, b"") for at in range(submission.sequence % 3)]
        leaves = [encode_leaf(each) for each in (*others, submission)]
        block = make_block(self.roster, self.signers[place], 0, [genesis(self.roster, place)], (), leaves)
        delivered = Delivered(len(self.log), submission, inclusions(block)[-1])
        self.log.append(delivered)
        for other, core in enumerate(self.cores):
            if other not in self.down:
                self.route(other, core.receive(delivered, self.now))
        return delivered

    def evidence(self, place: int, found: EvidenceFound) -> None:
        self.route(place, self.cores[place].receive(found, self.now))

    def step(self) -> bool:
        """Order the oldest submission of a member that is up."""
        for at, (place, broadcast) in enumerate(self.pending):
            if place not in self.down:
                del self.pending[at]
                self.order(place, broadcast.kind, broadcast.data)
                return True
        return False

    def settle(self) -> None:
        """Order everything that waits."""
        while self.step():
            pass

    def wait(self, milliseconds: int) -> None:
        """Let the clock go on, fire timers, and order what that causes."""
        self.now += milliseconds * MS
        for place, core in enumerate(self.cores):
            if place not in self.down:
                self.route(place, core.tick(self.now))
        self.settle()

    def restart(self, place: int) -> None:
        """A new life of a member from its journal: secrets and what it said are kept, everything else is replayed."""
        self.cores[place] = self._core(place)
        old = self.sessions[place]
        self.sessions[place] = ToySession(old.me, old.place, old.plan, old.report, old.enrols, old.lie)
        self.effects[place] = []
        for delivered in self.log:
            self.route(place, self.cores[place].receive(delivered, self.now))

    def run(self, *, place: int = 0, **terms: Any) -> "Cluster":
        self.propose(place, **terms)
        self.settle()
        return self

    def events(self, place: int, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.sessions[place].events if isinstance(event, kind)]

    def decided(self, place: int = 0) -> Decided:
        found = self.events(place, Decided)
        assert len(found) == 1, f"decided {len(found)} times"
        assert isinstance(found[0], Decided)
        return found[0]

    def aborted(self, place: int = 0) -> Aborted:
        found = self.events(place, Aborted)
        assert len(found) == 1, f"aborted {len(found)} times"
        assert isinstance(found[0], Aborted)
        return found[0]

    def convicted(self, place: int = 0) -> list[tuple[str, str]]:
        found = self.events(place, Convicted)
        return [(self.roster.name(event.member), event.offence) for event in found]

    def recompute(self, proposed: Proposed) -> ToyComputation:
        return ToyComputation(self.plan)


def make_proposal(roster: Roster, **terms: object) -> Proposal:
    """The toy's proposal, with other terms by name."""
    plain: dict[str, object] = {
        "mechanism": "toy.first-price",
        "version": 1,
        "code": CODE,
        "parameters": "{}",
        "asked": roster.ids,
        "threshold": roster.q,
        "report_bytes": 16,
        "decimals": 0,
        "enrol_ms": 1000,
        "report_ms": 2000,
        "open_ms": 3000,
        "attest_ms": 4000,
    }
    return Proposal(**{**plain, **terms})  # type: ignore[arg-type]


def nets(flows: Sequence[Flow]) -> dict[str, Fraction]:
    """What each party ends with, zeros left out."""
    ends: dict[str, Fraction] = {}
    for flow in flows:
        ends[flow.payer] = ends.get(flow.payer, Fraction(0)) - flow.amount
        ends[flow.payee] = ends.get(flow.payee, Fraction(0)) + flow.amount
    return {party: amount for party, amount in ends.items() if amount}


def finish(cluster: Cluster) -> Cluster:
    """Order all that there is, and let every phase run out."""
    cluster.settle()
    for _ in range(3):
        cluster.wait(5000)
    return cluster
