"""Whatever is ordered, honest members come to one end, and nobody honest is convicted or pays for it."""

from collections import Counter

import pytest

from mechdesign.decision.messages import Aborted, Convicted, Decided
from mechdesign.decision.offence import Offence
from tests.decision.disorder import Disorder
from tests.long_form import mostly_long

CHUNK = 20


@pytest.mark.parametrize("first", mostly_long(range(0, 2000, CHUNK), short=3))
def test_all_that_is_promised_holds_in_runs_of_seeds_from(first: int) -> None:
    for seed in range(first, first + CHUNK):
        run = Disorder(seed)
        try:
            run.play()
            run.check()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def test_the_runs_are_of_all_kinds() -> None:
    ends: Counter[str] = Counter()
    for seed in range(40):
        run = Disorder(seed)
        run.play()
        place = run.honest[0]
        ends.update(type(each).__name__ for each in run.cluster.sessions[place].events)
        ends.update(each.offence for each in run.cluster.events(place, Convicted))
        ends.update(["stalled"] if run.cluster.cores[place].status() else [])
    assert min(ends[kind.__name__] for kind in (Decided, Aborted, Convicted)) >= 5
    assert ends["stalled"] > 0
    assert len({*map(str, Offence)} & {*ends}) >= 3
