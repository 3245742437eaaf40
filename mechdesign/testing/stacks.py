"""Whole stacks under the simulator: a group of members that run sessions, from blocks up to outcomes.

The cluster answers what its players are asked, a little later by the virtual clock, and keeps what each member says of
each session. A member may be made a cheater by :mod:`mechdesign.testing.misbehaviour`.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.group.messages import Append
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.config import LOCAL, GroupConfig
from mechdesign.kernel.crypto import Ed25519, KeyedHash, MemberId, SignatureScheme, Signer
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.kernel.wire import digest
from mechdesign.mechanisms.events import (
    Asked,
    DefaultSeen,
    MemberConvicted,
    ProposeSession,
    Report,
    SessionAborted,
    Settled,
)
from mechdesign.mechanisms.session import Lookup, registered
from mechdesign.player import Strategy
from mechdesign.stack import Stack
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.simulator import AnyMachine, Simulator, Violation

__all__ = ["NAMES", "StackCluster", "phases"]

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
"""What the members of a cluster are called, in roster order."""


def phases(milliseconds: int) -> dict[str, Any]:
    """The times of a proposal, every phase as long as the others: ``ProposeSession(..., **phases(400))``."""
    return dict.fromkeys(("enrol_ms", "report_ms", "open_ms", "attest_ms"), milliseconds)


class StackCluster:
    """A simulated group that runs sessions.

    Attributes:
        roster: the group.
        simulator: drives it; crash, start and cut members through it.
        ended: by place, then by session, how it ended.
        convicted: by place, the (member, offence) pairs that it was told.
        defaulted: by place, the members of which it was told that they did not open.
        lookups: by place, where that member finds mechanisms; to be changed before it starts.

    Args:
        strategies: what each player answers, in roster order; the cluster has as many members.
        seed: names the run.
        faults: the fault model; by default the usual one for so many members.
        cheaters: by place, what makes a cheater of a stack.
        weather: how links treat frames.
        real: whether signatures are real ones instead of the fast stand-in.
        lookup: where mechanisms are found.
        config: how eagerly members advance.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        seed: int,
        *,
        faults: FaultModel | None = None,
        cheaters: Mapping[int, Callable[[Stack], Stack]] | None = None,
        weather: Weather = CALM,
        real: bool = False,
        lookup: Lookup = registered,
        config: GroupConfig = LOCAL.group,
    ) -> None:
        n = len(strategies)
        self._seed = seed
        self._strategies = strategies
        self._cheaters = cheaters or {}
        self.lookups = [lookup] * n
        self._config = config
        self._random = Random(f"{seed}/stacks")
        self._scheme: SignatureScheme = Ed25519() if real else KeyedHash()
        self._signers = [_signer(seed, place, real) for place in range(n)]
        keys = [signer.public for signer in self._signers]
        members = tuple(
            Member(key, NAMES[place], bytes(key), EncryptionKey(_seed(seed, place)).public)
            for place, key in enumerate(keys)
        )
        self.roster = Roster("simulated", members, faults or FaultModel.default(n))
        boots = [(key, self._boot(place)) for place, key in enumerate(keys)]
        self.simulator = Simulator(boots, Network(n, Random(f"{seed}/network"), weather), seed)
        self.ended: list[dict[bytes, Settled | SessionAborted]] = [{} for _ in range(n)]
        self.convicted: list[dict[tuple[str, str], None]] = [{} for _ in range(n)]
        self.defaulted: list[dict[str, None]] = [{} for _ in range(n)]
        self.simulator.watch(Asked, self._asked)
        self.simulator.watch(Settled, self._over)
        self.simulator.watch(SessionAborted, self._over)
        self.simulator.watch(MemberConvicted, self._note_conviction)
        self.simulator.watch(DefaultSeen, self._note_default)

    @property
    def honest(self) -> list[int]:
        """The places of those that do not cheat."""
        return [place for place in range(len(self._strategies)) if place not in self._cheaters]

    def start(self) -> None:
        """Start every member."""
        for place in range(len(self._strategies)):
            self.simulator.start(place)

    def propose(self, place: int, request: ProposeSession) -> None:
        """Have a member propose a session."""
        self.simulator.submit(place, request)

    def run(self, sessions: int = 1, *, seconds: int = 120, places: Sequence[int] | None = None) -> bool:
        """Go on until each of these members (by default the honest ones) saw so many sessions end, or time is up.

        Returns:
            Whether they did.
        """
        waited = self.honest if places is None else list(places)
        until = self.simulator.now + seconds * SECOND
        return self.simulator.run(until, lambda: all(len(self.ended[place]) >= sessions for place in waited))

    def settled(self) -> list[Settled]:
        """Every end of every session that an honest member was told, by place and then in order.

        Raises:
            Violation: one of them is no settlement, or not the one that the member itself computed.
        """
        ends = [end for place in self.honest for end in self.ended[place].values()]
        settled = [end for end in ends if isinstance(end, Settled) and (end.agrees or end.result is None)]
        if len(settled) < len(ends):
            raise Violation(f"not all sessions settled alike: {ends}")
        return settled

    def _boot(self, place: int) -> Any:
        def boot(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[AnyMachine, Sequence[object]]:
            stack = Stack.build(
                self.roster,
                self._signers[place],
                self._scheme,
                self._config,
                entropy,
                sealing_seed=_seed(self._seed, place),
                lookup=self.lookups[place],
            )
            if place in self._cheaters:
                stack = self._cheaters[place](stack)
            return stack, stack.restore([(record.table, record.key, record.data) for record in records], now)

        return boot

    def _asked(self, place: int, event: Asked) -> None:
        answer = Report(event.session, event.step, self._strategies[place](event))
        pause = self._random.randrange(1, 20_000)
        self.simulator.at(self.simulator.now + pause, lambda: self.simulator.submit(place, answer))

    def _over(self, place: int, event: Settled | SessionAborted) -> None:
        known = self.ended[place].get(event.session)
        if known is not None and _essence(known) != _essence(event):
            raise Violation(f"member {place} tells another end of a session after its restart")
        self.ended[place][event.session] = event

    def _note_conviction(self, place: int, event: MemberConvicted) -> None:
        self.convicted[place][event.member, event.offence] = None

    def _note_default(self, place: int, event: DefaultSeen) -> None:
        self.defaulted[place][event.member] = None


def _signer(seed: int, place: int, real: bool) -> Signer:
    if real:
        return Identity.generate(Random(f"{seed}/identity/{place}").randbytes)
    return KeyedHash.Signer(MemberId(digest("mechdesign/simulated-member/1", b"%d" % seed, b"%d" % place)))


def _seed(seed: int, place: int) -> bytes:
    return digest("mechdesign/simulated-sealing-seed/1", b"%d" % seed, b"%d" % place)


def _essence(event: Settled | SessionAborted) -> tuple[object, ...]:
    if isinstance(event, Settled):
        return (event.digest, event.booked)
    return (event.reason, event.booked)
