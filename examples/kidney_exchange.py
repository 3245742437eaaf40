"""Kidney exchange with no clearing house: seven pairs, each of a patient and a donor that does not suit it.

Every pair reports, sealed, whose donors would suit its patient. The group finds the cycles that give the most
patients a kidney; all operations of a cycle take place at once, so it cannot be long. No pair gains by hiding a donor
that suits: here erin tries each of the reports that it could make.

It prints::

    cycles of 2 at most: 4 transplants
      alice ← bob ← alice
      carol ← dave ← carol
    cycles of 3 at most: 6 transplants
      alice ← dave ← carol ← alice
      bob ← erin ← frank ← bob
    cycles of 4 at most: 7 transplants
      alice ← dave ← carol ← alice
      bob ← erin ← grace ← frank ← bob
    erin reports nobody: receives nothing
    erin reports frank: receives from frank
    erin reports grace: receives nothing
    erin reports frank, grace: receives from frank
"""

from itertools import combinations

from mechdesign import Context, load, run_pure, settle_sync

SUITABLE = {
    "alice": ["bob", "dave"],
    "bob": ["alice", "erin"],
    "carol": ["alice", "dave"],
    "dave": ["carol"],
    "erin": ["frank", "grace"],
    "frank": ["bob"],
    "grace": ["frank"],
}


def main() -> None:
    for longest in (2, 3, 4):
        exchange = load("matching.kidney-exchange").from_parameters({"cycle_max": longest})
        settled = settle_sync(exchange, SUITABLE)
        print(f"cycles of {longest} at most: {len(settled.outcome.donor)} transplants")
        for reason in settled.why:
            if "cycle" in reason.data:
                print(f"  {str(reason).removeprefix('cycle: ')}")

    exchange = load("matching.kidney-exchange").from_parameters({"cycle_max": 3})
    for size in range(3):
        for report in combinations(SUITABLE["erin"], size):
            result = run_pure(exchange, Context(tuple(SUITABLE)), {**SUITABLE, "erin": list(report)})
            donor = result.outcome.donor.get("erin")
            told = f"receives from {donor}" if donor else "receives nothing"
            print(f"erin reports {', '.join(report) or 'nobody'}: {told}")


if __name__ == "__main__":
    main()
