"""What both transports do alike when members introduce themselves."""

from typing import Any

import pytest

from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError, LocalProtocolError
from mechdesign.kernel.identity import Identity
from mechdesign.testing.links import seeded_entropy, seeded_identity
from mechdesign.transport.face import PeerAddress, Strangers
from mechdesign.transport.messages import LinkDown, LinkUp
from tests.transport.ends import ALICE, BOB, CAROL, heard, settle, up


@pytest.mark.parametrize(("stranger", "host"), [(ALICE, BOB), (BOB, ALICE)], ids=["smaller key", "larger key"])
async def test_a_stranger_that_is_admitted_is_a_peer_like_any_other(
    network: Any, record: Any, stranger: Identity, host: Identity
) -> None:
    here, here_saw = await network.open(host, admit=record.admit)
    there, there_saw = await network.open(stranger, host, introduction=record.of(stranger))
    await up(here, here_saw, stranger)
    await up(there, there_saw, host)
    await heard(here, stranger, there_saw, b"welcome")
    await heard(there, host, here_saw, b"thank you")
    assert here.counters["strangers_admitted"] == 1
    here.remove(stranger.public)
    await there_saw.until(lambda: there_saw.count(LinkDown) == 1)


async def test_an_introduction_is_given_to_the_owner_with_the_key_of_its_connection(network: Any) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def admit(curve: bytes, introduction: bytes) -> MemberId:
        asked.append((curve, introduction))
        return ALICE.public

    bob, bob_saw = await network.open(BOB, admit=admit)
    await network.open(ALICE, BOB, introduction=b"it is me")
    await up(bob, bob_saw, ALICE)
    assert asked == [(ALICE.curve_public, b"it is me")]


async def test_networks_form_from_the_address_of_one_seed(network: Any, record: Any) -> None:
    members = [seeded_identity(f"member {number}") for number in range(6)]
    seed, seed_saw = await network.open(members[0], admit=record.admit)
    for each in members[1:]:
        await network.open(each, members[0], introduction=record.of(each))
    await seed_saw.until(lambda: len(seed.peers_up) == 5)
    # What the seed tells everyone about everyone is the layer's above; here the test does it.
    opened = network.made
    for transport, identity in zip(opened, members, strict=True):
        for other in members:
            if other is not identity:
                transport.add(other.public, network.at(other))
    for transport in opened:
        await seed_saw.until(lambda transport=transport: len(transport.peers_up) == 5)


@pytest.mark.parametrize("policy", ["no strangers", "refused"])
async def test_a_stranger_that_is_not_wanted_gets_nowhere_until_it_is_added(network: Any, policy: str) -> None:
    admit = None if policy == "no strangers" else lambda curve, introduction: None
    bob, bob_saw = await network.open(BOB, admit=admit)
    alice, alice_saw = await network.open(ALICE, BOB, introduction=b"please")
    await settle(network, CAROL, seeded_identity("dave"))
    if policy == "refused":
        await bob_saw.until(lambda: bob.counters["strangers_refused"] >= 1)
    assert (alice_saw.events, bob_saw.events) == ([], [])
    assert bob.counters["strangers_admitted"] == 0
    bob.add(ALICE.public, network.at(ALICE))
    await up(alice, alice_saw, BOB)


async def test_the_introduction_of_another_is_worth_nothing_under_ones_own_key(network: Any, record: Any) -> None:
    mallory = seeded_identity("mallory")
    bob, bob_saw = await network.open(BOB, admit=record.admit)
    _, mallory_saw = await network.open(mallory, BOB, introduction=record.of(ALICE))
    await bob_saw.until(lambda: bob.counters["strangers_refused"] >= 1)
    alice, alice_saw = await network.open(ALICE, BOB, introduction=record.of(ALICE))
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    assert mallory_saw.events == []
    assert {event.peer for event in bob_saw.events} == {ALICE.public}


async def test_a_stranger_that_is_taken_for_a_peer_under_another_key_does_not_disturb_it(network: Any) -> None:
    # The owner believes everybody; the transport keeps whom it has all the same.
    bob, bob_saw = await network.open(BOB, ALICE, admit=lambda curve, introduction: ALICE.public)
    alice, alice_saw = await network.open(ALICE, BOB)
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    _, mallory_saw = await network.open(seeded_identity("mallory"), BOB, introduction=b"I am Alice")
    await bob_saw.until(lambda: bob.counters["strangers_refused"] >= 1)
    await heard(alice, BOB, bob_saw, b"still here")
    await heard(bob, ALICE, alice_saw, b"of course")
    assert (bob_saw.count(LinkUp), bob_saw.count(LinkDown), mallory_saw.events) == (1, 0, [])


async def test_the_owner_may_move_a_peer_to_the_key_that_it_introduced_itself_by(network: Any, record: Any) -> None:
    # Dave lost his CURVE key and came back with a fresh one; the layer above holds his newer record for better.
    dave, other = seeded_identity("dave"), seeded_identity("dave's new machine")
    renewed = Identity(seeded_entropy("dave")(32), other.curve_secret, other.sealing_seed)
    assert (renewed.public == dave.public, renewed.curve_public == dave.curve_public) == (True, False)

    def admit(curve: bytes, introduction: bytes) -> MemberId | None:
        member: MemberId | None = record.admit(curve, introduction)
        if member is not None:
            bob.add(member, PeerAddress(curve))
        return member

    bob, bob_saw = await network.open(BOB, admit=admit)
    bob.add(dave.public, PeerAddress(dave.curve_public))
    transport, saw = await network.open(renewed, BOB, introduction=record.of(renewed))
    await up(transport, saw, BOB)
    assert bob.counters["strangers_admitted"] == 1
    await heard(transport, BOB, bob_saw, b"under the new key")


async def test_an_introduction_may_be_set_and_changed_while_running(network: Any, record: Any) -> None:
    bob, bob_saw = await network.open(BOB, admit=record.admit)
    alice, alice_saw = await network.open(ALICE, BOB)
    assert alice.introduction == b""
    alice.introduction = record.of(ALICE)[:-1] + b"?"
    await bob_saw.until(lambda: bob.counters["strangers_refused"] == 1)
    alice.introduction = record.of(ALICE)
    await up(alice, alice_saw, BOB)
    await up(bob, bob_saw, ALICE)
    assert alice.introduction == record.of(ALICE)
    assert bob_saw.events == [LinkUp(ALICE.public)]


async def test_an_introduction_beyond_its_limit_is_our_own_mistake(network: Any) -> None:
    alice, _ = await network.open(ALICE)
    alice.introduction = bytes(4096)
    with pytest.raises(LocalProtocolError, match="4096"):
        alice.introduction = bytes(4097)
    assert alice.introduction == bytes(4096)


@pytest.mark.parametrize(("at_once", "per_s"), [(0, 1), (1, 0)])
def test_limits_on_strangers_are_positive(at_once: int, per_s: int) -> None:
    with pytest.raises(ConfigError, match="positive"):
        Strangers(lambda curve, introduction: None, at_once=at_once, per_s=per_s)
