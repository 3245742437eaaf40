"""Toy sessions whose players are an electorate, for tests."""

from typing import Any

from mechdesign.decision.ballots.ballot import make_ballot
from mechdesign.decision.ballots.notice import open_notice
from mechdesign.decision.entries import CarryEntry, Kind
from mechdesign.decision.messages import Answers, Carried, Carry, Enrolled, Proposed
from mechdesign.decision.transcript import AuditReport, audit
from mechdesign.kernel.wire import digest
from mechdesign.testing.electorate import Electorate
from tests.decision.toys import Cluster

__all__ = ["SEALS", "Poll"]

SEALS = ["open", "threshold"]


class Poll:
    """A toy session whose players are an electorate."""

    def __init__(self, size: int = 5, *, seal: str = "open", n: int = 4, fast: bool = True, **terms: Any) -> None:
        self.electorate = Electorate(size, real=not fast)
        twist = terms.pop("twist", None)
        self.cluster = Cluster(n, fast=fast, twist=twist)
        self.terms = {"seal": seal, "roll": self.electorate.roll.root, "rolled": size, **terms}
        self.cluster.propose(0, **self.terms)
        assert self.cluster.step()
        (proposed,) = self.cluster.events(0, Proposed)
        assert isinstance(proposed, Proposed)
        self.session = proposed.session
        self.notice = proposed.notice
        self.setting = open_notice(self.notice, self.cluster.scheme)

    def gather(self) -> "Poll":
        """Let everybody enrol."""
        self.cluster.settle()
        assert self.phase == "gathering"
        return self

    @property
    def phase(self) -> str:
        return self.cluster.cores[0].status()[0].phase

    def ballot(self, voter: int, report: bytes | None, sequence: int = 0) -> bytes:
        seed = digest("test/seed", b"%d/%d" % (voter, sequence), report or b"")
        electorate = self.electorate
        return make_ballot(self.setting, electorate.roll, electorate.signers[voter], report, seed, sequence)

    def hand(self, place: int, *ballots: bytes, session: bytes = b"") -> Carried:
        """Hand ballots to a member, and order what that causes."""
        core = self.cluster.cores[place]
        effects = core.submit(Carry(session or self.session, ballots), self.cluster.now)
        self.cluster.route(place, effects)
        (told,) = [effect for effect in effects if isinstance(effect, Carried)]
        self.cluster.settle()
        return told

    def carry(self, place: int, *ballots: bytes) -> None:
        """Have a member carry just this, whatever an honest one would do."""
        self.cluster.order(place, Kind.CARRY, CarryEntry(self.session, 0, ballots).encoded)

    def close(self) -> "Poll":
        """Let every member's time run out."""
        self.cluster.wait(self.setting.proposal.report_ms)
        return self

    def players(self, place: int = 0) -> list[str]:
        (enrolled,) = self.cluster.events(place, Enrolled)
        assert isinstance(enrolled, Enrolled)
        return [name for _, name in enrolled.players]

    def answers(self, place: int = 0) -> dict[str, bytes]:
        """What counted at a member, by name."""
        (enrolled,), (answers,) = self.cluster.events(place, Enrolled), self.cluster.events(place, Answers)
        assert isinstance(enrolled, Enrolled)
        assert isinstance(answers, Answers)
        names = dict(enrolled.players)
        return {names[key]: report for key, report in answers.reports}

    def agree(self) -> AuditReport:
        """All members decided alike, and an audit says so too."""
        cluster = self.cluster
        first = cluster.decided(0)
        assert all(cluster.decided(place) == first for place in range(cluster.roster.n))
        assert all(self.answers(place) == self.answers(0) for place in range(cluster.roster.n))
        return audit(first.transcript, cluster.scheme, cluster.recompute, cluster.roster)
