"""Collects the members' signatures over checkpoints until a quorum certifies one.

The signatures are plain packets and never payload: as payload they would wake the group into its next checkpoint for
ever. One that is lost is made good by the exchange of tips, or by the next checkpoint.

Nobody honest signs two checkpoints of one index. Whoever is found to have done so is convicted by the two signatures.
"""

from mechdesign.group.checkpoint import Certified, Checkpoint, sign_checkpoint, signed_checkpoint, state_digest
from mechdesign.group.evidence import TwoCheckpoints, encode_evidence
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.meter import Meter
from mechdesign.group.packets import Vouch
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import SignatureScheme, Signer
from mechdesign.kernel.machine import Instant

__all__ = ["Certifier"]

_PENDING_MAX = 4
# Checkpoints that wait for signatures; where none is certified for so long, a newer one will be.
_EARLY_MAX = 4
# Signatures of one member over checkpoints that we have not reached yet.
_EARLY_PER_S, _EARLY_BURST = 64, 256
# So many of them are looked at: a member can sign one checkpoint after another that will never be.


class Certifier:
    """The checkpoints of one member.

    Attributes:
        newest: the newest certified checkpoint that we reached or took over, or None before the first.
    """

    def __init__(self, roster: Roster, me: int, signer: Signer, scheme: SignatureScheme) -> None:
        self.newest: Certified | None = None
        self._roster = roster
        self._me = me
        self._signer = signer
        self._scheme = scheme
        self._pending: dict[int, tuple[Checkpoint, bytes, bytes]] = {}
        self._signatures: dict[int, dict[int, bytes]] = {}
        # What members signed before we reached it, beside what we reached, or after it was certified without them.
        self._early: list[dict[int, tuple[bytes, bytes]]] = [{} for _ in range(roster.n)]
        self._settled: dict[int, bytes] = {}
        self._doubled: dict[int, None] = {}
        self._proofs: list[EvidenceFound] = []
        self._eager = Meter(roster.n, _EARLY_PER_S, _EARLY_BURST)

    @property
    def index(self) -> int:
        """The index of the newest certified checkpoint, 0 before the first."""
        return 0 if self.newest is None else self.newest.checkpoint.index

    @property
    def floor(self) -> int:
        """The collection round of the newest certified checkpoint: what is older need not be kept."""
        return 0 if self.newest is None else self.newest.checkpoint.collection

    @property
    def known(self) -> tuple[int, int, int]:
        """How much is certified, what waits for signatures, and how many there are: it changes with what is told."""
        newest = max(self._pending, default=0)
        return self.index, newest, len(self._signatures.get(newest, ()))

    def reached(self, checkpoint: Checkpoint) -> None:
        """We committed up to a checkpoint: sign it, and count who signed it before us."""
        if checkpoint.index <= self.index or checkpoint.index in self._pending:
            return
        encoded = checkpoint.encode()
        named = state_digest(encoded, self._roster)
        index = checkpoint.index
        self._pending[index] = (checkpoint, encoded, named)
        self._signatures[index] = {self._me: sign_checkpoint(index, named, self._roster, self._signer)}
        for place, early in enumerate(self._early):
            if index in early and early[index][0] == named:
                self._signatures[index][place] = early.pop(index)[1]
        if len(self._pending) > _PENDING_MAX:
            self._forget(min(self._pending))

    def heard(self, vouch: Vouch, now: Instant) -> tuple[list[tuple[int, bytes]], bool]:
        """Take signatures that a neighbour passed on.

        Returns:
            Those that hold and are new to us, to be relayed; and whether all that were looked at hold. What cannot
            matter is not looked at, and nothing behind the first that does not hold: nobody honest passes that on.
        """
        fresh: list[tuple[int, bytes]] = []
        for place, signature in vouch.signatures:
            held = self.signed(vouch.index, place)
            if place == self._me or (held is not None and held[0] == vouch.named):
                continue
            doubled = held is not None and place not in self._doubled
            matters = self._matters(vouch.index, vouch.named, place, now)
            if not (doubled or matters):
                continue
            if not signed_checkpoint(vouch.index, vouch.named, place, signature, self._roster, self._scheme):
                return fresh, False
            if held is not None and doubled:
                self._doubled[place] = None
                one, other = sorted((held, (vouch.named, signature)))
                member = self._roster.ids[place]
                proof = encode_evidence(TwoCheckpoints(member, vouch.index, one, other))
                self._proofs.append(EvidenceFound(member, proof))
            if matters:
                self._keep(vouch.index, vouch.named, place, signature, now)
                if vouch.index > self.index:
                    fresh.append((place, signature))
        return fresh, True

    def signed(self, index: int, place: int) -> tuple[bytes, bytes] | None:
        """The checkpoint of an index that a member is known to have signed, and the signature; None if none is held."""
        if self.newest is not None and index == self.index and place in self._settled:
            return self.newest.named, self._settled[place]
        if place in (counted := self._signatures.get(index, {})):
            return self._pending[index][2], counted[place]
        return self._early[place].get(index)

    def proofs(self) -> list[EvidenceFound]:
        """Proofs against those who signed two checkpoints of one index, since the last call; each member once."""
        proofs, self._proofs = self._proofs, []
        return proofs

    def _matters(self, index: int, named: bytes, place: int, now: Instant) -> bool:
        """Whether a member's signature over a checkpoint is to be kept: it counts, or is the first that it signed."""
        if index <= self.index:
            # What comes too late to count shows still who signs another.
            return index == self.index > 0 and place not in self._settled and index not in self._early[place]
        known = self._signatures.get(index)
        if known is not None and self._pending[index][2] == named:
            return place not in known
        if index in self._early[place] or place in (known or ()):
            return False
        if known is None and self._pending and index < max(self._pending):
            return False
        return self._eager.allows(place, now)

    def _keep(self, index: int, named: bytes, place: int, signature: bytes, now: Instant) -> None:
        known = self._signatures.get(index)
        if known is not None and self._pending[index][2] == named:
            known[place] = signature
            return
        if index > self.index:
            self._eager.charge(place, 1, now)
        early = self._early[place]
        early[index] = (named, signature)
        if len(early) > _EARLY_MAX:
            # Of a far member the newest count: the older ones are on their way out.
            del early[min(early)]

    def certified(self) -> Certified | None:
        """The newest checkpoint that has become certified since the last call, or None."""
        for index in sorted(self._pending, reverse=True):
            if len(self._signatures[index]) >= self._roster.q:
                found = Certified.of(*self._pending[index], self._signatures[index])
                self.adopt(found)
                return found
        return None

    def adopt(self, found: Certified) -> None:
        """Take a certified checkpoint for the newest, if it is."""
        if found.checkpoint.index <= self.index:
            return
        self.newest = found
        self._settled = dict(found.signatures)
        for index in [index for index in self._pending if index <= self.index]:
            self._forget(index)
        for early in self._early:
            for index in [index for index in early if index < self.index]:
                del early[index]

    def vouch(self) -> Vouch | None:
        """All that we know of signatures over our newest checkpoint that is not certified, or None."""
        return self._vouch(max(self._pending)) if self._pending else None

    def own(self, index: int) -> Vouch | None:
        """Our own signature over a checkpoint, or None where it is settled already."""
        if index not in self._pending:
            return None
        return Vouch(index, self._pending[index][2], ((self._me, self._signatures[index][self._me]),))

    def proof(self) -> Vouch | None:
        """The signatures of the newest certified checkpoint, for a member that reached it and missed some."""
        if self.newest is None:
            return None
        return Vouch(self.index, self.newest.named, self.newest.signatures)

    def _vouch(self, index: int) -> Vouch:
        return Vouch(index, self._pending[index][2], tuple(sorted(self._signatures[index].items())))

    def _forget(self, index: int) -> None:
        del self._pending[index], self._signatures[index]
