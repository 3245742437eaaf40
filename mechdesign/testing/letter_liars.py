"""Members that lie about messages to some of the others, each an honest layer whose letters are changed on the way out.

=============== ====================================================================================================
kind            what the member does with letters and receipts, its own and those that it should pass on
=============== ====================================================================================================
forge-letters   sends beside them some with a bit flipped, in the name of others, or with numbers of its own making
replay-letters  says them again and again, to anybody, some of them on the channel of another epoch
reorder-letters hands them over late, each as late as chance will have it
swindle         signs other letters under the same numbers, and receipts for letters that it never took
swallow         passes none on, and signs no receipt
=============== ====================================================================================================
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal, get_args

from mechdesign.group.channel import channel_of, frame, unframe
from mechdesign.group.layer import GroupLayer
from mechdesign.group.multicast.letters import Letter, Post, Receipt, is_post, parse_post
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SIGNATURE_BYTES, SignatureScheme, Signer
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.echo import Echo
from mechdesign.transport.messages import LinkEvent, Packet, Send

__all__ = ["LETTER_LIAR_KINDS", "LetterLiar", "LetterLiarKind"]

LetterLiarKind = Literal["forge-letters", "replay-letters", "reorder-letters", "swindle", "swallow"]
"""Name of a way to lie about letters."""

LETTER_LIAR_KINDS: tuple[LetterLiarKind, ...] = get_args(LetterLiarKind)

_FRAMES = 100
"""So many frames one that replays keeps, old and new."""


class LetterLiar:
    """A group layer that lies.

    Args:
        kind: how.
        layer: the honest machine.
        signer: signs for the liar.
        scheme: checks signatures.
        chance: the liar's own stream of chance.
    """

    def __init__(
        self, kind: LetterLiarKind, layer: GroupLayer, signer: Signer, scheme: SignatureScheme, chance: Random
    ) -> None:
        self.layer = layer
        self._kind = kind
        self._signer = signer
        self._scheme = scheme
        self._chance = chance
        self._echo = Echo(_FRAMES, chance)
        self._later: list[tuple[Instant, Send]] = []

    @property
    def group(self) -> Any:
        """The honest machine's order."""
        return self.layer.group

    @property
    def roster(self) -> Roster:
        """The honest machine's."""
        return self.layer.roster

    @property
    def deadline(self) -> Instant | None:
        """The honest machine's, or when something that was held back is due."""
        dues = [self.layer.deadline, *(due for due, _ in self._later)]
        return min((due for due in dues if due is not None), default=None)

    def restore(self, records: Sequence[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Take back the journal."""
        return self._changed(self.layer.restore(records, now), now)

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Take a request."""
        return self._changed(self.layer.submit(request, now), now)

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[object]:
        """Take a link event."""
        self._echo.link(incoming)
        if isinstance(incoming, Packet) and is_post(unframe(incoming.data)[1]):
            self._remember(incoming.data)
        return [*self._changed(self.layer.receive(incoming, now), now), *self._replay()]

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what is due."""
        due = [send for instant, send in self._later if instant <= now]
        self._later = [(instant, send) for instant, send in self._later if instant > now]
        if self.layer.deadline is None or self.layer.deadline > now:
            return due
        return [*due, *self._changed(self.layer.tick(now), now)]

    def _changed(self, effects: Sequence[object], now: Instant) -> list[object]:
        changed: list[object] = []
        for effect in effects:
            if isinstance(effect, Send) and is_post(unframe(effect.data)[1]):
                changed += self._sent(effect, now)
            else:
                changed.append(effect)
        return changed

    def _sent(self, send: Send, now: Instant) -> list[Send]:
        chance = self._chance
        channel, packet = unframe(send.data)
        post = parse_post(packet, self.roster, self._scheme)
        match self._kind:
            case "forge-letters" if post is not None and chance.random() < 0.5:
                forged = Send(send.peer, frame(channel, self._forged(packet, post)))
                return [send, forged] if chance.random() < 0.7 else [forged]
            case "replay-letters":
                self._remember(send.data)
            case "reorder-letters" if chance.random() < 0.7:
                self._later.append((now + chance.randrange(1, 2 * SECOND), send))
                return []
            case "swindle" if post is not None and post.sender == self._me and chance.random() < 0.5:
                return [Send(send.peer, frame(channel, self._other(post).signed(self.roster, self._signer)))]
            case "swallow" if not (isinstance(post, Letter) and post.sender == self._me):
                return []
            case _:
                pass
        return [send]

    @property
    def _me(self) -> int | None:
        return self.roster.place(self._signer.public)

    def _forged(self, packet: bytes, post: Post) -> bytes:
        """A packet that nobody honest signed."""
        chance = self._chance
        style = chance.randrange(4)
        if style == 0:
            at = chance.randrange(len(packet))
            return packet[:at] + bytes([packet[at] ^ (1 << chance.randrange(8))]) + packet[at + 1 :]
        if style == 1:
            return packet[:-SIGNATURE_BYTES] + chance.randbytes(SIGNATURE_BYTES)
        if style == 2:
            # In the name of whoever wrote it, under the liar's signature.
            return self._other(post).signed(self.roster, self._signer)
        number = chance.choice((0, 1, 40, 2**47))
        me, others = self._me, [place for place in range(self.roster.n) if place != self._me]
        if me is None or not others:
            return packet
        to = (chance.choice(others),)
        if chance.random() < 0.5:
            return Letter(me, to, (number,), chance.randrange(3), chance.randbytes(50)).signed(
                self.roster, self._signer
            )
        return Receipt(me, to, number, number, chance.randrange(3)).signed(self.roster, self._signer)

    def _other(self, post: Post) -> Post:
        """A letter with other content under the same numbers, or a receipt for more than was taken, or for less."""
        if isinstance(post, Letter):
            return replace(post, envelope=self._chance.randbytes(len(post.envelope)))
        return replace(post, upto=self._chance.choice((0, post.upto + 1, post.upto + 20)))

    def _remember(self, data: bytes) -> None:
        if self._kind == "replay-letters":
            self._echo.keep(data)

    def _replay(self) -> list[Send]:
        again = self._echo.again()
        if again is None:
            return []
        peer, data = again
        if self._chance.random() < 0.3:
            data = frame(channel_of(self.roster), unframe(data)[1])
        return [Send(peer, data)]
