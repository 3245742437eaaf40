"""Three cores as one machine: group, decision and session, with every effect routed to the layer it belongs to.

Six rules.

1. *Depth first.* An event for the layer above is handed up at once, and everything that it causes is routed before the
   next effect of the list is looked at. So a session core's next ask reaches decision before the next log entry does,
   and all layers above the group are functions of the ordered log and of what their own player submitted.
2. *Order is kept.* What leaves the stack (records to write, frames to send, events for the party) leaves in the order
   in which it was caused: a record is in the list before the frame that depends on it.
3. *Sessions stay in their epoch.* When the members change, the two upper cores are made anew for the next epoch, from
   the state that the old ones left. A session that is proposed while the change is under way is refused by all alike,
   and the party is told.
4. *Nobody is refused who cannot ask again.* What the upper cores have to say while too much of our own waits to be
   ordered is held back, and handed down in its order as soon as there is room. It is in no journal, and need not be:
   the cores say it again when the log is replayed. What a party asks for meanwhile is refused, but for its reports.
5. *A computation holds up its own session only.* What a session core does not answer at once comes back as
   ``Computed``. Where too much is held back for it (``decision/lanes.py``), the next entry of the log waits for it.
6. *Nothing is news twice.* What follows from an entry that the journal brought back was told in an earlier life. Where
   it is told only after :meth:`Stack.restore`, since it waited for a computation, it says so: it comes as ``Again``.

The order of layers is kept with a list of what is still to be looked at instead of recursion: a single member, who
needs nobody else, can run a session of a thousand asks within one call.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

from mechdesign.decision.core import DecisionCore, SessionStatus
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Booked, DecisionEvent, DecisionRequest, Reached
from mechdesign.decision.policing import convict_of
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.threshold import EncryptionKey, verify_dealing
from mechdesign.decision.setting import Check
from mechdesign.decision.suspicion import Delay
from mechdesign.group.group import Group
from mechdesign.group.layer import GroupLayer, MulticastEvent
from mechdesign.group.messages import (
    Append,
    Broadcast,
    Change,
    Compact,
    Delivered,
    Downward,
    EvidenceFound,
    Exclude,
    Expel,
    GroupEvent,
    Join,
    Leave,
    Ready,
    ViewChanged,
    ViewChanging,
)
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.outbox import check_room
from mechdesign.group.roster import Roster
from mechdesign.group.status import GroupStatus
from mechdesign.group.topology import Located
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import CongestionError
from mechdesign.kernel.machine import Again, Entropy, Instant, Machine
from mechdesign.mechanisms.events import (
    Asked,
    ProposalRefused,
    Removed,
    Report,
    SessionMissed,
    UserEvent,
    UserRequest,
    ViewBegun,
)
from mechdesign.mechanisms.outside import Outside
from mechdesign.mechanisms.session import Lookup, Policy, SessionCore, registered
from mechdesign.mechanisms.work import Computed, Work

__all__ = ["Renew", "Stack", "StackEffect", "StackMachine", "StackRequest", "StackStatus"]

StackEffect: TypeAlias = Downward | UserEvent | Located | Again
"""What a stack asks of its driver: write records, read some, send a frame, tell the party, know where a member is."""

StackRequest: TypeAlias = UserRequest | Change | Computed
"""What a stack takes from above: requests of the party, changes of the members, and what was computed beside it."""

StackMachine: TypeAlias = Machine[StackRequest, GroupEvent, StackEffect]
"""What a driver needs to know of a stack; adversaries wrap one in another."""

Renew: TypeAlias = Callable[[Roster, bytes], tuple[DecisionCore, SessionCore]]
"""Makes the two upper cores for an epoch, from its roster and the state that the one before left."""

_DECISION_EVENTS = get_args(DecisionEvent)
_DECISION_REQUESTS = get_args(DecisionRequest)
_TOLD = (*get_args(UserEvent), Located)
_TOO_LATE = "the members changed before we saw it ordered: look whether others have settled it, or propose it again"


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What one member sees.

    Attributes:
        group: rounds, commits, links, and who is missing.
        sessions: the open sessions and their phases.
        hindrance: what keeps this member from a change of the view that was ordered, or empty.
        convicts: members that were convicted in this epoch or an earlier one, with their offences.
        suspicions: how much each member has made this one wait, by its own clock; a hint and never evidence.
        held: what our sessions have to say and is held back, since too much of our own waits to be ordered.
    """

    group: GroupStatus
    sessions: tuple[SessionStatus, ...]
    hindrance: str = ""
    convicts: tuple[tuple[MemberId, str], ...] = ()
    suspicions: tuple[Delay, ...] = ()
    held: int = 0


class Stack:
    """Routes effects between the cores of one member; itself a machine.

    Args:
        roster: the group; of a joiner's the one of its invitation.
        signer: who signs for the member.
        group: orders submissions; takes frames and link events, gives ``Delivered``.
        decision: runs the phases of sessions over the ordered log.
        session: runs the mechanisms, and speaks with the party.
        renew: makes the two upper cores for another epoch.

    Attributes:
        roster: of the present epoch.
    """

    def __init__(
        self,
        roster: Roster,
        signer: Signer,
        group: GroupLayer,
        decision: DecisionCore | Outside,
        session: SessionCore | Outside,
        renew: Renew | None = None,
    ) -> None:
        self.roster = roster
        self.signer = signer
        self.group = group
        self.decision = decision
        self.session = session
        self._renew = renew
        # Records of the table "secret": by key; the values only while the journal is taken back.
        self._secrets: dict[bytes, bytes] = {}
        self._restoring = False
        # Log positions of the epoch: of the last entry, and of the last one that the journal brought back.
        self._position = self._brought_back = -1
        # Whether all that the epoch has founded is over at this member: the log takes no further proposals.
        self._ready = False
        # Proposals of our own that are not ordered yet.
        self._proposed: dict[bytes, None] = {}
        # What the group has no room for, by what names the act: the cores say a thing more than once.
        self._held: dict[object, Broadcast | Exclude | Expel] = {}

    @classmethod
    def build(
        cls,
        start: Roster | Invitation,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        entropy: Entropy,
        *,
        sealing_seed: bytes,
        lookup: Lookup = registered,
        policy: Policy | None = None,
        check: Check = verify_dealing,
        means: Means | None = None,
        address: str = "",
        work: Work | None = None,
    ) -> "Stack":
        """The cores of one member, before :meth:`restore`; see those for the arguments.

        Args:
            start: the roster of its first epoch, or the invitation with which it joins.
            signer: signs for the member.
            scheme: checks everybody's signatures.
            config: local settings of the group.
            entropy: where salts, seeds and nonces come from.
            sealing_seed: of its encryption key.
            lookup: where mechanisms are found.
            policy: what it enrols in.
            check: how dealings are checked.
            means: for messages to some members; one without them relays none.
            address: where it listens, for members to know that came in later; empty where nobody can dial it.
            work: where mechanisms run, by default where they are called; what is done later comes by :meth:`submit`.

        Raises:
            LocalProtocolError: the roster has no such member, or another sealing key of it, or a limit is too low.
            VerificationError: the invitation does not hold.
        """
        me, sealing = signer.public, EncryptionKey(sealing_seed)
        check_room(start if isinstance(start, Roster) else start.roster, config.pending_bytes_max)

        def renew(roster: Roster, state: bytes) -> tuple[DecisionCore, SessionCore]:
            members = tuple((member.id, member.name) for member in roster.members)
            decision = DecisionCore(roster, me, scheme, entropy=entropy, sealing=sealing, check=check, state=state)
            return decision, SessionCore(me, members, entropy, lookup=lookup, policy=policy, work=work)

        order = Group(start, signer, scheme, config, convicts=lambda data, roster: convict_of(data, roster, scheme))
        group = GroupLayer(order, signer, scheme, config, means, address=address)
        if isinstance(start, Invitation):
            return cls(group.roster, signer, group, Outside(), Outside(), renew)
        decision, session = renew(start, b"")
        return cls(group.roster, signer, group, decision, session, renew)

    @property
    def deadline(self) -> Instant | None:
        """The earliest of the cores' deadlines."""
        due = [core.deadline for core in (self.group, self.decision, self.session) if core.deadline is not None]
        return min(due, default=None)

    def submit(self, request: StackRequest, now: Instant) -> Sequence[StackEffect]:
        """Take a request of the party (propose a session, or report), a change of the members, or a computation.

        Raises:
            CongestionError: too much of our own waits to be ordered; a report is taken all the same.
            LocalProtocolError: the request breaks the contract, such as a report that is not of its type.
        """
        if isinstance(request, Join | Leave | Exclude | Expel):
            return self._route(self.group.submit(request, now), now)
        if isinstance(request, Computed):
            since = self.decision.asked_at(request.job.session)
            return self._still_asked(self._route(self.session.computed(request), now, since))
        if self._held and not isinstance(request, Report):
            raise CongestionError(f"{len(self._held)} submissions of ours wait to be ordered: ask again later")
        return self._route(self.session.submit(request, now), now)

    def receive(self, incoming: GroupEvent, now: Instant) -> Sequence[StackEffect]:
        """Take a frame or a link event from the transport, or what was read; never raises, whatever a peer sent."""
        return self._route(self.group.receive(incoming, now), now)

    def tick(self, now: Instant) -> Sequence[StackEffect]:
        """Let every core whose deadline has come do what was due, from the bottom up."""
        out: list[StackEffect] = []
        for name in ("group", "decision", "session"):
            # By name: the tick of the group may have brought another epoch, with other cores above it.
            core = getattr(self, name)
            if core.deadline is not None and core.deadline <= now:
                out += self._route(core.tick(now), now)
        return out

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[StackEffect]:
        """Rebuild everything from the journal: exactly once, before anything else, with no records at a first start.

        The group core replays its blocks through the same code that met them first, and hands the ordered log up once
        more. All events are told again, in their order, but for asks that were answered or closed in the meantime:
        the party is asked only what is still open. What waits for a computation beside the loop comes later, as
        ``Again``.

        Args:
            records: (table, key, data) in the order in which they were written.
            now: an instant of the driver's present clock.
        """
        read = tuple(records)
        self._secrets = {key: data for table, key, data in read if table == "secret"}
        self.decision.restore(self._secrets.items())
        self._restoring = True
        routed = self._route(self.group.restore(read, now), now)
        self._restoring, self._brought_back = False, self._position
        self._secrets = dict.fromkeys(self._secrets, b"")
        return self._still_asked(routed)

    def _still_asked(self, effects: list[StackEffect]) -> list[StackEffect]:
        """Effects of many entries at once, without the asks that a later one of them has answered or closed."""
        told = ((effect, effect.effect if isinstance(effect, Again) else effect) for effect in effects)
        return [effect for effect, said in told if not isinstance(said, Asked) or self.session.is_open(said)]

    @property
    def channels(self) -> tuple[bytes, ...]:
        """On which the group's frames come."""
        return self.group.channels

    def status(self) -> StackStatus:
        """What this member sees at present; local, and nothing that others agree on."""
        decision = self.decision
        told = decision.hindrance, decision.convicts, decision.suspicions(), len(self._held)
        return StackStatus(self.group.status(), decision.status(), *told)

    def _route(self, effects: Iterable[object], now: Instant, since: int | None = None) -> list[StackEffect]:
        """Route effects, and all that they cause.

        Args:
            effects: what one of the cores said.
            now: the driver's clock.
            since: the log position that they follow from; None for none.
        """
        out: list[StackEffect] = []
        waiting: list[tuple[Iterator[object], int | None]] = [(iter(effects), since)]
        while waiting:
            following, since = waiting.pop()
            for effect in following:
                if isinstance(effect, Reached):
                    since = effect.position
                    continue
                # Whatever else is caused follows from what its cause does.
                own = effect.position if isinstance(effect, Delivered | Booked) else since
                if caused := self._hand_on(effect, now, out, again=own is not None and own <= self._brought_back):
                    waiting += [(following, since), (iter(caused), own)]
                    break
        return out

    def _hand_on(self, effect: object, now: Instant, out: list[StackEffect], *, again: bool) -> Sequence[object]:
        """Give an effect to the core it is for and return what that causes, or put it among what leaves the stack."""
        if isinstance(effect, Downward):
            if isinstance(effect, Append) and effect.table == "secret":
                self._secrets[effect.key] = b""
            out.append(effect)
        elif isinstance(effect, Delivered | EvidenceFound | ViewChanging):
            late = self.decision.overfull
            since = self.decision.asked_at(late) if late is not None else None
            if late is not None and since is not None and (answers := self.session.finish(late)):
                return [Reached(since), *answers, effect]
            if isinstance(effect, Delivered):
                self._position = effect.position
                self._proposed.pop(effect.submission.data, None)
                if self._held and effect.submission.sender == self.signer.public:
                    return [*self._hand_down(now), *self.decision.receive(effect, now)]
            return self.decision.receive(effect, now)
        elif isinstance(effect, Broadcast) and effect.kind == Kind.PROPOSE:
            # Never held back: its party can be told, and asks again.
            caused = self.group.submit(effect, now)
            self._proposed[effect.data] = None
            return caused
        elif isinstance(effect, Broadcast | Exclude | Expel):
            self._held.setdefault(effect.key if isinstance(effect, Broadcast) else effect, effect)
            return self._hand_down(now)
        elif isinstance(effect, Ready):
            self._ready = True
            return self.group.submit(effect, now)
        elif isinstance(effect, ViewChanged):
            self._change(effect, out)
        elif isinstance(effect, _DECISION_EVENTS):
            return self.session.receive(effect, now)
        elif isinstance(effect, _DECISION_REQUESTS):
            return self.decision.submit(effect, now)
        elif isinstance(effect, _TOLD):
            out.append(Again(effect) if again else effect)
        elif not isinstance(effect, get_args(MulticastEvent)):
            # What is said to some members only is no part of a decision; anybody may say it to us at any time.
            raise TypeError(f"no layer takes a {type(effect).__name__}")
        return ()

    def _hand_down(self, now: Instant) -> Sequence[object]:
        """Hand down what was held back, oldest first, as far as there is room."""
        caused: list[object] = []
        while self._held:
            name, oldest = next(iter(self._held.items()))
            try:
                caused += self.group.submit(oldest, now)
            except CongestionError:
                break
            del self._held[name]
        return caused

    def _change(self, change: ViewChanged, out: list[StackEffect]) -> None:
        """Make the upper cores anew; what the old ones kept secret is of no use any more."""
        if self._secrets and not self._restoring:
            out.append(Compact((), tuple(("secret", key) for key in self._secrets)))
            self._secrets = {}
        parsed = [terms for terms in map(Proposal.parse, self._proposed) if terms is not None]
        out += [ProposalRefused(b"", f"{terms.mechanism}/{terms.version}", _TOO_LATE) for terms in parsed]
        self._proposed.clear()
        self._held.clear()
        # What is open here ended among those who saw the epoch to its end.
        out += [SessionMissed(session) for session in self.session.open_sessions]
        before, self.roster = self.group.before or self.roster, change.roster
        missed = not self._ready and not isinstance(self.decision, Outside)
        self._position, self._brought_back, self._ready = -1, -1, False
        if change.roster.place(self.signer.public) is None or self._renew is None:
            self.decision, self.session = Outside(), Outside()
            out.append(Removed(change.roster.epoch))
            return
        self.decision, self.session = self._renew(change.roster, change.state)
        self.decision.restore(self._secrets.items())
        out.append(_begun(before, change.roster, missed))


def _begun(before: Roster, roster: Roster, missed: bool) -> ViewBegun:
    joined = tuple(member.name for member in roster.members if before.place(member.id) is None)
    left = tuple(member.name for member in before.members if roster.place(member.id) is None)
    return ViewBegun(roster.epoch, tuple(member.name for member in roster.members), joined, left, missed)
