"""Members that cheat: adversaries for demonstrations and tests, made from an honest stack by changing one layer.

Each kind is a function of a stack, for ``Node(wrap=misbehave("equivocate"))`` or the simulator. The cheater uses its
own key only, and real blocks over real links: what the others do about it is the protocol's doing.

=============== ====================================================================================================
kind            what the member does
=============== ====================================================================================================
equivocate      signs two different blocks for the round of its report and tells one half of the peers the other one
wrong-outcome   signs another outcome than the one that follows from the reports
no-reveal       seals a report and then neither opens it nor shares in opening anything
bad-opening     opens its seal with another salt than it committed to; under threshold sealing, gives false shares
bad-seal        under threshold sealing, deals its report so that not everybody could open it; else like bad-opening
bad-report      under threshold sealing, a valid dealing with garbage in place of a report; else like bad-opening
early-share     under threshold sealing, publishes a share as soon as it seals; else nothing out of the way
hurry           signs that its time for giving reports has run out as soon as it gives its own
late            gives its report only after the ask has closed
silent          enrols and says nothing more
withhold        carries none of the ballots that participants hand it
rubbish         carries bytes that are no ballots instead, and a great many of them
crash           stops the moment its report is ordered, by raising :class:`Crashed`
=============== ====================================================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from mechdesign.decision.entries import (
    CarryEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    parse,
)
from mechdesign.decision.messages import Attest
from mechdesign.decision.phases import Phase
from mechdesign.decision.sealing.commit_reveal import COMMITMENT_BYTES
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Purpose, Share
from mechdesign.group.block import Block, make_block, parse_block
from mechdesign.group.channel import frame, unframe
from mechdesign.group.leaf import decode_leaf, encode_leaf
from mechdesign.group.messages import Broadcast, Delivered, Submission
from mechdesign.group.packets import Blocks, decode_packet, encode_blocks
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import digest
from mechdesign.stack import Stack
from mechdesign.transport.messages import Packet, Send

__all__ = ["KINDS", "Crashed", "filtered", "misbehave"]

_REPORTS = (Kind.SEAL, Kind.REPORT)


class Crashed(Exception):
    """The member stops here, in the middle of whatever it was doing."""


def misbehave(kind: str) -> Callable[[Stack], Stack]:
    """What makes a cheater of a stack.

    Args:
        kind: one of :data:`KINDS`.

    Raises:
        LocalProtocolError: there is no such kind.
    """
    if kind not in _MAKERS:
        raise LocalProtocolError(f"there is no misbehaviour {kind!r}: choose from {', '.join(KINDS)}")
    return _MAKERS[kind]


class _Layer:
    """A core with one verb changed; everything else is handed through."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


class _Filter(_Layer):
    """A group core whose broadcasts pass through a function: it may change, hold back or drop each of them."""

    def __init__(self, core: Any, change: Callable[[Broadcast], Sequence[Broadcast]]) -> None:
        super().__init__(core)
        self._change = change

    def submit(self, request: Any, now: Instant) -> Sequence[Any]:
        # What is said about a change of the members is none of these kinds' business.
        requests = self._change(request) if isinstance(request, Broadcast) else (request,)
        return [effect for each in requests for effect in self._core.submit(each, now)]


def filtered(change: Callable[[Broadcast], Sequence[Broadcast]]) -> Callable[[Stack], Stack]:
    """What makes a cheat of a stack by changing, holding back or adding to what its sessions have ordered."""

    def make(stack: Stack) -> Stack:
        stack.group = cast(Any, _Filter(stack.group, change))
        return stack

    return make


def _no_reveal(request: Broadcast) -> Sequence[Broadcast]:
    return () if request.kind in (Kind.OPEN, Kind.SHARE) else (request,)


def _silent(request: Broadcast) -> Sequence[Broadcast]:
    return (request,) if request.kind in (Kind.PROPOSE, Kind.ENROL) else ()


def _withhold(request: Broadcast) -> Sequence[Broadcast]:
    return () if request.kind == Kind.CARRY else (request,)


def _rubbish(request: Broadcast) -> Sequence[Broadcast]:
    entry = parse(request.kind, request.data)
    if not isinstance(entry, CarryEntry):
        return (request,)
    flood = [
        tuple(digest("mechdesign/misbehaviour/rubbish", bytes([at, piece])) for piece in range(32)) for at in range(8)
    ]
    return [
        Broadcast(request.key + bytes([at]), Kind.CARRY, replace(entry, ballots=pieces).encoded)
        for at, pieces in enumerate(flood)
    ]


def _bad_opening(request: Broadcast) -> Sequence[Broadcast]:
    match parse(request.kind, request.data):
        case OpenEntry() as entry:
            salt = digest("mechdesign/misbehaviour/salt", entry.salt)
            return (replace(request, data=replace(entry, salt=salt).encoded),)
        case ShareEntry() as entry if (share := Share.parse(entry.share)) is not None:
            points = digest("mechdesign/misbehaviour/share", share.points) + share.points[32:]
            return (replace(request, data=replace(entry, share=replace(share, points=points).encoded).encoded),)
    return (request,)


def _bad_seal(request: Broadcast) -> Sequence[Broadcast]:
    entry = parse(request.kind, request.data)
    if isinstance(entry, SealEntry) and entry.sealed is not None and len(entry.sealed) != COMMITMENT_BYTES:
        # The proof of a dealing covers its ciphertext, which stands last.
        sealed = entry.sealed[:-1] + bytes([entry.sealed[-1] ^ 1])
        return (replace(request, data=replace(entry, sealed=sealed).encoded),)
    return (request,) if request.kind == Kind.SHARE else _bad_opening(request)


def _bad_report(stack: Stack) -> Stack:
    def change(request: Broadcast) -> Sequence[Broadcast]:
        entry = parse(request.kind, request.data)
        if not isinstance(entry, SealEntry) or entry.sealed is None or len(entry.sealed) == COMMITMENT_BYTES:
            return (request,) if request.kind == Kind.SHARE else _bad_opening(request)
        setting = stack.decision.setting(entry.session)
        if setting is None or setting.committee is None:
            return (request,)
        context = setting.context(entry.step, Purpose.REPORT, stack.signer.public)
        salt = digest("mechdesign/misbehaviour/garbage", entry.session)
        garbage = bytes(ciphertext_bytes(setting.proposal.report_bytes))
        sealed = commit(setting.committee, context, draw(setting.committee, context, b"", salt), garbage).encoded
        return (replace(request, data=replace(entry, sealed=sealed).encoded),)

    return filtered(change)(stack)


def _early_share(request: Broadcast) -> Sequence[Broadcast]:
    entry = parse(request.kind, request.data)
    if not isinstance(entry, SealEntry) or entry.sealed is None or len(entry.sealed) == COMMITMENT_BYTES:
        return (request,)
    share = ShareEntry(entry.session, entry.step, digest("mechdesign/misbehaviour/early", entry.session))
    return (Broadcast(request.key + b"early", Kind.SHARE, share.encoded), request)


def _hurry(request: Broadcast) -> Sequence[Broadcast]:
    entry = parse(request.kind, request.data)
    if not isinstance(entry, SealEntry | ReportEntry):
        return (request,)
    phase = Phase.SEALING if isinstance(entry, SealEntry) else Phase.ASKING
    timer = TimerEntry(entry.session, entry.step, phase.value)
    return (request, Broadcast(request.key + b"hurry", Kind.TIMER, timer.encoded))


def _late(stack: Stack) -> Stack:
    held: list[Broadcast] = []

    def change(request: Broadcast) -> Sequence[Broadcast]:
        if request.kind in _REPORTS:
            held.append(request)
            return ()
        if request.kind != Kind.ATTEST:
            return (request,)
        # By now every ask is closed: what was held back is worth nothing any more.
        released = (*held, request)
        held.clear()
        return released

    return filtered(change)(stack)


class _WrongOutcome(_Layer):
    def submit(self, request: Any, now: Instant) -> Sequence[Any]:
        if isinstance(request, Attest):
            request = replace(request, digest=digest("mechdesign/misbehaviour/outcome", request.digest))
        return cast(Sequence[Any], self._core.submit(request, now))


def _wrong_outcome(stack: Stack) -> Stack:
    stack.decision = cast(Any, _WrongOutcome(stack.decision))
    return stack


class _Crash(_Layer):
    def __init__(self, core: Any, me: MemberId) -> None:
        super().__init__(core)
        self._me = me

    def receive(self, incoming: Any, now: Instant) -> Sequence[Any]:
        if isinstance(incoming, Delivered):
            submission = incoming.submission
            if submission.sender == self._me and submission.kind in _REPORTS:
                raise Crashed(f"crashes as told, at position {incoming.position} of the log")
        return cast(Sequence[Any], self._core.receive(incoming, now))


def _crash(stack: Stack) -> Stack:
    stack.decision = cast(Any, _Crash(stack.decision, stack.signer.public))
    return stack


class _Equivocate(_Layer):
    """Sends a signed twin of the block that carries its report to every second peer, and hides it from itself."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.group)
        self._roster = stack.roster
        self._signer = stack.signer
        self._twins: dict[bytes, bytes] = {}
        self._own: dict[bytes, None] = {}

    def submit(self, request: Broadcast, now: Instant) -> Sequence[Any]:
        return self._split(self._core.submit(request, now))

    def receive(self, incoming: Any, now: Instant) -> Sequence[Any]:
        if isinstance(incoming, Packet):
            channel, data = unframe(incoming.data)
            packet = decode_packet(self._roster, data)
            if isinstance(packet, Blocks) and self._twins:
                # A core that meets its own twin refuses to sign on; this one is to go on as if nothing had happened.
                kept = tuple(block for block in packet.blocks if block not in self._own)
                if not kept:
                    return ()
                incoming = Packet(incoming.peer, frame(channel, encode_blocks(self._roster, kept)))
        return self._split(self._core.receive(incoming, now))

    def tick(self, now: Instant) -> Sequence[Any]:
        return self._split(self._core.tick(now))

    def _split(self, effects: Sequence[Any]) -> list[Any]:
        return [self._rewritten(effect) if isinstance(effect, Send) else effect for effect in effects]

    def _rewritten(self, send: Send) -> Send:
        place = self._roster.place(send.peer)
        channel, data = unframe(send.data)
        packet = decode_packet(self._roster, data)
        if place is None or not isinstance(packet, Blocks):
            return send
        twinned = tuple(self._twin(block) for block in packet.blocks)
        mine = self._roster.place(self._signer.public) or 0
        # Every second peer, counted from ourselves: at n = 4 one side has one member, the other two.
        if (place - mine) % self._roster.n % 2 == 0:
            return send
        return Send(send.peer, frame(channel, encode_blocks(self._roster, twinned)))

    def _twin(self, data: bytes) -> bytes:
        if data in self._twins:
            return self._twins[data]
        block = parse_block(data, self._roster)
        if block is None or self._roster.ids[block.author] != self._signer.public or self._twins:
            return data
        leaves = tuple(self._other(leaf) for leaf in block.leaves)
        if leaves == block.leaves:
            return data
        twin = _signed(self, block, leaves)
        self._twins[data] = twin
        self._own[twin] = None
        return twin

    def _other(self, leaf: bytes) -> bytes:
        """The leaf of a report turned into that of another report under the same sequence number."""
        submission = decode_leaf(leaf, self._roster)
        if submission is None or submission.kind not in _REPORTS:
            return leaf
        entry = parse(submission.kind, submission.data)
        if isinstance(entry, SealEntry):
            # Another commitment, or (under threshold sealing, where it has to be a valid dealing) a pass.
            commits = entry.sealed is not None and len(entry.sealed) == COMMITMENT_BYTES
            sealed = digest("mechdesign/misbehaviour/seal", entry.encoded) if commits else None
            other = replace(entry, sealed=sealed).encoded
        elif isinstance(entry, ReportEntry):
            other = replace(entry, report=None if entry.report is not None else b"0").encoded
        else:
            return leaf
        return encode_leaf(Submission(submission.kind, submission.sender, submission.sequence, other))


def _signed(cheat: _Equivocate, block: Block, leaves: Sequence[bytes]) -> bytes:
    header = block.header
    return make_block(cheat._roster, cheat._signer, header.round, header.parents, header.weak, leaves).wire


def _equivocate(stack: Stack) -> Stack:
    stack.group = cast(Any, _Equivocate(stack))
    return stack


_MAKERS: dict[str, Callable[[Stack], Stack]] = {
    "equivocate": _equivocate,
    "wrong-outcome": _wrong_outcome,
    "no-reveal": filtered(_no_reveal),
    "crash": _crash,
    "bad-opening": filtered(_bad_opening),
    "bad-seal": filtered(_bad_seal),
    "bad-report": _bad_report,
    "early-share": filtered(_early_share),
    "hurry": filtered(_hurry),
    "late": _late,
    "silent": filtered(_silent),
    "withhold": filtered(_withhold),
    "rubbish": filtered(_rubbish),
}

KINDS = tuple(_MAKERS)
"""The kinds of misbehaviour, by the names that the command line uses."""
