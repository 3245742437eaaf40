"""Groups of one member that tests drive by hand."""

from mechdesign.group.group import Group
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.cluster import BRISK
from tests.group.lockstep import make_roster, signer

__all__ = ["FOUR", "SCHEME", "alone", "drive", "only"]

SCHEME = KeyedHash()

FOUR = make_roster(4)


def alone(records=(), carry_over=False, **options):
    """A group of one."""
    group = Group(make_roster(1), signer(0), SCHEME, BRISK, carry_over=carry_over, **options)
    return group, list(group.restore(records, 0))


def drive(group, now=0):
    """Tick as long as something is due at once."""
    effects = []
    while group.deadline is not None and group.deadline <= now:
        effects += group.tick(now)
    return effects


def only(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]
