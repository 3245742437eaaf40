"""Who money moves between, and one movement of it."""

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction

from mechdesign.kernel.flow import BUYER, FUNDER, PROVIDER, SELLER, SINK, Flow, net

__all__ = ["Account", "Flow", "Party", "Player", "balances", "pay"]

Player = str
"""The name of a player, unique in its roster."""

Party = str
"""A player's name or an account's."""


class Account(StrEnum):
    """The named accounts a mechanism may pay to or take from, besides its players."""

    SINK = SINK
    """A surplus that is burnt."""
    SELLER = SELLER
    """The other side of an auction in which players buy."""
    BUYER = BUYER
    """The other side of an auction in which players sell."""
    PROVIDER = PROVIDER
    """Whoever is paid a cost that the players cover."""
    FUNDER = FUNDER
    """Whoever covers a deficit."""


def pay(payer: Party, payee: Party, amount: Fraction | int, reason: str) -> tuple[Flow, ...]:
    """Return the flows by which ``payer`` pays ``payee``: none for zero, the other way round for a negative amount.

    >>> pay("alice", Account.SELLER, Fraction(21), "price")
    (Flow(payer='alice', payee='SELLER', amount=Fraction(21, 1), reason='price'),)
    """
    if amount == 0:
        return ()
    if amount < 0:
        payer, payee, amount = payee, payer, -amount
    return (Flow(payer, payee, Fraction(amount), reason),)


def balances(flows: Iterable[Flow]) -> dict[Party, Fraction]:
    """Return the net transfer of every party that a flow names; the values sum to zero."""
    return net(flows)
