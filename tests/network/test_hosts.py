"""Players on hosts of their own, with cables that are cut and mended under load."""

from pathlib import Path

import pytest

from tests.network.hosts import Hosts, why_not
from tests.network.talkers import Talkers

N = 4
RING = [(place, (place + 1) % N) for place in range(N)]
ALL = range(N)
WHY_NOT = why_not()


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.long
def test_hosts_on_a_ring_lose_cables_and_their_quorum_and_nothing_that_was_said(tmp_path: Path) -> None:
    with Hosts(N, RING) as hosts, Talkers(N, RING, tmp_path, rate=5, hosts=hosts) as talkers:
        for place in ALL:
            talkers.start(place)
        talkers.wait_more("all hear all around the ring", 5, ALL, ALL)

        hosts.cut(0, 1)
        talkers.wait_more("with one cable cut all hear all, the long way round", 10, ALL, ALL)

        hosts.cut(2, 3)
        # Two hosts on either side, and three make a quorum.
        talkers.wait_stall("two halves order nothing")
        hosts.mend(0, 1)
        talkers.wait_more("one cable joins the halves again", 10, ALL, ALL)
        hosts.mend(2, 3)
        talkers.wait_more("the ring is whole again", 5, ALL, ALL)

        hosts.cut(0, 1)
        hosts.cut(0, 3)
        talkers.wait_more("the rest go on without a host that lost all its cables", 10, range(1, N), range(1, N))
        hosts.mend(0, 3)
        talkers.wait_more("it hears what it missed, and is heard", 10, ALL, ALL)

        talkers.wait_quiet()
        log = talkers.check()
        print(f"{len(log)} lines in one order at {N} hosts")
        assert all(talkers.stop(place) == 0 for place in ALL), talkers.errors()
        assert "Traceback" not in talkers.errors()
