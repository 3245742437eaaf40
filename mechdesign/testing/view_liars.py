"""Members that lie about the end of an epoch, each an honest machine whose words are changed on their way out.

=========== ========================================================================================================
kind        what the member does
=========== ========================================================================================================
unready     says that it is ready with another state than everybody else
unsigned    never shows its signature under the end of an epoch
two-ended   signs another end beside the true one, and shows one half of its peers the one and the other half the other,
            at times also with a signature that another member never made
misguide    answers whoever asks with certificates and states of its own making
linger      hears nothing of how an epoch ended, and goes on in it with a key that is retired
haunt       says frames of all epochs again, some of them on the channel of another epoch
=========== ========================================================================================================
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal, cast, get_args

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.messages import Ready, ViewChanging
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import (
    Ask,
    EpochPacket,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
    is_epoch_packet,
)
from mechdesign.group.views.statement import Statement, carried_digest
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.kernel.crypto import SIGNATURE_BYTES, Signer
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import Value, decode, digest, encode
from mechdesign.testing.echo import Echo
from mechdesign.transport.messages import LinkEvent, Packet, Send

__all__ = ["VIEW_LIAR_KINDS", "ViewLiar", "ViewLiarKind"]

ViewLiarKind = Literal["unready", "unsigned", "two-ended", "misguide", "linger", "haunt"]

VIEW_LIAR_KINDS: tuple[ViewLiarKind, ...] = get_args(ViewLiarKind)
"""The kinds of lies about the end of an epoch."""


_FRAMES = 200
"""So many frames one that haunts keeps, old and new."""

_FALSE = b"a state of the liar's own making"


class ViewLiar:
    """A group machine that lies.

    Args:
        kind: how.
        group: the honest machine; for ``unready`` one that leaves it to the layer above to be ready.
        signer: signs for the liar.
        drains: whether the layer above the liar says that it is ready, so that the liar has to change what it says.
        chance: the liar's own stream of chance.
    """

    def __init__(self, kind: ViewLiarKind, group: Group, signer: Signer, drains: bool, chance: Random) -> None:
        self.group = group
        self._kind = kind
        self._signer = signer
        self._drains = drains
        self._chance = chance
        self._known: dict[bytes, Roster] = {}
        self._echo = Echo(_FRAMES, chance)

    @property
    def deadline(self) -> Instant | None:
        """The honest machine's."""
        return self.group.deadline

    @property
    def roster(self) -> Roster:
        """The honest machine's."""
        return self.group.roster

    def restore(self, records: Sequence[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Take back the journal."""
        return self._changed(self.group.restore(records, now), now)

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Take a request."""
        if self._kind == "unready" and isinstance(request, Ready):
            request = Ready(request.state + b" and more")
        return self._changed(self.group.submit(request, now), now)

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[object]:
        """Take a link event."""
        self._echo.link(incoming)
        if isinstance(incoming, Packet):
            channel, packet = unframe(incoming.data)
            asked = decode_epoch_packet(packet) if is_epoch_packet(packet) else None
            if self._kind == "linger" and asked is not None:
                return []
            if self._kind == "misguide" and asked == Ask(carried_digest(_FALSE)):
                return [Send(incoming.peer, frame(channel, encode_epoch_packet(State(_FALSE))))]
            self._remember(incoming.data)
        return [*self._changed(self.group.receive(incoming, now), now), *self._haunt()]

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what is due."""
        return self._changed(self.group.tick(now), now)

    def _changed(self, effects: Sequence[object], now: Instant) -> list[object]:
        self._known[channel_of(self.group.roster)] = self.group.roster
        changed: list[object] = []
        for effect in effects:
            if isinstance(effect, Send):
                self._remember(effect.data)
                changed += self._sent(effect)
                continue
            changed.append(effect)
            if isinstance(effect, ViewChanging) and self._kind == "unready" and not self._drains:
                try:
                    changed += self.submit(Ready(b""), now)
                except LocalProtocolError:  # told late, when the change is over
                    continue
        return changed

    def _remember(self, data: bytes) -> None:
        if self._kind == "haunt":
            self._echo.keep(data)

    def _haunt(self) -> list[Send]:
        again = self._echo.again()
        if again is None:
            return []
        peer, data = again
        if self._chance.random() < 0.5:
            data = _moved(data, self._chance.choice(list(self._known.values())))
        return [Send(peer, data)]

    def _sent(self, send: Send) -> list[Send]:
        channel, data = unframe(send.data)
        packet = decode_epoch_packet(data) if is_epoch_packet(data) else None
        lie: EpochPacket | None = packet
        match packet:
            case Signatures() if self._kind == "unsigned":
                return []
            case Signatures() if self._kind == "two-ended" and send.peer[0] % 2:
                lie = self._other(packet, channel)
            case Trail(certificates) if self._kind == "misguide":
                forged = self._forged(certificates[0], channel) if self._chance.random() < 0.5 else None
                lie = Trail((forged,) if forged else tuple(each[:-1] + bytes([each[-1] ^ 1]) for each in certificates))
            case State() if self._kind == "misguide":
                lie = State(_FALSE)
            case _:
                pass
        if lie is packet or lie is None:
            return [send]
        told = Send(send.peer, frame(channel, encode_epoch_packet(lie)))
        # Some are shown both ends, so that they hold the proof.
        return [send, told] if self._kind == "two-ended" and self._chance.random() < 0.3 else [told]

    def _other(self, packet: Signatures, channel: bytes) -> Signatures:
        roster = self._known.get(channel)
        place = None if roster is None else roster.place(self._signer.public)
        if roster is None or place is None:
            return packet
        successor = digest("mechdesign/another-successor/1", packet.successor)
        statement = Statement(roster.digest, packet.checkpoint, packet.state, successor)
        signatures = {place: statement.sign(self._signer)}
        if self._chance.random() < 0.5:
            signatures.setdefault(self._chance.randrange(roster.n), self._chance.randbytes(SIGNATURE_BYTES))
        return Signatures(packet.checkpoint, packet.state, successor, tuple(sorted(signatures.items())))

    def _forged(self, wire: bytes, channel: bytes) -> bytes | None:
        """A certificate of another end, signed by nobody else."""
        roster, certificate = self._known.get(channel), EpochCertificate.parse(wire)
        place = None if roster is None else roster.place(self._signer.public)
        if roster is None or place is None or certificate is None:
            return None
        other = replace(certificate, state=carried_digest(_FALSE))
        signature = other.statement(roster).sign(self._signer)
        return replace(other, signatures=((place, signature),)).encoded


def _moved(data: bytes, roster: Roster) -> bytes:
    """A frame of one epoch as if it were of another; what is signed in it stays as it was."""
    _, packet = unframe(data)
    try:
        kind, group, *fields = cast("tuple[Value, ...]", decode(packet))
    except (WireError, TypeError, ValueError):
        return frame(channel_of(roster), packet)
    if isinstance(group, bytes) and group:
        packet = encode((kind, roster.digest[: len(group)], *fields))
    return frame(channel_of(roster), packet)
