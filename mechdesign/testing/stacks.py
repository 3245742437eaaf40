"""Whole stacks under the simulator: a group of members that run sessions, from blocks up to outcomes.

The cluster answers what its players are asked, a little later by the virtual clock, and keeps what each member says of
each session. A member may be made a cheater by :mod:`mechdesign.testing.misbehaviour`.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Protocol, cast

from mechdesign.decision.sealing.dealing import verify_dealing
from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.decision.setting import Check
from mechdesign.group.messages import Append, Leave
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
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
    Removed,
    Report,
    SessionAborted,
    Settled,
    ViewBegun,
)
from mechdesign.mechanisms.session import Lookup, Policy, registered
from mechdesign.player import Strategy
from mechdesign.stack import Stack
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.simulator import AnyMachine, Simulator, Violation

__all__ = ["NAMES", "Corrupt", "StackCluster", "phases"]

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
"""What the first members of a cluster are called, in roster order."""


def _name(place: int) -> str:
    return NAMES[place] if place < len(NAMES) else f"member-{place}"


def phases(milliseconds: int) -> dict[str, Any]:
    """The times of a proposal, every phase as long as the others: ``ProposeSession(..., **phases(400))``."""
    return dict.fromkeys(("enrol_ms", "report_ms", "open_ms", "attest_ms"), milliseconds)


class Corrupt(Protocol):
    """Makes a liar's machine, which has the face of a stack, out of honest stacks."""

    def __call__(self, roster: Roster, signer: Signer, make: Callable[[], Stack]) -> Any:
        """The machine of whoever signs so in that group, of any number of stacks, each before its ``restore``."""
        ...


class StackCluster:
    """A simulated group that runs sessions.

    Attributes:
        roster: the group.
        simulator: drives it; crash, start and cut members through it.
        ended: by place, then by session, how it ended.
        convicted: by place, the (member, offence) pairs that it was told.
        defaulted: by place, the members of which it was told that they did not open.
        views: by place, the changes of the members that it was told of.
        lookups: by place, where that member finds mechanisms; to be changed before it starts.

    Args:
        strategies: what each player answers, in roster order; the cluster has as many members.
        seed: names the run.
        faults: the fault model; by default the usual one for so many members.
        cheaters: by place, what makes a cheater of a stack.
        liars: by place, what makes a liar of a member that is no cheater, see
            :mod:`mechdesign.testing.lying_stacks`.
        weather: how links treat frames.
        real: whether signatures are real ones instead of the fast stand-in.
        lookup: where mechanisms are found.
        config: how eagerly members advance.
        founders: how many of them found the group; the others may be invited. By default all.
        check: how members check dealings.
        policies: by place, what a member takes part in, where it is not the usual.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        seed: int,
        *,
        founders: int | None = None,
        faults: FaultModel | None = None,
        cheaters: Mapping[int, Callable[[Stack], Stack]] | None = None,
        liars: Mapping[int, Corrupt] | None = None,
        weather: Weather = CALM,
        real: bool = False,
        lookup: Lookup = registered,
        config: GroupConfig = LOCAL.group,
        check: Check = verify_dealing,
        policies: Mapping[int, Policy] | None = None,
    ) -> None:
        n = len(strategies)
        self._check = check
        self._policies = policies or {}
        self._seed = seed
        self._strategies = strategies
        self._cheaters = cheaters or {}
        self._liars = liars or {}
        self.lookups = [lookup] * n
        self._config = config
        self._random = Random(f"{seed}/stacks")
        self._scheme: SignatureScheme = Ed25519() if real else KeyedHash()
        self._signers = [_signer(seed, place, real) for place in range(n)]
        keys = [signer.public for signer in self._signers]
        members = tuple(
            Member(key, _name(place), bytes(key), EncryptionKey(_seed(seed, place)).public)
            for place, key in enumerate(keys)
        )
        self._lines = members
        first = members[:founders]
        self.roster = Roster("simulated", first, faults or FaultModel.default(len(first)))
        self._starts: dict[int, Roster | Invitation] = dict.fromkeys(range(len(first)), self.roster)
        boots = [(key, self._boot(place)) for place, key in enumerate(keys)]
        self.simulator = Simulator(boots, Network(n, Random(f"{seed}/network"), weather), seed)
        self.ended: list[dict[bytes, Settled | SessionAborted]] = [{} for _ in range(n)]
        self.convicted: list[dict[tuple[str, str], None]] = [{} for _ in range(n)]
        self.defaulted: list[dict[str, None]] = [{} for _ in range(n)]
        self.views: list[list[ViewBegun | Removed]] = [[] for _ in range(n)]
        self.simulator.watch(Asked, self._asked)
        self.simulator.watch(Settled, self._over)
        self.simulator.watch(SessionAborted, self._over)
        self.simulator.watch(MemberConvicted, self._note_conviction)
        self.simulator.watch(DefaultSeen, self._note_default)
        self.simulator.watch(ViewBegun, self._note_view)
        self.simulator.watch(Removed, self._note_view)

    @property
    def honest(self) -> list[int]:
        """The places of those that do not cheat."""
        return [place for place in range(len(self._strategies)) if place not in {*self._cheaters, *self._liars}]

    def name(self, place: int) -> str:
        """What a member is called."""
        return self._lines[place].name

    def start(self) -> None:
        """Start every founder."""
        for place in range(self.roster.n):
            self.simulator.start(place)

    def stack(self, place: int) -> Stack:
        """The stack of a member that is up."""
        return cast(Stack, self.simulator.processes[place].machine)

    def invite(self, place: int, by: int = 0) -> None:
        """Have everybody in a member's epoch sign that another one joins, start that one, and ask for the change."""
        roster = self.stack(by).roster
        signers = {signer.public: signer for signer in self._signers}
        line = self._lines[place]
        signatures = {at: sign_join(line, roster, signers[member]) for at, member in enumerate(roster.ids)}
        invitation = Invitation.of(roster, line, signatures)
        self._starts[place] = invitation
        self.simulator.start(place)
        self.simulator.submit(by, invitation.join)

    def leave(self, place: int) -> None:
        """Have a member leave."""
        self.simulator.submit(place, Leave())

    def in_epoch(self, epoch: int, *, seconds: int = 60, places: Sequence[int] | None = None) -> bool:
        """Go on until each of these members (by default the honest ones that are up) has begun an epoch, or time is up.

        Returns:
            Whether they did.
        """
        up = [place for place in self.honest if self.simulator.processes[place].machine is not None]
        waited = up if places is None else list(places)
        until = self.simulator.now + seconds * SECOND
        return self.simulator.run(until, lambda: all(self.stack(place).roster.epoch >= epoch for place in waited))

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
            machine = self._machine(place, entropy)
            return machine, machine.restore([(record.table, record.key, record.data) for record in records], now)

        return boot

    def _machine(self, place: int, entropy: Entropy) -> Any:
        def make() -> Stack:
            return Stack.build(
                self._starts[place],
                self._signers[place],
                self._scheme,
                self._config,
                entropy,
                sealing_seed=_seed(self._seed, place),
                lookup=self.lookups[place],
                check=self._check,
                policy=self._policies.get(place),
            )

        if place in self._liars:
            return self._liars[place](self.roster, self._signers[place], make)
        return self._cheaters[place](make()) if place in self._cheaters else make()

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

    def _note_view(self, place: int, event: ViewBegun | Removed) -> None:
        if event not in self.views[place]:
            self.views[place].append(event)

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
