"""One run of many sessions at once beside liars and in bad weather, held to what is promised of every session.

* Every session ends, and alike at all honest members: settled by one digest, or aborted for one reason.
* What was settled is what the mechanism makes of the reports with no network at all; deposits come back or are shared.
* The books of each honest member are those that :mod:`~mechdesign.testing.bookkeeper` keeps apart, at every position of
  the log, and in the end they are the same everywhere.
* Nobody honest is convicted, and whom one honest member convicts, all do.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from random import Random

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.custody.custodian import Custodian, attend
from mechdesign.group.messages import Leave
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import CongestionError
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.events import (
    CarryBallots,
    ProposalRefused,
    ProposeSession,
    SessionMissed,
    SessionProposed,
    Settled,
)
from mechdesign.mechanisms.registry import load
from mechdesign.stack import Stack
from mechdesign.testing.bookkeeper import Bookkeeper, bookkept
from mechdesign.testing.lying_stacks import League
from mechdesign.testing.misbehaviour import filtered, misbehave
from mechdesign.testing.mishaps import crashes_of, cuts_of, slowness_of, weather_of
from mechdesign.testing.network import CALM
from mechdesign.testing.remembered import remembered_points, remembered_reading
from mechdesign.testing.scenario import Scenario
from mechdesign.testing.schedule import draw
from mechdesign.testing.schemers import HOARDED_S, SCHEMES, Clerk, Scheme
from mechdesign.testing.session_cases import CASES, Villain
from mechdesign.testing.session_ends import agreed, check_convictions, check_settlement, reasons
from mechdesign.testing.session_mix import answers, electorate, remembering, session
from mechdesign.testing.simulated import SimulatedGroup
from mechdesign.testing.simulator import Violation
from mechdesign.testing.stacks import NAMES, StackCluster

__all__ = ["CONDITIONS", "Played", "play_sessions"]


CONDITIONS = ("calm", "storm", "change")
"""A whole network; loss, delays, cuts, and honest members that crash and come back, with what they had synced or more;
a member that leaves, and liars that are excluded, while sessions go on."""

_PHASE_MS = 8_000
"""Longer than any storm here, so that what honest members report counts."""

_STORM = SECOND
"""How long a storm lasts: as long as all sessions together take in it."""

_LEAVES_AT = SECOND // 25
_PATIENCE_S = 120.0
_LAST_WORDS_S = 3.0
_CLERK_EVERY = SECOND // 4
_OFFERED = 8


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one run.

    Attributes:
        case: whom the group had among its members.
        conditions: one of :data:`CONDITIONS`.
        seed: replays it.
        members: how many there were.
        wanted: how many sessions honest members wanted at once.
        settled: how many sessions were settled.
        aborted: for how many sessions each reason was given, the frequent ones first.
        positions: how often the books of an honest member were compared, all together.
        convicted: offences that somebody was convicted of, with how many.
        epochs: how many there were.
        seconds: of the virtual clock, until all had ended.
        violation: what did not hold, or empty.
    """

    case: str
    conditions: str
    seed: int
    members: int = 0
    wanted: int = 0
    settled: int = 0
    aborted: tuple[tuple[str, int], ...] = ()
    positions: int = 0
    convicted: tuple[tuple[str, int], ...] = ()
    epochs: int = 1
    seconds: float = 0.0
    violation: str = ""


class _Group(SimulatedGroup):
    """The group of one run, and what its honest members want and were told."""

    def __init__(self, case: str, conditions: str, seed: int, sessions: int) -> None:
        villains = CASES[case]
        chance = Random(f"sessions/{case}/{conditions}/{seed}")
        self.changing = conditions == "change"
        n = 3 * max(len(villains), 1) + 1 + self.changing
        places = sorted(chance.sample(range(n), len(villains)))
        self.villains = dict(zip(places, villains, strict=True))
        league = League(
            f"{case}/{seed}",
            n,
            {place: villain.lie for place, villain in self.villains.items()},
            {place: _cheat(villain) for place, villain in self.villains.items()},
        )
        storm = conditions == "storm"
        weather = weather_of(chance) if storm else CALM
        self.cluster = StackCluster(
            [answers(seed)] * n, seed, liars=dict.fromkeys(places, league.corrupt), weather=weather
        )
        self.simulator = self.cluster.simulator
        self.honest = tuple(self.cluster.honest)
        self.leaver = chance.choice(self.honest) if self.changing else None
        self.names = NAMES[:n]
        self.quota = -(-sessions // len(self.honest))
        self.wanted: dict[int, list[ProposeSession]] = {place: [] for place in range(n)}
        self.proposers: dict[bytes, str] = {}
        self.missed: dict[int, dict[bytes, None]] = {place: {} for place in range(n)}
        self._refused: dict[tuple[int, bytes], None] = {}
        self._clerks: dict[int, Custodian] = {place: Clerk() for place in range(n)}
        self._clerks |= {place: clerk for place, each in self.villains.items() if (clerk := _scheme(each).clerk)}
        self._custodian = next((self.names[place] for place, each in self.villains.items() if _scheme(each).clerk), "")
        self._first = chance.randrange(1000)
        self._storm = _storm(chance, n, self.honest, seed) if storm else None
        self._watch()
        self._look_up()

    def begin(self) -> None:
        """Start everybody, say everything, and let the trouble come."""
        self.cluster.start()
        self._want()
        if self._storm is not None:
            self.trouble(self._storm)
            self.simulator.at(_STORM, self.heal)
        if self.leaver is not None:
            self.simulator.at(_LEAVES_AT, partial(self.simulator.submit, self.leaver, Leave()))

    # What it is made of

    def _watch(self) -> None:
        self.simulator.watch(SessionProposed, self._proposed)
        self.simulator.watch(ProposalRefused, self._again)
        self.simulator.watch(SessionMissed, lambda place, event: self.missed[place].setdefault(event.session))
        self.simulator.at(_CLERK_EVERY, self._attend)

    def _look_up(self) -> None:
        common = next((lookup for each in self.villains.values() if (lookup := _scheme(each).common)), None)
        self.cluster.lookups[:] = [remembering(common) if common else remembering()] * len(self.names)
        for place, villain in self.villains.items():
            if (lookup := _scheme(villain).lookup) is not None:
                self.cluster.lookups[place] = remembering(lookup)

    def _want(self) -> None:
        """Everybody proposes, those that mean no good a few sessions of the usual kinds, too."""
        number = self._first
        for place in range(len(self.names)):
            for _ in range(self.quota if place in self.honest else min(self.quota, _OFFERED)):
                custodian = self._custodian if place in self.honest else ""
                self.propose(place, session(number, self.names[place], self.names, _PHASE_MS, custodian))
                number += 1
        for place, villain in self.villains.items():
            _scheme(villain).begin(self.cluster, place)

    # What happens

    def start(self, place: int) -> None:
        """Start a member, which then proposes again what it wants: by their labels these are the same sessions."""
        if self.simulator.processes[place].machine is None:
            self.simulator.start(place)
            for request in self.wanted[place]:
                self._submit(place, request)

    def propose(self, place: int, request: ProposeSession) -> None:
        """Have a member propose a session, now and after every restart."""
        self.wanted[place].append(request)
        self._submit(place, request)

    def _submit(self, place: int, request: object) -> None:
        try:
            self.simulator.submit(place, request)
        except CongestionError:
            self.simulator.at(self.simulator.now + _CLERK_EVERY, partial(self._submit, place, request))

    def _proposed(self, place: int, event: SessionProposed) -> None:
        self.proposers[event.session] = event.proposer
        if event.notice:
            self.simulator.at(self.simulator.now, partial(self._vote, place, event.notice))

    def _vote(self, place: int, notice: bytes) -> None:
        """The participants hand their ballots to whoever has heard of the session, and honest members carry them."""
        schema = load("voting.plurality").from_parameters({"options": ["north", "east"]}).report_schema()
        reports = [codec.encode(schema, choice, 256) for choice in ("east", "north", "east")]
        self._submit(place, CarryBallots(tuple(electorate().ballots(notice, KeyedHash(), reports))))

    def _again(self, place: int, event: ProposalRefused) -> None:
        """Propose something of the same kind anew, when what stands in the way is over."""
        if place not in self.honest or (place, event.session) in self._refused:
            return
        # One that was never ordered has no name, and is told of once.
        self._refused[place, event.session or b"%d" % len(self._refused)] = None
        kind = [each for each in self.wanted[place] if each.mechanism.identifier == event.mechanism]
        again = replace(kind[0], label=f"again {len(self._refused)}", asked=())
        self.simulator.at(self.simulator.now + _CLERK_EVERY, partial(self.propose, place, again))

    def _attend(self) -> None:
        for place, clerk in self._clerks.items():
            if self.simulator.processes[place].machine is not None:
                for said in attend(clerk, self.cluster.stack(place).decision.custody()):
                    self._submit(place, said)
        self.simulator.at(self.simulator.now + _CLERK_EVERY, self._attend)

    # What has to be

    @property
    def live(self) -> tuple[int, ...]:
        """Places of the honest members that are up and in the group."""
        return tuple(
            place
            for place in self.honest
            if self.simulator.processes[place].machine is not None and self._decides(place)
        )

    def _decides(self, place: int) -> bool:
        return isinstance(self.cluster.stack(place).decision, DecisionCore)

    @property
    def patience_s(self) -> float:
        """How long it may take: a change waits for hoarded sessions as long as their phases last, and no longer."""
        hoarded = self.changing and any(not _scheme(each).ends for each in self.villains.values())
        return _PATIENCE_S + hoarded * HOARDED_S

    def done(self) -> bool:
        """Whether all that honest members wanted has ended everywhere, and nothing is open that is to end."""
        if len(self.live) < len(self.honest) - self.changing:
            return False
        hoarders = {self.names[place] for place, each in self.villains.items() if not _scheme(each).ends}
        staying = [self.names[place] for place in self.live]
        for place in self.live:
            known = {**self.cluster.ended[place], **self.missed[place]}
            over = Counter(self.proposers[each] for each in known)
            if any(over[name] < self.quota for name in staying):
                return False
            open_ = self.cluster.stack(place).decision.status()
            if any(self.proposers[each.session] not in hoarders for each in open_):
                return False
        epochs = {self.cluster.stack(place).roster.epoch for place in self.live}
        return len(epochs) == 1 and (not self.changing or epochs != {0})

    def describe(self) -> str:
        """What is open, and where everybody stands."""
        lines = []
        for place in self.live:
            stack = self.cluster.stack(place)
            status = stack.status()
            open_ = Counter(f"{each.phase} of {self.proposers[each.session]}" for each in status.sessions)
            lines.append(
                f"{self.names[place]}: {len(self.cluster.ended[place])} ended, open {dict(open_)}, epoch "
                f"{stack.roster.epoch}, {status.group.state} {status.group.detail}, {status.hindrance}"
            )
        return "; ".join(lines)


def _scheme(villain: Villain) -> Scheme:
    return SCHEMES.get(villain.scheme, Scheme())


def _storm(chance: Random, n: int, honest: Sequence[int], seed: int) -> Scenario:
    """The campaign's cuts and slow parts of a seed, and crashes of honest members, at least one, with a return."""
    slowness, links, lags = slowness_of(chance, n)
    crashes = next(found for _ in count() if (found := crashes_of(chance, list(honest), _STORM, 0)))
    return replace(
        draw(seed, n=n, faults=FaultModel.BYZANTINE),
        slowness_us=slowness,
        slow_links=links,
        lags_us=lags,
        crashes=crashes,
        cuts=cuts_of(chance, n, _STORM),
        heal=_STORM,
    )


def _cheat(villain: Villain) -> Callable[[Stack], Stack]:
    """What makes a stack cheat as a villain does."""

    def make(stack: Stack) -> Stack:
        change = _scheme(villain).change
        changed = stack if change is None else filtered(change())(stack)
        return misbehave(villain.cheat)(changed) if villain.cheat else changed

    return make


def play_sessions(case: str, conditions: str, seed: int, sessions: int, *, audited: int = 1) -> Played:
    """Play one run; what does not hold is in what it gives.

    Args:
        case: of :data:`~mechdesign.testing.session_cases.CASES`.
        conditions: of :data:`CONDITIONS`.
        seed: names every stream of chance in the run.
        sessions: how many honest members propose at once, all together.
        audited: every so-manieth settlement is computed again from its transcript.
    """
    group = _Group(case, conditions, seed, sessions)
    innocent = frozenset(group.cluster.roster.ids[place] for place in group.honest)
    played = Played(case, conditions, seed, len(group.names), group.quota * len(group.honest))
    with remembered_points(), remembered_reading(), bookkept(lambda core: core._me in innocent) as keepers:
        try:
            group.begin()
            return _judged(group, played, keepers, audited)
        except Violation as error:
            violation = str(error)
        except Exception as error:  # any other one of a core is a violation, too
            where = traceback.extract_tb(error.__traceback__)[-1]
            violation = f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    return replace(played, seconds=group.simulator.now / SECOND, violation=violation)


def _judged(group: _Group, played: Played, keepers: Mapping[int, Bookkeeper], audited: int) -> Played:
    cluster = group.cluster
    if not group.run_until(group.done, group.patience_s):
        raise Violation(f"sessions are open after {group.patience_s} s: {group.describe()}")
    seconds = group.simulator.now / SECOND
    group.run(_LAST_WORDS_S)
    live = group.live
    ends = agreed({place: cluster.ended[place] for place in live}, group.missed)
    for number, end in enumerate(ends.values()):
        if isinstance(end, Settled) and number % audited == 0:
            check_settlement(end, group.cluster.lookups[live[0]])
    convicted = check_convictions(cluster, group.honest, live)
    cores = [cluster.stack(place).decision for place in live]
    books = [core.balances for core in cores if isinstance(core, DecisionCore)]
    if any(other != books[0] for other in books):
        raise Violation(f"the members' books differ in the end: {books}")
    return replace(
        played,
        settled=sum(isinstance(end, Settled) for end in ends.values()),
        aborted=reasons(ends.values()),
        positions=sum(keeper.looked for keeper in keepers.values()),
        convicted=tuple(Counter(offence for _, offence in convicted).most_common()),
        epochs=1 + cluster.stack(live[0]).roster.epoch,
        seconds=seconds,
    )
