"""The whole group layer of one member: the order over all epochs, and beside it multicast and the map of links.

It has the face of :class:`~mechdesign.group.group.Group` and takes a few more requests. What is beside the order lives
within one epoch; direct messages whose receipts are missing when it ends are sent again in the next, to those who are
still members. A recipient that had taken one, and whose receipt was lost with the epoch, then takes it twice. A private
message that is not ordered when its epoch ends is sealed again for those who are still members, where the group carries
over what was not ordered; its key keeps it from being ordered twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.group import Group
from mechdesign.group.messages import (
    Append,
    Broadcast,
    Change,
    Compact,
    Delivered,
    GroupEffect,
    Ready,
    ViewChanged,
)
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered
from mechdesign.group.multicast.multicast import TABLE, Means, Multicast, MulticastEffect, is_beside
from mechdesign.group.multicast.private import PRIVATE, FalseEnvelope, Private, PrivateDelivered
from mechdesign.group.roster import Roster
from mechdesign.group.status import GroupStatus
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import JournalError, LocalProtocolError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import decode, encode
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet, Send

__all__ = ["GroupLayer", "LayerEffect", "LayerRequest"]

LayerRequest: TypeAlias = Broadcast | Change | Ready | Private | Direct
"""What the layer above asks."""

LayerEffect: TypeAlias = GroupEffect | PrivateDelivered | FalseEnvelope | DirectDelivered | Acknowledged
"""Everything that the layer asks for, downward and upward."""

_WHISPER = "whisper"
# The journal's table of private messages of ours that wait for their place in the order, in clear.


class GroupLayer:
    """A machine; see the module's text.

    Args:
        group: the order over all epochs.
        signer: signs for this member.
        scheme: checks everybody's signatures.
        config: local settings.
        means: for messages to some members; without them there is only the map of links.
    """

    def __init__(
        self, group: Group, signer: Signer, scheme: SignatureScheme, config: GroupConfig, means: Means | None = None
    ) -> None:
        self.group = group
        self._signer = signer
        self._scheme = scheme
        self._config = config
        self._means = means
        self._linked: dict[bytes, None] = {}
        self._kept: dict[bytes, None] = {}
        self._whispers: dict[bytes, Private] = {}
        self._beside = self._new()

    # ------------------------------------------------------------------------------------------------- three verbs

    @property
    def deadline(self) -> Instant | None:
        """When ``tick`` has work to do next, or None."""
        dues = (self.group.deadline, None if self._beside is None else self._beside.deadline)
        return min((due for due in dues if due is not None), default=None)

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[LayerEffect]:
        """Take back the journal; see :meth:`Group.restore`.

        Raises:
            LocalProtocolError: it was called before.
            JournalError: a record is damaged.
        """
        records = list(records)
        effects = self.group.restore(records, now)
        self._kept = dict.fromkeys(key for table, key, _ in records if table == TABLE)
        self._beside = self._new()
        if self._beside is not None:
            self._beside.restore(records, now)
        self._whispers = {key: _read_whisper(key, data) for table, key, data in records if table == _WHISPER}
        # An epoch may have ended before we could seal them again.
        return [*(each for effect in effects for each in self._beside_order(effect)), *self._whisper_again(now)]

    def submit(self, request: LayerRequest, now: Instant) -> Sequence[LayerEffect]:
        """Take a request.

        Raises:
            LocalProtocolError: as :meth:`Group.submit` and :meth:`Multicast.submit`.
        """
        if not isinstance(request, Private | Direct):
            if isinstance(request, Broadcast) and request.kind == PRIVATE:
                raise LocalProtocolError("private messages are made by the group layer: request Private")
            return self._route(self.group.submit(request, now), now)
        if self._beside is None:
            raise LocalProtocolError("this member is not in the group: not yet, or not any more")
        effects = self._put(self._beside.submit(request, now), now)
        if not isinstance(request, Private) or not effects or not self.group.carry_over:
            return effects
        self._whispers[request.key] = request
        return [Append(_WHISPER, request.key, encode((request.to, request.data))), *effects]

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[LayerEffect]:
        """Take an event from the transport; never raises for what a peer sent."""
        beside: list[LayerEffect] = []
        match incoming:
            case LinkUp(peer):
                self._linked[peer] = None
                place = self._place(peer)
                if place is not None and self._beside is not None:
                    beside = self._put(self._beside.link_up(place, now), now)
            case LinkDown(peer):
                self._linked.pop(peer, None)
                place = self._place(peer)
                if place is not None and self._beside is not None:
                    self._beside.link_down(place, now)
            case Packet(peer, data):
                channel, packet = unframe(data)
                if is_beside(packet):
                    place = self._place(peer)
                    if self._beside is None or place is None or channel != channel_of(self.group.roster):
                        return ()
                    return self._put(self._beside.packet(place, packet, now), now)
        return [*self._route(self.group.receive(incoming, now), now), *beside]

    def tick(self, now: Instant) -> Sequence[LayerEffect]:
        """Do what was due at ``deadline``."""
        effects: list[LayerEffect] = []
        if self._beside is not None and self._beside.deadline is not None and self._beside.deadline <= now:
            effects += self._put(self._beside.tick(now), now)
        if self.group.deadline is not None and self.group.deadline <= now:
            effects += self._route(self.group.tick(now), now)
        return effects

    # ------------------------------------------------------------------------------------------------------- status

    @property
    def roster(self) -> Roster:
        """Of the present epoch."""
        return self.group.roster

    @property
    def before(self) -> Roster | None:
        """Of the epoch before the present one, where it is known."""
        return self.group.before

    @property
    def channels(self) -> tuple[bytes, ...]:
        """On which the group's frames come."""
        return self.group.channels

    def status(self) -> GroupStatus:
        """What this member can say about its group now, with the map of links."""
        status = self.group.status()
        if self._beside is None:
            return status
        return replace(status, reached=self._beside.reached, cut_vertices=self._beside.cut_vertices)

    # --------------------------------------------------------------------------------------------------------- parts

    def _new(self) -> Multicast | None:
        roster = self.group.roster
        if roster.place(self._signer.public) is None:
            return None
        return Multicast(roster, self._signer, self._scheme, self._config, self._means)

    def _place(self, peer: bytes) -> int | None:
        return next((place for place, member in enumerate(self.group.roster.ids) if member == peer), None)

    def _route(self, effects: Sequence[GroupEffect], now: Instant) -> list[LayerEffect]:
        out: list[LayerEffect] = []
        for effect in effects:
            if isinstance(effect, ViewChanged):
                out += self._change(effect, now)
            else:
                out += self._beside_order(effect)
        return out

    def _beside_order(self, effect: GroupEffect) -> Sequence[LayerEffect]:
        if isinstance(effect, Delivered) and effect.submission.kind == PRIVATE:
            told = () if self._beside is None else self._beside.delivered(effect)
            return (*(self._forget() if effect.submission.sender == self._signer.public else ()), *told)
        return (effect,)

    def _forget(self) -> list[LayerEffect]:
        """Let go of the private messages of ours that wait no more."""
        gone = [key for key in self._whispers if not self.group.awaits(key)]
        for key in gone:
            del self._whispers[key]
        return [Compact((), tuple((_WHISPER, key) for key in gone))] if gone else []

    def _whisper_again(self, now: Instant) -> list[LayerEffect]:
        """Seal what waits for its place for those who are members now; what was ordered before has used its key."""
        out: list[LayerEffect] = []
        for request in self._whispers.values() if self._beside is not None else ():
            still = tuple(member for member in request.to if self.group.roster.place(member) is not None)
            if still and self._beside is not None:
                out += self._put(self._beside.submit(replace(request, to=still), now), now)
        return [*out, *self._forget()]

    def _put(self, effects: Sequence[MulticastEffect], now: Instant) -> list[LayerEffect]:
        """What the machine beside the order asks for: frames on our channel, broadcasts to the group."""
        channel = channel_of(self.group.roster)
        out: list[LayerEffect] = []
        for effect in effects:
            match effect:
                case Send(peer, data):
                    out.append(Send(peer, frame(channel, data)))
                case Broadcast():
                    out += self._route(self.group.submit(effect, now), now)
                case Append(_, key):
                    self._kept[key] = None
                    out.append(effect)
                case Compact(records, gone):
                    self._kept.update(dict.fromkeys(record.key for record in records))
                    for _, key in gone:
                        self._kept.pop(key, None)
                    out.append(effect)
                case _:
                    out.append(effect)
        return out

    def _change(self, change: ViewChanged, now: Instant) -> list[LayerEffect]:
        """Begin again beside the order of the next epoch, with what still waits for receipts."""
        outstanding = () if self._beside is None else self._beside.outstanding
        out: list[LayerEffect] = []
        if self._kept:
            out.append(Compact((), tuple((TABLE, key) for key in self._kept)))
            self._kept = {}
        out.append(change)
        self._beside = self._new()
        if self._beside is None:
            return out
        for peer in self._linked:
            place = self._place(peer)
            if place is not None:
                out += self._put(self._beside.link_up(place, now), now)
        for direct in outstanding:
            still = tuple(member for member in direct.to if change.roster.place(member) is not None)
            if still:
                out += self._put(self._beside.submit(replace(direct, to=still), now), now)
        return [*out, *self._whisper_again(now)]


def _read_whisper(key: bytes, data: bytes) -> Private:
    try:
        match decode(data):
            case (tuple(to), bytes(content)):
                return Private(key, tuple(MemberId(member) for member in to if isinstance(member, bytes)), content)
    except WireError as error:
        raise JournalError(f"the journal's record of a private message is damaged: {error}") from error
    raise JournalError("the journal's record of a private message is damaged")
