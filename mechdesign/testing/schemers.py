"""Members that keep to the protocol and mean ill: proposers and custodians of which everybody would rather be rid.

=========== ========================================================================================================
kind        what the member does
=========== ========================================================================================================
hoard       proposes sessions without end in which only it is asked, and never reports there
riddle      proposes sessions whose mechanism nobody else has
trap        proposes sessions whose mechanism raises when it is to compute
nonsense    proposes mechanisms with parameters that are none of theirs, and code that nobody has
mute        is named as a custodian, and signs for no deposit
greedy      is named as a custodian, takes all deposits, and pays nobody
double      is named as a custodian, signs for each deposit twice, for deposits of other sessions and other custodians,
            and reports pay-outs twice, and such that are not due
=========== ========================================================================================================
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from mechdesign.decision.books import Due
from mechdesign.decision.custody.custodian import Custodian, Payment
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry
from mechdesign.decision.custody.till import DepositDue
from mechdesign.decision.entries import EnrolEntry, Kind, parse
from mechdesign.decision.proposal import Proposal
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.errors import CongestionError
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.money import Amount
from mechdesign.kernel.wire import digest
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.session import Lookup, lookup_with
from mechdesign.testing.stacks import StackCluster, phases

__all__ = ["HOARDED_S", "SCHEMES", "Clerk", "Scheme"]

_AT_ONCE = 10
"""So many sessions a schemer proposes each time."""

_WITHOUT_END = 8
"""So many times one that hoards proposes: all together more than one proposer can have open."""

_LONG_MS = 3_600_000

HOARDED_S = 4 * _LONG_MS / 1000
"""What is hoarded ends by the members' timers after so many seconds at most: enrolment and three more phases."""


class Nothing(Outcome):
    """What comes of these mechanisms."""


class Riddle(Mechanism[Amount, Amount, Nothing]):
    """A mechanism that one member has alone."""

    name, version = "auction.test-riddle", 1

    def settle(self, reports: Profile[Amount], context: Context) -> Result[Nothing]:
        """Nothing."""
        return Result(Nothing())


class Trap(Mechanism[Amount, Amount, Nothing]):
    """A mechanism that everybody has and nobody can compute."""

    name, version = "auction.test-trap", 1

    def settle(self, reports: Profile[Amount], context: Context) -> Result[Nothing]:
        """Fail.

        Raises:
            ZeroDivisionError: always.
        """
        raise ZeroDivisionError(f"{len(reports)} reports are shared among nobody")


class Clerk:
    """A custodian whose money is always there at once.

    Args:
        times: how often it signs for each deposit.
        pays: whether it pays anybody.
    """

    def __init__(self, times: int = 1, *, pays: bool = True) -> None:
        self._times = times
        self._pays = pays

    def received(self, due: DepositDue) -> Sequence[Payment]:
        """The deposit, as often as this clerk signs for it."""
        name = f"{due.session.hex()[:16]}/{due.name}"
        return [Payment(f"{name}/{time}", due.deposit) for time in range(self._times)]

    def pay(self, due: Due) -> bool:
        """Whether it is paid."""
        return self._pays


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a schemer does.

    Attributes:
        proposal: what it proposes again and again, if anything, given its name.
        lookup: where it finds mechanisms; None for where everybody does.
        common: where everybody finds mechanisms; None for the usual place.
        change: what becomes of what its sessions have ordered.
        clerk: where it is named as custodian, how it keeps the money; None where it is not.
        times: how often it proposes.
        ends: whether the sessions that it proposes end.
    """

    proposal: Callable[[str], ProposeSession] | None = None
    lookup: Lookup | None = None
    common: Lookup | None = None
    change: Callable[[], Callable[[Broadcast], Sequence[Broadcast]]] | None = None
    clerk: Custodian | None = None
    times: int = 2
    ends: bool = True

    def begin(self, cluster: StackCluster, place: int) -> None:
        """Have a member of a cluster that has started do it from now on."""
        if self.proposal is None:
            return
        request = self.proposal(cluster.roster.members[place].name)
        for time in range(self.times):
            at = cluster.simulator.now + time * SECOND // 20
            cluster.simulator.at(at, partial(_propose, cluster, place, request, time))


def _propose(cluster: StackCluster, place: int, request: ProposeSession, time: int) -> None:
    for number in range(_AT_ONCE):
        try:
            cluster.propose(place, replace(request, label=f"scheme {time} {number}"))
        except CongestionError:
            return


def _garbled() -> Callable[[Broadcast], Sequence[Broadcast]]:
    proposed = 0

    def change(request: Broadcast) -> Sequence[Broadcast]:
        nonlocal proposed
        terms = Proposal.parse(request.data) if request.kind == Kind.PROPOSE else None
        if terms is None:
            return (request,)
        proposed += 1
        if proposed % 2:
            other = replace(terms, parameters='{"reserve": "a lot", "nonsense": [1, 2]}')
        else:
            other = replace(terms, code=digest("mechdesign/schemers/code", terms.code))
        return (replace(request, data=other.encoded),)

    return change


def _doubled() -> Callable[[Broadcast], Sequence[Broadcast]]:
    sessions: dict[bytes, None] = {}

    def change(request: Broadcast) -> Sequence[Broadcast]:
        entry = parse(request.kind, request.data)
        said = [request]
        match entry:
            case EnrolEntry(session):
                sessions[session] = None
            case ReceiptEntry():
                false = [replace(entry, session=other) for other in list(sessions)[-3:]]
                false += [
                    replace(entry, amount=Fraction(1, 3), reference="a third"),
                    replace(entry, amount=Fraction(1)),
                ]
                said += [replace(request, key=request.key + b"%d" % at, data=e.encoded) for at, e in enumerate(false)]
            case PayoutEntry(session, party):
                parties = (party, "the harbour", "nobody", party)
                paid = [PayoutEntry(session, each) for each in parties]
                paid += [PayoutEntry(other, party) for other in list(sessions)[-3:]]
                said += [replace(request, key=request.key + b"%d" % at, data=e.encoded) for at, e in enumerate(paid)]
        return said

    return change


def _hoarded(name: str) -> ProposeSession:
    return ProposeSession(mechanism=SecondPrice(), asked=(name,), **phases(_LONG_MS))


SCHEMES: Mapping[str, Scheme] = {
    "hoard": Scheme(_hoarded, times=_WITHOUT_END, ends=False),
    "riddle": Scheme(lambda name: ProposeSession(mechanism=Riddle(), **phases(4000)), lookup=lookup_with(Riddle)),
    "trap": Scheme(lambda name: ProposeSession(mechanism=Trap(), **phases(4000)), common=lookup_with(Trap)),
    "nonsense": Scheme(lambda name: ProposeSession(mechanism=SecondPrice(), **phases(4000)), change=_garbled),
    "mute": Scheme(clerk=Clerk(0)),
    "greedy": Scheme(clerk=Clerk(pays=False)),
    "double": Scheme(change=_doubled, clerk=Clerk(2)),
}
"""What each kind of schemer does."""
