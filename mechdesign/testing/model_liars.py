"""What a liar can have ordered in the model of the phases: all that could make a difference at this layer.

A liar has no core. At every state it may say what an honest member would say in its place, or a false version of it,
or something that has no occasion, or nothing at all, in any order. What is not offered here is junk: it must count for
nothing, which :func:`junk` is there to see.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from mechdesign.decision.ask import Ask
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.coin import contribute
from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.dealt import Dealt, SealedAsk, Tossing
from mechdesign.decision.entries import (
    AttestEntry,
    CarryEntry,
    CoinEntry,
    DeclineEntry,
    EnrolEntry,
    EntryValue,
    EvidenceEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    Verdict,
)
from mechdesign.decision.offence import Offence
from mechdesign.decision.phases import DRAINING, Phase
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.commit_reveal import COMMITMENT_BYTES, SALT_BYTES, commitment, pad, padded_bytes
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Purpose, deal, open_share, targets
from mechdesign.decision.session import Session
from mechdesign.group.block import genesis, make_block
from mechdesign.group.evidence import Equivocation, Signed, encode_evidence
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.wire import DIGEST_BYTES, digest
from mechdesign.testing.model_ballots import carriages, lines_of
from mechdesign.testing.model_custody import receipts, strange_receipts
from mechdesign.testing.model_world import REPORT_BYTES, Entropy, World, sealing_key, session_of

__all__ = ["Saying", "is_garbage", "junk", "prompt", "sayings"]

Saying = tuple[str, Kind, bytes]
"""What is said, for people, and the entry."""


def sayings(world: World, place: int) -> Iterator[Saying]:
    """Everything that can make a difference if this liar says it now."""
    session = session_of(world)
    if session is None:
        return
    member = world.roster.ids[place]
    for label, kind, said in _menu(world, session, place):
        if not _is_void(world, session, member, said):
            yield label, kind, said.encoded


def prompt(world: World, place: int) -> Saying | None:
    """What this liar says while it does as it should, or None if there is nothing to say."""
    session = session_of(world)
    said = next(_by_phase(session, place), None) if session is not None else None
    if session is None or said is None or _is_void(world, session, world.roster.ids[place], said[2]):
        return None
    return f"says {said[1].name}", said[1], said[2].encoded


def junk(world: World, place: int) -> Iterator[Saying]:
    """What must count for nothing, whoever says it: out of place, out of time, or said a second time."""
    session = session_of(world)
    if session is None:
        return
    member = world.roster.ids[place]
    for label, kind, said in _menu(world, session, place):
        if _is_void(world, session, member, said):
            yield f"{label} again", kind, said.encoded
    other = digest("mechdesign/model-session/1", session.id)
    step, later = session.step, session.step + 1
    phase = Phase.ATTESTING if session.phase is Phase.OPENING else Phase.OPENING
    strays: list[tuple[Kind, EntryValue]] = [
        (Kind.TIMER, TimerEntry(session.id, step, phase.value)),
        (Kind.TIMER, TimerEntry(session.id, later, session.phase.value)),
        (Kind.TIMER, TimerEntry(other, step, session.phase.value)),
        (Kind.SEAL, SealEntry(session.id, later, bytes(DIGEST_BYTES))),
        (Kind.REPORT, ReportEntry(session.id, later, b"")),
        (Kind.OPEN, OpenEntry(session.id, later, bytes(SALT_BYTES), b"")),
        (Kind.SHARE, ShareEntry(session.id, later, b"")),
        (Kind.COIN, CoinEntry(session.id, later, b"")),
    ]
    if step:
        strays += [
            (Kind.TIMER, TimerEntry(session.id, step - 1, session.phase.value)),
            (Kind.SEAL, SealEntry(session.id, step - 1, None)),
            (Kind.REPORT, ReportEntry(session.id, step - 1, None)),
            (Kind.SHARE, ShareEntry(session.id, step - 1, b"of the step before")),
        ]
    if session.phase is not Phase.ENROLLING or member not in session.proposal.asked:
        strays.append((Kind.ENROL, EnrolEntry(session.id)))
    if not session.hidden:
        strays.append((Kind.TIMER, TimerEntry(session.id, 0, DRAINING)))
    if world.case.custodian:
        strays += [(Kind.RECEIPT, said) for said in strange_receipts(world, session)]
        strays += [(Kind.RECEIPT, replace(said, session=other)) for _, said in receipts(world, session)]
    if (statement := session.statement) is not None:
        strays.append((Kind.ATTEST, replace(statement, position=statement.position + 1)))
    if session.phase is Phase.OPENING:
        strays.append((Kind.SHARE, ShareEntry(session.id, step, b"no share of what is locked")))
    yield from ((f"a {kind.name} out of place", kind, said.encoded) for kind, said in strays)
    yield from ((f"a {kind.name} that is too long", kind, said.encoded) for kind, said in _overlong(session))
    yield "something unreadable", Kind.TIMER, b"\xc1"


def _overlong(session: Session) -> Iterator[tuple[Kind, EntryValue]]:
    """What would count in the phases of its kind, if it were a byte shorter."""
    here, terms, n = (session.id, session.step), session.proposal, session.roster.n
    dealt = terms.seal is Seal.THRESHOLD
    yield Kind.REPORT, ReportEntry(*here, bytes(terms.report_bytes + 1))
    yield Kind.OPEN, OpenEntry(*here, bytes(SALT_BYTES), bytes(padded_bytes(terms.report_bytes) + 1))
    yield Kind.SEAL, SealEntry(*here, bytes((terms.content_bytes_max(n) if dealt else COMMITMENT_BYTES) + 1))
    yield Kind.COIN, CoinEntry(*here, bytes(terms.coin_bytes_max(n) + 1))
    yield Kind.SHARE, ShareEntry(*here, bytes(terms.share_bytes_max(n) + 1))


def is_garbage(ciphertext: bytes) -> bool:
    """Whether a valid dealing holds what nobody can read, because a liar dealt it so."""
    return not any(ciphertext)


def _menu(world: World, session: Session, place: int) -> Iterator[tuple[str, Kind, EntryValue]]:
    abuses = world.case.abuses
    for label, kind, said in _by_phase(session, place):
        if label in ("", *abuses):
            yield f"says a {label} {kind.name}".replace("  ", " "), kind, said
    if session.phase is Phase.GATHERING:
        for label, carried in carriages(session.setting):
            yield f"carries {label}", Kind.CARRY, carried
    for label, received in receipts(world, session) if world.case.custodian else ():
        yield f"has received {label}", Kind.RECEIPT, received
    if "leave" in abuses:
        yield "leaves", Kind.DECLINE, DeclineEntry(session.id, "no such code", follows=False)
    if "timer" in abuses:
        yield "says TIMER", Kind.TIMER, TimerEntry(session.id, session.step, session.phase.value)
    if "timer" in abuses and world.case.late and session.hidden:
        yield "waits no longer", Kind.TIMER, TimerEntry(session.id, 0, DRAINING)
    if "early" in abuses and session.phase in (Phase.GATHERING, Phase.SEALING, Phase.TOSSING):
        yield "says an early SHARE", Kind.SHARE, ShareEntry(session.id, session.step, b"early")
    if "proof" in abuses and world.case.punishes:
        yield "is proved an equivocation", Kind.EVIDENCE, EvidenceEntry(_equivocation(world.roster, place))


def _by_phase(session: Session, place: int) -> Iterator[tuple[str, Kind, EntryValue]]:
    """What is said in a phase, first what an honest member would say; the label is empty where one could, else it
    names the abuse.
    """
    here, ask, member = (session.id, session.step), session.ask, session.roster.ids[place]
    match session.phase:
        case Phase.ENROLLING:
            if member in session.proposal.asked:
                yield "", Kind.ENROL, EnrolEntry(session.id)
            yield "", Kind.DECLINE, DeclineEntry(session.id, "not now", follows=True)
        case Phase.SEALING if isinstance(ask, Ask | SealedAsk) and member in ask.of:
            for label, sealed in _sealed(session, place):
                yield label, Kind.SEAL, SealEntry(*here, sealed)
            yield "", Kind.SEAL, SealEntry(*here, None)
        case Phase.ASKING if isinstance(ask, Ask) and member in ask.of:
            yield "", Kind.REPORT, ReportEntry(*here, bytes([place + 1]))
            yield "", Kind.REPORT, ReportEntry(*here, None)
        case Phase.TOSSING if isinstance(ask, Tossing):
            dealt = _contribution(session, place)
            yield "", Kind.COIN, CoinEntry(*here, dealt)
            yield "false", Kind.COIN, CoinEntry(*here, _flip(dealt))
        case Phase.OPENING if isinstance(ask, Ask) and member in ask.sealed:
            salt, padded = Entropy(place)(SALT_BYTES), pad(bytes([place + 1]), REPORT_BYTES)
            yield "", Kind.OPEN, OpenEntry(*here, salt, padded)
            yield "false", Kind.OPEN, OpenEntry(*here, _flip(salt), padded)
        case Phase.OPENING if isinstance(ask, Dealt) and ask.vault.locked:
            committee, locked = ask.vault.setting.committee, ask.vault.locked
            share = open_share(sealing_key(place), committee, member, targets(committee, member, locked))
            yield "", Kind.SHARE, ShareEntry(*here, share.encoded)
            yield "false", Kind.SHARE, ShareEntry(*here, replace(share, points=_flip(share.points)).encoded)
        case Phase.ATTESTING if session.statement is not None:
            statement = session.statement
            verdict = Verdict.FAILED if statement.verdict is Verdict.SETTLED else Verdict.SETTLED
            yield "", Kind.ATTEST, statement
            yield "false", Kind.ATTEST, replace(statement, digest=bytes(DIGEST_BYTES))
            yield "false", Kind.ATTEST, replace(statement, verdict=verdict)


def _is_void(world: World, session: Session, member: MemberId, said: EntryValue) -> bool:
    """Whether the sender was heard already where this could count, so that it cannot."""
    ask = session.ask
    match said:
        case EnrolEntry() | DeclineEntry(follows=True):
            heard = session.enrolment.answers if member in session.proposal.asked else session.enrolment.equipped
            return session.phase is not Phase.ENROLLING or member in heard or member in session.left
        case ReceiptEntry(player=player, reference=reference):
            holds = session.proposal.custodian == session.roster.name(member) and player in session.proposal.asked
            return session.phase is not Phase.ENROLLING or not holds or reference in session.enrolment.cover._references
        case DeclineEntry():
            said_before = member in session.enrolment.equipped or member in session.left
            return said_before or member in session.tally.said
        case TimerEntry(phase=phase):
            return member in (session._timers.overrun if phase == DRAINING else session._timers.out)
        case SealEntry() | CoinEntry():
            return member in (ask.seals if isinstance(ask, Ask | SealedAsk) else getattr(ask, "heard", ()))
        case ReportEntry() | OpenEntry():
            return isinstance(ask, Ask) and member in ask.reports
        case CarryEntry(ballots=ballots):
            signed = [data for data in ballots if lines_of(session.setting, [data])]
            return not any(isinstance(ask, Gathering) and ask.news(data) for data in signed)
        case ShareEntry() if isinstance(ask, Dealt):
            return member in (ask.vault.heard if session.phase is Phase.OPENING else ask.early)
        case AttestEntry():
            return member in session.tally.said or member in session.left
        case EvidenceEntry():
            known = (member, Offence.EQUIVOCATION) in world.players[0].core.convicts
            return known and not session.sanctions(member)
    return False


def _sealed(session: Session, place: int) -> Iterator[tuple[str, bytes]]:
    """What a liar can seal: a report; a dealing that does not hold; one that holds, of nothing that can be read."""
    setting, member, report = session.setting, session.roster.ids[place], bytes([place + 1])
    if session.proposal.seal is Seal.COMMIT_REVEAL:
        salt, padded = Entropy(place)(SALT_BYTES), pad(report, REPORT_BYTES)
        yield "", commitment(session.roster, session.id, session.step, member, salt, padded)
        return
    known = _DEALT.get((session.id, session.step, place))
    if known is None:
        context, seed = setting.context(session.step, Purpose.REPORT, member), Entropy(place)(SALT_BYTES)
        dealt = deal(setting.committee, context, report, REPORT_BYTES, seed).encoded
        drawn = draw(setting.committee, context, b"garbage", seed)
        unreadable = commit(setting.committee, context, drawn, bytes(ciphertext_bytes(REPORT_BYTES))).encoded
        known = _DEALT[session.id, session.step, place] = dealt, unreadable
    yield "", known[0]
    yield "false", _flip(known[0])
    yield "garbage", known[1]


def _contribution(session: Session, place: int) -> bytes:
    known = _DEALT.get((session.id, session.step, place))
    if known is None:
        context = session.setting.context(session.step, Purpose.COIN, session.roster.ids[place])
        dealt = contribute(session.setting.committee, context, Entropy(place)(SALT_BYTES)).encoded
        known = _DEALT[session.id, session.step, place] = dealt, b""
    return known[0]


_DEALT: dict[tuple[bytes, int, int], tuple[bytes, bytes]] = {}
"""What liars deal is the same in all worlds of a case: the session's identifier does not depend on the log before."""


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@cache
def _equivocation(roster: Roster, place: int) -> bytes:
    """The group layer's proof that a member signed two blocks for one round."""
    signer, own = KeyedHash.Signer(roster.ids[place]), [genesis(roster, place)]
    blocks = [make_block(roster, signer, 0, own, (), [leaf]) for leaf in (b"one", b"two")]
    return encode_evidence(Equivocation(*[Signed(block.encoded, block.signature) for block in blocks]))
