"""What must hold for messages to some of the members, looked at while members write to one another.

* A private message is told once, at its place in the order, to its recipients as it was written, and its content to
  nobody else: it is in no frame, and in nobody's journal but its writer's.
* Letters of one member to another are numbered without a gap and taken in that order, each once in an epoch, as they
  were written; one whose receipt the writer has seen is not taken again in a later epoch.
* The writer is told of a receipt only where the recipient has written down that it took the letter.
* In the end nobody who stays waits for a receipt of anybody who stays, and what both of them lived to see is there.

A recipient that crashes right after it wrote down that it took a letter never tells it: that is no loss of a letter.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from mechdesign.group.messages import Append, Compact
from mechdesign.group.multicast.direct import Acknowledged, Direct, DirectDelivered
from mechdesign.group.multicast.outgoing import LETTER, PREFIX_BYTES, TABLE
from mechdesign.group.multicast.private import Private, PrivateDelivered
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.wire import decode
from mechdesign.testing.epochs import Epochs
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Send

__all__ = ["SECRET", "Letters"]

SECRET = b"\x00for your eyes only\x00"
"""Every message to some of the members begins with this."""

_COUNTS, _UNTOLD = b"counts", b"untold"
_OWN_TABLES = (TABLE, "whisper")


@dataclass(frozen=True, slots=True)
class _Written:
    """A message that a member was asked to send.

    Attributes:
        request: the message.
        number: counts them all.
        epoch: in which it was asked for.
        births: how often each member had joined by then, by place.
    """

    request: Private | Direct
    number: int
    epoch: int
    births: tuple[int, ...]


class Letters:
    """Watches who is told what of messages to some of the members.

    Args:
        simulator: whose effects are watched.
        honest: places of the members whose messages are watched.
        epochs: what they tell of their epochs; made before this, so that it hears of everything first.
        births: how often each member has joined, by place.
        once: whether nothing may be ordered in two epochs.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Collection[int],
        epochs: Epochs,
        births: Callable[[], tuple[int, ...]],
        *,
        once: bool,
    ) -> None:
        self._simulator = simulator
        self._honest = frozenset(honest)
        self._places = {process.member: process.place for process in simulator.processes}
        self._epochs = epochs
        self._births = births
        self._once = once
        # By writer's place and key.
        self._written: dict[tuple[int, bytes], _Written] = {}
        # Who was told a private message, and where it stands.
        self._told: dict[tuple[MemberId, bytes], tuple[bytes, int]] = {}
        # (writer, key, recipient) of what a recipient was told, with the epoch, and of letters that it wrote down.
        self._heard: dict[tuple[int, bytes, int], int] = {}
        self._taken: dict[tuple[int, bytes, int], None] = {}
        # (writer, key, recipient) of letters whose receipt the writer saw, with its life then.
        self._receipts: dict[tuple[int, bytes, int], int] = {}
        # By epoch, writer and recipient the keys and contents of letters, in the order of their numbers.
        self._numbers: dict[tuple[int, int, int], list[tuple[bytes, bytes]]] = {}
        # By epoch, recipient and writer how many letters the recipient wrote down, and how many before that last time.
        self._counts: dict[tuple[int, int, int], int] = {}
        self._counts_before: dict[tuple[int, int, int], int] = {}
        # And which number it tells next, in its present life and over all of its lives.
        self._next: dict[tuple[int, int, int], int] = {}
        self._untold: dict[tuple[int, int, int], int] = {}
        self._newest: dict[tuple[int, int], int] = {}
        simulator.watch(Append, self._append)
        simulator.watch(Compact, self._compact)
        simulator.watch(Send, self._send)
        simulator.watch(PrivateDelivered, self._private)
        simulator.watch(DirectDelivered, self._direct)
        simulator.watch(Acknowledged, self._acknowledged)
        simulator.watch_lives(self._life)

    @property
    def any(self) -> bool:
        """Whether anything was written."""
        return bool(self._written)

    @property
    def received(self) -> int:
        """How many messages came to an honest recipient, each counted once for each of them."""
        return len({*self._heard, *self._taken})

    def wrote(self, place: int, request: Private | Direct) -> None:
        """A member is about to be asked for this; its key is its own."""
        epoch = self._epochs.at[place][0].epoch
        self._written[place, request.key] = _Written(request, len(self._written), epoch, self._births())

    # ---------------------------------------------------------------------------------------------- what is secret

    def _send(self, place: int, effect: Send) -> None:
        if SECRET in effect.data:
            raise Violation(f"member {place} sends what only recipients are to read")

    def _append(self, place: int, record: Append) -> None:
        self._record(place, record)

    def _compact(self, place: int, effect: Compact) -> None:
        for record in effect.records:
            self._record(place, record)

    def _record(self, place: int, record: Append) -> None:
        taken = record.table == TABLE and record.key[PREFIX_BYTES:] == _UNTOLD
        if SECRET in record.data and not taken:  # what was taken is judged as it is told
            key = record.key if record.table != TABLE else record.key[PREFIX_BYTES + len(LETTER) :]
            if record.table not in _OWN_TABLES or (place, key) not in self._written:
                raise Violation(f"the journal of member {place} holds what only recipients are to read")
        if record.table == TABLE and place in self._honest:
            epoch, name = int.from_bytes(record.key[:PREFIX_BYTES], "big"), record.key[PREFIX_BYTES:]
            if name == _COUNTS:
                self._count(epoch, place, record.data)
            elif name.startswith(LETTER):
                self._number(epoch, place, name[len(LETTER) :], record.data)

    # ------------------------------------------------------------------------------------------------ in the order

    def _private(self, place: int, event: PrivateDelivered) -> None:
        if place not in self._honest:
            return
        roster, length = self._epochs.at[place]
        member = self._simulator.processes[place].member
        if event.position != length - 1:
            raise Violation(f"member {place} is told a private message of {event.position} at {length - 1}")
        if member not in event.to:
            if event.data is not None:
                raise Violation(f"member {place} is told a private message that is not for it")
            return
        writer = self._places[event.sender]
        if writer not in self._honest:
            return
        found = [
            written
            for (author, _), written in self._written.items()
            if author == writer and written.request.data == event.data
        ]
        if len(found) != 1 or event.data is None or member not in found[0].request.to:
            raise Violation(f"member {place} is told another private message of {writer} than was written")
        where = (roster.digest, event.position)
        if self._told.setdefault((event.sender, event.data), where) != where and self._once:
            raise Violation(f"member {place} is told a private message of {writer} twice")
        self._heard[writer, found[0].request.key, place] = roster.epoch

    # ---------------------------------------------------------------------------------------------------------- letters

    def _number(self, epoch: int, place: int, key: bytes, data: bytes) -> None:
        """A member has written a letter down, or who has not taken it yet."""
        match decode(data, bytes_max=len(data)):
            case (tuple(to), tuple(sequences), bytes(content), *_):
                pass
            case _:
                raise Violation(f"member {place} writes a letter down that it will not be able to read")
        for member, sequence in zip(to, sequences, strict=True):
            assert isinstance(member, bytes)
            numbers = self._numbers.setdefault((epoch, place, self._places[MemberId(member)]), [])
            if sequence == len(numbers):
                numbers.append((key, content))
            if not isinstance(sequence, int) or numbers[sequence : sequence + 1] != [(key, content)]:
                raise Violation(f"member {place} gives number {sequence!r} to its letter after {len(numbers)}")

    def _count(self, epoch: int, place: int, data: bytes) -> None:
        """A member has written down how many letters of each other one it took."""
        match decode(data, bytes_max=len(data)):
            case (tuple(_), tuple(taken)):
                pass
            case _:
                raise Violation(f"member {place} writes counts of letters down that it will not be able to read")
        for writer, count in zip(self._writers(epoch), taken, strict=True):
            assert isinstance(count, int)
            before = self._counts.get((epoch, place, writer), 0)
            if count < before:
                raise Violation(f"member {place} has taken {before} letters of {writer} and writes down {count}")
            if count > before:
                self._counts_before[epoch, place, writer] = before
            self._counts[epoch, place, writer] = count
            for key, _ in self._numbers.get((epoch, writer, place), [])[before:count]:
                self._taken[writer, key, place] = None

    def _writers(self, epoch: int) -> Iterator[int]:
        return (self._places[member] for member in self._epochs.chain[epoch][0].ids)

    def _life(self, place: int, begins: bool) -> None:
        for epoch, recipient, writer in list(self._next) if begins else ():
            if recipient == place:
                del self._next[epoch, place, writer]

    def _direct(self, place: int, event: DirectDelivered) -> None:
        if place not in self._honest:
            return
        epoch, writer = self._epochs.at[place][0].epoch, self._places[event.sender]
        where, number = (epoch, place, writer), event.sequence
        untold = self._untold.get(where, 0)
        # A life begins with what the one before may not have told: of what was written down last, and nothing between.
        first = where not in self._next and self._counts_before.get(where, 0) <= number <= untold
        if not first and number != self._next.get(where):
            due = self._next.get(where, untold)
            raise Violation(f"member {place} takes letter {number} of {writer} where {due} is next")
        self._next[where] = number + 1
        self._untold[where] = max(untold, number + 1)
        if writer not in self._honest:
            return
        numbers = self._numbers.get((epoch, writer, place), [])
        if number >= len(numbers) or numbers[number][1] != event.data:
            raise Violation(f"member {place} takes a letter that {writer} did not write")
        if number < untold:
            return
        key = numbers[number][0]
        earlier = self._heard.get((writer, key, place))
        if earlier is None:
            written = self._written[writer, key].number
            if self._newest.get((writer, place), -1) > written:
                raise Violation(f"member {place} takes a letter of {writer} after one that was written later")
            self._newest[writer, place] = written
        elif earlier == epoch or self._receipts.get((writer, key, place)) == self._simulator.processes[writer].life:
            raise Violation(f"member {place} takes a letter of {writer} twice")
        self._heard[writer, key, place] = epoch

    def _acknowledged(self, place: int, event: Acknowledged) -> None:
        recipient = self._places[event.member]
        if place not in self._honest or recipient not in self._honest:
            return
        if (place, event.key, recipient) not in self._taken:
            raise Violation(f"member {place} is told of a receipt of {recipient}, which did not take the letter")
        self._receipts[place, event.key, recipient] = self._simulator.processes[place].life

    # ------------------------------------------------------------------------------------------------------- in the end

    def missing(self, live: Collection[int]) -> list[str]:
        """What was written and has not come where it should, among honest members that are up."""
        births = self._births()
        newest = max(self._epochs.chain)
        waits = []
        for (writer, key), written in self._written.items():
            for member in written.request.to:
                place = self._places[member]
                both = {writer, place}
                lasting = both.issubset(live) and all(births[each] == written.births[each] for each in both)
                if not lasting or not all(self._were_in(both, epoch) for epoch in range(written.epoch, newest + 1)):
                    continue
                if isinstance(written.request, Direct):
                    arrived = (writer, key, place) in self._heard or not self._sent(writer, place, key)
                else:
                    arrived = (writer, key, place) in self._heard or not self._once
                    arrived = arrived or self._epochs.skipped(place, written.epoch)
                if not arrived:
                    waits.append(f"{place} has not got {key!r} of {writer}")
        return waits

    def _were_in(self, places: Collection[int], epoch: int) -> bool:
        return set(places) <= set(self._writers(epoch))

    def _sent(self, writer: int, place: int, key: bytes) -> bool:
        """Whether a letter was ever written down; one whose writer crashed before that was never accepted."""
        return any(
            author == writer and recipient == place and any(each == key for each, _ in numbers)
            for (_, author, recipient), numbers in self._numbers.items()
        )
