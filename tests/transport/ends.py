"""The ends of links, by the names of their owners, for tests of both transports."""

from typing import Any

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import Recorder, seeded_identity
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Packet

__all__ = ["ALICE", "BOB", "CAROL", "counted", "heard", "linked", "orderly", "settle", "up"]


# The smaller key dials where both could; tests name the ends by what they do.
ALICE, BOB, CAROL = sorted((seeded_identity(name) for name in ("alice", "bob", "carol")), key=lambda each: each.public)


async def linked(network: Any, **options: Any) -> tuple[Any, Recorder, Any, Recorder]:
    """Alice and Bob know one another and are up; what they reported so far is forgotten."""
    alice, alice_saw = await network.open(ALICE, BOB, **options)
    bob, bob_saw = await network.open(BOB, ALICE, **options)
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    alice_saw.events.clear()
    bob_saw.events.clear()
    return alice, alice_saw, bob, bob_saw


async def up(transport: Any, saw: Recorder, peer: Identity) -> None:
    await saw.until(lambda: peer.public in transport.peers_up)


async def heard(sender: Any, to: Identity, saw: Recorder, data: bytes) -> None:
    """A frame of the sender's arrives."""
    assert sender.send(to.public, data)
    await saw.until(lambda: data in saw.packets())


async def settle(network: Any, *others: Identity) -> None:
    """Wait until something that began later is done, by which time what was to happen before has happened."""
    first, second = others
    one, saw = await network.open(first, second)
    other, other_saw = await network.open(second, first)
    await up(one, saw, second)
    await up(other, other_saw, first)
    await heard(one, second, other_saw, b"settled")


def counted(saw: Recorder, links_up: int) -> bool:
    return saw.count(LinkUp) == links_up


def orderly(events: list[LinkEvent], peer: MemberId) -> bool:
    """Whether a peer's packets all fall between its LinkUp and the LinkDown that follows."""
    is_up = False
    for event in events:
        if event.peer != peer:
            continue
        if isinstance(event, Packet) != is_up and not isinstance(event, LinkDown):
            return False
        if isinstance(event, LinkDown) and not is_up:
            return False
        is_up = not isinstance(event, LinkDown)
    return True
