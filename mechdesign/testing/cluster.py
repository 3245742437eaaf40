"""A simulated group in domain words: start it, let things go wrong, assert what must hold.

``Cluster(4, FaultModel.BYZANTINE)`` is for tests that stage one situation by hand, ``Cluster.of(draw(7))`` builds
everything from one number. Either checks agreement, single signing and innocence all the time (see
:mod:`mechdesign.testing.checkers`).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, cast

from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast, Submission
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId, SignatureScheme, Signer
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.testing import frames
from mechdesign.testing.adversaries import Plan, Stage
from mechdesign.testing.bounds import Bounds, rounds_max
from mechdesign.testing.causality import Causality
from mechdesign.testing.checkers import Blocks, Evidence, Log, Promptness
from mechdesign.testing.equivocators import COLLUDING_KINDS, LiarKind, corrupt
from mechdesign.testing.faults import Faults
from mechdesign.testing.habits import Habits
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.scenario import Scenario
from mechdesign.testing.simulated import BRISK, SimulatedGroup, cast_of, settings
from mechdesign.testing.simulator import AnyMachine, Boot, Simulator, Violation

__all__ = ["BRISK", "Cluster", "settings"]


_LEAF_BYTES = 64
"""What a submission needs in a payload beside its data, at most."""


class Cluster(SimulatedGroup):
    """One simulated group with its checkers.

    Args:
        n: how many members.
        faults: the fault model of the roster.
        seed: names every stream of chance.
        liars: kind of lie by place; see :mod:`mechdesign.testing.equivocators`.
        real: sign with Ed25519 instead of the keyed hash.
        rule: the commit rule; a negative control passes a weaker one.
        sides: the camp (by place) that colluding liars keep apart from the rest; drawn from the seed if None.
        twins: how many of its blocks an equivocator doubles at most.
        overrides: further fields of the roster, such as ``slots`` or ``depth``.

    Attributes:
        said: what each member was asked to broadcast, by place.
        plan: what colluding liars know of one another.
    """

    liars: Mapping[int, LiarKind]

    def __init__(
        self,
        n: int,
        faults: FaultModel = FaultModel.BYZANTINE,
        seed: int | str = 0,
        *,
        liars: Mapping[int, LiarKind] | None = None,
        real: bool = False,
        weather: Weather = CALM,
        edges: Iterable[tuple[int, int]] | None = None,
        config: GroupConfig = BRISK,
        rule: CommitRule | None = None,
        sides: Iterable[int] | None = None,
        twins: int = 20,
        keep_history: bool = False,
        **overrides: Any,
    ) -> None:
        chance = Random(f"{seed}/keys")
        signers, lines = cast_of(n, chance, real)
        self.roster = Roster("simulation", tuple(lines), faults, nonce=chance.randbytes(16), **overrides)
        self.scheme: SignatureScheme = Ed25519() if real else KeyedHash()
        self.config = config
        self.liars = dict(liars or {})
        self.honest = tuple(place for place in range(n) if place not in self.liars)
        self.said: list[list[Broadcast]] = [[] for _ in range(n)]
        self._rule = rule or CommitRule()
        self._seed = seed
        camp = chance.sample(range(n), chance.randint(1, n)) if sides is None else sides
        self._sides = frozenset(camp)
        self._twins = twins
        self.queued = 0
        self.plan = Plan()
        boots = [(signer.public, self._boot(place, signer)) for place, signer in enumerate(signers)]
        network = Network(n, Random(f"{seed}/network"), weather, edges)
        self.simulator = Simulator(boots, network, seed, silence_us=SECOND // 2, keep_history=keep_history)
        self.log = Log(self.simulator, self.honest, partial(frames.proved, self.roster, self.scheme))
        self.blocks = Blocks(
            self.simulator, self.honest, frames.frame_reader(self.roster), frames.record_reader(self.roster)
        )
        self.promptness = Promptness(self.simulator, self.blocks, self.honest)
        convict = partial(frames.convicted, self.roster, self.scheme)
        self.evidence = Evidence(self.simulator, self.honest, self.liars, convict)
        readers = frames.Readers()
        Habits(self.simulator, self.honest, self._cores, readers)
        Causality(self.simulator, self.honest, self._cores, self._told, readers)
        Faults(self.simulator, self.honest, self.liars, self.scheme, self._cores)
        self.bounds = Bounds(self.simulator, self.honest, config, self._cores)

    @classmethod
    def of(cls, scenario: Scenario, **options: Any) -> "Cluster":
        """The group of a scenario, with everything that the scenario says scheduled."""
        cluster = cls(
            scenario.n,
            scenario.faults,
            scenario.seed,
            liars=cast(Mapping[int, LiarKind], dict(scenario.liars)),
            real=scenario.real,
            weather=scenario.weather,
            edges=scenario.edges,
            slots=scenario.slots,
            depth=scenario.depth,
            config=settings(tight=scenario.tight, hasty=scenario.hasty),
            submission_bytes_max=500,
            payload_bytes_max=600 if scenario.tight else 256 * 1024,
            **options,
        )
        simulator = cluster.simulator
        chance = Random(f"{scenario.seed}/starts")
        for place in range(scenario.n):
            simulator.at(chance.randrange(SECOND // 10), partial(cluster.start, place))
        for submit in (*scenario.submits, *scenario.load):
            simulator.at(submit.at, partial(cluster.say, submit.place, submit.data))
        cluster.trouble(scenario)
        if scenario.live:
            simulator.at(scenario.heal, partial(cluster.heal, scenario.dead, scenario.after))
            # By then every link that was cut is up again at both ends: from here on the network is good.
            simulator.at(scenario.heal + simulator.silence_us, cluster._good)
        return cluster

    def _good(self) -> None:
        self.promptness.begin()
        bytes_of: dict[MemberId, int] = {}
        for member, data in self.promptness.waiting:
            bytes_of[member] = bytes_of.get(member, 0) + len(data) + _LEAF_BYTES
        # Two payloads that follow each other are longer than one may be: else the second would be in the first.
        self.queued = 2 * max(bytes_of.values(), default=0) // self.roster.payload_bytes_max

    def _boot(self, place: int, signer: Signer) -> Boot:
        make = partial(GroupCore, self.roster, signer, self.scheme, self.config, rule=self._rule)

        def boot(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[AnyMachine, Sequence[object]]:
            core = make()
            effects: list[object] = []
            effects += core.restore([(record.table, record.key, record.data) for record in records], now)
            # The layer above asks again for what it had asked for; the keys keep it from being said twice.
            for broadcast in self.said[place]:
                effects += core.submit(broadcast, now)
            return core, effects

        def boot_liar(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[AnyMachine, Sequence[object]]:
            # What faces send to each other is marked with the face, so only they are accomplices of one another.
            faces = self.liars[place] == "two-faced"
            league = frozenset(
                other
                for other, kind in self.liars.items()
                if kind in COLLUDING_KINDS and (kind == "two-faced") == faces
            )
            chance = Random(f"{self._seed}/liar/{place}")
            stage = Stage(self.roster, signer, make, self._sides, league, chance, self._twins, self.plan)
            return corrupt(self.liars[place], stage, now), []

        return boot_liar if place in self.liars else boot

    def _told(self, _: Roster, name: tuple[bytes, int], position: int) -> bool:
        return self.log.told_before(name, position)

    def _cores(self, place: int) -> tuple[GroupCore]:
        core = self.simulator.processes[place].machine
        assert isinstance(core, GroupCore)
        return (core,)

    # ------------------------------------------------------------------------------------------------------ staging

    def start_all(self) -> None:
        """Start every member that is down, in roster order."""
        for place in range(self.roster.n):
            self.start(place)

    def say(self, place: int, data: bytes) -> None:
        """Ask a member to broadcast; one that is down is asked when it starts. ``data`` is the key as well."""
        broadcast = Broadcast(data, 0, data)
        self.said[place].append(broadcast)
        if place in self.honest:
            self.promptness.said(place, data)
        self.simulator.submit(place, broadcast)

    # ------------------------------------------------------------------------------------------------------- domain

    @property
    def live(self) -> tuple[int, ...]:
        """Places of the honest members that are up, ascending."""
        return tuple(place for place in self.honest if self.simulator.processes[place].machine is not None)

    def all_said_is_ordered(self) -> bool:
        """Whether what the live honest members were asked to say stands in all of their logs."""
        live = self.live
        return all(
            self.log.holds(reader, self.roster.ids[place], (broadcast.data for broadcast in self.said[place]))
            for place in live
            for reader in live
        )

    def logs(self) -> dict[int, list[Submission]]:
        """The log of each live honest member, by place."""
        return {place: self.log.entries[: self.log.lengths[place]] for place in self.live}

    def missing(self) -> str:
        """Which member lacks what, for a message."""
        lines = [
            f"{reader} lacks {broadcast.data[:20]!r} of {place}"
            for place in self.live
            for reader in self.live
            for broadcast in self.said[place]
            if not self.log.holds(reader, self.roster.ids[place], (broadcast.data,))
        ]
        return "; ".join(lines[:8]) + (f"; and {len(lines) - 8} more" if len(lines) > 8 else "")

    def assert_agreed(self, seconds: float = 60) -> None:
        """What every live honest member was asked to say stands in all honest logs, which are equal, in time."""
        if not self.run_until(self.all_said_is_ordered, seconds):
            raise Violation(f"not ordered after {seconds} s: {self.missing()}")
        level = self.run_until(lambda: len({self.log.lengths[place] for place in self.live}) <= 1, seconds)
        if not level:
            raise Violation(
                f"logs stay of different lengths: { {place: self.log.lengths[place] for place in self.live} }"
            )

    def assert_convicted(self, *places: int) -> None:
        """Each live honest member has convicted these, and nobody else."""
        expected = sorted(self.roster.ids[place] for place in places)
        for place in self.live:
            if sorted(set(self.evidence.convicted[place])) != expected:
                raise Violation(f"member {place} convicted {len(self.evidence.convicted[place])}, not {places}")

    def assert_prompt(self, most: int) -> None:
        """What honest members said since the network is good was ordered, or waits, for at most so many rounds."""
        if self.promptness.longest > most:
            raise Violation(
                f"something is not ordered {self.promptness.longest} rounds after it was said, {most} is the most"
            )

    def assert_compact(self) -> None:
        """No live honest member keeps more rounds than it needs to, or more of anything than its bound."""
        most = rounds_max(self.roster)
        for place in self.live:
            self.bounds.look(place)
            core = self.simulator.processes[place].machine
            assert isinstance(core, GroupCore)
            status = core.status()
            if status.highest - status.floor > most:
                raise Violation(f"member {place} keeps {status.highest - status.floor} rounds where {most} is the most")
