"""What a sealed report says to whoever watches the links: nothing, before it is opened.

Links are encrypted, so a watcher sees when a packet goes from whom to whom and how long it is; and those are what two
runs are compared by that differ in nothing but one sealed report.
"""

from fractions import Fraction

import pytest

from mechdesign.decision.phases import Phase
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases

SHORT, LONG = "24", "123456789/7"
MINUTE = 60_000_000


def watched(bid: str, seal: str, *, real: bool) -> list[tuple[int, int, int, int]]:
    """Every packet before anybody's opening phase: when it came, at whom, from whom, and its length in bytes."""
    cluster = StackCluster([truthful(Fraction(value)) for value in (18, bid, 21, 9)], 5, real=real)
    seen: list[tuple[int, int, int, int]] = []
    arrive = cluster.simulator._arrive

    def watch(place: int, sent: tuple[int, bytes], life: int) -> None:
        source, data = sent
        seen.append((cluster.simulator.now, place, source, len(data)))
        arrive(place, sent, life)

    def opening() -> bool:
        # Where nothing is sealed there is no such phase.
        behind = (Phase.OPENING, Phase.ATTESTING)
        return any(each.phase in behind for place in range(4) for each in cluster.stack(place).decision.status())

    cluster.simulator._arrive = watch  # type: ignore[method-assign]
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), seal=seal, **phases(1500)))
    assert cluster.simulator.run(cluster.simulator.now + MINUTE, opening)
    return seen


@pytest.mark.parametrize("real", [False, True], ids=["fast signatures", "Ed25519"])
@pytest.mark.parametrize("seal", ["threshold", "commit_reveal"])
def test_no_packet_before_the_opening_depends_on_a_sealed_report(seal: str, real: bool) -> None:
    one, other = (watched(bid, seal, real=real) for bid in (SHORT, LONG))
    assert len(one) > 100
    assert one == other


def test_the_length_of_an_open_report_would_be_seen() -> None:
    one, other = (watched(bid, "open", real=False) for bid in (SHORT, LONG))
    assert one != other
