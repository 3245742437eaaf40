"""From the epoch that we know to the newest: certificates first, then the state with which that one begins.

It begins in the own epoch, or for a joiner in the epoch of its invitation. Whoever sends a certificate, it has to
follow from what is known; so the only choice that others have is how far they let us come. A joiner's line must stand
in the roster right after that of its invitation, for a quorum consented to that one and to no later one.

Bounded: how the own epoch ended, and the newest certificates, as many as the annals keep. Whoever is shown certificates
and never a state would else keep all that there ever are.
"""

from collections.abc import Iterable, Sequence

from mechdesign.group.channel import channel_of
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.annals import EPOCHS_KEPT, End, contradiction
from mechdesign.group.views.statement import carried_digest
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.kernel.crypto import SignatureScheme
from mechdesign.kernel.errors import VerificationError

__all__ = ["Pursuit"]


class Pursuit:
    """What one member knows of the epochs that follow its own.

    Args:
        start: the roster that it trusts.
        scheme: checks signatures.
        expected: who has to stand in the next roster, or None where nobody has to.

    Attributes:
        rosters: the known one and the newest of those that followed, oldest first.
        certificates: how each of them but the last ended.
        state: with what the newest of them begins, once it is known.
        refusal: why none of this can be trusted; empty while it can.
    """

    def __init__(self, start: Roster, scheme: SignatureScheme, expected: Member | None = None) -> None:
        self.rosters = [start]
        self.certificates: list[EpochCertificate] = []
        self.state: bytes | None = None
        self.refusal = ""
        self._scheme = scheme
        self._expected = expected
        # By channel.
        self._ends: dict[bytes, End] = {}
        # Whether certificates were let go between that of the own epoch and the next that is kept.
        self._gap = False

    @property
    def newest(self) -> Roster:
        """The newest roster that we know of."""
        return self.rosters[-1]

    @property
    def wanted(self) -> bytes:
        """Digest of the state that is still to be fetched; empty where none is."""
        return self.certificates[-1].state if self.certificates and self.state is None else b""

    @property
    def ended(self) -> list[tuple[Roster, EpochCertificate]]:
        """Each roster that is over, with its certificate."""
        return list(zip(self.rosters, self.certificates, strict=False))

    def end(self, channel: bytes) -> End | None:
        """How the epoch of a channel ended, or None where it is none of these or goes on."""
        return self._ends.get(channel)

    def extend(self, place: int, wires: Sequence[bytes]) -> tuple[bool, list[EvidenceFound]]:
        """Take certificates of consecutive epochs, the first of them of ``rosters[place]``.

        Returns:
            Whether all of them hold, and proofs against those who signed two ends of one epoch.
        """
        for at, wire in enumerate(wires, place):
            if at == 1 and place == 0 and self._gap:
                # It was looked at before, and so was what follows.
                return True, []
            if at < len(self.certificates):
                proofs = contradiction(self.rosters[at], self.certificates[at], wire, self._scheme)
                if proofs is None:
                    return False, []
                if proofs:
                    self.refusal = (
                        f"epoch {self.rosters[at].epoch} has two ends, and quorums signed both: ask people which one "
                        "is the group's, and come back by a new invitation"
                    )
                    return False, proofs
                continue
            certificate = EpochCertificate.parse(wire)
            try:
                if certificate is None:
                    return False, []
                roster = certificate.follow(self.newest, self._scheme)
            except VerificationError:
                return False, []
            if at == 0 and self._expected is not None and self._expected not in roster.members:
                self.refusal = (
                    f"stale invitation: epoch {roster.epoch} of the group began without {self._expected.name!r}; "
                    "ask for a new one"
                )
                return False, []
            self._append(certificate, roster)
            self.state = None
        return True, []

    def adopt(self, certificate: EpochCertificate) -> None:
        """Take the certificate that we put together ourselves for the end of the first roster."""
        if not self.certificates:
            self._append(certificate, certificate.successor(self.newest))

    def _append(self, certificate: EpochCertificate, successor: Roster) -> None:
        end = End.of(self.newest, certificate)
        self._ends[channel_of(end.roster)] = end
        self.certificates.append(certificate)
        self.rosters.append(successor)
        # The own epoch's is none of those that the annals are to keep then, for what they keep has no gap.
        if len(self.certificates) > EPOCHS_KEPT + 1:
            self._gap = True
            del self._ends[channel_of(self.rosters[1])], self.rosters[1], self.certificates[1]

    def offer(self, states: Iterable[bytes]) -> bool:
        """Look whether one of these is the state that is wanted."""
        wanted = self.wanted
        for state in states:
            if wanted and carried_digest(state) == wanted:
                self.state = state
                return True
        return False
