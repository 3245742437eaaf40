"""The link hello: what two ends sign to prove that an identity and a CURVE key belong together, now.

Three frames. The end that dials opens with a fresh nonce; the other answers with its own nonce and its signature; the
first confirms with its signature. Both sign one statement, each in its own role::

    H("mechdesign/link/1", role, dialler, answerer, CURVE key of each, nonce of each)

Nothing of a roster or a group is in it: a link is older than any group. Since each end's own fresh nonce is in what the
other signs, a recorded hello proves nothing a second time; since roles and both identities are in it, it can be neither
reflected nor used on a third party; since both CURVE keys are in it, it cannot be moved to another connection.
"""

from dataclasses import dataclass

from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.wire import digest

__all__ = ["NONCE_BYTES", "SESSION_BYTES", "Hello", "Proof"]

NONCE_BYTES = 32
SESSION_BYTES = 8

_TAG = "mechdesign/link/1"
_DIALLER, _ANSWERER, _SESSION = b"dialler", b"answerer", b"session"


@dataclass(frozen=True, slots=True)
class Hello:
    """Everything that both ends of one handshake must agree on."""

    dialler: MemberId
    answerer: MemberId
    dialler_curve: bytes
    answerer_curve: bytes
    dialler_nonce: bytes
    answerer_nonce: bytes

    def _statement(self, role: bytes) -> bytes:
        return digest(
            _TAG,
            role,
            self.dialler,
            self.answerer,
            self.dialler_curve,
            self.answerer_curve,
            self.dialler_nonce,
            self.answerer_nonce,
        )

    @property
    def session(self) -> bytes:
        """The name of the link that this handshake makes, on each of its frames; 8 bytes."""
        return self._statement(_SESSION)[:SESSION_BYTES]


class Proof:
    """Makes our signatures for hellos and checks the other end's."""

    def __init__(self, signer: Signer, scheme: SignatureScheme) -> None:
        self._signer = signer
        self._scheme = scheme

    def sign(self, hello: Hello) -> bytes:
        """Our signature in the role in which we stand in ``hello``, 64 bytes."""
        return self._signer.sign(hello._statement(self._role(hello, ours=True)))

    def verify(self, hello: Hello, signature: bytes) -> bool:
        """Whether ``signature`` is the other end's, in its role; never raises."""
        ours_dials = hello.dialler == self._signer.public
        other = hello.answerer if ours_dials else hello.dialler
        return self._scheme.verify(other, hello._statement(self._role(hello, ours=False)), signature)

    def _role(self, hello: Hello, *, ours: bool) -> bytes:
        return _DIALLER if (hello.dialler == self._signer.public) is ours else _ANSWERER
