"""Ordered multicast: a submission that everybody sees in the order, and only its recipients can read.

It is an ordinary submission of the reserved kind :data:`PRIVATE` whose data is an envelope. Everyone learns that it was
sent, by whom, to whom, how long it is and where it stands in the order. A recipient that finds another content than the
envelope commits to, or something else in it for others, has a proof: the submission with its inclusion, and the
envelope's secret.
"""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.block import check_inclusion
from mechdesign.group.messages import Broadcast, Delivered, Inclusion, Submission
from mechdesign.group.multicast.envelope import SECRET_BYTES, Envelope, false_envelope, open_envelope, seal_envelope
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.exchange import Exchange, Holder
from mechdesign.kernel.machine import Entropy
from mechdesign.kernel.wire import decode, encode

__all__ = [
    "PRIVATE",
    "FalseEnvelope",
    "Private",
    "PrivateDelivered",
    "PrivateMulticast",
    "convict_of_false_envelope",
    "proof_of",
]

PRIVATE = 240
"""The kind of these submissions; what is above the group uses lower ones."""

_PURPOSE = b"ordered"
_MAGIC = "mechdesign/false-envelope/1"
_PATH_MAX = 32


@dataclass(frozen=True, slots=True)
class Private:
    """Request: have ``data`` ordered among all submissions, readable by ``to`` and by nobody else.

    Attributes:
        key: as in :class:`~mechdesign.group.messages.Broadcast`.
        to: the recipients, one or more other members.
        data: the content; with its envelope at most the roster's ``submission_bytes_max``.
    """

    key: bytes
    to: tuple[MemberId, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class PrivateDelivered:
    """Event: a private submission stands in the order; every member hears of it.

    Attributes:
        position: in the log.
        sender: whose it is.
        to: its recipients in roster order.
        data: the content, or None where we are no recipient or there is none to be had.
        fault: what is wrong with it, for its recipients; else empty.
    """

    position: int
    sender: MemberId
    to: tuple[MemberId, ...]
    data: bytes | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FalseEnvelope:
    """Event: a recipient's proof that a sender filled an envelope with different things.

    It reveals the envelope's content to whoever is shown it, so showing it is left to the recipient.

    Attributes:
        member: whom it convicts.
        data: for :func:`convict_of_false_envelope`.
    """

    member: MemberId
    data: bytes


PrivateEvent: TypeAlias = PrivateDelivered | FalseEnvelope


class PrivateMulticast:
    """Seals and opens the private submissions of one member.

    Args:
        roster: the group.
        me: this member.
        exchange: how secrets are agreed on.
        holder: our side of that.
        entropy: where the envelopes' secrets come from.
    """

    def __init__(self, roster: Roster, me: MemberId, exchange: Exchange, holder: Holder, entropy: Entropy) -> None:
        place = roster.place(me)
        if place is None:
            raise LocalProtocolError("only a member of the roster takes part in its multicast")
        self._roster = roster
        self._me = me
        self._place = place
        self._exchange = exchange
        self._holder = holder
        self._entropy = entropy

    def broadcast(self, request: Private) -> Broadcast:
        """The submission that carries a private message.

        A replay after a restart seals the content again under another secret; since its key was used, it does nothing.

        Raises:
            LocalProtocolError: a recipient is no other member of the roster, or the content is too long.
        """
        places = places_of(self._roster, self._me, request.to)
        envelope = seal_envelope(
            self._roster, self._exchange, self._me, places, _PURPOSE, request.data, self._entropy(SECRET_BYTES)
        )
        data = envelope.encoded
        most = self._roster.submission_bytes_max
        if len(data) > most:
            raise LocalProtocolError(f"a private message of {len(data)} bytes with its envelope passes {most}")
        return Broadcast(request.key, PRIVATE, data)

    def delivered(self, entry: Delivered) -> tuple[PrivateEvent, ...]:
        """What an ordered submission of kind :data:`PRIVATE` brings; one that is no envelope brings nothing."""
        said = entry.submission
        envelope = Envelope.parse(said.data, self._roster)
        if envelope is None:
            return ()
        to = tuple(self._roster.ids[place] for place in envelope.to)
        if self._place not in envelope.to:
            return (PrivateDelivered(entry.position, said.sender, to, None),)
        opened = open_envelope(envelope, self._roster, self._exchange, self._holder, self._place, said.sender, _PURPOSE)
        event = PrivateDelivered(entry.position, said.sender, to, opened.plaintext, opened.fault)
        if not (opened.fault and opened.secret):
            return (event,)
        return (event, FalseEnvelope(said.sender, proof_of(said, entry.inclusion, opened.secret)))


def places_of(roster: Roster, me: MemberId, to: tuple[MemberId, ...]) -> tuple[int, ...]:
    """The recipients' indices in roster order.

    Raises:
        LocalProtocolError: there are none, one repeats, is a stranger or ourselves.
    """
    places = sorted(place for place in map(roster.place, to) if place is not None)
    if not places or len(set(places)) < len(to) or me in to:
        raise LocalProtocolError("a message goes to one or more different other members of the roster")
    return tuple(places)


def proof_of(said: Submission, inclusion: Inclusion, secret: bytes) -> bytes:
    """The bytes of a proof: what was ordered, that its sender signed it, and the secret that shows it to be false."""
    entry = (said.kind, said.sender, said.sequence, said.data)
    return encode((_MAGIC, entry, inclusion.header, inclusion.signature, inclusion.index, inclusion.path, secret))


def convict_of_false_envelope(
    data: bytes, roster: Roster, scheme: SignatureScheme, exchange: Exchange
) -> MemberId | None:
    """Whom a :class:`FalseEnvelope` convicts, for anybody who holds the roster; None where it proves nothing.

    Never raises.
    """
    try:
        value = decode(data)
    except WireError:
        return None
    match value:
        case (
            str(magic), (int(kind), bytes(sender), int(sequence), bytes(content)),
            bytes(header), bytes(signature), int(index), tuple(path), bytes(secret),
        ) if magic == _MAGIC and kind == PRIVATE and len(path) <= _PATH_MAX:  # fmt: skip
            siblings = tuple(sibling for sibling in path if isinstance(sibling, bytes))
            if len(siblings) < len(path) or any(type(number) is bool for number in (kind, sequence, index)):
                return None
            said = Submission(kind, MemberId(sender), sequence, content)
            if not check_inclusion(roster, scheme, said, Inclusion(header, signature, index, siblings)):
                return None
            envelope = Envelope.parse(content, roster)
            if envelope is None or not false_envelope(envelope, roster, exchange, said.sender, _PURPOSE, secret):
                return None
            return said.sender
    return None
