"""Counting an election from a file: three seats by the single transferable vote, round by round.

The ballots are a PrefLib file (`.soi`: strict orders that may stop early); give another file, and the number of seats,
as arguments. It is the pure count, with no network; `mechdesign decide voting.stv FILE` does it too.

It prints::

    100 ballots, 3 seats
      round 1: Oak Street 36, Mill Lane 15, Harbour 19, Old Town 18, Hillside 12 (quota 26); Oak Street elected
      round 2: Mill Lane 25, Harbour 19, Old Town 18, Hillside 12 (quota 26); Hillside eliminated
      round 3: Mill Lane 37, Harbour 19, Old Town 18 (quota 26); Mill Lane elected
      round 4: Harbour 813/37, Old Town 18 (quota 26); Old Town eliminated
      round 5: Harbour 1331/37 (quota 26); Harbour elected
    elected: Oak Street, Mill Lane, Harbour
    one seat by voting.plurality: Oak Street wins with 36
    one seat by voting.irv: Oak Street wins
    one seat by voting.minimax: Oak Street wins with 0
"""

import sys
from pathlib import Path

from mechdesign.mechanisms.inputs import decide, read_document

COUNCIL = Path(__file__).parent / "data" / "council.soi"


def main(file: Path = COUNCIL, seats: int = 3) -> None:
    document = read_document(file)
    document["parameters"]["seats"] = seats
    counted = decide("voting.stv", document)
    print(f"{sum(document['parameters']['weights'].values())} ballots, {seats} seats")
    for reason in counted.result.why:
        print(f"  {reason}")
    print(counted.result.outcome)

    # The same ballots under other rules for one seat.
    del document["parameters"]["seats"]
    for rule in ("voting.plurality", "voting.irv", "voting.minimax"):
        print(f"one seat by {rule}: {decide(rule, document).result.outcome}")


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((Path, int), sys.argv[1:], strict=False)))
