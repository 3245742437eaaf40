"""How a step begins: what the session core asks for, and the session's seal mode, choose its kind."""

from mechdesign.decision.ask import Ask
from mechdesign.decision.dealt import SealedAsk, Tossing
from mechdesign.decision.messages import Request, Toss
from mechdesign.decision.phases import Cause
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.threshold import Purpose
from mechdesign.decision.setting import Setting
from mechdesign.decision.vault import Vault
from mechdesign.kernel.errors import LocalProtocolError

__all__ = ["open_step"]


def open_step(setting: Setting, said: Request | Toss) -> tuple[Ask | SealedAsk | Tossing, Cause]:
    """The step that a request opens, and the cause of entering its first phase.

    Raises:
        LocalProtocolError: nobody is asked.
    """
    if isinstance(said, Toss):
        return Tossing(said.step, Vault(setting, said.step, Purpose.COIN)), Cause.TOSS
    if not said.of:
        raise LocalProtocolError("an ask is of one or more players")
    seal = setting.proposal.seal
    if not said.sealed or seal is Seal.OPEN:
        return Ask(setting, said.step, said.of), Cause.PLAIN_ASK
    if seal is Seal.COMMIT_REVEAL:
        return Ask(setting, said.step, said.of), Cause.SEALED_ASK
    return SealedAsk(said.step, Vault(setting, said.step, Purpose.REPORT), of=said.of), Cause.SEALED_ASK
