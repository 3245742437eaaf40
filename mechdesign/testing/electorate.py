"""An electorate for simulations: participants that are not members, their keys and their ballots."""

from collections.abc import Sequence
from random import Random

from mechdesign.decision.ballots.ballot import make_ballot
from mechdesign.decision.ballots.notice import open_notice
from mechdesign.decision.ballots.roll import Roll
from mechdesign.kernel.crypto import KeyedHash, MemberId, SignatureScheme, Signer
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import digest

__all__ = ["Electorate"]


class Electorate:
    """So many participants, called voter-0, voter-1 and so on.

    Attributes:
        signers: who signs for each.
        roll: all of them, in this order.

    Args:
        size: how many.
        seed: names their keys.
        real: whether their signatures are real ones, instead of the fast stand-in.
    """

    def __init__(self, size: int, seed: int = 0, *, real: bool = False) -> None:
        self._seed = seed
        self.signers = [_signer(seed, index, real) for index in range(size)]
        self.roll = Roll(tuple((signer.public, f"voter-{index}") for index, signer in enumerate(self.signers)))

    def ballots(
        self, notice: bytes, scheme: SignatureScheme, reports: Sequence[bytes | None], sequence: int = 0
    ) -> list[bytes]:
        """The ballots of the first participants with these reports, in the order of the roll."""
        setting = open_notice(notice, scheme)
        chance = Random(f"{self._seed}/ballots/{sequence}")
        return [
            make_ballot(setting, self.roll, signer, report, chance.randbytes(32), sequence)
            for signer, report in zip(self.signers, reports, strict=False)
        ]


def _signer(seed: int, index: int, real: bool) -> Signer:
    if real:
        return Identity.generate(Random(f"{seed}/participant/{index}").randbytes)
    return KeyedHash.Signer(MemberId(digest("mechdesign/simulated-participant/1", b"%d" % seed, b"%d" % index)))
