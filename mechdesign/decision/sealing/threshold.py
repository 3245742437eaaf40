"""Sealing by threshold encryption: reports open when the group decides, whether or not their senders still want it.

The order of use, and who calls what:

1. A sender calls :func:`deal` with a seed that is in its journal, and publishes the dealing.
2. Everyone checks each dealing once with :func:`verify_dealing` (off the event loop). An invalid one is evidence
   against its dealer. The valid ones, in roster order of dealers, are what the phase opens.
3. When the phase is closed in its own decided log, each member publishes :func:`open_share` over all of them.
4. Everyone checks shares with :func:`verify_share`, until t hold. A share of these targets that does not hold is
   evidence against its sender (:func:`proves_false_share`).
5. :func:`combine` gives each report, or GARBAGE, which t shares prove to anybody (:func:`proves_garbage`).

What t means, in both directions: t members who collude read sealed reports early, and n - t + 1 who are absent keep
them from opening. With t = q reports open exactly when the group can decide.
"""

from collections.abc import Mapping, Sequence

from mechdesign.decision.sealing.commit_reveal import pad
from mechdesign.decision.sealing.dealing import Context, Dealing, Purpose, commit, draw, verify_dealing
from mechdesign.decision.sealing.keys import Committee, EncryptionKey, KeyRecord
from mechdesign.decision.sealing.seal import GARBAGE, Garbage, ciphertext_bytes, decrypt, encrypt
from mechdesign.decision.sealing.share import (
    DEALINGS_MAX,
    Share,
    Target,
    open_share,
    target_digest,
    targets,
    verify_share,
)
from mechdesign.decision.sealing.sharing import interpolate
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError

__all__ = [
    "GARBAGE",
    "Committee",
    "Context",
    "Dealing",
    "EncryptionKey",
    "Garbage",
    "KeyRecord",
    "Purpose",
    "Share",
    "Target",
    "combine",
    "deal",
    "open_share",
    "parse_dealing",
    "proves_false_share",
    "proves_garbage",
    "secret",
    "target_digest",
    "targets",
    "verify_dealing",
    "verify_share",
]


def deal(committee: Committee, context: Context, report: bytes, size: int, seed: bytes) -> Dealing:
    """Seal a report. Deterministic in its arguments: a member that restarts with its seed says the same bytes.

    Args:
        committee: who shall hold shares.
        context: the place of this report; its purpose is ``REPORT``.
        report: the report.
        size: how long reports of this session may be; every ciphertext has the length of the longest.
        seed: 32 bytes from the injected entropy, journaled before the dealing leaves.

    Raises:
        LocalProtocolError: the report is longer than ``size``, the seed has another length, or the purpose differs.
    """
    if context.purpose != Purpose.REPORT:
        raise LocalProtocolError("a report is dealt under the purpose of a report")
    polynomial = draw(committee, context, pad(report, size), seed)
    ciphertext = encrypt(committee, context, polynomial.secret, report, size)
    return commit(committee, context, polynomial, ciphertext)


def parse_dealing(data: bytes, committee: Committee, size: int) -> Dealing | None:
    """Read a sealed report of a session whose reports have up to ``size`` bytes; None if malformed. Never raises."""
    return Dealing.parse(data, committee.n, ciphertext_bytes(size))


def secret(committee: Committee, shares: Mapping[MemberId, bytes]) -> bytes:
    """The secret of a valid dealing from valid decryption shares of it; any t give the same.

    Args:
        committee: who holds shares.
        shares: for at least t members the point of this dealing in their share, checked by :func:`verify_share`.

    Raises:
        LocalProtocolError: fewer than t shares, or one of a stranger.
    """
    if len(shares) < committee.threshold:
        raise LocalProtocolError(f"{len(shares)} shares do not open what needs {committee.threshold}")
    if any(committee.place(member) is None for member in shares):
        raise LocalProtocolError("a stranger to the committee holds no shares")
    places = [place for place, member in enumerate(committee.members, 1) if member in shares]
    chosen = places[: committee.threshold]
    return interpolate({place: shares[committee.members[place - 1]] for place in chosen})


def combine(
    committee: Committee, context: Context, dealing: Dealing, size: int, shares: Mapping[MemberId, bytes]
) -> bytes | Garbage:
    """The report in a valid dealing, or GARBAGE; see :func:`secret` for the shares. Costs 0.14 ms a share.

    Raises:
        LocalProtocolError: fewer than t shares, or one of a stranger.
    """
    return decrypt(committee, context, secret(committee, shares), dealing.ciphertext, size)


def proves_false_share(
    committee: Committee, member: MemberId, dealings: Sequence[tuple[Context, Dealing]], share: Share
) -> bool:
    """Whether a share is a lie about just these dealings, an offence of its sender. Never raises.

    The share names the dealings by their digest, so nobody can hold a member's share against others than it opened; and
    an honest member opens valid dealings only, rightly. That the member signed the share is for the caller to check.
    """
    if committee.place(member) is None or not 1 <= len(dealings) <= DEALINGS_MAX:
        return False
    opened = targets(committee, member, dealings)
    return share.opens == target_digest(opened) and not verify_share(committee, member, opened, share)


def proves_garbage(
    committee: Committee,
    context: Context,
    dealing: Dealing,
    size: int,
    opened: Mapping[MemberId, tuple[Sequence[Target], Share]],
) -> bool:
    """Whether t members' shares show that a valid dealing holds no report, an offence of its dealer. Never raises.

    Args:
        committee: who holds shares.
        context: the place of the dealing; that its dealer signed it there is for the caller to check.
        dealing: the accused dealing.
        size: how long reports of the session may be.
        opened: per member its share and its targets, of which one must be the accused dealing. The other targets need
            not be authentic: the share's proof holds for exactly the targets that it was made for.
    """
    if not verify_dealing(committee, context, dealing):
        return False
    name = dealing.digest(context)
    points: dict[MemberId, bytes] = {}
    for member, (claimed, share) in opened.items():
        place = committee.place(member)
        index = next((at for at, target in enumerate(claimed) if target.name == name), None)
        if place is None or index is None or claimed[index].encrypted != dealing.share(place):
            return False
        if not verify_share(committee, member, claimed, share):
            return False
        points[member] = share.point(index)
    return len(points) >= committee.threshold and combine(committee, context, dealing, size, points) is GARBAGE
