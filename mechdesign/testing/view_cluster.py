"""A simulated group whose members come and go, with what must hold over its epochs looked at all the time.

* Within an epoch the honest logs agree, position by position.
* All honest members agree on the sequence of epochs: roster and state.
* What an honest member said is ordered at most once in all epochs together; who never leaves sees it ordered once.
* Nobody signs two blocks for a round, and nobody honest is convicted.
* Nothing is ordered before what it rests on, and when all is well everything soon; see the modules that look at that.

Every member says again after a restart all that it ever said, so the keys have to keep it from being ordered twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from mechdesign.group.channel import channel_of, unframe
from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.layer import GroupLayer
from mechdesign.group.messages import Append, Broadcast, EvidenceFound, Exclude, Leave, Ready, ViewChanging
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.group.views.view import is_reserved
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.kernel.wire import digest
from mechdesign.testing.bounds import Bounds
from mechdesign.testing.causality import Causality
from mechdesign.testing.checkers import Blocks, Evidence
from mechdesign.testing.correspondence import Correspondence
from mechdesign.testing.departures import Departures
from mechdesign.testing.disk import Disk
from mechdesign.testing.epoch_promptness import EpochPromptness, promise
from mechdesign.testing.epochs import Epochs
from mechdesign.testing.faults import Faults
from mechdesign.testing.forks import Forks
from mechdesign.testing.frames import Readers
from mechdesign.testing.habits import Habits
from mechdesign.testing.layer_bounds import LayerBounds
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.scenario import AnyLiarKind, Crash, Scenario
from mechdesign.testing.simulated import BRISK, SimulatedGroup, cast_of, settings
from mechdesign.testing.simulator import AnyMachine, Boot, Simulator, Violation
from mechdesign.testing.view_machines import PROOF, Machines

__all__ = ["ViewCluster"]


class ViewCluster(SimulatedGroup):
    """Members 0 to ``founders`` - 1 found the group; up to ``total`` may join.

    Args:
        founders: how many found it.
        total: how many members there may ever be.
        seed: names every stream of chance.
        liars: kind of lie by place.
        drains: whether a layer above has to be ready, a while after it is told; else what was said is carried over.
        expels: whether whoever is convicted is excluded.
        least: no roster is to have fewer members than this; three fewer for each liar that is expelled.
        letters: whether members have the means for messages to some of the others.
        real: sign with Ed25519 instead of the keyed hash.
        weather: how links treat frames.
        config: how eagerly members advance.
        edges: the pairs that have a link at all; every pair if None.
        rule: the commit rule; a negative control passes a weaker one.

    Attributes:
        epochs: what the honest ones told of them.
        wanted: the places that are to be members.
        absent: joiners that never come.
        expelled: by the place of one that was convicted what convicts it.
    """

    def __init__(
        self,
        founders: int,
        total: int,
        seed: int | str = 0,
        *,
        liars: Mapping[int, AnyLiarKind] | None = None,
        drains: bool = False,
        expels: bool = False,
        least: int = 1,
        letters: bool = False,
        real: bool = False,
        weather: Weather = CALM,
        config: GroupConfig = BRISK,
        edges: Iterable[tuple[int, int]] | None = None,
        rule: CommitRule | None = None,
        keep_history: bool = False,
        **overrides: Any,
    ) -> None:
        chance = Random(f"{seed}/keys")
        self.total = total
        self.scheme: SignatureScheme = Ed25519() if real else KeyedHash()
        self.signers, self.lines = cast_of(total, chance, real)
        members = tuple(self.lines[:founders])
        first = Roster("simulation", members, FaultModel.default(founders), nonce=chance.randbytes(16), **overrides)
        self.liars = dict(liars or {})
        self.honest = tuple(place for place in range(total) if place not in self.liars)
        self.wanted: dict[int, None] = dict.fromkeys(range(founders))
        self.absent: frozenset[int] = frozenset()
        self.expelled: dict[int, list[bytes]] = {}
        self.said: list[list[Broadcast]] = [[] for _ in range(total)]
        self._starts: dict[int, Roster | Invitation] = dict.fromkeys(range(founders), first)
        self._drains = drains
        self._expels = expels
        self._departures = Departures(least)
        self._random = Random(f"{seed}/views")
        camp = frozenset(self.signers[place].public for place in chance.sample(range(total), chance.randint(1, total)))
        self._machines = Machines(
            self.signers, self.scheme, config, self.liars, seed, camp, drains=drains, letters=letters, rule=rule
        )
        boots = [(signer.public, self._boot(place)) for place, signer in enumerate(self.signers)]
        network = Network(total, Random(f"{seed}/network"), weather, edges)
        self.simulator = Simulator(boots, network, seed, silence_us=SECOND // 2, keep_history=keep_history)
        self.simulator.watch(ViewChanging, self._changing)
        self.epochs = Epochs(self.simulator, self.honest, first, self.scheme, self._begins, once=not drains)
        self.blocks = Blocks(self.simulator, self.honest, self.epochs.read_frame, self.epochs.read_record)
        self.evidence = Evidence(self.simulator, self.honest, self.liars, self.epochs.convicts)
        if expels:
            self.simulator.watch(EvidenceFound, self._found)
        readers = Readers()
        Habits(self.simulator, self.honest, self._cores, readers)
        Causality(self.simulator, self.honest, self._cores, self.epochs.told_before, readers)
        self.promptness = EpochPromptness(self.simulator, self.honest, self._cores)
        self.post = Correspondence(self.simulator, self.honest, self.epochs, once=not drains)
        Faults(self.simulator, self.honest, self.liars, self.scheme, self._cores, _packet)
        Forks(self.simulator, self.honest, self.scheme)
        self.bounds = Bounds(self.simulator, self.honest, config, self._cores)
        LayerBounds(self.simulator, config, keys=total - 1, layer=self._layer)

    @classmethod
    def of(cls, scenario: Scenario, **options: Any) -> "ViewCluster":
        """The group of a scenario, with everything that the scenario says scheduled."""
        changes = scenario.changes
        assert changes is not None
        cluster = cls(
            changes.founders,
            scenario.n,
            scenario.seed,
            liars=dict(scenario.liars),
            drains=changes.drains,
            expels=changes.expels,
            least=changes.least,
            letters=bool(changes.notes),
            real=scenario.real,
            weather=scenario.weather,
            edges=scenario.edges,
            slots=scenario.slots,
            depth=scenario.depth,
            config=(config := settings(tight=scenario.tight, hasty=scenario.hasty)),
            **options,
        )
        simulator = cluster.simulator
        cluster.absent = frozenset(changes.absent)
        chance = Random(f"{scenario.seed}/starts")
        for place in range(changes.founders):
            simulator.at(chance.randrange(SECOND // 10), partial(cluster.start, place))
        for submit in scenario.submits:
            simulator.at(submit.at, partial(cluster.say, submit.place, submit.data))
        for step in changes.steps:
            simulator.at(step.at, partial(cluster.want, step.joins, step.goes))
        for number, note in enumerate(changes.notes):
            simulator.at(note.at, partial(cluster.post.write, note, b"note %d" % number))
        for at in range(SECOND // 2, scenario.heal, SECOND // 2):
            simulator.at(at, cluster.convene)
        # By then every link is up at both ends, and whoever slept is back.
        begin = max([scenario.heal, *(sleep.back for sleep in changes.sleeps)]) + SECOND
        simulator.at(begin, partial(cluster.promptness.begin, promise(scenario, cluster.signers, config)))
        if replace(scenario, changes=None, tight=False).brisk:
            for number, at in enumerate(range(begin, begin + SECOND, SECOND // 4)):
                simulator.at(at, partial(cluster.say_all, b"late %d" % number))
        cluster.trouble(scenario)
        for sleep in changes.sleeps:
            simulator.at(sleep.at, partial(cluster.crash, Crash(sleep.at, sleep.place, 0, sleep.back, None)))
        return cluster

    # ------------------------------------------------------------------------------------------------------- machines

    def _boot(self, place: int) -> Boot:
        def boot(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[AnyMachine, Sequence[object]]:
            machine: Any = self._machines.make(place, self._starts[place], entropy)
            effects = list(machine.restore([(record.table, record.key, record.data) for record in records], now))
            if self._is_member(place, machine.roster):
                for request in (*self.said[place], *self.post.again(place, machine.roster)):
                    effects += machine.submit(request, now)
            return machine, effects

        return boot

    def machine(self, place: int) -> Any:
        """The machine of a member that is up, or None."""
        return self.simulator.processes[place].machine

    def _layer(self, place: int) -> GroupLayer | None:
        machine = self.machine(place) if place in self.honest else None
        return machine if isinstance(machine, GroupLayer) else None

    def _group(self, place: int) -> Any:
        machine = self.machine(place)
        return getattr(machine, "group", machine)

    def roster_of(self, place: int) -> Roster | None:
        """The roster of the epoch in which a member is, as a member of it; None where it is not up or not in."""
        machine = self.machine(place)
        if machine is None or not self._is_member(place, machine.roster):
            return None
        roster: Roster = machine.roster
        return roster

    def _is_member(self, place: int, roster: Roster) -> bool:
        return roster.place(self.signers[place].public) is not None

    @property
    def chain(self) -> dict[int, tuple[Roster, bytes]]:
        """Of each epoch its roster and the state with which it began."""
        return self.epochs.chain

    def _begins(self, place: int) -> Roster:
        start = self._starts[place]
        return start.roster if isinstance(start, Invitation) else start

    def _cores(self, place: int) -> list[GroupCore]:
        return [epoch.core for epoch in self.machine(place).epochs]

    # -------------------------------------------------------------------------------------------------------- staging

    def start(self, place: int) -> None:
        """Start a member unless it runs, never comes or was never invited."""
        if self.machine(place) is None and place in self._starts and place not in self.absent:
            self.simulator.start(place)

    def say(self, place: int, data: bytes) -> None:
        """Have a member broadcast, if it is one; ``data`` is the key as well, and unique."""
        if self.roster_of(place) is not None:
            broadcast = Broadcast(data, 0, data)
            self.said[place].append(broadcast)
            self.promptness.said(place, data)
            self.simulator.submit(place, broadcast)

    def say_all(self, word: bytes) -> None:
        """Have everybody that can broadcast something."""
        for place in range(self.total):
            self.say(place, word + b" of %d" % place)

    def want(self, joins: Iterable[int] = (), goes: Iterable[int] = ()) -> None:
        """From now on these are to be members, and those not."""
        for place in joins:
            if place not in self.expelled:
                self.wanted[place] = None
        for place in goes:
            self.wanted.pop(place, None)
        self.convene()

    def convene(self) -> None:
        """Do what brings the members nearer to those that are wanted; to be repeated, for changes make others void."""
        live = [place for place in self.honest if self.roster_of(place) is not None]
        if not live:
            return
        newest = max((self.machine(place).roster for place in live), key=lambda roster: roster.epoch)
        present = [place for place in live if self.machine(place).roster == newest]
        self._review(newest, present)
        for place in range(self.total):
            if place in self.wanted and not self._is_member(place, newest):
                self._invite(place, newest, present)
            elif place not in self.wanted and self._is_member(place, newest) and self._may_go(place, newest):
                # A member that is up leaves; one that is not, or is no friend, is shown to have lied.
                if place in present:
                    self.simulator.submit(place, Leave())
                else:
                    proofs = [PROOF + self.signers[place].public, *self.expelled.get(place, ())[:3]]
                    self.simulator.submit(self._random.choice(present), Exclude(self._random.choice(proofs)))

    def _may_go(self, place: int, roster: Roster) -> bool:
        """Whether the roster bears it, if all that were asked to go from it do so."""
        outlawed = sum(not self._is_member(each, roster) for each in self.expelled)
        return place in self.expelled or self._departures.grant(self.signers[place].public, roster, outlawed)

    def _review(self, roster: Roster, present: Sequence[int]) -> None:
        """Look anew at who goes; as long as somebody is away, its disk may hold what takes others out."""
        away = [each for each in self.honest if self._is_member(each, roster) and each not in (*present, *self.absent)]
        lasting = () if away else [self.signers[place].public for place in self.wanted]
        self._departures.review(roster, {self.signers[at].public: self._group(at) for at in present}, lasting)

    def _invite(self, place: int, roster: Roster, present: Sequence[int]) -> None:
        start = self._starts.get(place)
        if not isinstance(start, Invitation) or start.roster != roster:
            line = self.lines[place]
            signers = [self.signers[self._place(member)] for member in roster.ids]
            signatures = {at: sign_join(line, roster, signer) for at, signer in enumerate(signers)}
            start = Invitation.of(roster, line, signatures)
            # It comes with an empty disk: an invitation is a beginning, and what was said before is over.
            self.simulator.crash(place)
            self.simulator.processes[place].disk = Disk()
            self._starts[place] = start
            self.said[place] = []
            self.post.born(place)
            self.start(place)
        self.simulator.submit(self._random.choice(present), start.join)

    def _place(self, member: MemberId) -> int:
        return next(place for place, signer in enumerate(self.signers) if signer.public == member)

    def run_until(self, done: Callable[[], bool], seconds: float, *, each: float = 1.0) -> bool:
        """Let time pass until ``done()``, at most so many seconds, convening now and then; whether it came true."""
        again = self.simulator.now

        def convened() -> bool:
            nonlocal again
            if done():
                return True
            if self.simulator.now >= again:
                self.convene()
                again += round(each * SECOND)
            return False

        return super().run_until(convened, seconds)

    # ----------------------------------------------------------------------------------------------------- assertions

    @property
    def live(self) -> list[int]:
        """Honest members of a roster that are up."""
        return [place for place in self.honest if self.roster_of(place) is not None]

    def settled(self) -> bool:
        """Whether the wanted are the members, all in one epoch with nothing changing."""
        rosters = [self.machine(place).roster for place in self.live]
        if not rosters or any(roster != rosters[0] for roster in rosters):
            return False
        wanted = {self.signers[place].public for place in self.wanted}
        up = {place for place in self.wanted if place in self.honest and self.machine(place) is not None}
        changing = any(self.machine(place).status().view is not None for place in self.live if place in self.honest)
        return wanted == set(rosters[0].ids) and up == set(self.live) and not changing

    def all_said_is_ordered(self) -> bool:
        """Whether what the present members were asked to say is ordered, and known to be at whoever said it."""
        return all(
            self.epochs.holds(self.signers[place].public, broadcast.data)
            for place in self.live
            for broadcast in self.said[place]
        )

    def assert_settled(self, seconds: float = 120) -> None:
        """The wanted become the members, and what they said is ordered, in time."""
        done = self.run_until(lambda: self.settled() and (self._drains or self.all_said_is_ordered()), seconds)
        if not done:
            raise Violation(f"the members do not settle in {seconds} s: {self.describe()}")
        if not self.run_until(lambda: not self.post.waiting(self.live), seconds):
            raise Violation(f"after {seconds} s {'; '.join(self.post.waiting(self.live))}")

    def assert_quiet(self, seconds: float = 10, patience: float = 60) -> None:
        """With nothing to say the members stop making blocks, and nobody serves a past epoch for ever."""
        super().assert_quiet(seconds, patience)
        serving = [place for place in self.live if len(self.machine(place).epochs) > 1]
        if serving:
            raise Violation(f"members {serving} still serve an epoch that is over")

    def describe(self) -> str:
        """Where everybody stands."""
        lines = [f"wanted {sorted(self.wanted)}"]
        for place in range(self.total):
            machine = self.machine(place)
            if machine is not None:
                status = self._group(place).status()
                lines.append(
                    f"{place}: {status.state} epoch {status.epoch} of {status.members}, round {status.round}, "
                    f"pending {status.pending}, view {status.view}, {status.detail}"
                )
        return "; ".join(lines)

    # --------------------------------------------------------------------------------------------------- observations

    def _found(self, place: int, event: EvidenceFound) -> None:
        if place in self.honest:
            at = self._place(event.member)
            self.expelled.setdefault(at, []).append(event.data)
            self.wanted.pop(at, None)

    def _changing(self, place: int, event: ViewChanging) -> None:
        if not self._drains:
            return
        roster, _ = self.epochs.at[place]
        log = self.epochs.entries.get(roster.digest, [])[: event.position + 1]
        told = [said.data for said in log if not is_reserved(said.kind)]
        state = digest("mechdesign/simulated-state/1", self.chain[roster.epoch][1], *told)
        pause = self._random.randrange(1, 300_000)
        self.simulator.at(self.simulator.now + pause, partial(self._say_ready, place, roster, state))

    def _say_ready(self, place: int, roster: Roster, state: bytes) -> None:
        present = self.roster_of(place)
        if present == roster:
            try:
                self.simulator.submit(place, Ready(state))
            except LocalProtocolError:  # it was down meanwhile, and has not read its log so far again
                return


def _packet(core: GroupCore, data: bytes) -> bytes:
    """What a frame brings to a core: nothing, if it is of another epoch's channel."""
    channel, packet = unframe(data)
    return packet if channel == channel_of(core._roster) else b""
