"""What the flows of an outcome may not do under the terms of a session, checked at every member alike.

That they name players and declared accounts only is checked where the mechanism runs, and that somebody stands behind
every declared account before anybody enrols: so a deficit that nobody agreed to cover is covered by nobody.
"""

from collections.abc import Sequence
from fractions import Fraction

from mechdesign.decision.books import FLOW_BITS_MAX, bits
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.flow import Flow, bound, net

__all__ = ["breach"]


def breach(proposal: Proposal, players: Sequence[str], flows: Sequence[Flow]) -> str:
    """Which amount is too long, or who pays more than ``payment_max``, net of what it receives; else an empty text.

    A player pays what the accounts pay that it stands behind. With a roll no participant stands behind any.

    Args:
        proposal: the terms.
        players: in roster order; the first that pays too much is named.
        flows: in whole minor units.
    """
    if any(bits(flow.amount) > FLOW_BITS_MAX for flow in flows):
        return f"an amount takes more than {FLOW_BITS_MAX} bits, which no balance could carry"
    if proposal.payment_max is None:
        return ""
    held = net(flows if proposal.rolled else bound(flows, proposal.accounts))
    for player in players:
        if -held.get(player, Fraction(0)) > proposal.payment_max:
            return (
                f"{player} would pay {-held[player]}, and the proposal lets nobody pay more than {proposal.payment_max}"
            )
    return ""
