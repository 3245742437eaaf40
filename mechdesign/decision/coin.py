"""Shared coins: randomness that nobody knows early and nobody biases by staying away.

Each member deals a random secret. When enough valid dealings stand in the log (b + 1, so that one of them is an honest
member's) the set is fixed, and only then shares are published. The coin is a hash over all secrets of the set.
A dealer that regrets its part cannot take it out: t others open it. Nothing that is proved of a dealer later changes
the set, else it could toss again by having itself convicted.

With a threshold of n (``unanimous``) any member can keep the coin from falling, and so abort it after seeing the
others' shares; it cannot choose how it falls.

**Source**: Cascudo and David, *SCRAPE: Scalable Randomness Attested by Public Entities*, 2017, section 1.
"""

from collections.abc import Mapping, Sequence

from mechdesign.decision.sealing.dealing import Context, Dealing, Purpose, commit, draw
from mechdesign.decision.sealing.keys import Committee
from mechdesign.decision.sealing.threshold import secret
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import digest

__all__ = ["COIN_BYTES", "coin", "contribute", "parse_contribution"]

COIN_BYTES = 32
"""Length of a coin."""

_TAG = "mechdesign/coin/1"


def contribute(committee: Committee, context: Context, seed: bytes) -> Dealing:
    """Deal a random secret for a coin; like a sealed report, without anything that it locks.

    Args:
        committee: who shall hold shares.
        context: the place of the toss; its purpose is ``COIN``.
        seed: 32 bytes from the injected entropy, journaled before the dealing leaves.

    Raises:
        LocalProtocolError: the seed has another length, or the purpose is another one.
    """
    if context.purpose != Purpose.COIN:
        raise LocalProtocolError("a coin is dealt under the purpose of a coin")
    return commit(committee, context, draw(committee, context, b"", seed), b"")


def parse_contribution(data: bytes, committee: Committee) -> Dealing | None:
    """Read a contribution to a coin; None if malformed. Never raises."""
    return Dealing.parse(data, committee.n, 0)


def coin(
    committee: Committee,
    dealings: Sequence[tuple[Context, Dealing]],
    shares: Mapping[MemberId, Sequence[bytes]],
    least: int,
) -> bytes:
    """The coin that a fixed set of valid dealings and t members' valid shares of them give; 32 bytes.

    The order of ``dealings`` does not matter: they are taken in the order in which the committee lists their dealers.

    Args:
        committee: who holds shares.
        dealings: the set, each with its context.
        shares: for at least t members the points of its share, one a dealing in the order of ``dealings``.
        least: how many dealings a coin needs (b + 1), so that an honest one is among them.

    Raises:
        LocalProtocolError: too few dealings or shares, two dealings of one dealer, or dealings of different tosses.
    """
    dealers = [context.dealer for context, _ in dealings]
    if len(dealings) < max(least, 1):
        raise LocalProtocolError(f"{len(dealings)} dealings make no coin: it needs {max(least, 1)}")
    if len(set(dealers)) < len(dealers) or any(committee.place(dealer) is None for dealer in dealers):
        raise LocalProtocolError("each dealing of a coin has its own dealer, a member of the committee")
    first = dealings[0][0]
    if first.purpose != Purpose.COIN or any(context.of(first.dealer) != first for context, _ in dealings):
        raise LocalProtocolError("the dealings of a coin belong to one toss")
    if any(len(points) != len(dealings) for points in shares.values()):
        raise LocalProtocolError("a member's shares are not one a dealing")
    parts: list[bytes] = [committee.digest]
    for index in sorted(range(len(dealings)), key=lambda at: committee.place(dealers[at]) or 0):
        context, dealing = dealings[index]
        parts += context.encoded, dealing.digest(context)
        parts.append(secret(committee, {member: points[index] for member, points in shares.items()}))
    return digest(_TAG, *parts)
