"""Sharing the cost of a runway among airlines that may stay away if it is too dear.

Each airline needs a runway of some length; the first stretch is needed by all, the last by one only. Each stretch is
shared equally by those that use it, which is the Shapley value. What an airline needs is a fact; what the runway is
worth to it only it knows. So the group offers shares, whoever finds its share too high leaves, and the rest gets a new
offer: no coalition gains by misreporting.

It prints::

    needs alone: a runway that costs 33
      from 0 to 12: alice, bob, carol bear 4 each
      from 12 to 20: bob, carol bear 4 each
      from 20 to 33: carol bear 13 each
    worth 9, 15, 30: alice pays 4, bob pays 8, carol pays 21
    worth 9, 15, 18: alice pays 6, bob pays 14
      round 1: carol would not pay the share
    worth 9, 13, 18: nobody is served
      round 1: carol would not pay the share
      round 2: bob would not pay the share
      round 3: alice would not pay the share
    carol, worth 18, says 21: served, gains -3
"""

from fractions import Fraction

from mechdesign import Context, load, run_pure, settle_sync

NEEDS = {"alice": 12, "bob": 20, "carol": 33}
STRETCHES = [
    {"cost": 12, "users": ["alice", "bob", "carol"]},
    {"cost": 8, "users": ["bob", "carol"]},
    {"cost": 13, "users": ["carol"]},
]


def main() -> None:
    by_need = settle_sync(load("cost.airport").from_parameters({}), NEEDS)
    print(f"needs alone: {by_need.outcome}")
    for reason in by_need.why:
        print(f"  {reason}")

    runway = load("cost.shapley").from_parameters({"facilities": STRETCHES})
    for worths in ((9, 15, 30), (9, 15, 18), (9, 13, 18)):
        airlines = dict(zip(NEEDS, map(Fraction, worths), strict=True))
        served = settle_sync(runway, airlines)
        print(f"worth {', '.join(map(str, worths))}: {served.outcome}")
        for reason in served.why:
            if "shares" in reason.data:
                print(f"  {reason}")

    lie = run_pure(runway, Context(tuple(NEEDS)), {"alice": 9, "bob": 15, "carol": 21})
    gain = runway.utility("carol", Fraction(18), lie)
    print(f"carol, worth 18, says 21: {'served' if 'carol' in lie.outcome.served else 'not served'}, gains {gain}")


if __name__ == "__main__":
    main()
