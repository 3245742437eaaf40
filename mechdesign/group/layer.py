"""The whole group layer of one member: the order over all epochs, and beside it multicast and the map of links.

It has the face of :class:`~mechdesign.group.group.Group` and takes a few more requests. What is beside the order lives
within one epoch; direct messages whose receipts are missing when it ends are sent again in the next, to those who are
still members, also where a crash comes in between. A recipient that had taken one, and whose receipt was lost with the
epoch, then takes it twice. A private message that is not ordered when its epoch ends is sealed again for those who are
still members, where the group carries over what was not ordered; its key keeps it from being ordered twice.

A neighbour counts as one beside the order once it has spoken in our epoch: whoever is in another would not hear us.
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
    GroupEvent,
    Ready,
    ViewChanged,
)
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered
from mechdesign.group.multicast.multicast import Means, Multicast, MulticastEffect, is_beside
from mechdesign.group.multicast.outgoing import TABLE, left_behind, of_epoch
from mechdesign.group.multicast.private import PRIVATE, FalseEnvelope, Private, PrivateDelivered
from mechdesign.group.roster import Roster
from mechdesign.group.status import GroupStatus
from mechdesign.group.topology import Located
from mechdesign.group.whereabouts import Whereabouts
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import DamagedError, LocalProtocolError, WireError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import decode, encode
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

__all__ = ["GroupLayer", "LayerEffect", "LayerRequest", "MulticastEvent"]

LayerRequest: TypeAlias = Broadcast | Change | Ready | Private | Direct
"""What the layer above asks."""

MulticastEvent: TypeAlias = PrivateDelivered | FalseEnvelope | DirectDelivered | Acknowledged
"""What it tells of messages to some of the members."""

LayerEffect: TypeAlias = GroupEffect | MulticastEvent | Located
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
        address: where we listen, for members to know that came in later; empty where nobody can dial us.
    """

    def __init__(
        self,
        group: Group,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        means: Means | None = None,
        *,
        address: str = "",
    ) -> None:
        self.group = group
        self._signer = signer
        self._scheme = scheme
        self._config = config
        self._means = means
        self._address = address
        self._linked: dict[MemberId, None] = {}
        # Which of them spoke in this epoch.
        self._here: dict[MemberId, None] = {}
        self._kept: dict[bytes, None] = {}
        self._whispers: dict[bytes, Private] = {}
        self._whereabouts = Whereabouts()
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
        untold = () if self._beside is None else self._beside.restore(records, now)
        self._whispers = {key: _read_whisper(key, data) for table, key, data in records if table == _WHISPER}
        told = [each for effect in effects for each in self._beside_order(effect)]
        located = self._whereabouts.restore(records, self.group.roster)
        # An epoch may have ended before we could send them again.
        again = self._hand_on(left_behind(records, self.group.roster), now)
        return [*again, *told, *untold, *self._whisper_again(now), *located]

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

    def receive(self, incoming: GroupEvent, now: Instant) -> Sequence[LayerEffect]:
        """Take an event from the transport, or what was read; never raises for what a peer sent."""
        beside: list[LayerEffect] = []
        match incoming:
            case LinkUp(peer):
                self._linked[peer] = None
                self._here.pop(peer, None)
            case LinkDown(peer):
                self._linked.pop(peer, None)
                self._here.pop(peer, None)
                # It told us while it could not be of use, and may itself know of nobody now.
                beside += self._whereabouts.of(peer)
                place = self.group.roster.place(peer)
                if place is not None and self._beside is not None:
                    self._beside.link_down(place, now)
            case Packet(peer, data):
                channel, packet = unframe(data)
                place = self.group.roster.place(peer)
                if place is not None and channel == channel_of(self.group.roster):
                    beside = self._hear(peer, place, packet, now)
                if is_beside(packet):
                    return beside
        return [*self._route(self.group.receive(incoming, now), now), *beside]

    def _hear(self, peer: MemberId, place: int, packet: bytes, now: Instant) -> list[LayerEffect]:
        """A member spoke in our epoch: beside the order it is a neighbour from the first time on."""
        effects: list[MulticastEffect] = []
        if self._beside is not None and peer in self._linked and peer not in self._here:
            self._here[peer] = None
            effects += self._beside.link_up(place, now)
        if self._beside is not None and is_beside(packet):
            effects += self._beside.packet(place, packet, now)
        return self._put(effects, now)

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
        waited = [member for direct in self._beside.outstanding for member in direct.to]
        counts = tuple((member, waited.count(member)) for member in self.group.roster.ids if member in waited)
        reached, cut = self._beside.reached, self._beside.cut_vertices
        return replace(status, reached=reached, cut_vertices=cut, unacknowledged=counts)

    # --------------------------------------------------------------------------------------------------------- parts

    def _new(self) -> Multicast | None:
        roster = self.group.roster
        if roster.place(self._signer.public) is None:
            return None
        return Multicast(roster, self._signer, self._scheme, self._config, self._means, self._address)

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
                case Located(member):
                    out += self._whereabouts.hear(effect)
                    # Who has a link with us need not be found: to dial it anew would cut that link.
                    out += [] if member in self._linked else [effect]
                case _:
                    out.append(effect)
        return out

    def _change(self, change: ViewChanged, now: Instant) -> list[LayerEffect]:
        """Begin again beside the order of the next epoch, with what still waits for receipts."""
        outstanding = () if self._beside is None else self._beside.outstanding
        self._here.clear()
        self._beside = self._new()
        forgotten = self._whereabouts.change(change.roster)
        return [*self._hand_on(outstanding, now), *forgotten, change, *self._whisper_again(now)]

    def _hand_on(self, letters: Iterable[Direct], now: Instant) -> list[LayerEffect]:
        """Send letters of a past epoch again, to those who are still members, as their old records go."""
        roster = self.group.roster
        past = tuple((TABLE, key) for key in self._kept if not of_epoch(key, roster))
        effects: list[MulticastEffect] = []
        for letter in letters if self._beside is not None else ():
            still = tuple(member for member in letter.to if roster.place(member) is not None)
            if still and self._beside is not None:
                effects += self._beside.submit(replace(letter, to=still), now)
        records = tuple(effect for effect in effects if isinstance(effect, Append))
        rest = [effect for effect in effects if not isinstance(effect, Append)]
        return self._put([Compact(records, past), *rest], now) if past else []


def _read_whisper(key: bytes, data: bytes) -> Private:
    try:
        match decode(data):
            case (tuple(to), bytes(content)):
                return Private(key, tuple(MemberId(member) for member in to if isinstance(member, bytes)), content)
    except WireError as error:
        raise DamagedError("the journal's record of a private message", error) from error
    raise DamagedError("the journal's record of a private message")
