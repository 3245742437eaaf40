"""Sharing a cost: first among those who want a service, then by who causes how much of it.

Four farms could dig one well together for 12; nobody is made to pay more than it offered. Then three airlines share a
runway: everybody pays for the part that it needs, together with all who need that part too.

It prints::

    well: alice pays 6, carol pays 6
      round 1: dave would not pay the share
      round 2: bob would not pay the share
    runway: a runway that costs 33
      alice needs 12, bears 4
      bob needs 20, bears 8
      carol needs 33, bears 21
      the builder receives 33
"""

from fractions import Fraction

from mechdesign import load, settle_sync

OFFERS = {"alice": Fraction(7), "bob": Fraction(3), "carol": Fraction(6), "dave": Fraction(2)}
NEEDS = {"alice": Fraction(12), "bob": Fraction(20), "carol": Fraction(33)}


def main() -> None:
    well = settle_sync(load("cost.equal-share").from_parameters({"cost": 12}), OFFERS)
    print(f"well: {well.outcome}")
    for reason in well.why[1:]:
        print(f"  {reason}")

    runway = settle_sync(load("cost.airport").from_parameters({}), NEEDS, accounts={"PROVIDER": "the builder"})
    print(f"runway: {runway.outcome}")
    for player, need in NEEDS.items():
        print(f"  {player} needs {need}, bears {-runway.transfers[player]}")
    print(f"  the builder receives {runway.accounts['PROVIDER']}")


if __name__ == "__main__":
    main()
