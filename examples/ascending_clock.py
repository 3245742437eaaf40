"""Five licences sold by an ascending clock with no auctioneer: Ausubel's clinching auction, over the network.

In every round each bidder is asked how many licences it would buy at the price of the clock, and answers for itself. As
soon as the others want too few, a bidder clinches a licence at the price of that moment. So it pays what it displaces
and gains nothing by holding demand back: the sealed Vickrey auction gives the same payments in one round.

The values are those of Ausubel's example (American Economic Review 94, 2004, section II).

It prints::

    at 40 alice wants 3, has clinched 0
    at 45 alice wants 3, has clinched 0
    at 50 alice wants 3, has clinched 0
    at 55 alice wants 3, has clinched 0
    at 60 alice wants 3, has clinched 0
    at 65 alice wants 3, has clinched 0
    at 70 alice wants 3, has clinched 0
    at 75 alice wants 3, has clinched 1
    at 80 alice wants 3, has clinched 1
    at 85 alice wants 3, has clinched 2
    at 90 alice wants 3, has clinched 2
    alice clinches 1 at 65
    alice clinches 1 at 75
    carol clinches 1 at 75
    alice clinches 1 at 85
    carol clinches 1 at 85
    alice wins 3 units, pays 225; carol wins 2 units, pays 160; signed by 5 of 5
    sealed: alice wins 3 units, pays 225; carol wins 2 units, pays 160
"""

from collections.abc import Callable

from mechdesign import decide, load, settle_sync
from mechdesign.mechanisms.events import Asked

VALUES = {
    "alice": [123, 113, 103],
    "bob": [75, 5, 3],
    "carol": [125, 125, 49],
    "dave": [85, 65, 7],
    "erin": [45, 25, 5],
}


def bidder(values: list[int], watched: bool) -> Callable[[Asked], int]:
    """A strategy: demand what is worth the price; the watched one tells what it is shown."""

    def demand(asked: Asked) -> int:
        shown = asked.ask.info
        price = int(shown["price"])
        wanted = sum(value >= price for value in values)
        if watched:
            print(f"at {price} alice wants {wanted}, has clinched {shown['clinched']['alice']}")
        return wanted

    return demand


def main() -> None:
    clock = load("auction.clinching").from_parameters({"units": 5, "start": 40, "step": 5})
    sold = settle_sync(clock, {name: bidder(values, name == "alice") for name, values in VALUES.items()})
    print(*sold.why, sep="\n")
    print(f"{sold.outcome}; signed by {len(sold.certificate.signers)} of {sold.roster.n}")

    sealed = decide("auction.multi-unit-vickrey", {"parameters": {"units": 5}, "reports": VALUES})
    print(f"sealed: {sealed.result.outcome}")


if __name__ == "__main__":
    main()
