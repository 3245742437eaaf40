"""Ends of epochs made by hand, for tests: whoever is listed signs."""

from collections.abc import Iterable

from mechdesign.group.checkpoint import Checkpoint, Count, state_digest
from mechdesign.group.roster import Member, Roster
from mechdesign.group.views.invitation import Invitation, sign_join
from mechdesign.group.views.statement import carried_digest
from mechdesign.group.views.succession import EpochCertificate
from tests.group.lockstep import member, signer


def line(place: int) -> Member:
    """The line of the member at a place of :func:`tests.group.lockstep.make_roster`, or of one that may join."""
    return Member(member(place), f"m{place}", bytes([place]) * 32, bytes(32))


def place_of(key: bytes) -> int:
    """The inverse of :func:`tests.group.lockstep.member`."""
    return key[0] - 1


def last_checkpoint(roster: Roster, chain: bytes = b"\7" * 32) -> bytes:
    """The bytes of a checkpoint that may be an epoch's last."""
    return Checkpoint(9, 4, 0, 3, 0, (), 5, 3, chain, (Count(1, b""),) * roster.n).encode()


def end(
    roster: Roster,
    members: Iterable[Member],
    state: bytes = b"",
    *,
    by: Iterable[int] | None = None,
    chain: bytes = b"\7" * 32,
) -> EpochCertificate:
    """How an epoch ended, signed by these places of its roster, by default by a quorum."""
    checkpoint = last_checkpoint(roster, chain)
    bare = EpochCertificate(checkpoint, carried_digest(state), tuple(members), ())
    statement = bare.statement(roster)
    assert statement.checkpoint == state_digest(checkpoint, roster)
    signed = tuple(
        (place, statement.sign(signer(place_of(roster.ids[place])))) for place in sorted(by or range(roster.q))
    )
    return EpochCertificate(checkpoint, bare.state, bare.members, signed)


def invite(roster: Roster, place: int, by: Iterable[int] | None = None) -> Invitation:
    """An invitation signed by these places of a roster, by default by everybody."""
    places = range(roster.n) if by is None else by
    signatures = {at: sign_join(line(place), roster, signer(place_of(roster.ids[at]))) for at in places}
    return Invitation.of(roster, line(place), signatures)
