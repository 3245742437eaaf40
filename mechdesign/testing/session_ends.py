"""How the sessions of a run ended, held against one another and against the mechanism by itself."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

from mechdesign.decision.transcript import audit
from mechdesign.kernel.crypto import KeyedHash, SignatureScheme
from mechdesign.kernel.flow import net
from mechdesign.mechanisms.events import SessionAborted, Settled
from mechdesign.mechanisms.session import Lookup, recomputation
from mechdesign.testing.model_world import said_of
from mechdesign.testing.simulator import Violation
from mechdesign.testing.stacks import StackCluster

__all__ = ["Ending", "agreed", "check_convictions", "check_settlement", "reasons"]

Ending = Settled | SessionAborted
"""How a session ended."""

_MINOR = Fraction(1, 100)


def agreed(ended: Mapping[int, Mapping[bytes, Ending]], missed: Mapping[int, Collection[bytes]]) -> dict[bytes, Ending]:
    """How each session ended, which all members that were there have to say alike.

    Args:
        ended: what each member says, by place.
        missed: the sessions of which a member knows only that they ended.

    Raises:
        Violation: somebody says otherwise, or says nothing.
    """
    ends: dict[bytes, Ending] = {}
    for told in ended.values():
        ends |= told
    for place, told in ended.items():
        for session, end in ends.items():
            mine = told.get(session)
            if mine is None and session not in missed[place]:
                raise Violation(f"member {place} knows no end of a session that ended as {_essence(end)}")
            if mine is not None and _essence(mine) != _essence(end):
                raise Violation(f"a session ended as {_essence(end)}, but for member {place} as {_essence(mine)}")
            if isinstance(mine, Settled) and not (mine.agrees or mine.result is None):
                raise Violation(f"member {place} computed another outcome than was signed: {mine.outcome}")
    return ends


def _essence(end: Ending) -> tuple[object, ...]:
    what = end.digest if isinstance(end, Settled) else end.reason
    return type(end).__name__, what, end.booked


def check_settlement(end: Settled, lookup: Lookup, scheme: SignatureScheme | None = None) -> None:
    """Compute a session again from its transcript, and compare what flows in whole units with the exact amounts.

    Raises:
        Violation: the outcome is another, or somebody gets a whole unit more or less than is due to it.
        VerificationError: the transcript does not hold.
    """
    if audit(end.transcript, scheme or KeyedHash(), recomputation(lookup)).digest != end.digest:
        raise Violation("the transcript shows another end")
    if end.result is None:
        return
    exact, settled = net(end.result.flows), net(end.flows)
    for party in {**exact, **settled}:
        if abs(exact.get(party, Fraction(0)) - settled.get(party, Fraction(0))) >= _MINOR:
            raise Violation(f"{party} is due {exact.get(party)} and gets {settled.get(party)}")


def check_convictions(cluster: StackCluster, honest: Iterable[int], live: Sequence[int]) -> list[tuple[str, str]]:
    """Whom the members convicted of what, all of them alike, nobody honest, and whomever a session was aborted for.

    Raises:
        Violation: they did not, or somebody is.
    """
    innocent = {cluster.name(place) for place in honest}
    for place in live:
        if wrong := [(name, offence) for name, offence in cluster.convicted[place] if name in innocent]:
            raise Violation(f"member {place} convicts honest members: {wrong}")
        if set(cluster.convicted[place]) != set(cluster.convicted[live[0]]):
            told = sorted(cluster.convicted[place]), sorted(cluster.convicted[live[0]])
            raise Violation(f"member {place} and member {live[0]} convict differently: {told}")
        aborted = [end.reason for end in cluster.ended[place].values() if isinstance(end, SessionAborted)]
        for who, what in (each for reason in aborted for each in said_of(reason)):
            if (who, what) not in cluster.convicted[place]:
                raise Violation(f"a session of member {place} aborted as if {who} were convicted of {what}")
    return sorted(cluster.convicted[live[0]])


def reasons(ends: Iterable[Ending]) -> tuple[tuple[str, int], ...]:
    """Why sessions were aborted, with how many for each reason, the frequent ones first."""
    return tuple(Counter(end.reason for end in ends if isinstance(end, SessionAborted)).most_common())
