"""What a link counts: everything that was carried, and everything that was not, with its reason."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

__all__ = ["Counters", "total"]


@dataclass(slots=True)
class Counters:
    """Counts of one link since it was made; frames unless the name says otherwise.

    Attributes:
        sent: frames of the layer above that were handed on.
        sent_bytes: their bytes.
        received: frames handed up.
        received_bytes: their bytes.
        dropped_down: own frames not sent because the link was down.
        dropped_credit: own frames not sent because the peer has not read what it was sent before.
        dropped_full: own frames that the socket did not take.
        dropped_rate: foreign frames beyond the limits of messages or bytes a second.
        oversize: foreign frames beyond the frame limit that the socket let through.
        malformed: foreign frames that are nothing of this protocol, or of several parts.
        stale: foreign frames of a link that is no more.
        hello_refused: handshakes whose signature or nonce was wrong, that came too often, or that crossed our own.
        links_up: completed handshakes.
        links_down: links lost.
    """

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    dropped_down: int = 0
    dropped_credit: int = 0
    dropped_full: int = 0
    dropped_rate: int = 0
    oversize: int = 0
    malformed: int = 0
    stale: int = 0
    hello_refused: int = 0
    links_up: int = 0
    links_down: int = 0


def total(counters: Iterable[Counters]) -> dict[str, int]:
    """The sums over several links, by name.

    >>> total([Counters(sent=1), Counters(sent=2)])["sent"]
    3
    """
    sums = {field.name: 0 for field in fields(Counters)}
    for each in counters:
        for name in sums:
            sums[name] += getattr(each, name)
    return sums
