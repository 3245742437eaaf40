"""Members that lie about the end of an epoch, each an honest machine whose words are changed on their way out.

=========== ========================================================================================================
kind        what the member does
=========== ========================================================================================================
unready     says that it is ready with another state than everybody else
withhold    never shows its signature under the end of an epoch
two-ended   signs another end beside the true one, and shows one half of its peers the one and the other half the other
misguide    answers whoever asks with certificates and states of its own making
=========== ========================================================================================================
"""

from collections.abc import Sequence
from typing import Any, Literal

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.messages import Ready, ViewChanging
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import (
    EpochPacket,
    Signatures,
    State,
    Trail,
    decode_epoch_packet,
    encode_epoch_packet,
    is_epoch_packet,
)
from mechdesign.group.views.statement import Statement
from mechdesign.kernel.crypto import Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import digest
from mechdesign.transport.messages import LinkEvent, Send

__all__ = ["VIEW_LIAR_KINDS", "ViewLiar", "ViewLiarKind"]

ViewLiarKind = Literal["unready", "withhold", "two-ended", "misguide"]

VIEW_LIAR_KINDS: tuple[ViewLiarKind, ...] = ("unready", "withhold", "two-ended", "misguide")
"""The kinds of lies about the end of an epoch."""


class ViewLiar:
    """A group machine that lies.

    Args:
        kind: how.
        group: the honest machine; for ``unready`` one that leaves it to the layer above to be ready.
        signer: signs for the liar.
        drains: whether the layer above the liar says that it is ready, so that the liar has to change what it says.
    """

    def __init__(self, kind: ViewLiarKind, group: Group, signer: Signer, drains: bool) -> None:
        self.group = group
        self._kind = kind
        self._signer = signer
        self._drains = drains
        self._known: dict[bytes, Roster] = {}

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
        return self._changed(self.group.receive(incoming, now), now)

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what is due."""
        return self._changed(self.group.tick(now), now)

    def _changed(self, effects: Sequence[object], now: Instant) -> list[object]:
        self._known[channel_of(self.group.roster)] = self.group.roster
        changed: list[object] = []
        for effect in effects:
            if isinstance(effect, Send):
                changed += self._sent(effect)
                continue
            changed.append(effect)
            if isinstance(effect, ViewChanging) and self._kind == "unready" and not self._drains:
                try:
                    changed += self.submit(Ready(b""), now)
                except LocalProtocolError:  # told late, when the change is over
                    continue
        return changed

    def _sent(self, send: Send) -> list[Send]:
        channel, data = unframe(send.data)
        packet = decode_epoch_packet(data) if is_epoch_packet(data) else None
        lie: EpochPacket | None = packet
        match packet:
            case Signatures() if self._kind == "withhold":
                return []
            case Signatures() if self._kind == "two-ended" and send.peer[0] % 2:
                lie = self._other(packet, channel)
            case Trail(certificates) if self._kind == "misguide":
                lie = Trail(tuple(each[:-1] + bytes([each[-1] ^ 1]) for each in certificates))
            case State(state) if self._kind == "misguide":
                lie = State(state + b"!")
            case _:
                pass
        if lie is packet or lie is None:
            return [send]
        return [Send(send.peer, frame(channel, encode_epoch_packet(lie)))]

    def _other(self, packet: Signatures, channel: bytes) -> Signatures:
        roster = self._known.get(channel)
        place = None if roster is None else roster.place(self._signer.public)
        if roster is None or place is None:
            return packet
        successor = digest("mechdesign/another-successor/1", packet.successor)
        statement = Statement(roster.digest, packet.checkpoint, packet.state, successor)
        return Signatures(packet.checkpoint, packet.state, successor, ((place, statement.sign(self._signer)),))
