"""How long what is said in one session may be, by its proposal; what is longer is silence.

Whatever counts is kept, by every member and in the transcript, so a liar would fill both with what is void in itself.
No honest member says anything as long: the terms leave room for reports, dealings and shares of the right form.
"""

from mechdesign.decision.entries import CoinEntry, EntryValue, OpenEntry, ReportEntry, SealEntry, ShareEntry
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.commit_reveal import COMMITMENT_BYTES, padded_bytes
from mechdesign.decision.setting import Setting

__all__ = ["fits"]


def fits(said: EntryValue, setting: Setting) -> bool:
    """Whether an entry is no longer than the session's terms allow."""
    proposal, n = setting.proposal, setting.roster.n
    match said:
        case ReportEntry(report=bytes(data)):
            return len(data) <= proposal.report_bytes
        case OpenEntry(padded=data):
            return len(data) <= padded_bytes(proposal.report_bytes)
        case SealEntry(sealed=bytes(data)):
            sealed = proposal.content_bytes_max(n) if proposal.seal is Seal.THRESHOLD else COMMITMENT_BYTES
            return len(data) <= sealed
        case CoinEntry(dealing=data):
            return len(data) <= proposal.coin_bytes_max(n)
        case ShareEntry(share=data):
            return len(data) <= proposal.share_bytes_max(n)
    return True
