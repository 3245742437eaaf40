"""The packets of direct multicast: letters and receipts, each signed by its sender and relayed as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SIGNATURE_BYTES, SignatureScheme, Signer
from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import Value, decode, digest, encode

__all__ = ["Letter", "Post", "Receipt", "is_post", "parse_post", "sign_post"]

_LETTER, _RECEIPT = 32, 33
_PREFIX_BYTES = 8
_NUMBER_MAX = 2**48
_OVERHEAD_BYTES = 1024
_TAG = "mechdesign/post/1"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter.

    Attributes:
        sender: index in roster order.
        to: the recipients' indices, ascending.
        sequences: for each of them the letter's number among those of this sender to it.
        attempt: how often it was sent before.
        envelope: the sealed content.
    """

    sender: int
    to: tuple[int, ...]
    sequences: tuple[int, ...]
    attempt: int
    envelope: bytes

    def signed(self, roster: Roster, signer: Signer) -> bytes:
        """The packet."""
        return sign_post((_LETTER, self.sender, self.to, self.sequences, self.attempt, self.envelope), roster, signer)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A recipient's word that it took letters.

    Attributes:
        sender: whose word it is, index in roster order.
        to: the one whose letters it took.
        upto: all letters with lower numbers were taken.
        sequence: the letter that caused this receipt.
        attempt: and its attempt; together they tell apart the receipts for a letter that is repeated.
    """

    sender: int
    to: tuple[int, ...]
    upto: int
    sequence: int
    attempt: int

    def signed(self, roster: Roster, signer: Signer) -> bytes:
        """The packet."""
        return sign_post((_RECEIPT, self.sender, self.to, self.upto, self.sequence, self.attempt), roster, signer)


Post: TypeAlias = Letter | Receipt


def is_post(data: bytes) -> bool:
    """Whether a packet is one of these, by its first bytes: an array whose first number is one of our kinds."""
    return len(data) > 1 and data[0] >> 4 == 0x9 and data[1] in (_LETTER, _RECEIPT)


def sign_post(fields: tuple[Value, ...], roster: Roster, signer: Signer) -> bytes:
    """The packet of a kind and its fields, signed; whether they are any good is up to the caller."""
    body = encode((fields[0], roster.digest[:_PREFIX_BYTES], *fields[1:]))
    # The body stands in the packet as it was signed: whoever relays it touches nothing.
    return encode((fields[0], body, signer.sign(digest(_TAG, roster.digest, body))))


def parse_post(data: bytes, roster: Roster, scheme: SignatureScheme) -> Post | None:
    """Read a packet and check its signature; None for everything that is not a member's signed packet. Never raises."""
    most = roster.submission_bytes_max + roster.n * 64 + _OVERHEAD_BYTES
    try:
        match decode(data, bytes_max=most):
            case (int(kind), bytes(body), bytes(signature)) if len(signature) == SIGNATURE_BYTES:
                post = _read(kind, decode(body, bytes_max=most), roster)
            case _:
                return None
    except WireError:
        return None
    if post is None or not scheme.verify(roster.ids[post.sender], digest(_TAG, roster.digest, body), signature):
        return None
    return post


def _read(outer: int, value: Value, roster: Roster) -> Post | None:
    match value:
        case (int(kind), bytes(prefix), int(author), tuple(to), *rest) if kind == outer:
            sender, places = _number(author, roster.n), _numbers(to, roster.n)
        case _:
            return None
    if prefix != roster.digest[:_PREFIX_BYTES] or sender is None or not places:
        return None
    if list(places) != sorted(set(places)) or sender in places:
        return None
    match kind, rest:
        case 32, [tuple(numbers), int(tries), bytes(envelope)]:
            sequences, attempt = _numbers(numbers, _NUMBER_MAX), _number(tries, _NUMBER_MAX)
            if sequences is not None and len(sequences) == len(places) and attempt is not None:
                return Letter(sender, places, sequences, attempt, envelope)
        case 33, [*numbers]:
            match _numbers(numbers, _NUMBER_MAX):
                case (upto, sequence, attempt) if len(places) == 1:
                    return Receipt(sender, places, upto, sequence, attempt)
    return None


def _number(value: Value, below: int) -> int | None:
    return value if type(value) is int and 0 <= value < below else None


def _numbers(values: Sequence[Value], below: int) -> tuple[int, ...] | None:
    numbers = tuple(number for number in (_number(value, below) for value in values) if number is not None)
    return numbers if len(numbers) == len(values) else None
