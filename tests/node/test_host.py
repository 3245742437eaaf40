"""Players that know a seed address find one another, and form groups again and again over one transport."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction

import pytest

from mechdesign.decision.membership import holds_key, member_of
from mechdesign.group.lobby.admission import Admission, Policy, invite
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.convention import valid_certificate
from mechdesign.group.lobby.events import Formed
from mechdesign.group.lobby.terms import Terms
from mechdesign.group.messages import Leave
from mechdesign.group.roster import Roster
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import FormationError
from mechdesign.kernel.identity import Identity
from mechdesign.mechanisms.events import ProposeSession, Settled
from mechdesign.mechanisms.registry import load
from mechdesign.node import Node
from mechdesign.node.host import Host
from mechdesign.node.links import TransportFactory, tcp
from mechdesign.player import truthful
from mechdesign.transport.face import PeerAddress, Strangers

NAMES = ("alice", "bob", "carol", "dave", "erin")
KEYS = {name: Identity.generate() for name in NAMES}
LOBBY = LobbyConfig(gossip_min_s=0.1, gossip_max_s=0.5, wave_s=10, dial_s=0.5, renewal_min_s=0.05)


def _host(name: str, listen: str, seeds: dict[str, str], lobby: LobbyConfig = LOBBY) -> Host:
    def links(strangers: Strangers) -> TransportFactory:
        return tcp(KEYS[name], listen, {}, LOCAL.transport, strangers=strangers)

    return Host(
        KEYS[name],
        name,
        links,
        addresses=(listen,),
        seeds={KEYS[seed].public: PeerAddress(KEYS[seed].curve_public, where) for seed, where in seeds.items()},
        preset=LOCAL,
        lobby=lobby,
    )


def _ports(count: int) -> list[str]:
    import socket

    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


@asynccontextmanager
async def hosts(names: Sequence[str], lobby: LobbyConfig = LOBBY) -> AsyncIterator[dict[str, Host]]:
    """Hosts of which each knows the one before it and nobody else."""
    where = dict(zip(names, _ports(len(names)), strict=True))
    async with AsyncExitStack() as stack:
        running: dict[str, Host] = {}
        before: dict[str, str] = {}
        for name in names:
            running[name] = await stack.enter_async_context(_host(name, where[name], before, lobby))
            before = {name: where[name]}
        yield running


async def _acquainted(running: dict[str, Host]) -> None:
    async with asyncio.timeout(60):
        while any(len(host.known) < len(running) - 1 for host in running.values()):
            await asyncio.sleep(0.05)


async def _form(running: Mapping[str, Host], group: str, names: Sequence[str]) -> list[Formed]:
    """Have the first of these convene a group, and the others enrol."""
    allowed = Admission(Policy.ALLOW_LIST, tuple(sorted(KEYS[name].public for name in names)))
    n = len(names)
    terms = Terms(group, allowed, size_min=n, size_max=n, enrol_ms=30_000, attempt_ms=5_000)
    id_ = running[names[0]].announce(terms)
    async with asyncio.timeout(60):
        for name in names[1:]:
            await running[name].announced(lambda each: each.id == id_)
            running[name].enrol(id_)
        return list(await asyncio.gather(*(running[name].formed(id_) for name in names)))


VALUES = {"alice": 18, "bob": 24, "carol": 21, "dave": 15, "erin": 23}
MECHANISM = load("auction.second-price").from_parameters({})
AUCTION = ProposeSession(mechanism=MECHANISM, enrol_ms=20_000, report_ms=20_000, open_ms=20_000, attest_ms=20_000)


class Nodes:
    """Nodes of one group on some hosts."""

    def __init__(self) -> None:
        self.running: dict[str, Node] = {}

    async def start(self, host: Host, start: Roster | Invitation) -> None:
        node = host.node(start, strategy=truthful(Fraction(VALUES[host.name])))
        await node.start()
        self.running[host.name] = node

    async def settle(self) -> Settled:
        """Hold an auction; all of the nodes see one outcome."""
        nodes = list(self.running.values())
        ends = [asyncio.ensure_future(node.ended()) for node in nodes]
        await asyncio.sleep(0)
        nodes[0].propose(AUCTION)
        async with asyncio.timeout(60):
            ended = await asyncio.gather(*ends)
        assert all(isinstance(end, Settled) for end in ended), ended
        settled = [end for end in ended if isinstance(end, Settled)]
        assert len({end.digest for end in settled}) == 1
        assert set(settled[0].players) == set(self.running)
        return settled[0]

    async def epoch(self, number: int) -> None:
        """Wait until all of the nodes are in an epoch."""
        async with asyncio.timeout(60):
            while any(node.roster.epoch < number for node in self.running.values()):
                await asyncio.sleep(0.02)

    async def stop(self, *names: str) -> None:
        for name in names or list(self.running):
            await self.running.pop(name).stop()


async def test_two_groups_at_once_and_a_third_after_them_share_the_transport() -> None:
    async with hosts(NAMES) as running:
        await _acquainted(running)
        sold, let = await asyncio.gather(
            _form(running, "selling", NAMES[:4]), _form(running, "letting", ("carol", "dave", "erin"))
        )
        selling, letting = Nodes(), Nodes()
        for name in NAMES[:4]:
            await selling.start(running[name], sold[0].roster)
        for name in ("carol", "dave", "erin"):
            await letting.start(running[name], let[0].roster)
        first, second = await asyncio.gather(selling.settle(), letting.settle())
        assert first.transfers["bob"] == -21
        assert second.transfers["erin"] == -21
        await selling.stop()
        again = await letting.settle()
        assert again.session != second.session
        await letting.stop()
        third = await _form(running, "selling", ("erin", "alice"))
        pair = Nodes()
        for name in ("erin", "alice"):
            await pair.start(running[name], third[0].roster)
        assert (await pair.settle()).transfers["erin"] == -18
        await pair.stop()
        assert all(host.transport.counters["keys_refused"] == 0 for host in running.values())


async def test_a_player_joins_a_running_group_and_another_leaves_it() -> None:
    async with hosts(NAMES) as running:
        await _acquainted(running)
        formed = await _form(running, "club", NAMES[:4])
        club = Nodes()
        for name in NAMES[:4]:
            await club.start(running[name], formed[0].roster)
        assert (await club.settle()).transfers["bob"] == -21
        # A quorum consents, and erin comes in with what they signed.
        erin = member_of(KEYS["erin"], "erin")
        consents = dict(club.running[name].consent(erin) for name in NAMES[:3])
        invitation = Invitation.of(club.running["alice"].roster, erin, consents)
        await club.start(running["erin"], invitation)
        club.running["bob"].change(invitation.join)
        await club.epoch(1)
        assert [member.name for member in club.running["dave"].roster.members][-1] == "erin"
        assert (await club.settle()).transfers["bob"] == -23
        # Bob leaves; what comes after is without him.
        bob = club.running["bob"]
        bob.change(Leave())
        await club.epoch(2)
        assert bob.roster.place(KEYS["bob"].public) is None
        await club.stop("bob")
        assert (await club.settle()).transfers["erin"] == -21
        await club.stop()


async def test_a_chain_of_seeds_becomes_a_network_and_a_wave_counts_it() -> None:
    async with hosts(NAMES) as running:
        await _acquainted(running)
        async with asyncio.timeout(60):
            done = await running["carol"].wave()
        assert done.complete
        assert set(done.reached) == {keys.public for keys in KEYS.values()}
        assert sorted(record.line.name for record in running["alice"].known) == ["bob", "carol", "dave", "erin"]


async def test_a_wave_whose_links_fail_under_way_ends_without_its_time_limit_and_names_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = LOBBY.model_copy(update={"wave_s": 600.0, "wave_retry_s": 0.1})
    async with hosts(NAMES, patient) as running:
        dave = running["dave"]
        await _acquainted(running)
        async with asyncio.timeout(60):
            while any(KEYS["dave"].public not in host.status().linked for host in running.values() if host is not dave):
                await asyncio.sleep(0.02)
        # Dave hears and says nothing any more, so everybody waits for him until his links go down.
        monkeypatch.setattr(dave._lobby, "receive", lambda incoming, now: [])
        wave = asyncio.ensure_future(running["alice"].wave())
        async with asyncio.timeout(60):
            while any(not host.status().waves for host in running.values() if host is not dave):
                await asyncio.sleep(0.02)
        assert not wave.done()
        await dave._driver.stop()
        await dave._hub.close()
        async with asyncio.timeout(60):
            done = await wave
        # Where it is repeated after the last link went down it is complete, too.
        assert set(done.reached) == {KEYS[name].public for name in NAMES if name != "dave"}
        seed = {"carol": running["carol"].addresses[0]}
        async with _host("dave", dave.addresses[0], seed, patient) as again, asyncio.timeout(60):
            while KEYS["dave"].public not in running["alice"].status().linked or len(again.known) < 4:
                await asyncio.sleep(0.02)
            done = await running["alice"].wave()
            assert done.complete
            assert set(done.reached) == {keys.public for keys in KEYS.values()}


async def test_a_player_that_leaves_is_forgotten_by_all() -> None:
    async with hosts(NAMES[:3]) as running:
        await _acquainted(running)
        await running.pop("bob").close()
        async with asyncio.timeout(60):
            while any(len(host.known) > 1 for host in running.values()):
                await asyncio.sleep(0.05)


async def test_a_group_forms_of_those_who_enrol_and_all_hold_the_same_roster() -> None:
    async with hosts(NAMES) as running:
        await _acquainted(running)
        formed = await _form(running, "auction", NAMES[:4])
        rosters = {each.roster.digest for each in formed}
        assert len(rosters) == 1
        roster = formed[0].roster
        assert sorted(member.name for member in roster.members) == sorted(NAMES[:4])
        assert (roster.n, roster.b, roster.q) == (4, 1, 3)
        assert valid_certificate(formed[2].certificate, Ed25519(), holds_key)


async def test_too_few_make_no_group_and_say_so() -> None:
    async with hosts(NAMES[:3]) as running:
        await _acquainted(running)
        admission = Admission(Policy.INVITATION)
        id_ = running["alice"].announce(
            Terms("club", admission, size_min=3, size_max=5, enrol_ms=1_000, attempt_ms=500, attempts=1)
        )
        async with asyncio.timeout(60):
            await running["bob"].announced(lambda each: each.id == id_)
            invitation = invite(KEYS["alice"], KEYS["alice"].public, "club", KEYS["bob"].public)
            running["bob"].enrol(id_, invitation)
            with pytest.raises(FormationError):
                await running["alice"].formed(id_)
