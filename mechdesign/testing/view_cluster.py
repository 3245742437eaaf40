"""A simulated group whose members come and go, with what must hold over its epochs looked at all the time.

* Within an epoch the honest logs agree, position by position.
* All honest members agree on the sequence of epochs: roster and state.
* What an honest member said is ordered at most once in all epochs together; who never leaves sees it ordered once.
* Nobody signs two blocks for a round, and nobody honest is convicted.

Every member says again after a restart all that it ever said, so the keys have to keep it from being ordered twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from mechdesign.group.channel import CHANNEL_BYTES, channel_of, unframe
from mechdesign.group.evidence import convict
from mechdesign.group.group import Group
from mechdesign.group.messages import (
    Append,
    Broadcast,
    Delivered,
    Exclude,
    Leave,
    Ready,
    Submission,
    ViewChanged,
    ViewChanging,
)
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.group.views.view import is_reserved
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.machine import SECOND, Entropy, Instant
from mechdesign.kernel.wire import decode, digest
from mechdesign.testing.checkers import BlockId, Blocks, Evidence
from mechdesign.testing.cluster import BRISK
from mechdesign.testing.disk import Disk
from mechdesign.testing.frames import frame_reader, record_reader
from mechdesign.testing.network import CALM, Network, Weather
from mechdesign.testing.simulator import AnyMachine, Boot, Simulator, Violation
from mechdesign.testing.view_liars import ViewLiar, ViewLiarKind

__all__ = ["ViewCluster"]

_ROUNDS = 1 << 32
_SLICE = SECOND // 20
_PROOF = b"proof against "


class ViewCluster:
    """Members 0 to ``founders`` - 1 found the group; up to ``total`` may join.

    Args:
        founders: how many found it.
        total: how many members there may ever be.
        seed: names every stream of chance.
        liars: kind of lie by place.
        drains: whether a layer above has to be ready, a while after it is told; else what was said is carried over.
        weather: how links treat frames.
        config: how eagerly members advance.
        edges: the pairs that have a link at all; every pair if None.

    Attributes:
        chain: of each epoch its roster and the state with which it began.
        wanted: the places that are to be members.
        absent: joiners that never come.
        entries: of each epoch (by the roster's digest) the longest honest log so far.
    """

    def __init__(
        self,
        founders: int,
        total: int,
        seed: int | str = 0,
        *,
        liars: Mapping[int, ViewLiarKind] | None = None,
        drains: bool = False,
        weather: Weather = CALM,
        config: GroupConfig = BRISK,
        edges: Iterable[tuple[int, int]] | None = None,
        keep_history: bool = False,
        **overrides: Any,
    ) -> None:
        chance = Random(f"{seed}/keys")
        self.total = total
        self.scheme = KeyedHash()
        self.signers = [KeyedHash.Signer(MemberId(chance.randbytes(32))) for _ in range(total)]
        self.lines = [
            Member(signer.public, f"m{place}", chance.randbytes(32), chance.randbytes(32))
            for place, signer in enumerate(self.signers)
        ]
        members = tuple(self.lines[:founders])
        first = Roster("simulation", members, FaultModel.default(founders), nonce=chance.randbytes(16), **overrides)
        self.liars = dict(liars or {})
        self.honest = tuple(place for place in range(total) if place not in self.liars)
        self.wanted: dict[int, None] = dict.fromkeys(range(founders))
        self.absent: frozenset[int] = frozenset()
        self.chain: dict[int, tuple[Roster, bytes]] = {0: (first, b"")}
        self.entries: dict[bytes, list[Submission]] = {}
        self.said: list[list[Broadcast]] = [[] for _ in range(total)]
        self.heard: list[dict[tuple[MemberId, bytes], None]] = [{} for _ in range(total)]
        self._starts: dict[int, Roster | Invitation] = dict.fromkeys(range(founders), first)
        self._drains = drains
        self._config = config
        self._seed = seed
        self._random = Random(f"{seed}/views")
        self._rosters: dict[bytes, Roster] = {channel_of(first): first}
        self._at: list[tuple[Roster, int]] = [(first, 0)] * total
        self._contents: dict[tuple[MemberId, bytes], tuple[bytes, int]] = {}
        boots = [(signer.public, self._boot(place)) for place, signer in enumerate(self.signers)]
        network = Network(total, Random(f"{seed}/network"), weather, edges)
        self.simulator = Simulator(boots, network, seed, silence_us=SECOND // 2, keep_history=keep_history)
        self.simulator.watch_lives(self._life)
        self.simulator.watch(ViewChanged, self._changed)
        self.simulator.watch(ViewChanging, self._changing)
        self.simulator.watch(Delivered, self._delivered)
        self.blocks = Blocks(self.simulator, self.honest, self._read_frame, self._read_record)
        self.evidence = Evidence(self.simulator, self.honest, self.liars, self._convict)

    # ------------------------------------------------------------------------------------------------------- machines

    def _boot(self, place: int) -> Boot:
        def boot(records: Sequence[Append], now: Instant, entropy: Entropy) -> tuple[AnyMachine, Sequence[object]]:
            kind = self.liars.get(place)
            group = Group(
                self._starts[place],
                self.signers[place],
                self.scheme,
                self._config,
                convicts=self._convicts,
                carry_over=not self._drains and kind != "unready",
            )
            machine = group if kind is None else ViewLiar(kind, group, self.signers[place], self._drains)
            effects = list(machine.restore([(record.table, record.key, record.data) for record in records], now))
            if self._is_member(place, group.roster):
                for broadcast in self.said[place]:
                    effects += machine.submit(broadcast, now)
            return machine, effects

        return boot

    def _convicts(self, evidence: bytes, roster: Roster) -> MemberId | None:
        """In this cluster a proof is a word and a key, so that anybody can be excluded."""
        if evidence.startswith(_PROOF):
            return MemberId(evidence[len(_PROOF) :])
        return convict(evidence, roster, self.scheme)

    def machine(self, place: int) -> Any:
        """The machine of a member that is up, or None."""
        return self.simulator.processes[place].machine

    def roster_of(self, place: int) -> Roster | None:
        """The roster of the epoch in which a member is, as a member of it; None where it is not up or not in."""
        machine = self.machine(place)
        if machine is None or not self._is_member(place, machine.roster):
            return None
        roster: Roster = machine.roster
        return roster

    def _is_member(self, place: int, roster: Roster) -> bool:
        return roster.place(self.signers[place].public) is not None

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
            self.simulator.submit(place, broadcast)

    def want(self, joins: Iterable[int] = (), goes: Iterable[int] = ()) -> None:
        """From now on these are to be members, and those not."""
        for place in joins:
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
        for place in range(self.total):
            if place in self.wanted and not self._is_member(place, newest):
                self._invite(place, newest, present)
            elif place not in self.wanted and self._is_member(place, newest):
                # A member that is up leaves; one that is not is shown to have lied.
                request: object = Exclude(_PROOF + self.signers[place].public)
                if place in present:
                    self.simulator.submit(place, Leave())
                else:
                    self.simulator.submit(self._random.choice(present), request)

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
            self.start(place)
        self.simulator.submit(self._random.choice(present), start.join)

    def _place(self, member: MemberId) -> int:
        return next(place for place, signer in enumerate(self.signers) if signer.public == member)

    def heal(self, dead: Iterable[int] = (), weather: Weather = CALM) -> None:
        """A whole network with such weather from now on, and everybody up except the dead."""
        dead = frozenset(dead)
        self.simulator.network.weather = weather
        for process in self.simulator.processes:
            process.fuse = None
            if process.place in dead:
                self.simulator.crash(process.place)
            else:
                self.start(process.place)
        self.simulator.mend()

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.simulator.run(self.simulator.now + round(seconds * SECOND))

    def run_until(self, done: Callable[[], bool], seconds: float, *, each: float = 1.0) -> bool:
        """Let time pass until ``done()``, at most so many seconds, convening now and then; whether it came true."""
        limit = self.simulator.now + round(seconds * SECOND)
        again = self.simulator.now
        while not done():
            if self.simulator.now >= limit:
                return False
            if self.simulator.now >= again:
                self.convene()
                again += round(each * SECOND)
            self.simulator.run(min(limit, self.simulator.now + _SLICE))
        return True

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
            (self.signers[place].public, broadcast.data) in self._contents
            for place in self.live
            for broadcast in self.said[place]
        )

    def assert_settled(self, seconds: float = 120) -> None:
        """The wanted become the members, and what they said is ordered, in time."""
        done = self.run_until(lambda: self.settled() and (self._drains or self.all_said_is_ordered()), seconds)
        if not done:
            raise Violation(f"the members do not settle in {seconds} s: {self.describe()}")

    def assert_quiet(self, patience: float = 60) -> None:
        """With nothing to say the members stop making blocks, and nobody serves a past epoch for ever."""
        made, limit = -1, self.simulator.now + round(patience * SECOND)
        while self.blocks.made != made:
            if self.simulator.now >= limit:
                raise Violation(f"the group does not fall quiet in {patience} s with nothing to say")
            made = self.blocks.made
            self.run(2)
        serving = [place for place in self.live if len(self.machine(place).epochs) > 1]
        if serving:
            raise Violation(f"members {serving} still serve an epoch that is over")

    def describe(self) -> str:
        """Where everybody stands."""
        lines = [f"wanted {sorted(self.wanted)}"]
        for place in range(self.total):
            machine = self.machine(place)
            if machine is not None:
                status = getattr(machine, "group", machine).status()
                lines.append(
                    f"{place}: {status.state} epoch {status.epoch} of {status.members}, round {status.round}, "
                    f"pending {status.pending}, view {status.view}, {status.detail}"
                )
        return "; ".join(lines)

    # --------------------------------------------------------------------------------------------------- observations

    def _life(self, place: int, begins: bool) -> None:
        start = self._starts[place]
        self._at[place] = (start.roster if isinstance(start, Invitation) else start, 0)

    def _changed(self, place: int, event: ViewChanged) -> None:
        if place in self.liars:
            return
        self._at[place] = (event.roster, 0)
        self._rosters[channel_of(event.roster)] = event.roster
        known = self.chain.setdefault(event.roster.epoch, (event.roster, event.state))
        if known != (event.roster, event.state):
            raise Violation(f"member {place} begins another epoch {event.roster.epoch} than others")

    def _changing(self, place: int, event: ViewChanging) -> None:
        if not self._drains:
            return
        roster, _ = self._at[place]
        log = self.entries.get(roster.digest, [])[: event.position + 1]
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

    def _delivered(self, place: int, event: Delivered) -> None:
        if place in self.liars:
            return
        roster, length = self._at[place]
        if event.position != length:
            raise Violation(
                f"member {place} tells position {event.position} after {length - 1} of epoch {roster.epoch}"
            )
        self._at[place] = (roster, length + 1)
        log = self.entries.setdefault(roster.digest, [])
        submission = event.submission
        if length < len(log):
            if log[length] != submission:
                raise Violation(f"logs of epoch {roster.epoch} differ at position {length}")
            return
        log.append(submission)
        if is_reserved(submission.kind) or self._place(submission.sender) in self.liars:
            return
        content = (submission.sender, submission.data)
        where = (roster.digest, length)
        if self._contents.setdefault(content, where) != where and not self._drains:
            raise Violation(f"{submission.data[:20]!r} is ordered twice, in epoch {roster.epoch} again")

    def _convict(self, data: bytes) -> MemberId | None:
        found = (convict(data, roster, self.scheme) for roster in self._rosters.values())
        return next((member for member in found if member is not None), None)

    def _read_frame(self, data: bytes) -> tuple[BlockId, ...]:
        channel, packet = unframe(data)
        roster = self._rosters.get(channel)
        return () if roster is None else self._numbered(roster, frame_reader(roster)(packet))

    def _read_record(self, data: bytes) -> tuple[BlockId, ...]:
        try:
            block = decode(data, bytes_max=len(data))
            header = decode(block[0]) if isinstance(block, tuple) and isinstance(block[0], bytes) else None
        except (WireError, IndexError):
            return ()
        if not isinstance(header, tuple) or len(header) < 2 or not isinstance(header[1], bytes):
            return ()
        roster = self._rosters.get(header[1][:CHANNEL_BYTES])
        return () if roster is None else self._numbered(roster, record_reader(roster)(data))

    def _numbered(self, roster: Roster, found: Iterable[BlockId]) -> tuple[BlockId, ...]:
        """Rounds of different epochs are different rounds."""
        return tuple((roster.epoch * _ROUNDS + round_, author, named) for round_, author, named in found)
