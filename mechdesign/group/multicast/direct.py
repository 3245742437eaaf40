"""Direct multicast: letters between members, outside the order.

A letter is signed by its sender, encrypted to its recipients, relayed by other members where there is no link, and
repeated until each recipient has signed a receipt. Each recipient takes a sender's letters in the order in which they
were sent, each once, also across restarts: what it took is in its journal before its receipt leaves, and before the
layer above hears of it. What was taken last stands there in full until it was told: a member that crashes in between
tells it as it starts again. Of the last ones that may be the second time, under the same numbers; of others never.

A letter that is repeated carries the number of the attempt under its signature, so each attempt is a packet of its own
that relays pass on once. Nobody can make more of them than its sender does, and what a sender or a neighbour may cost
the others is metered. Whoever reads the relayed packets learns who writes to whom, and how much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.messages import Append, Compact
from mechdesign.group.meter import Meter
from mechdesign.group.multicast.envelope import SECRET_BYTES, Envelope, open_envelope, seal_envelope
from mechdesign.group.multicast.letters import Letter, Receipt, parse_post
from mechdesign.group.multicast.outgoing import (
    LETTER,
    PREFIX_BYTES,
    TABLE,
    Direct,
    Outgoing,
    decoded,
    of_epoch,
    prefix_of,
)
from mechdesign.group.multicast.private import places_of
from mechdesign.group.roster import Roster
from mechdesign.group.tolerance import Tolerance
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import DamagedError, LocalProtocolError
from mechdesign.kernel.exchange import Exchange, Holder
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import Value, digest, encode
from mechdesign.transport.messages import Send

__all__ = ["LETTERS_MAX", "Acknowledged", "Direct", "DirectDelivered", "DirectEffect", "DirectMulticast"]

LETTERS_MAX = 64
"""So many letters to one recipient may wait for its receipt."""

_SEEN_MAX = 4096
_SLOWER_MAX = 6
_COUNTS, _UNTOLD = b"counts", b"untold"


@dataclass(frozen=True, slots=True)
class DirectDelivered:
    """Event: the next letter of a sender to us.

    Attributes:
        sender: whose it is.
        sequence: counts the sender's letters to us in this epoch, from 0; by it those are known that a restart repeats.
        data: the content, or None where the sender sealed rubbish.
    """

    sender: MemberId
    sequence: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Event: a recipient has signed that it took a letter of ours.

    Attributes:
        key: as in the request.
        member: the recipient.
    """

    key: bytes
    member: MemberId


DirectEffect: TypeAlias = Append | Compact | Send | DirectDelivered | Acknowledged


class DirectMulticast:
    """The letters of one member in one epoch; a machine beside the group core.

    Neighbours are their index in roster order.

    Args:
        roster: the group.
        signer: signs for this member.
        scheme: checks everybody's signatures.
        exchange: how envelopes' secrets are agreed on.
        holder: our side of that.
        config: intervals and rates.
        entropy: where the envelopes' secrets come from.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        exchange: Exchange,
        holder: Holder,
        config: GroupConfig,
        entropy: Entropy,
    ) -> None:
        me = roster.place(signer.public)
        if me is None:
            raise LocalProtocolError("only a member of the roster takes part in its multicast")
        self._roster, self._me, self._signer, self._scheme = roster, me, signer, scheme
        self._exchange, self._holder, self._entropy = exchange, holder, entropy
        self._retry = 2 * microseconds(config.pull_retry_s)
        self._linked: list[int] = []
        self._outgoing: dict[bytes, Outgoing] = {}
        self._sent = [0] * roster.n
        self._taken = [0] * roster.n
        self._early: list[dict[int, bytes | None]] = [{} for _ in range(roster.n)]
        self._seen: dict[bytes, None] = {}
        rate = config.direct_bytes_per_s
        self._neighbours = Meter(roster.n, rate * 2, rate * 8)
        # What comes over a member's own link, and then what others pass on of it: a relay that repeats old letters uses
        # up the second allowance only.
        self._authors = Meter(2 * roster.n, rate, rate * 4)
        self._tolerance = Tolerance()
        self.dropped: dict[str, int] = {}

    # ------------------------------------------------------------------------------------------------- our own letters

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> list[DirectDelivered]:
        """Take back the journal's records; others than ours are passed over. Gives the letters that may be untold.

        Raises:
            JournalError: a record is damaged.
        """
        untold: list[DirectDelivered] = []
        for table, name, data in records:
            if table != TABLE or not of_epoch(name, self._roster):
                continue
            key = name[PREFIX_BYTES:]
            if key.startswith(LETTER):
                letter = Outgoing.read(data, self._roster, now)
                self._outgoing[key[len(LETTER) :]] = letter
                for place, number in zip(letter.to, letter.sequences, strict=True):
                    self._sent[place] = max(self._sent[place], number + 1)
                continue
            match decoded(data):
                case (tuple(sent), tuple(taken)) if key == _COUNTS:
                    self._sent = [max(pair) for pair in zip(self._sent, self._numbers(sent), strict=True)]
                    self._taken = self._numbers(taken)
                case tuple(letters) if key == _UNTOLD:
                    untold = [_told(letter, self._roster) for letter in letters]
                case _:
                    raise DamagedError("the journal's record of letters")
        return untold

    def _numbers(self, values: Sequence[Value]) -> list[int]:
        numbers = [value for value in values if isinstance(value, int)]
        if len(numbers) != self._roster.n:
            raise DamagedError("the journal's counts of letters")
        return numbers

    def submit(self, request: Direct, now: Instant) -> list[DirectEffect]:
        """Send a letter.

        Raises:
            LocalProtocolError: a recipient is no other member or has no good key, the content is too long, or too many
                letters wait for receipts already.
        """
        if request.key in self._outgoing:
            return []
        places = places_of(self._roster, self._signer.public, request.to)
        if len(request.data) > self._roster.submission_bytes_max:
            raise LocalProtocolError(f"a letter of {len(request.data)} bytes passes the group's limit")
        for place in places:
            if sum(place in letter.missing for letter in self._outgoing.values()) >= LETTERS_MAX:
                name = self._roster.members[place].name
                raise LocalProtocolError(f"{LETTERS_MAX} letters wait for a receipt of {name}: it is away or slow")
        sequences = tuple(self._sent[place] for place in places)
        letter = Outgoing(places, sequences, request.data, self._entropy(SECRET_BYTES), now, missing=set(places))
        # Refuses a recipient whose key is no good, before anything of the letter is kept.
        sends = self._post(letter, now)
        for place in places:
            self._sent[place] += 1
        self._outgoing[request.key] = letter
        return [Append(TABLE, self._name(request.key), letter.encode(self._roster)), *sends]

    @property
    def deadline(self) -> Instant | None:
        """When a letter is to be repeated."""
        return min((letter.due for letter in self._outgoing.values()), default=None) if self._linked else None

    def tick(self, now: Instant) -> list[DirectEffect]:
        """Repeat the letters whose receipts are late."""
        due = [letter for letter in self._outgoing.values() if letter.due <= now] if self._linked else []
        return [send for letter in due for send in self._post(letter, now)]

    @property
    def outstanding(self) -> tuple[Direct, ...]:
        """What waits for receipts, to be sent again by whoever outlives this epoch."""
        ids = self._roster.ids
        return tuple(
            Direct(key, tuple(ids[place] for place in letter.to if place in letter.missing), letter.data)
            for key, letter in self._outgoing.items()
        )

    def _post(self, letter: Outgoing, now: Instant) -> list[Send]:
        sender = self._signer.public
        sealed = seal_envelope(
            self._roster, self._exchange, sender, letter.to, _purpose(letter.sequences), letter.data, letter.secret
        )
        post = Letter(self._me, letter.to, letter.sequences, letter.attempt, sealed.encoded)
        letter.due = now + (self._retry << min(letter.attempt, _SLOWER_MAX))
        letter.attempt += 1
        wire = post.signed(self._roster, self._signer)
        self._note(wire)
        sends = self._pass_on(wire, sorted(letter.missing), None)
        letter.posted = now if sends else letter.posted
        return sends

    # ----------------------------------------------------------------------------------------------------- neighbours

    def link_up(self, place: int, now: Instant) -> list[DirectEffect]:
        """A neighbour can be reached: what waits for receipts is repeated soon."""
        if place not in self._linked:
            self._linked = sorted([*self._linked, place])
        for letter in self._outgoing.values():
            # Not at once what was sent just now: whose link goes up and down would have us say everything each time.
            soonest = now if letter.posted is None else max(now, letter.posted + self._retry)
            letter.due = min(letter.due, soonest)
        return self.tick(now)

    def link_down(self, place: int) -> None:
        """A neighbour cannot be reached."""
        if place in self._linked:
            self._linked.remove(place)

    def receive(self, place: int, data: bytes, now: Instant) -> list[DirectEffect]:
        """Take a packet of a neighbour that ``letters.is_post`` says is ours; never raises."""
        name = digest("mechdesign/post/seen/1", data)
        if name in self._seen:
            return self._drop("repeated")
        neighbour = self._roster.ids[place]
        if not self._neighbours.allows(place, now) or not self._tolerance.admits(neighbour, now):
            return self._drop("neighbour")
        self._neighbours.charge(place, len(data), now)
        post = parse_post(data, self._roster, self._scheme)
        if post is None:
            # No honest neighbour passes on what it could not check.
            self._tolerance.charge(neighbour, now)
            return self._drop("invalid")
        if post.sender == self._me:
            return []
        account = post.sender if place == post.sender else self._roster.n + post.sender
        if not self._authors.allows(account, now):
            return self._drop("author")
        self._authors.charge(account, len(data), now)
        self._note(data)
        onward = self._pass_on(data, [to for to in post.to if to != self._me], place)
        if self._me not in post.to:
            return list(onward)
        return [*onward, *(self._take(post) if isinstance(post, Letter) else self._settle(post))]

    def _note(self, wire: bytes) -> None:
        self._seen[digest("mechdesign/post/seen/1", wire)] = None
        if len(self._seen) > _SEEN_MAX:
            del self._seen[next(iter(self._seen))]

    def _pass_on(self, wire: bytes, to: Sequence[int], source: int | None) -> list[Send]:
        """To its recipients where all are neighbours, else to all neighbours but the one that it came from."""
        direct = [place for place in to if place in self._linked]
        chosen = direct if len(direct) == len(to) else [place for place in self._linked if place != source]
        return [Send(self._roster.ids[place], wire) for place in chosen]

    def _drop(self, why: str) -> list[DirectEffect]:
        self.dropped[why] = self.dropped.get(why, 0) + 1
        return []

    # ------------------------------------------------------------------------------------------------------ letters in

    def _take(self, letter: Letter) -> list[DirectEffect]:
        sender, sequence = letter.sender, letter.sequences[letter.to.index(self._me)]
        early = self._early[sender]
        if sequence >= self._taken[sender] + LETTERS_MAX:
            return self._drop("early")
        if sequence >= self._taken[sender] and sequence not in early:
            early[sequence] = self._read(letter)
        events: list[DirectDelivered] = []
        while self._taken[sender] in early:
            number = self._taken[sender]
            events.append(DirectDelivered(self._roster.ids[sender], number, early.pop(number)))
            self._taken[sender] += 1
        receipt = Receipt(self._me, (sender,), self._taken[sender], sequence, letter.attempt)
        wire = receipt.signed(self._roster, self._signer)
        self._note(wire)
        onward = self._pass_on(wire, [sender], None)
        if not events:
            return list(onward)
        untold = encode(tuple((event.sender, event.sequence, event.data) for event in events))
        name = prefix_of(self._roster) + _UNTOLD
        taken = Compact((self._counts(), Append(TABLE, name, untold)), ())
        # What is lost of this in a crash is told twice, which is better than never.
        return [taken, *onward, *events, Append(TABLE, name, encode(()), sync=False)]

    def _read(self, letter: Letter) -> bytes | None:
        envelope = Envelope.parse(letter.envelope, self._roster)
        if envelope is None or envelope.to != letter.to:
            return None
        author = self._roster.ids[letter.sender]
        purpose = _purpose(letter.sequences)
        opened = open_envelope(envelope, self._roster, self._exchange, self._holder, self._me, author, purpose)
        return opened.plaintext

    def _settle(self, receipt: Receipt) -> list[DirectEffect]:
        if receipt.upto > self._sent[receipt.sender]:
            return self._drop("receipt")
        events: list[DirectEffect] = []
        records: list[Append] = []
        gone: list[tuple[str, bytes]] = []
        for key, letter in list(self._outgoing.items()):
            if receipt.sender not in letter.missing:
                continue
            if letter.sequences[letter.to.index(receipt.sender)] >= receipt.upto:
                continue
            letter.missing.discard(receipt.sender)
            events.append(Acknowledged(key, self._roster.ids[receipt.sender]))
            if letter.missing:
                records.append(Append(TABLE, self._name(key), letter.encode(self._roster), sync=False))
                continue
            del self._outgoing[key]
            gone.append((TABLE, self._name(key)))
        return [*records, *([Compact((self._counts(),), tuple(gone))] if gone else []), *events]

    def _name(self, key: bytes) -> bytes:
        return prefix_of(self._roster) + LETTER + key

    def _counts(self) -> Append:
        return Append(TABLE, prefix_of(self._roster) + _COUNTS, encode((tuple(self._sent), tuple(self._taken))))


def _purpose(sequences: tuple[int, ...]) -> bytes:
    return encode(("direct", sequences))


def _told(letter: Value, roster: Roster) -> DirectDelivered:
    match letter:
        case (bytes(sender), int(sequence), bytes() | None as data) if roster.place(MemberId(sender)) is not None:
            return DirectDelivered(MemberId(sender), sequence, data)
    raise DamagedError("the journal's record of letters that were taken")
