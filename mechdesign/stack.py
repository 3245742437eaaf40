"""Three cores as one machine: group, decision and session, with every effect routed to the layer it belongs to.

Two rules.

1. *Depth first.* An event for the layer above is handed up at once, and everything that it causes is routed before the
   next effect of the list is looked at. So a session core's next ask reaches decision before the next log entry does,
   and all layers above the group are functions of the ordered log and of what their own player submitted.
2. *Order is kept.* What leaves the stack (records to write, frames to send, events for the party) leaves in the order
   in which it was caused: a record is in the list before the frame that depends on it.

The order of layers is kept with a list of what is still to be looked at instead of recursion: a single member, who
needs nobody else, can run a session of a thousand asks within one call.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

from mechdesign.decision.core import DecisionCore, SessionStatus
from mechdesign.decision.messages import DecisionEvent, DecisionRequest
from mechdesign.decision.sealing.threshold import EncryptionKey, verify_dealing
from mechdesign.decision.setting import Check
from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast, Compact, Delivered, EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.status import GroupStatus
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import SignatureScheme, Signer
from mechdesign.kernel.machine import Entropy, Instant, Machine
from mechdesign.mechanisms.events import Asked, UserEvent, UserRequest
from mechdesign.mechanisms.session import Lookup, Policy, SessionCore, registered
from mechdesign.transport.messages import LinkEvent, Send

__all__ = ["Stack", "StackEffect", "StackMachine", "StackStatus"]

StackEffect: TypeAlias = Append | Compact | Send | UserEvent
"""What a stack asks of its driver: write a record, send a frame, tell the party."""

StackMachine: TypeAlias = Machine[UserRequest, LinkEvent, StackEffect]
"""What a driver needs to know of a stack; adversaries wrap one in another."""

_DECISION_EVENTS = get_args(DecisionEvent)
_DECISION_REQUESTS = get_args(DecisionRequest)
_USER_EVENTS = get_args(UserEvent)


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What one member sees.

    Attributes:
        group: rounds, commits, links, and who is missing.
        sessions: the open sessions and their phases.
    """

    group: GroupStatus
    sessions: tuple[SessionStatus, ...]


class Stack:
    """Routes effects between the cores of one member; itself a machine.

    Args:
        roster: the group.
        signer: who signs for the member.
        group: orders submissions; takes frames and link events, gives ``Delivered``.
        decision: runs the phases of sessions over the ordered log.
        session: runs the mechanisms, and speaks with the party.
    """

    def __init__(
        self, roster: Roster, signer: Signer, group: GroupCore, decision: DecisionCore, session: SessionCore
    ) -> None:
        self.roster = roster
        self.signer = signer
        self.group = group
        self.decision = decision
        self.session = session

    @classmethod
    def build(
        cls,
        roster: Roster,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        entropy: Entropy,
        *,
        sealing_seed: bytes,
        lookup: Lookup = registered,
        policy: Policy | None = None,
        check: Check = verify_dealing,
    ) -> "Stack":
        """The three cores of one member, before :meth:`restore`; see those for the arguments.

        Raises:
            LocalProtocolError: the roster has no such member, or another sealing key of it.
        """
        me = signer.public
        members = tuple((member.id, member.name) for member in roster.members)
        return cls(
            roster,
            signer,
            GroupCore(roster, signer, scheme, config),
            DecisionCore(roster, me, scheme, entropy=entropy, sealing=EncryptionKey(sealing_seed), check=check),
            SessionCore(me, members, entropy, lookup=lookup, policy=policy),
        )

    @property
    def deadline(self) -> Instant | None:
        """The earliest of the cores' deadlines."""
        due = [core.deadline for core in (self.group, self.decision, self.session) if core.deadline is not None]
        return min(due, default=None)

    def submit(self, request: UserRequest, now: Instant) -> Sequence[StackEffect]:
        """Take a request of the party: propose a session, or report.

        Raises:
            LocalProtocolError: the request breaks the contract, such as a report that is not of its type.
        """
        return self._route(self.session.submit(request, now), now)

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[StackEffect]:
        """Take a frame or a link event from the transport; never raises, whatever a peer sent."""
        return self._route(self.group.receive(incoming, now), now)

    def tick(self, now: Instant) -> Sequence[StackEffect]:
        """Let every core whose deadline has come do what was due, from the bottom up."""
        out: list[StackEffect] = []
        for core in (self.group, self.decision, self.session):
            if core.deadline is not None and core.deadline <= now:
                out += self._route(core.tick(now), now)
        return out

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[StackEffect]:
        """Rebuild everything from the journal: exactly once, before anything else, with no records at a first start.

        The group core replays its blocks through the same code that met them first, and hands the ordered log up once
        more. All events are told again, in their order, but for asks that were answered or closed in the meantime:
        the party is asked only what is still open.

        Args:
            records: (table, key, data) in the order in which they were written.
            now: an instant of the driver's present clock.
        """
        read = tuple(records)
        self.decision.restore((key, data) for table, key, data in read if table == "secret")
        routed = self._route(self.group.restore(read, now), now)
        return [effect for effect in routed if not isinstance(effect, Asked) or self.session.is_open(effect)]

    def status(self) -> StackStatus:
        """What this member sees at present; local, and nothing that others agree on."""
        return StackStatus(self.group.status(), self.decision.status())

    def _route(self, effects: Iterable[object], now: Instant) -> list[StackEffect]:
        out: list[StackEffect] = []
        waiting: list[Iterator[object]] = [iter(effects)]
        while waiting:
            for effect in waiting[-1]:
                caused = self._hand_on(effect, now, out)
                if caused:
                    waiting.append(iter(caused))
                    break
            else:
                waiting.pop()
        return out

    def _hand_on(self, effect: object, now: Instant, out: list[StackEffect]) -> Sequence[object]:
        """Give an effect to the core it is for and return what that causes, or put it among what leaves the stack."""
        if isinstance(effect, Append | Compact | Send):
            out.append(effect)
        elif isinstance(effect, Delivered | EvidenceFound):
            return self.decision.receive(effect, now)
        elif isinstance(effect, Broadcast):
            return self.group.submit(effect, now)
        elif isinstance(effect, _DECISION_EVENTS):
            return self.session.receive(effect, now)
        elif isinstance(effect, _DECISION_REQUESTS):
            return self.decision.submit(effect, now)
        elif isinstance(effect, _USER_EVENTS):
            out.append(effect)
        else:
            raise TypeError(f"no layer takes a {type(effect).__name__}")
        return ()
