"""A mechanism of your own, run among players who trust nobody: the lowest bid that nobody else made wins.

A mechanism is one class: its fields are its parameters, its type arguments say what a player's private value, a report
and an outcome are, and one method computes. Everything else, from sealing to signatures, is the platform's.

It prints::

    dave wins with 3
    dave pays 3 to SELLER
    alice and bob both bid 2, which is why neither wins
    signed by 4 of 4 members
"""

from collections import Counter
from fractions import Fraction

from mechdesign import Account, Amount, Context, Flow, Mechanism, Outcome, Profile, Reason, Result, pay, settle_sync


class Winner(Outcome):
    """Who won, if anybody."""

    name: str = ""
    price: Amount = Fraction(0)

    def __str__(self) -> str:
        return f"{self.name} wins with {self.price}" if self.name else "nobody wins"


class LowestUnique(Mechanism[Amount, Amount, Winner]):
    """The lowest bid that only one player made wins, and pays itself; bids below the reserve do not count."""

    name, version = "auction.lowest-unique", 1
    accounts = (Account.SELLER,)
    reserve: Amount = Fraction(1)

    def settle(self, reports: Profile[Amount], context: Context) -> Result[Winner]:
        count = Counter(reports.values())
        unique = {bid: player for player, bid in reports.items() if count[bid] == 1 and bid >= self.reserve}
        if not unique:
            return Result(Winner(), why=(Reason("no bid is unique"),))
        price = min(unique)
        flows: tuple[Flow, ...] = pay(unique[price], Account.SELLER, price, "price")
        return Result(Winner(name=unique[price], price=price), flows, (Reason("the lowest bid made once"),))


def main() -> None:
    sold = settle_sync(LowestUnique(), {"alice": 2, "bob": 2, "carol": 5, "dave": 3})
    print(sold.outcome)
    for flow in sold.flows:
        print(f"{flow.payer} pays {flow.amount} to {flow.payee}")
    same = [player for player, bid in sold.reports.items() if bid == sold.reports["alice"]]
    print(f"{' and '.join(same)} both bid {sold.reports['alice']}, which is why neither wins")
    print(f"signed by {len(sold.certificate.signers)} of {sold.roster.n} members")


if __name__ == "__main__":
    main()
