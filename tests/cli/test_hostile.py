"""Hostile bytes into live nodes: no exception escapes, memory stays bounded, the session still settles."""

import asyncio
import os
import random
import socket
from pathlib import Path

from mechdesign.cli.roster_files import load_roster_file
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import Ed25519, MemberId
from mechdesign.kernel.identity import Identity
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.messages import LinkEvent, LinkUp, Packet
from mechdesign.transport.zeromq import ZeroMQTransport
from tests.cli.live_nodes import Nodes, auction

NAMES = ("alice", "bob", "carol", "dave")
HONEST = ["alice", "bob", "carol"]
MEMORY_MAX = 300 << 20


def memory(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def mutated(chance: random.Random, seen: list[bytes]) -> bytes:
    """Noise, or something a peer really sent with a few bytes changed, cut, doubled or joined to another."""
    if not seen or chance.random() < 0.2:
        return chance.randbytes(chance.choice([0, 1, 7, 200, 5000]))
    data = bytearray(chance.choice(seen))
    match chance.randrange(4):
        case 0:
            for _ in range(chance.randint(1, 5)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        case 1:
            del data[chance.randrange(len(data)) :]
        case 2:
            data += chance.choice(seen)
        case _:
            place = chance.randrange(len(data))
            data[place:place] = chance.randbytes(8)
    return bytes(data)


def strangers(chance: random.Random, addresses: list[str]) -> None:
    """Connections of nobody: noise, a greeting of ZeroMQ cut short, one with noise behind it, nothing at all."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(47)
    for address in addresses:
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        for said in (b"", chance.randbytes(20_000), greeting[:30], greeting + chance.randbytes(3_000)):
            with socket.create_connection((host, int(port)), 10) as link:
                try:
                    link.sendall(said)
                except OSError:
                    continue  # it hung up on us, as it may


class Liar:
    """A member with a link like everybody's, and nothing but garbage to say."""

    def __init__(self, chance: random.Random) -> None:
        self.sent: dict[MemberId, int] = {}
        self._chance = chance
        self._seen: list[bytes] = []

    def _heard(self, event: LinkEvent) -> None:
        match event:
            case LinkUp(peer):
                self.sent.setdefault(peer, 0)
            case Packet(_, data) if len(self._seen) < 500:
                self._seen.append(data)
            case _:
                pass

    async def lie(self, identity: Identity, listen: str, peers: dict[MemberId, PeerAddress]) -> None:
        """Send garbage over every link that is up, until cancelled."""
        transport = ZeroMQTransport(identity, Ed25519(), listen, peers, LOCAL.transport, self._heard)
        await transport.start()
        try:
            while True:
                for peer in self.sent:
                    for _ in range(20):
                        self.sent[peer] += transport.send(peer, mutated(self._chance, self._seen))
                await asyncio.sleep(0.01)
        finally:
            await transport.close()

    async def until_heard(self, count: int) -> None:
        """Wait until so many members were sent a thousand frames each."""
        while sum(sent >= 1000 for sent in self.sent.values()) < count:
            await asyncio.sleep(0.05)


async def test_a_session_settles_among_the_honest_while_strangers_and_a_member_send_garbage(tmp_path: Path) -> None:
    chance = random.Random(7)
    with Nodes(auction(NAMES), tmp_path / "group", seconds=1) as nodes:
        nodes.will_propose("alice", after=0)
        nodes.will_propose("bob", after=1)
        file = load_roster_file(nodes.folder.roster_path)
        addresses = {name: str(file.addresses[name]) for name in NAMES}
        secret = (nodes.folder.path / "passphrase").read_text().strip()
        dave = Identity.load(nodes.folder.path / "dave.pem", secret)
        peers = {member.id: PeerAddress(member.curve, addresses[member.name]) for member in file.roster.members}

        # Two are no quorum: nothing can be settled before both have had their share of garbage, and carol is there.
        nodes.start("alice", "bob")
        liar = Liar(chance)
        lying = asyncio.create_task(liar.lie(dave, addresses["dave"], peers))
        try:
            await asyncio.wait_for(liar.until_heard(2), 90)
            await asyncio.to_thread(strangers, chance, [addresses["alice"], addresses["bob"]])
            nodes.start("carol")
            await asyncio.to_thread(nodes.wait_settled, HONEST, 2)
            await asyncio.wait_for(liar.until_heard(3), 90)
        finally:
            lying.cancel()
            await asyncio.gather(lying, return_exceptions=True)

        used = [memory(nodes.lives[name].process.pid) for name in HONEST]
        digests = [nodes.lives[name].settled for name in HONEST]
        assert digests[0] == digests[1] == digests[2]
        assert max(used) < MEMORY_MAX
        for name in HONEST:
            assert not [each for each in nodes.lives[name].of("convicted") if each["member"] in HONEST]
            assert nodes.lives[name].process.poll() is None, nodes.errors(name)
            assert "Traceback" not in nodes.errors(name)
