"""What passes between the group and the decision layer, and what the group asks of its driver."""

from dataclasses import dataclass
from typing import TypeAlias

from mechdesign.group.roster import Member, Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.transport.messages import LinkEvent, Send

__all__ = [
    "Append",
    "Broadcast",
    "Change",
    "Compact",
    "Delivered",
    "Downward",
    "EvidenceFound",
    "Exclude",
    "Expel",
    "Found",
    "GroupEffect",
    "GroupEvent",
    "Inclusion",
    "Join",
    "Leave",
    "Read",
    "Ready",
    "Submission",
    "ViewChanged",
    "ViewChanging",
]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Request: have ``data`` delivered to every member, once, in the one total order.

    Everybody hears it at the same place. What one member says comes in the order in which it was said but where a
    block is collected before it is heard: its words are carried again, and may then stand behind later ones.

    Attributes:
        key: the local name of this act, such as an encoding of ("seal", session, step). A second request under a key
            that was used in this life or, by the journal, in an earlier one does nothing: a replay after a restart
            says nothing twice. Keys are those of one epoch; where what was not ordered is carried over, the newest
            4,096 keys of earlier epochs count, too. A restart knows all of the epoch; a life that goes on may forget
            what it said and what stands in the log below a certified checkpoint, but for the newest 4,096.
        kind: the leaf's kind, 0..255; opaque to the group, but for its own from 252 on.
        data: at most the roster's ``submission_bytes_max``.
        lasting: whether the key counts for the whole epoch, because it would matter if this were said twice.
    """

    key: bytes
    kind: int
    data: bytes
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """What one member had ordered, the content of a leaf of a block's payload.

    Attributes:
        kind: 0..255, opaque to the group.
        sender: whose submission it is; in a block of another author it is void.
        sequence: counts the sender's submissions from 0.
        data: the content.
    """

    kind: int
    sender: MemberId
    sequence: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a submission is covered by a block's signature, for anyone who holds the roster.

    Attributes:
        header: the block's header as it was signed.
        signature: the author's, over the header.
        index: place of the leaf among the payload's leaves.
        path: sibling digests up to the root that the header carries (the header also carries the leaf count).
    """

    header: bytes
    signature: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Event: the next entry of the one ordered log; the same at every member.

    Attributes:
        position: counts the entries of the epoch from 0 without gaps.
        submission: what was ordered.
        inclusion: proof that its sender signed it.
    """

    position: int
    submission: Submission
    inclusion: Inclusion


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """Event: a transferable proof against a member was found locally; see ``group/evidence.py``.

    Attributes:
        member: whom it convicts.
        data: the encoded evidence, checkable by :func:`mechdesign.group.evidence.convict`.
    """

    member: MemberId
    data: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Effect: write a record durably before any later effect of the list is performed.

    Attributes:
        table: ``"block"``, ``"own"``, ``"ordered"``, ``"log"``, ``"checkpoint"``, ``"view"``, ``"said"``,
            ``"direct"``, ``"whisper"`` or ``"secret"``.
        key: unique in its table; writing a key again replaces the record.
        data: the record.
        sync: whether it must be on disk before the next effect; a record that others can give us again need not.
    """

    table: str
    key: bytes
    data: bytes
    sync: bool = True


@dataclass(frozen=True, slots=True)
class Compact:
    """Effect: write some records and delete others, all or nothing, durable before any later effect of the list.

    Everything that was appended before becomes durable with it.

    Attributes:
        records: written in their order; their own ``sync`` is of no matter.
        gone: (table, key) of records to be deleted; one that does not exist is passed over.
    """

    records: tuple[Append, ...]
    gone: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Effect: read records that an earlier :class:`Compact` wrote; answered by exactly one :class:`Found`.

    Attributes:
        peer: who asked for them.
        table: where they stand.
        keys: which of them, in the order of the answer.
        bytes_max: the answer ends before the record that would make it longer, unless that is the first.
    """

    peer: MemberId
    table: str
    keys: tuple[bytes, ...]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Found:
    """Event: what a :class:`Read` found.

    Attributes:
        peer: who asked for it.
        records: as they were written, up to the first that is not there or too much.
    """

    peer: MemberId
    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """A change of the view: take a member in.

    Attributes:
        member: its line of the next roster.
        signatures: a quorum's, each with its signer's index in the present roster, ascending.
    """

    member: Member
    signatures: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """A change of the view: the member that says so goes."""


@dataclass(frozen=True, slots=True)
class Exclude:
    """A change of the view: a member goes because a proof convicts it.

    Attributes:
        evidence: the proof; whom it convicts is for the function that the group was given to say.
    """

    evidence: bytes


@dataclass(frozen=True, slots=True)
class Expel:
    """A change of the view: a member goes because of a proof that is too long to be ordered.

    It takes b + 1 members that say so: one of them at least is honest, and holds the proof. The digests that they name
    need not be the same, for a member can be convicted of several things.

    Attributes:
        member: who goes.
        proof: digest of the proof, 32 bytes, for those who want to see it.
    """

    member: MemberId
    proof: bytes


Change: TypeAlias = Join | Leave | Exclude | Expel
"""Request: have the view changed. What does not hold when it is ordered changes nothing."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Request, in answer to ``ViewChanging``: the layer above has ended what belongs to this epoch.

    Attributes:
        state: all that it takes along into the next one; the same bytes at every member whose log is the same.
    """

    state: bytes


@dataclass(frozen=True, slots=True)
class ViewChanging:
    """Event: a change of the view was ordered; from this position of the log on nothing new may begin.

    Attributes:
        position: the log position of the first change.
    """

    position: int


@dataclass(frozen=True, slots=True)
class ViewChanged:
    """Event: the epoch is over and the next one has begun, with a log of its own from position 0.

    Attributes:
        roster: of the new epoch.
        state: with which the layer above begins.
    """

    roster: Roster
    state: bytes


GroupEvent: TypeAlias = LinkEvent | Found
"""What comes to the group layer from below: from its links, and from its journal."""

Downward: TypeAlias = Append | Compact | Read | Send
"""What the group layer asks of its journal and of its links."""

GroupEffect: TypeAlias = Downward | Delivered | EvidenceFound | ViewChanging | ViewChanged
"""Everything that the group layer asks for, downward and upward."""
