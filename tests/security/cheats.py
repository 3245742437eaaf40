"""Members with modified programs: each is made from an honest stack, with its own key only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from mechdesign.decision.entries import EvidenceEntry, Kind, SealEntry, ShareEntry, TimerEntry, parse
from mechdesign.decision.messages import PhaseChanged
from mechdesign.decision.phases import Phase
from mechdesign.decision.sealing.threshold import Purpose, open_share, targets
from mechdesign.group.block import parse_block
from mechdesign.group.channel import unframe
from mechdesign.group.evidence import Equivocation, Signed, encode_evidence
from mechdesign.group.messages import Broadcast, Delivered
from mechdesign.group.packets import Blocks, decode_packet
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import encode
from mechdesign.stack import Stack
from mechdesign.transport.messages import Packet


class Layer:
    """A core with some verbs changed; everything else is handed through."""

    def __init__(self, core: Any) -> None:
        self.core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)


@dataclass
class Notes:
    """What a cheat has seen, for the test to look at."""

    seen: list[bytes] = field(default_factory=list)
    tried: int = 0


def _decision(change: Callable[[Stack, Any, Sequence[Any]], Sequence[Any]]) -> Callable[[Stack], Stack]:
    """A stack whose decision core says more than it should when it hears something."""

    def make(stack: Stack) -> Stack:
        class Changed(Layer):
            def receive(self, incoming: Any, now: Instant) -> Sequence[Any]:
                return change(stack, incoming, self.core.receive(incoming, now))

        stack.decision = cast(Any, Changed(stack.decision))
        return stack

    return make


def copies(rival: int, notes: Notes) -> Callable[[Stack], Stack]:
    """Waits for a rival's sealed bid and hands in the same bytes as its own."""

    def make(stack: Stack) -> Stack:
        rival_id = stack.roster.ids[rival]

        class Held(Layer):
            def submit(self, request: Any, now: Instant) -> Sequence[Any]:
                if isinstance(request, Broadcast) and request.kind == Kind.SEAL and request.key != b"copy":
                    return ()
                return cast(Sequence[Any], self.core.submit(request, now))

        def copy(_: Stack, incoming: Any, effects: Sequence[Any]) -> Sequence[Any]:
            if isinstance(incoming, Delivered) and incoming.submission.sender == rival_id:
                sent = incoming.submission
                if isinstance(parse(sent.kind, sent.data), SealEntry):
                    notes.tried += 1
                    return [*effects, Broadcast(b"copy", Kind.SEAL, sent.data)]
            return effects

        stack.group = cast(Any, Held(stack.group))
        return _decision(copy)(stack)

    return make


def hurries(phase: Phase, notes: Notes) -> Callable[[Stack], Stack]:
    """Signs that its time for a phase has run out the moment that the phase begins."""

    def hurry(_: Stack, incoming: Any, effects: Sequence[Any]) -> Sequence[Any]:
        begun = [each for each in effects if isinstance(each, PhaseChanged) and each.phase is phase]
        said = [TimerEntry(each.session, each.step, phase.value) for each in begun]
        notes.tried += len(said)
        timers = [Broadcast(encode(("timer", each.session, each.step)), Kind.TIMER, each.encoded) for each in said]
        return [*effects, *timers]

    return _decision(hurry)


def peeks(notes: Notes) -> Callable[[Stack], Stack]:
    """Holds its own report back until those of all others are ordered, and writes down every entry up to there."""

    def make(stack: Stack) -> Stack:
        held: list[Broadcast] = []
        heard: set[bytes] = set()
        reports = (Kind.SEAL, Kind.REPORT)

        class Held(Layer):
            def submit(self, request: Any, now: Instant) -> Sequence[Any]:
                if isinstance(request, Broadcast) and request.kind in reports and not notes.tried:
                    held.append(request)
                    return ()
                return cast(Sequence[Any], self.core.submit(request, now))

        def peek(_: Stack, incoming: Any, effects: Sequence[Any]) -> Sequence[Any]:
            if not isinstance(incoming, Delivered) or notes.tried:
                return effects
            notes.seen.append(incoming.submission.data)
            if incoming.submission.kind in reports:
                heard.add(incoming.submission.sender)
            if len(heard) < stack.roster.n - 1 or not held:
                return effects
            notes.tried += 1
            return [*effects, *held]

        stack.group = cast(Any, Held(stack.group))
        return _decision(peek)(stack)

    return make


def shares_early(stack_seed: bytes, notes: Notes) -> Callable[[Stack], Stack]:
    """Opens its part of each sealed bid as soon as it hears of one, for friends to read."""

    def share(stack: Stack, incoming: Any, effects: Sequence[Any]) -> Sequence[Any]:
        if not isinstance(incoming, Delivered) or notes.tried:
            return effects
        said = parse(incoming.submission.kind, incoming.submission.data)
        if not isinstance(said, SealEntry) or said.sealed is None or len(said.sealed) <= 32:
            return effects
        from mechdesign.decision.sealing.threshold import EncryptionKey, parse_dealing

        setting = stack.decision.setting(said.session)
        assert setting is not None
        dealing = parse_dealing(said.sealed, setting.committee, setting.proposal.report_bytes)
        assert dealing is not None
        me = stack.signer.public
        context = setting.context(said.step, Purpose.REPORT, incoming.submission.sender)
        opened = targets(setting.committee, me, [(context, dealing)])
        made = open_share(EncryptionKey(stack_seed), setting.committee, me, opened)
        notes.tried += 1
        entry = ShareEntry(said.session, said.step, made.encoded)
        return [*effects, Broadcast(b"early", Kind.SHARE, entry.encoded)]

    return _decision(share)


def accuses(notes: Notes) -> Callable[[Stack], Stack]:
    """Puts honest members' blocks together as if they were two for one round, and has that ordered as evidence."""

    def make(stack: Stack) -> Stack:
        first: dict[int, Signed] = {}

        def accuse(_: Stack, incoming: Any, effects: Sequence[Any]) -> Sequence[Any]:
            if not isinstance(incoming, Delivered) or notes.tried >= 20:
                return effects
            inclusion, place = incoming.inclusion, stack.roster.place(incoming.submission.sender)
            assert place is not None
            signed = Signed(inclusion.header, inclusion.signature)
            known = first.setdefault(place, signed)
            if known == signed or incoming.submission.sender == stack.signer.public:
                return effects
            notes.tried += 1
            proof = EvidenceEntry(encode_evidence(Equivocation(known, signed))).encoded
            return [*effects, Broadcast(b"accuse%d" % notes.tried, Kind.EVIDENCE, proof)]

        return _decision(accuse)(stack)

    return make


def ignores(rival: int, notes: Notes) -> Callable[[Stack], Stack]:
    """Takes no block of a rival and hands none on: as if the rival had never said anything."""

    def make(stack: Stack) -> Stack:
        class Deaf(Layer):
            def receive(self, incoming: Any, now: Instant) -> Sequence[Any]:
                if isinstance(incoming, Packet):
                    _, data = unframe(incoming.data)
                    packet = decode_packet(stack.roster, data)
                    blocks = packet.blocks if isinstance(packet, Blocks) else ()
                    authors = [block.author for wire in blocks if (block := parse_block(wire, stack.roster))]
                    if rival in authors:
                        notes.tried += 1
                        return ()
                return cast(Sequence[Any], self.core.receive(incoming, now))

        stack.group = cast(Any, Deaf(stack.group))
        return stack

    return make
