"""All formations that one player knows of: several at once, one after another, bounded, and kept over a restart.

======================= ===================================== =========================================================
record                  key, in the table ``lobby``           data
======================= ===================================== =========================================================
enrolled                announcement                          the announcement and our enrolment; the convener's too
proposed                announcement, attempt                 a roster that we proposed
signed                  announcement, attempt                 the digest of the roster that we signed
formed                  announcement                          the certificate
failed                  announcement                          why
======================= ===================================== =========================================================

They are deleted when the announcement's date alone makes every honest player refuse it (``clocks_s``).

Announcing costs a liar nothing, so what we keep of others is shared fairly. An announcement is in the share that the
presence record of its convener is in (``shares.py``), with the rank that it has there; where the convener is not known,
in that of the neighbour that brought it. Where a share is full its finished ones go first, then the second ones of a
convener before the first of another, then whose convener ranks last. Those for which we enrolled never go.
"""

from collections.abc import Iterable, Iterator

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import Announcement, Certificate, Item, signed_by, valid_announcement
from mechdesign.group.lobby.events import (
    Announced,
    Flood,
    FormationEffect,
    Formed,
    NamedSince,
    Seat,
    Standing,
    record_key,
)
from mechdesign.group.lobby.formation import Formation
from mechdesign.group.lobby.items import parse_announcement, parse_enrolment, parse_item, parse_proposal
from mechdesign.group.lobby.packets import NONCE_BYTES
from mechdesign.group.lobby.shares import RANK_MAX
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.messages import Append, Compact
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import DamagedError, LocalProtocolError, WireError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import DIGEST_BYTES, decode

__all__ = ["Formations"]

_OWN_MAX = 32
_PAST_MAX = 4096
_COMPARED_MAX = 4096
_DAMAGED = "the journal's record of a formation"


class Formations:
    """The formations of one player.

    Args:
        seat: our keys and checks.
        config: bounds.
        wall: microseconds of the wall clock at instant 0 of the driver's clock.
        entropy: where nonces come from.
        standing: where conveners stand in the address book.
        named: since when the address book knows players by their names.

    Attributes:
        dropped: what was refused, by reason.
    """

    def __init__(
        self, seat: Seat, config: LobbyConfig, wall: int, entropy: Entropy, *, standing: Standing, named: NamedSince
    ) -> None:
        self.dropped: dict[str, int] = {}
        self._seat = seat
        self._me = seat.signer.public
        self._config = config
        self._clocks = microseconds(config.clocks_s)
        self._keep = microseconds(config.certificate_s)
        self._wall = wall
        self._entropy = entropy
        self._standing = standing
        self._named = named
        self._known: dict[bytes, Formation] = {}
        self._brought: dict[bytes, MemberId] = {}
        self._past: dict[bytes, None] = {}
        self._records: dict[bytes, tuple[Instant, list[bytes]]] = {}

    def __iter__(self) -> Iterator[Formation]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def get(self, announcement: bytes) -> Formation | None:
        """A formation by its announcement's identifier, or None."""
        return self._known.get(announcement)

    @property
    def items(self) -> dict[bytes, Item]:
        """What others should have, by name; as many as can be compared, those of our own groups first."""
        found: dict[bytes, Item] = {}
        for formation in sorted(self._known.values(), key=lambda formation: not formation.ours):
            if len(found) < _COMPARED_MAX:
                found.update(formation.items)
        return found

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`tick` has work to do."""
        running = [formation.deadline for formation in self._known.values()]
        kept = [until for key, (until, _) in self._records.items() if key not in self._known]
        return min([*running, *kept], default=None)

    def announce(self, terms: Terms, now: Instant) -> list[FormationEffect]:
        """Convene a group and enrol for it.

        Raises:
            LocalProtocolError: we take part in too many formations.
        """
        self._room()
        unsigned = Announcement(self._me, terms, self._entropy(NONCE_BYTES), self._wall + now)
        signature = signed_by(unsigned, self._seat.signer)
        announcement = Announcement(self._me, terms, unsigned.nonce, unsigned.dated, signature)
        formation = self._add(announcement, now)
        append, *rest = self._note(formation, formation.enrol(b"", now))
        # The enrolment's record holds the announcement, so it comes before everything.
        return [append, Flood(announcement, True), *rest, Announced(formation.id, announcement)]

    def enrol(self, announcement: bytes, invitation: bytes, now: Instant) -> list[FormationEffect]:
        """Enrol for an announced group.

        Raises:
            LocalProtocolError: nobody announced it, it is too late, or we would not be admitted.
        """
        formation = self._known.get(announcement)
        if formation is None:
            raise LocalProtocolError("no announcement of that group is known: it is past, or has not arrived yet")
        if not formation.ours:
            self._room()
        effects = self._note(formation, formation.enrol(invitation, now))
        self._brought.pop(announcement, None)
        return effects

    def _room(self) -> None:
        if sum(formation.ours and formation.running for formation in self._known.values()) >= _OWN_MAX:
            raise LocalProtocolError(f"we take part in {_OWN_MAX} formations already: wait for one to end")

    def take(self, data: bytes, source: MemberId, now: Instant) -> list[FormationEffect]:
        """Judge a part that a neighbour passed on."""
        item = parse_item(data)
        if item is None:
            return self._drop("item")
        announcement: Announcement | None = None
        match item:
            case Announcement():
                announcement, key = item, item.id
            case Certificate():
                announcement, key = item.announcement, item.announcement.id
            case _:
                key = item.announcement
        formation = self._known.get(key)
        if formation is not None:
            return self._note(formation, formation.take(item, now))
        if announcement is None or key in self._past:
            # A part that came before its announcement comes again with the next comparison.
            return []
        return self._meet(announcement, item, source, now)

    def _meet(self, announcement: Announcement, item: Item, source: MemberId, now: Instant) -> list[FormationEffect]:
        if abs(self._wall + now - announcement.dated) > self._clocks:
            return self._drop("clock")
        if announcement.convener == self._me or not valid_announcement(announcement, self._seat.scheme):
            return self._drop("announcement")
        if not self._make_room(announcement.convener, source):
            return self._drop("full")
        formation = self._add(announcement, now)
        self._brought[formation.id] = source
        if isinstance(item, Certificate):
            return self._note(formation, formation.take(item, now))
        return [Flood(announcement), Announced(formation.id, announcement)]

    def _make_room(self, convener: MemberId, source: MemberId) -> bool:
        """Whether a neighbour may bring another formation; one that deserves its place less makes room for it."""
        shares: dict[MemberId, list[bytes]] = {}
        for key, neighbour in self._brought.items():
            shares.setdefault(self._share(self._known[key].announcement.convener, neighbour), []).append(key)
        own = self._share(convener, source)
        ours = crowd = shares.get(own, [])
        if len(ours) < self._config.formations_max:
            if len(self._brought) < self._config.formations_all_max:
                return True
            crowd = shares[max(shares, key=lambda share: (len(shares[share]), share == own, share))]
        finished = next((key for key in crowd if not self._known[key].running), None)
        if finished is not None:
            self._forget(finished)
            return True
        places = self._places(crowd)
        worst = max(places, key=lambda key: places[key])
        first = sum(self._known[key].announcement.convener == convener for key in crowd)
        if crowd is ours and places[worst] <= (first, self._rank(convener)):
            return False
        # It may come again one day: it is only now that we have no place for it.
        del self._brought[worst], self._known[worst]
        return True

    def _share(self, convener: MemberId, source: MemberId) -> MemberId:
        standing = self._standing(convener)
        return source if standing is None else standing[0]

    def _rank(self, convener: MemberId) -> int:
        standing = self._standing(convener)
        return RANK_MAX if standing is None else standing[1]

    def _places(self, crowd: Iterable[bytes]) -> dict[bytes, tuple[int, int]]:
        """How many of its convener came before each, and where that one ranks; the greatest goes first."""
        count: dict[MemberId, int] = {}
        places: dict[bytes, tuple[int, int]] = {}
        for key in crowd:
            convener = self._known[key].announcement.convener
            places[key] = (count.setdefault(convener, 0), self._rank(convener))
            count[convener] += 1
        return places

    def _forget(self, key: bytes) -> None:
        del self._known[key]
        self._brought.pop(key, None)
        self._past[key] = None
        if len(self._past) > _PAST_MAX:
            # Who replays one of these offers a group that nobody forms; what we signed is in the journal.
            del self._past[next(iter(self._past))]

    def _add(self, announcement: Announcement, now: Instant) -> Formation:
        formation = Formation(announcement, self._seat, now, self._keep, self._named)
        self._known[formation.id] = formation
        return formation

    def _note(self, formation: Formation, effects: list[FormationEffect]) -> list[FormationEffect]:
        """Remember which records are to be deleted one day."""
        keys = [effect.key for effect in effects if isinstance(effect, Append)]
        if keys:
            self._remember(formation, keys)
        return effects

    def _remember(self, formation: Formation, keys: list[bytes]) -> None:
        until = formation.announcement.dated - self._wall + self._clocks + 1
        self._records.setdefault(formation.id, (until, []))[1].extend(keys)

    def tick(self, now: Instant) -> list[FormationEffect | Compact]:
        """Do what is due, forget what is past."""
        effects: list[FormationEffect | Compact] = []
        for key, formation in list(self._known.items()):
            if formation.forget <= now:
                self._forget(key)
            elif formation.deadline <= now:
                effects += self._note(formation, formation.tick(now))
        old = [key for key, (until, _) in self._records.items() if until <= now and key not in self._known]
        gone = [("lobby", name) for key in old for name in self._records.pop(key)[1]]
        if gone:
            effects.append(Compact((), tuple(gone)))
        return effects

    def restore(self, records: Iterable[tuple[bytes, bytes]], now: Instant) -> list[FormationEffect]:
        """Take back the records of an earlier life, as (key, data); groups that exist are told again.

        Raises:
            JournalError: a record is damaged.
        """
        rest: list[tuple[str, bytes, bytes]] = []
        for key, data in records:
            kind, _, name = key.partition(b"/")
            if kind == b"enrolled":
                self._enrolled(name, data, now)
            elif len(name) in (DIGEST_BYTES, DIGEST_BYTES + 4):
                rest.append((kind.decode("ascii", "replace"), name, data))
            else:
                raise DamagedError(_DAMAGED)
        effects: list[FormationEffect] = []
        for what, name, data in rest:
            effects += self._resume(what, name[:DIGEST_BYTES], name[DIGEST_BYTES:], data, now)
        return effects

    def _enrolled(self, name: bytes, data: bytes, now: Instant) -> None:
        try:
            match decode(data, bytes_max=len(data)):
                case (bytes(one), bytes(other)):
                    announcement, mine = parse_announcement(one), parse_enrolment(other)
                    if announcement is not None and mine is not None and announcement.id == name:
                        formation = self._add(announcement, now)
                        formation.enrolled(mine)
                        self._remember(formation, [record_key("enrolled", name)])
                        return
        except WireError as error:
            raise DamagedError(_DAMAGED) from error
        raise DamagedError(_DAMAGED)

    def _resume(self, kind: str, name: bytes, attempt: bytes, data: bytes, now: Instant) -> list[FormationEffect]:
        formation = self._known.get(name)
        if kind == "formed":
            certificate = parse_item(data)
            if isinstance(certificate, Certificate) and certificate.announcement.id == name:
                formation = formation or self._add(certificate.announcement, now)
                self._remember(formation, [record_key(kind, name)])
                found = formation.take(certificate, now)
                return [effect for effect in found if isinstance(effect, Formed)]
        elif formation is not None:
            number = int.from_bytes(attempt, "big")
            self._remember(formation, [record_key(kind, name, number if attempt else None)])
            if kind == "signed" and len(data) == DIGEST_BYTES:
                formation.signed(number, data)
                return []
            if kind == "failed":
                formation.failed(data.decode("utf-8", "replace"), now)
                return []
            proposal = parse_proposal(data)
            if kind == "proposed" and proposal is not None and formation.proposed(proposal, now):
                return []
        raise DamagedError(_DAMAGED)

    def _drop(self, reason: str) -> list[FormationEffect]:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return []
