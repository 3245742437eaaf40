"""A sealed-bid second-price (Vickrey) auction with no auctioneer.

Each of four bidders runs a node of its own. Together they collect sealed bids, open them, compute the outcome and sign
it. The winner pays the second-highest bid, so that nobody gains by bidding anything but its value: bob tries.

It prints::

    bob wins, pays 21 (second-highest bid: carol)
    alice    0
    bob    -21
    carol    0
    dave     0
    SELLER  21
    signed by 4 of 4 members, 3 are needed
    bob bids 24: gains 3
    bob bids 22: gains 3
    bob bids 20: gains 0
    bob bids 30: gains 3
"""

from fractions import Fraction

from mechdesign import Context, load, run_pure, settle_sync

VALUES = {"alice": Fraction(18), "bob": Fraction(24), "carol": Fraction(21), "dave": Fraction(15)}


def main() -> None:
    auction = load("auction.second-price").from_parameters({})

    # Distributed: four nodes in this process, with all that they would do on four hosts but the hosts.
    sold = settle_sync(auction, VALUES)
    print(f"{sold.outcome} ({sold.why[0]})")
    for party, amount in {**sold.transfers, **sold.accounts}.items():
        print(f"{party:<6} {amount!s:>3}")
    print(f"signed by {len(sold.certificate.signers)} of {sold.roster.n} members, {sold.roster.q} are needed")

    # Pure: the same rule as a function, to see what another bid would have brought.
    for bid in (24, 22, 20, 30):
        result = run_pure(auction, Context(tuple(VALUES)), {**VALUES, "bob": Fraction(bid)})
        print(f"bob bids {bid}: gains {auction.utility('bob', VALUES['bob'], result)}")


if __name__ == "__main__":
    main()
