"""Radio licences for four regions, sold in one combinatorial auction: who wins what, and at which prices.

Bidders want bundles. VCG charges each winner the harm that it does to the others; that makes truth the best bid, but
may leave the seller with less than losers would offer. Payments in the core, as near to those of VCG as can be, mend
that.

It prints::

    VCG: coast wins north + east, pays 12; metro wins south, pays 8; rural wins west, pays 0
    the bids worth most together, 44: coast for north + east, metro for south, rural for west
    without coast the others' bids are worth 31 instead of 19
    without metro the others' bids are worth 40 instead of 32
    SELLER receives 20

    Core: coast wins north + east, pays 14; metro wins south, pays 10; rural wins west, pays 2
    SELLER receives 26
    national would offer 26 for what coast, metro, rural won

    signed by 4 of 4 members: coast wins north + east, pays 14; metro wins south, pays 10; rural wins west, pays 2
"""

from typing import Any

from mechdesign import decide, load, settle_sync

ITEMS = ["north", "east", "south", "west"]


def bid(value: int, *items: str) -> dict[str, Any]:
    return {"items": list(items), "value": value}


BIDS = {
    "coast": [bid(25, "north", "east"), bid(9, "south")],
    "metro": [bid(12, "south"), bid(12, "north")],
    "rural": [bid(7, "west")],
    "national": [bid(26, "north", "east", "south", "west"), bid(12, "north", "east"), bid(8, "south")],
}


def main() -> None:
    document = {"parameters": {"items": ITEMS}, "reports": BIDS}
    vcg = decide("auction.vcg", document).result
    print(f"VCG: {vcg.outcome}")
    print(*vcg.why, sep="\n")
    print(f"SELLER receives {vcg.net('SELLER')}\n")

    core = decide("auction.core-nearest", document).result
    print(f"Core: {core.outcome}")
    print(f"SELLER receives {core.net('SELLER')}")
    print(*(reason for reason in core.why if "offer" in reason.text), sep="\n")

    # Distributed: the bidders seal and open their bids, compute, and sign what came out.
    auction = load("auction.core-nearest").from_parameters({"items": ITEMS})
    sold = settle_sync(auction, BIDS)
    print(f"\nsigned by {len(sold.certificate.signers)} of {sold.roster.n} members: {sold.outcome}")


if __name__ == "__main__":
    main()
