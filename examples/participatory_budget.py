"""A neighbourhood spends 100 on projects: what most want first, or everybody's equal share.

The ballots are a Pabulib file (`.pb`); give another one as an argument. Taking projects by their number of approvals
lets a majority spend everything; the method of equal shares gives each voter the same part of the budget to spend.

It prints::

    most approvals first: court, swings; 5 of 8 voters got something they approved
    equal shares: swings, trees; 8 of 8 voters got something they approved
    Phragmén: bench, court, trees; 8 of 8 voters got something they approved
"""

import sys
from pathlib import Path

from mechdesign.mechanisms.inputs import decide, read_document

PLAYGROUND = Path(__file__).parent / "data" / "playground.pb"
RULES = {
    "committee.greedy-approval": "most approvals first",
    "committee.equal-shares": "equal shares",
    "committee.phragmen": "Phragmén",
}


def main(file: Path = PLAYGROUND) -> None:
    document = read_document(file)
    ballots = document["reports"]
    for rule, name in RULES.items():
        outcome = decide(rule, document).result.outcome
        funded = set(outcome.elected)
        served = sum(bool(funded & set(approved)) for approved in ballots.values())
        print(f"{name}: {', '.join(sorted(funded))}; {served} of {len(ballots)} voters got something they approved")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
