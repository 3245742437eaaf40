"""Sessions among anything that liars can order: drawn terms, late entries, clocks, restarts, and no rule to it.

A liar copies, changes and drops entries, its own and others', and says early shares, wrong clocks, receipts, exits,
proofs and rubbish; the entries of everybody come in any order near the one in which they were said.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from random import Random
from typing import Any

from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.entries import DeclineEntry, EvidenceEntry, Kind, ShareEntry, TimerEntry, Verdict, parse
from mechdesign.decision.messages import Aborted, Convicted, Decided, Defaulted
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import EvidenceFound, Submission
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import InputError, LocalProtocolError
from tests.decision.test_exclude import equivocation
from tests.decision.toys import MS, Cluster, Plan, nets

DEPOSIT = Fraction(9)
PHASES = ("enrolling", "sealing", "asking", "opening", "tossing", "attesting", "gathering", "draining", "nothing", "")
_FIRST = 6
"""How far behind the oldest entry that waits the next one may be."""


class Disorder:
    """One run, drawn from its seed.

    Attributes:
        cluster: its members.
        liars: places of those that lie.
        honest: places of the others.
    """

    def __init__(self, seed: int) -> None:
        self._random = chance = Random(seed)
        faults = chance.choice([FaultModel.BYZANTINE] * 3 + [FaultModel.UNANIMOUS, FaultModel.MAJORITY])
        n = chance.choice([4, 4, 4, 5] if faults is FaultModel.BYZANTINE else [2, 3])
        asks = chance.choice([1, 1, 1, 2])
        tosses = (asks,) if chance.random() < 0.25 else ()
        sealed = tuple(chance.random() < 0.8 for _ in range(asks))
        self.cluster = Cluster(n, plan=Plan(sealed=sealed, tosses=tosses, fails=chance.random() < 0.05), faults=faults)
        b = self.cluster.roster.b if faults is not FaultModel.UNANIMOUS else chance.choice([0, 1])
        self.liars = sorted(chance.sample(range(n), b))
        self.honest = [place for place in range(n) if place not in self.liars]
        self._restarts = 3

    def play(self) -> None:
        """Everything happens, and then time goes on for as long as it changes anything."""
        chance, sessions = self._random, self._random.choice([0, 0, 1])
        self._propose()
        for _ in range(chance.randrange(40, 140)):
            drawn = chance.random()
            if drawn < 0.62:
                self._order_one(_FIRST)
            elif drawn < 0.80 and self.liars:
                self._lie(chance.choice(self.liars))
            elif drawn < 0.86:
                self._tick(chance.sample(range(self.cluster.roster.n), chance.randrange(1, self.cluster.roster.n + 1)))
            elif drawn < 0.90:
                self._confirm()
            elif drawn < 0.93 and self._restarts:
                self._restarts -= 1
                self.cluster.restart(chance.choice(self.honest))
            elif drawn < 0.95 and self.liars:
                self.cluster.evidence(chance.choice(self.honest), self._twins(chance.choice(self.liars)))
            elif sessions:
                sessions -= 1
                self._propose()
        for _ in range(40):
            while self.cluster.pending:
                self._order_one(4)
            self._tick(range(self.cluster.roster.n), 5000)
            if not self.cluster.pending and not any(self.cluster.cores[place].status() for place in self.honest):
                break

    def check(self) -> None:
        """What has to hold at the end whatever happened."""
        first = self._ends(self.honest[0])
        roster, cores = self.cluster.roster, self.cluster.cores
        for place in self.honest:
            assert self._ends(place) == first, "sessions end alike"
            assert cores[place].balances == cores[self.honest[0]].balances, "books are alike"
            assert sum(line.amount for line in cores[place].balances) == 0
            for found in self.cluster.events(place, Convicted):
                assert roster.ids.index(found.member) in self.liars, f"{roster.name(found.member)} of {found.offence}"
                assert verify_evidence(found.evidence, roster, self.cluster.scheme) == (found.member, found.offence)
            self._check_flows(place)
            self._check_stalled(place)

    def _ends(self, place: int) -> list[tuple[Any, ...]]:
        ends: list[tuple[Any, ...]] = []
        for end in self.cluster.sessions[place].events:
            if isinstance(end, Decided):
                ends.append((end.session, end.verdict, end.digest, end.flows))
            elif isinstance(end, Aborted):
                ends.append((end.session, end.reason, end.flows))
        assert len({each[0] for each in ends}) == len(ends), "a session ends once"
        return ends

    def _check_flows(self, place: int) -> None:
        roster, liars = self.cluster.roster, {self.cluster.roster.members[liar].name for liar in self.liars}
        late = {(each.session, roster.name(each.member)) for each in self.cluster.events(place, Defaulted)}
        for end in self.cluster.sessions[place].events:
            if isinstance(end, Decided | Aborted):
                lost = {flow.reason.rpartition(" ")[2] for flow in end.flows if "forfeited" in flow.reason}
                assert all(name in liars or (end.session, name) in late for name in lost), lost
                if end.transcript:
                    found = audit(end.transcript, self.cluster.scheme, self.cluster.recompute, roster)
                    if isinstance(end, Decided):
                        assert (found.digest, nets(found.flows)) == (end.digest, nets(end.flows))

    def _check_stalled(self, place: int) -> None:
        liars = {self.cluster.roster.members[liar].name for liar in self.liars}
        for status in self.cluster.cores[place].status():
            assert self.cluster.roster.faults is FaultModel.UNANIMOUS, f"nothing ends the {status.phase}"
            assert status.missing, f"it stalls in {status.phase} and names nobody"
            assert set(status.missing) <= liars

    # ------------------------------------------------------------------------------------------------- what happens

    def _propose(self) -> None:
        for _ in range(20):
            try:
                self.cluster.propose(self._random.choice(self.honest), **self._terms())
            except (InputError, LocalProtocolError):
                continue  # terms that no session can run under
            return

    def _terms(self) -> dict[str, Any]:
        chance, roster = self._random, self.cluster.roster
        seal = chance.choice(["threshold", "threshold", "commit_reveal", "open"])
        every = ("recompute", "default_report", "forfeit", "abort", "exclude")
        drawn = set(chance.sample(every, chance.randrange(1, 4)))
        if "default_report" in drawn:
            drawn.discard("recompute")
        if "abort" in drawn and len(drawn) > 1 and chance.random() < 0.5:
            drawn.discard("abort")
        terms: dict[str, Any] = {"seal": seal, "sanctions": tuple(each for each in every if each in drawn)}
        if "default_report" in drawn:
            terms["default_report"] = b"\3"
        if chance.random() < 0.7:
            terms["deposit"] = DEPOSIT
            if chance.random() < 0.3:
                terms["custodian"] = chance.choice(roster.members).name
        if seal == "threshold" and roster.b < roster.q and chance.random() < 0.2:
            terms["threshold"] = chance.randrange(roster.b + 1, roster.q + 1)
        if chance.random() < 0.3:
            terms["accounts"] = (("SELLER", "the harbour"),)
        return terms

    def _order_one(self, first: int) -> None:
        chance, pending = self._random, self.cluster.pending
        if not pending:
            return
        place, said = pending.pop(chance.randrange(min(first, len(pending))))
        if place in self.liars and chance.random() < 0.2:
            return
        entry = parse(said.kind, said.data)
        if place in self.liars and entry is not None and chance.random() < 0.25:
            self._say(place, said.kind, lambda: self._changed(entry).encoded)
        else:
            self.cluster.order(place, said.kind, said.data)

    def _tick(self, places: Any, most_ms: int = 0) -> None:
        self.cluster.now += (most_ms or self._random.choice([100, 1000, 3000])) * MS
        for place in places:
            self.cluster.route(place, self.cluster.cores[place].tick(self.cluster.now))

    def _confirm(self) -> None:
        """An honest custodian has received what some player staked."""
        roster = self.cluster.roster
        for status in self.cluster.cores[self.honest[0]].status():
            setting = self.cluster.cores[self.honest[0]].setting(status.session)
            custodian = None if setting is None else roster.named(setting.proposal.custodian)
            if custodian is not None and (place := roster.ids.index(custodian.id)) in self.honest:
                player = self._random.choice(roster.ids)
                reference = f"bank {status.session.hex()[:6]} {roster.name(player)}"
                entry = ReceiptEntry(status.session, player, DEPOSIT, reference)
                self.cluster.order(place, Kind.RECEIPT, entry.encoded)

    def _lie(self, place: int) -> None:
        chance, roster = self._random, self.cluster.roster
        open_ = [status.session for status in self.cluster.cores[self.honest[0]].status()] or [bytes(32)]
        session, step, phase = chance.choice(open_), chance.choice([0, 0, 1]), chance.choice(PHASES)
        heard = chance.choice(self.cluster.log).submission if self.cluster.log else Submission(0, roster.ids[0], 0, b"")
        entry = parse(heard.kind, heard.data)
        amount, reference = Fraction(chance.choice([4, 5, 9, 20])), chance.choice("abc")
        proof = chance.choice([self._twins(place).data, b"", b"no proof"])
        kind, make = chance.choice(
            [
                *[(heard.kind, lambda: heard.data)] * 3,
                *[(heard.kind, lambda: self._changed(entry).encoded)] * (3 if entry is not None else 0),
                (Kind.TIMER, lambda: TimerEntry(session, step, phase).encoded),
                (Kind.SHARE, lambda: ShareEntry(session, step, b"early").encoded),
                (Kind.DECLINE, lambda: DeclineEntry(session, "no", chance.random() < 0.5).encoded),
                (Kind.EVIDENCE, lambda: EvidenceEntry(proof).encoded),
                (Kind.RECEIPT, lambda: ReceiptEntry(session, chance.choice(roster.ids), amount, reference).encoded),
                (chance.randrange(256), lambda: chance.randbytes(chance.randrange(60))),
            ]
        )
        self._say(place, kind, make)

    def _say(self, place: int, kind: int, make: Callable[[], bytes]) -> None:
        try:
            data = make()
        except (LocalProtocolError, ValueError, TypeError, OverflowError, AttributeError):
            return  # not even a liar can write that down
        self.cluster.order(place, kind, data)

    def _changed(self, entry: Any) -> Any:
        """The entry with one field changed, or taken from another of its kind."""
        chance = self._random
        name = chance.choice(fields(entry)).name
        value = getattr(entry, name)
        heard = (parse(each.submission.kind, each.submission.data) for each in self.cluster.log)
        others = [getattr(each, name) for each in heard if type(each) is type(entry)]
        if isinstance(value, bytes):
            at = chance.randrange(len(value)) if value else 0
            flipped = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :] if value else b"\0"
            value = chance.choice([b"", chance.randbytes(len(value)), flipped, value + b"\0", *others[-2:]])
        elif isinstance(value, bool):
            value = not value
        elif isinstance(value, Verdict):
            value = chance.choice(list(Verdict))
        elif isinstance(value, int):
            value = max(0, value + chance.choice([-1, 1, 5, 100_000]))
        elif isinstance(value, str):
            value = chance.choice(PHASES)
        elif value is None:
            value = chance.choice([b"", bytes(40)])
        return replace(entry, **{name: value})

    def _twins(self, place: int) -> EvidenceFound:
        return equivocation(self.cluster, place)
