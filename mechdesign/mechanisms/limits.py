"""What the flows of an outcome may not do under the terms of a session, checked at every member alike.

That they name players and declared accounts only is checked where the mechanism runs, and that somebody stands behind
every declared account before anybody enrols: so a deficit that nobody agreed to cover is covered by nobody.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from mechdesign.decision.books import FLOW_BITS_MAX, bits
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel.flow import Flow, net

__all__ = ["breach"]


def breach(proposal: Proposal, members: Sequence[str], players: Sequence[str], flows: Sequence[Flow]) -> str:
    """Which amount is too long, or who pays more than ``payment_max``, net of what it receives; else an empty text.

    Whoever stands behind accounts pays what they pay, also where it does not play: a member that agreed to that agreed
    to no more than the limit. A participant on a roll stands behind none, whatever it is called. An outside party has
    agreed to nothing, and is under no limit.

    Args:
        proposal: the terms.
        members: those that are asked, in roster order.
        players: in roster order, or in the order of the roll.
        flows: in whole minor units.
    """
    if any(bits(flow.amount) > FLOW_BITS_MAX for flow in flows):
        return f"an amount takes more than {FLOW_BITS_MAX} bits, which no balance could carry"
    if proposal.payment_max is None:
        return ""
    held = net(flows)
    for party, names in _purses(proposal, members, players):
        pays = -sum((held.get(name, Fraction(0)) for name in names), Fraction(0))
        if pays > proposal.payment_max:
            return f"{party} would pay {pays}, and the proposal lets nobody pay more than {proposal.payment_max}"
    return ""


def _purses(
    proposal: Proposal, members: Sequence[str], players: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each party under the limit, with the names in the flows for which it pays; players first."""
    behind = {
        member: tuple(account for account, party in proposal.accounts if party == member)
        for member in (*members, *players)
    }
    for player in players:
        yield player, (player,) if proposal.rolled else (player, *behind[player])
    for member in members:
        if proposal.rolled or member not in players:
            yield member, behind[member]
