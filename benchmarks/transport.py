"""What a message costs: CPU time of both ends together, per frame, in one process on loopback.

Run by hand: ``python -m benchmarks.transport [FRAMES]``. For each size it prints microseconds of CPU and of wall time
per frame for the link state alone, the in-memory transport, and real sockets with CURVE ("in" towards the end that
listens, "out" from it): sending, encrypting, decrypting, reading, and the threads of both ZeroMQ contexts.
"""

import asyncio
import sys
import time
from collections.abc import Callable

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import LinkPair
from mechdesign.transport.face import PeerAddress, Transport
from mechdesign.transport.link import Transmit
from mechdesign.transport.memory import MemoryNetwork, MemoryTransport
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet
from mechdesign.transport.zeromq import ZeroMQTransport

SIZES = (20, 200, 2_000, 20_000)
CONFIG = TransportConfig(messages_per_s=10**8, bytes_per_s=10**12)


class Counter:
    """Counts packets and says when the last one has arrived."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.up, self.done = asyncio.Event(), asyncio.Event()

    def __call__(self, event: LinkEvent) -> None:
        """Take one event."""
        if isinstance(event, Packet):
            self._left -= 1
            if not self._left:
                self.done.set()
        elif isinstance(event, LinkUp):
            self.up.set()


def report(name: str, size: int, frames: int, cpu_s: float, wall_s: float) -> None:
    """Print one line of the table."""
    print(f"{name:<10} {size:>7} {cpu_s / frames * 1e6:>10.2f} {wall_s / frames * 1e6:>10.2f}")


def measure_link(size: int, frames: int) -> None:
    """The state machine at both ends, without sockets."""
    pair = LinkPair(CONFIG)
    pair.connect()
    data = bytes(size)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(frames):
        for effect in pair.dialler.submit(data, 0):
            if isinstance(effect, Transmit):
                for back in pair.answerer.receive((pair.route, effect.data), 0):
                    if isinstance(back, Transmit):
                        pair.dialler.receive((b"", back.data), 0)
    report("link", size, frames, time.process_time() - cpu, time.perf_counter() - wall)


async def pump(sender: Transport, peer: MemberId, size: int, frames: int, counter: Counter, name: str) -> None:
    """Send as fast as the credit allows until everything has arrived."""
    data = bytes(size)
    cpu, wall = time.process_time(), time.perf_counter()
    left = frames
    while left:
        for _ in range(min(left, 128)):
            if not sender.send(peer, data):
                break
            left -= 1
        await asyncio.sleep(0)
    await counter.done.wait()
    report(name, size, frames, time.process_time() - cpu, time.perf_counter() - wall)


async def measure_memory(size: int, frames: int) -> None:
    """The in-memory transport."""
    network, counter = MemoryNetwork(), Counter(frames)
    alice, bob = Identity.generate(), Identity.generate()
    receiver = MemoryTransport(network, bob.public, counter)
    sender = MemoryTransport(network, alice.public, lambda event: None)
    await receiver.start()
    await sender.start()
    await counter.up.wait()
    await pump(sender, bob.public, size, frames, counter, "memory")
    await sender.close()
    await receiver.close()


async def measure_zeromq(size: int, frames: int, *, from_dialler: bool) -> None:
    """Real sockets; the two directions read from different kinds of socket."""
    counter, up = Counter(frames), Counter(0)
    alice, bob = Identity.generate(), Identity.generate()
    takers: list[Callable[[LinkEvent], None]] = [up, counter] if from_dialler else [counter, up]
    listen, peers = "tcp://127.0.0.1:*", {alice.public: PeerAddress(alice.curve_public)}
    listener = ZeroMQTransport(bob, Ed25519(), listen, peers, CONFIG, takers[1])
    await listener.start()
    towards = {bob.public: PeerAddress(bob.curve_public, listener.address)}
    dialler = ZeroMQTransport(alice, Ed25519(), None, towards, CONFIG, takers[0])
    await dialler.start()
    await up.up.wait()
    await counter.up.wait()
    sender: Transport = dialler if from_dialler else listener
    peer, name = (bob.public, "zmq in") if from_dialler else (alice.public, "zmq out")
    await pump(sender, peer, size, frames, counter, name)
    await dialler.close()
    await listener.close()


def main() -> None:
    """Print the table."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    print(f"{frames} frames each, microseconds a frame, both ends together\n")
    print(f"{'what':<10} {'bytes':>7} {'cpu':>10} {'wall':>10}")
    for size in SIZES:
        measure_link(size, frames)
        asyncio.run(measure_memory(size, frames))
        asyncio.run(measure_zeromq(size, frames, from_dialler=True))
        asyncio.run(measure_zeromq(size, frames, from_dialler=False))


if __name__ == "__main__":
    main()
