"""How many leader slots a round should have: latency and cost of 1, 2 and n, in the simulator.

Run ``python -m benchmarks.slots``. Each line is a group under one trouble. Latency is virtual time from the moment when
a member is asked to say something until every live honest member has it in its log; a frame takes 0.5 to 2.5 ms. The
rounds and blocks are counted, the processor time is this machine's.
"""

import argparse
import time
from random import Random
from statistics import mean, quantiles

from mechdesign.cli.output import Table, show
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import LiarKind

TROUBLES = ("none", "slow member", "crashed member", "splitting liar", "lossy links")
_SLICE_S = 0.001


def measure(n: int, slots: int, trouble: str, messages: int, seed: int) -> tuple[list[float], float, float]:
    """Latencies in milliseconds, blocks for each message, and processor time for each message in milliseconds."""
    b = FaultModel.BYZANTINE.liars(n)
    liars: dict[int, LiarKind] = {n - 1: "split"} if trouble == "splitting liar" else {}
    cluster = Cluster(n, FaultModel.BYZANTINE, seed, liars=liars, slots=slots, twins=10**6)
    assert b >= 1
    if trouble == "slow member":
        cluster.simulator.network.slowness_us[n - 1] = 20_000
    if trouble == "lossy links":
        cluster.simulator.network.weather = type(cluster.simulator.network.weather)(loss=0.05)
    cluster.start_all()
    cluster.run(0.5)
    if trouble == "crashed member":
        cluster.simulator.crash(n - 1)
        cluster.run(1.0)
    chance = Random(f"slots/{seed}")
    speakers = [place for place in cluster.live if not (trouble == "slow member" and place == n - 1)]
    latencies: list[float] = []
    blocks, began = cluster.blocks.made, time.process_time()
    for number in range(messages):
        speaker = chance.choice(speakers)
        data = b"%d/%d" % (seed, number)
        at = cluster.simulator.now
        cluster.say(speaker, data)
        key = cluster.roster.ids[speaker]
        while not all(cluster.log.holds(reader, key, (data,)) for reader in speakers):
            cluster.run(_SLICE_S)
        latencies.append((cluster.simulator.now - at) / SECOND * 1000)
        cluster.run(chance.uniform(0, 0.05))
    spent = (time.process_time() - began) * 1000
    return latencies, (cluster.blocks.made - blocks) / messages, spent / messages


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="latency and cost by leader slots a round")
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 7, 10])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for n in options.sizes:
        for trouble in TROUBLES:
            for slots in (1, 2, n):
                latencies, blocks, spent = measure(n, slots, trouble, options.messages, options.seed)
                worst = quantiles(latencies, n=20)[-1]
                numbers = (f"{number:.1f}" for number in (mean(latencies), worst, blocks, spent))
                rows.append((str(n), trouble, str(slots), *numbers))
    show(Table((">n", "trouble", ">slots", ">mean ms", ">p95 ms", ">blocks", ">CPU ms"), rows))


if __name__ == "__main__":
    main()
