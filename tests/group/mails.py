"""Who has a link to whom where letters are written, and who signs them."""

from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.mail import Mail

__all__ = ["LINE", "MESH", "signer_of"]

LINE = [(0, 1), (1, 2), (2, 3)]

MESH = [(one, other) for one in range(4) for other in range(one)]


def signer_of(mail: Mail, place: int) -> KeyedHash.Signer:
    return KeyedHash.Signer(mail.roster.ids[place])
