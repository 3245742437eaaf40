"""Ballots: the signed reports of participants that are not members.

A participant knows the roster, the signed proposal and the roll, and talks to nobody but the members that it hands its
ballot to: to b + 1 of them, so that one is honest and carries it into the log. It signs group, epoch, session, step,
its line of the roll, a sequence number and the content, so a ballot is one of this session and of this participant or
none. What the content is depends on the seal: the report itself, or a dealing of it to the members' encryption keys.

Of two ballots of one participant the higher sequence number counts. Two different ones under one number void each
other. There are :data:`REVISIONS_MAX` numbers, so a participant fills no memory by changing its mind.
"""

from dataclasses import dataclass, replace

from mechdesign.decision.ballots.roll import Roll, is_name, line_digest
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.threshold import Purpose, deal
from mechdesign.decision.setting import Setting
from mechdesign.kernel import merkle
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId, Signer
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.wire import DIGEST_BYTES, decode, digest, encode

__all__ = ["BALLOT_BYTES_MAX", "REVISIONS_MAX", "Ballot", "fault", "make_ballot"]

BALLOT_BYTES_MAX = 1 << 20
"""No ballot is longer; what a session's proposal leaves room for is less."""

REVISIONS_MAX = 16
"""Sequence numbers of a participant's ballots in one session go from 0 up to below this."""

_TAG = "mechdesign/ballot/1"
_PATH_MAX = 20


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one participant says in one session.

    Attributes:
        session: the session.
        step: the ask; sessions with a roll have one, step 0.
        index: the participant's line of the roll.
        key: its key, as on the roll.
        name: its name, as on the roll.
        path: from the line to the root that the proposal names.
        sequence: counts what the participant says in this session from 0; the highest counts.
        content: the report or the encoded dealing of it, by the session's seal; None to give none.
        signature: the participant's.
    """

    session: bytes
    step: int
    index: int
    key: MemberId
    name: str
    path: tuple[bytes, ...]
    sequence: int
    content: bytes | None
    signature: bytes

    @property
    def encoded(self) -> bytes:
        """The canonical bytes: what a member carries, and what a ballot file holds."""
        said = self.session, self.step, self.index, self.key, self.name, self.path
        return encode((*said, self.sequence, self.content, self.signature))

    @classmethod
    def parse(cls, data: bytes) -> "Ballot | None":
        """Read the bytes of :attr:`encoded`; None if they are no ballot. Never raises."""
        try:
            value = decode(data, bytes_max=BALLOT_BYTES_MAX)
        except WireError:
            return None
        match value:
            case (
                bytes(session), int(step), int(index), bytes(key), str(name), tuple(path),
                int(sequence), (None | bytes()) as content, bytes(signature),
            ) if {type(step), type(index), type(sequence)} == {int}:  # fmt: skip
                siblings = tuple(sibling for sibling in path if isinstance(sibling, bytes))
                fits = (len(session), len(key), len(signature)) == (DIGEST_BYTES, KEY_BYTES, SIGNATURE_BYTES)
                if fits and len(siblings) == len(path) <= _PATH_MAX and {len(each) for each in siblings} <= {32}:
                    return cls(session, step, index, MemberId(key), name, siblings, sequence, content, signature)
        return None

    def signed(self, setting: Setting) -> bytes:
        """What the signature covers."""
        said = encode((self.step, self.index, self.key, self.name, self.sequence, self.content))
        return digest(_TAG, setting.roster.digest, setting.roster.epoch.to_bytes(4, "big"), self.session, said)


def fault(ballot: Ballot, setting: Setting) -> str | None:
    """Why this is no ballot of a session, or None if it is one: of its roll, and signed. Never raises.

    Whether its content is a report that counts is not asked here. Costs one signature check.
    """
    proposal = setting.proposal
    if ballot.session != setting.session or ballot.step != 0:
        return "it is of another session"
    if not 0 <= ballot.sequence < REVISIONS_MAX:
        return f"its sequence number is {ballot.sequence}, not 0 to {REVISIONS_MAX - 1}"
    if not is_name(ballot.name):
        return "a participant cannot be called so"
    most = proposal.content_bytes_max(setting.roster.n)
    if ballot.content is not None and len(ballot.content) > most:
        return f"its content has {len(ballot.content)} bytes, and no more than {most} can be a report"
    leaf = line_digest(ballot.index, ballot.key, ballot.name) if 0 <= ballot.index < proposal.rolled else b""
    if not merkle.verify(proposal.roll, leaf, ballot.index, proposal.rolled, ballot.path):
        return f"{ballot.name!r} with this key is not on the session's roll"
    if not setting.scheme.verify(ballot.key, ballot.signed(setting), ballot.signature):
        return f"it is not signed by the key of {ballot.name!r}"
    return None


def make_ballot(
    setting: Setting, roll: Roll, signer: Signer, report: bytes | None, seed: bytes, sequence: int = 0
) -> bytes:
    """The encoded ballot of a participant, to be handed to b + 1 members.

    Args:
        setting: the session, from a notice of it that the participant has checked.
        roll: the roll that the proposal names.
        signer: signs with the participant's key.
        report: canonical bytes of the report, or None to give none.
        seed: 32 bytes of fresh entropy for the dealing of a sealed report; never used twice.
        sequence: 0, or one more than that of the ballot that this one replaces.

    Raises:
        LocalProtocolError: the roll is not the session's, the participant is not on it, or the report is too long.
    """
    proposal = setting.proposal
    index = roll.index(signer.public)
    if (roll.root, len(roll.lines)) != (proposal.roll, proposal.rolled):
        raise LocalProtocolError("this is not the roll that the proposal names")
    if index is None:
        raise LocalProtocolError("this key is not on the session's roll")
    if not 0 <= sequence < REVISIONS_MAX:
        raise LocalProtocolError(f"a ballot has a sequence number of 0 to {REVISIONS_MAX - 1}, not {sequence}")
    if report is not None and len(report) > proposal.report_bytes:
        raise LocalProtocolError(f"a report of {len(report)} bytes passes the session's limit {proposal.report_bytes}")
    content = report
    if report is not None and proposal.seal is Seal.THRESHOLD:
        context = setting.context(0, Purpose.REPORT, signer.public)
        content = deal(setting.committee, context, report, proposal.report_bytes, seed).encoded
    line = index, signer.public, roll.lines[index][1], roll.paths[index]
    plain = Ballot(setting.session, 0, *line, sequence, content, bytes(SIGNATURE_BYTES))
    return replace(plain, signature=signer.sign(plain.signed(setting))).encoded
