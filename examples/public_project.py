"""A public project: three towns decide whether to build a bridge that costs 300, and nobody gains by exaggerating.

It is built if and only if the towns' values together reach its cost. Each bears a third. A town whose report turns the
decision round pays, on top, what the others lose by that; this tax is burnt, or it would be a reason to lie.

It prints::

    values 110, 80, 110: build
      alice receives -110 (share and tax 10)
      bob receives -100 (share only)
      carol receives -110 (share and tax 10)
      PROVIDER receives 300
      SINK receives 20
    values 110, 110, 60: reject
      alice receives 0 (nothing)
      bob receives 0 (nothing)
      carol receives -20 (tax 20 for turning the decision)
      SINK receives 20
"""

from fractions import Fraction

from mechdesign import load, settle_sync

SHARE = Fraction(100)


def paid(transfer: Fraction, built: bool) -> str:
    """Say in words what a transfer consists of."""
    tax = -transfer - (SHARE if built else 0)
    if built:
        return f"share and tax {tax}" if tax else "share only"
    return f"tax {tax} for turning the decision" if tax else "nothing"


def main() -> None:
    bridge = load("public.clarke").from_parameters({"cost": 300})
    for values in ((110, 80, 110), (110, 110, 60)):
        towns = dict(zip(("alice", "bob", "carol"), map(Fraction, values), strict=True))
        decided = settle_sync(bridge, towns)
        print(f"values {', '.join(map(str, values))}: {decided.outcome}")
        for town, transfer in decided.transfers.items():
            print(f"  {town} receives {transfer} ({paid(transfer, decided.outcome.built)})")
        for account, amount in decided.accounts.items():
            print(f"  {account} receives {amount}")


if __name__ == "__main__":
    main()
