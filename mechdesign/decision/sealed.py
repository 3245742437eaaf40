"""The dealings in an entry, for whoever checks them before the entry is ordered."""

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.coin import parse_contribution
from mechdesign.decision.entries import CarryEntry, CoinEntry, SealEntry, parse
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.threshold import Committee, Context, Dealing, Purpose, parse_dealing
from mechdesign.decision.setting import Setting
from mechdesign.group.messages import Submission

__all__ = ["dealings_in"]


def dealings_in(submission: Submission, setting: Setting) -> list[tuple[Committee, Context, Dealing]]:
    """The well-formed dealings of a session in an entry, as arguments of ``verify_dealing``. Never raises.

    There is nothing to gain from checking the dealings of one entry, or of several, together: each point of each has to
    be multiplied by a number of its own in any case, and libsodium multiplies one point at a time.
    """
    said = parse(submission.kind, submission.data)
    found: list[tuple[Context, Dealing | None]] = []
    size, threshold = setting.proposal.report_bytes, setting.proposal.seal is Seal.THRESHOLD
    match said:
        case CoinEntry(step=step, dealing=data):
            context = setting.context(step, Purpose.COIN, submission.sender)
            found.append((context, parse_contribution(data, setting.committee)))
        case SealEntry(step=step, sealed=bytes(data)) if threshold:
            context = setting.context(step, Purpose.REPORT, submission.sender)
            found.append((context, parse_dealing(data, setting.committee, size)))
        case CarryEntry(step=step, ballots=ballots) if threshold:
            for ballot in map(Ballot.parse, ballots):
                if ballot is not None and ballot.content is not None and ballot.session == setting.session:
                    context = setting.context(step, Purpose.REPORT, ballot.key)
                    found.append((context, parse_dealing(ballot.content, setting.committee, size)))
    return [(setting.committee, context, dealing) for context, dealing in found if dealing is not None]
