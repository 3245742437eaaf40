"""A whole distributed session in one process: every player a node of its own, with its own key and its own journal.

    outcome = await settle(SecondPrice(reserve=5), {"alice": 18, "bob": 24, "carol": 21})

It is what runs on many hosts, with nothing left out but the hosts: blocks are signed and ordered, reports sealed and
opened, outcomes attested. Over ``"memory"`` frames go from node to node in this process, over ``"tcp"`` through ZeroMQ
and CURVE on loopback.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from mechdesign.decision.certificate import Certificate
from mechdesign.decision.membership import member_of
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.config import LOCAL, Preset
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import InputError, MechdesignError
from mechdesign.kernel.flow import ACCOUNTS, Flow, net
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.money import Currency
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.computation import AnyMechanism
from mechdesign.mechanisms.events import (
    DefaultSeen,
    MemberConvicted,
    ProposeSession,
    SessionAborted,
    SessionMissed,
    Settled,
    UserEvent,
)
from mechdesign.mechanisms.result import Reason, Result
from mechdesign.mechanisms.session import lookup_with
from mechdesign.mechanisms.ties import LEXICOGRAPHIC, Tie, TieRule
from mechdesign.node import Node, StackLike, TransportFactory, memory, tcp
from mechdesign.node.party import End
from mechdesign.player import Strategy, silent, truthful
from mechdesign.stack import Stack
from mechdesign.transport.face import PeerAddress
from mechdesign.transport.memory import MemoryNetwork
from mechdesign.transport.zeromq import ZeroMQTransport

__all__ = ["SessionFailed", "Settlement", "settle", "settle_sync"]


class SessionFailed(MechdesignError):
    """The session ended without an outcome, or did not end in time.

    Attributes:
        aborted: how it ended, or None where it did not.
    """

    def __init__(self, message: str, aborted: SessionAborted | None = None) -> None:
        super().__init__(message)
        self.aborted = aborted


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the members agreed on and signed.

    Attributes:
        mechanism: ``family.name/version``.
        roster: the group that was made for the session.
        players: who took part, in roster order.
        reports: the reports that counted (in the last ask), by player.
        result: outcome, exact flows, reasons and ties.
        flows: the mechanism's flows in whole minor units.
        booked: everything booked, deposits and forfeits included.
        digest: what the members signed, 32 bytes.
        certificate: the quorum's signatures.
        transcript: everything that an outsider needs to check it all, for ``mechdesign verify``.
        convicted: (member, offence) pairs.
        defaulted: members that did not open their seals.
    """

    mechanism: str
    roster: Roster
    players: tuple[str, ...]
    reports: Mapping[str, Any]
    result: Result[Any]
    flows: tuple[Flow, ...]
    booked: tuple[Flow, ...]
    digest: bytes
    certificate: Certificate
    transcript: bytes
    convicted: tuple[tuple[str, str], ...]
    defaulted: tuple[str, ...]

    @property
    def outcome(self) -> Any:
        """The outcome, of the mechanism's outcome type."""
        return self.result.outcome

    @property
    def why(self) -> tuple[Reason, ...]:
        """Reasons, the most telling first."""
        return self.result.why

    @property
    def ties(self) -> tuple[Tie, ...]:
        """The ties that occurred, and how they were broken."""
        return self.result.ties

    @property
    def transfers(self) -> dict[str, Fraction]:
        """What each player receives minus what it pays, in roster order; deposits and forfeits not included."""
        balance = net(self.flows)
        return {player: balance.get(player, Fraction(0)) for player in self.players}

    @property
    def accounts(self) -> dict[str, Fraction]:
        """The same of each named account that ends with more or less than it had."""
        return {party: amount for party, amount in net(self.flows).items() if party not in self.players and amount}


async def settle(
    mechanism: AnyMechanism,
    values: Mapping[str, Any],
    *,
    transport: Literal["memory", "tcp"] = "memory",
    seal: Literal["threshold", "commit_reveal", "open", ""] = "",
    faults: FaultModel | str | None = None,
    deposit: Fraction | int = 0,
    sanctions: tuple[str, ...] = ("recompute", "forfeit"),
    accounts: Mapping[str, str] | None = None,
    ties: TieRule = LEXICOGRAPHIC,
    currency: Currency | None = None,
    phase_s: float = 5.0,
    timeout_s: float = 60.0,
    linger_s: float = 0.0,
    preset: Preset = LOCAL,
    out: Path | None = None,
    wrap: Mapping[str, Callable[[Stack], StackLike]] | None = None,
) -> Settlement:
    """Run one session among players that live in this process, and return what they agreed on.

    Args:
        mechanism: what to run.
        values: by player, in roster order: a private type, which a truthful player reports; or a strategy (anything
            that can be called); or None for a player that gives no report.
        transport: ``"memory"``, or ``"tcp"`` for real sockets on loopback.
        seal: how reports are hidden until all are in; by default ``"threshold"`` from four players on, else
            ``"commit_reveal"``.
        faults: the fault model; by default the usual one for so many players.
        deposit: what each player stakes.
        sanctions: what happens to a player that is convicted, or does not open its seal.
        accounts: who stands behind named accounts; outside parties by default.
        ties: how equals are told apart.
        currency: what amounts are counted in.
        phase_s: how long each phase waits for silent players, in seconds.
        timeout_s: how long the whole session may take, in seconds.
        linger_s: how long to go on after the end, for evidence that comes late, in seconds.
        preset: settings of links and group.
        out: a folder for a copy of each node's transcript and evidence, in a folder by the player's name.
        wrap: adversaries by player, see :mod:`mechdesign.testing.misbehaviour`.

    Raises:
        InputError: a value is not of the mechanism's private type, or a player's name cannot be used.
        SessionFailed: the session aborted, or did not end in time.
    """
    strategies = {player: _strategy(mechanism, player, value) for player, value in values.items()}
    wrap = wrap or {}
    identities = {player: Identity.generate() for player in values}
    members = tuple(member_of(keys, player) for player, keys in identities.items())
    model = FaultModel(faults) if faults is not None else FaultModel.default(len(members))
    roster = Roster("settle", members, model)
    milliseconds = max(1, round(phase_s * 1000))
    request = ProposeSession(
        mechanism=mechanism,
        seal=seal,
        deposit=Fraction(deposit),
        sanctions=sanctions,
        accounts=accounts or {},
        ties=ties,
        currency=currency or Currency(),
        enrol_ms=milliseconds,
        report_ms=milliseconds,
        open_ms=milliseconds,
        attest_ms=milliseconds,
    )
    seen: dict[str, list[UserEvent]] = {player: [] for player in values}
    links = _Links(transport, identities, preset)
    nodes: dict[str, Node] = {}
    try:
        # The largest key first: the smaller one dials, and by then knows where.
        for player in sorted(values, key=lambda name: identities[name].public, reverse=True):
            nodes[player] = Node(
                roster,
                identities[player],
                transport=links.factory(player),
                strategy=strategies[player],
                lookup=lookup_with(type(mechanism)),
                config=preset.group,
                out=out / player if out is not None else None,
                on_event=seen[player].append,
                wrap=wrap.get(player),
            )
            await nodes[player].start()
            links.started(player, nodes[player])
        honest = [player for player in values if player not in wrap] or list(values)
        ends = [asyncio.ensure_future(nodes[player].ended()) for player in honest]
        nodes[honest[0]].propose(request)
        ended = await _gather(ends, nodes[honest[0]], timeout_s)
        if linger_s:
            await asyncio.sleep(linger_s)
    finally:
        await asyncio.gather(*(node.stop() for node in nodes.values()))
    told = [event for player in honest for event in seen[player]]
    return _agreed(roster, ended, told)


def settle_sync(mechanism: AnyMechanism, values: Mapping[str, Any], **options: Any) -> Settlement:
    """:func:`settle` for programs without a running event loop; the same arguments."""
    made: Coroutine[Any, Any, Settlement] = settle(mechanism, values, **options)
    return asyncio.run(made)


class _Links:
    """Makes the transports of one group, over memory or loopback."""

    def __init__(self, kind: str, identities: Mapping[str, Identity], preset: Preset) -> None:
        if kind not in ("memory", "tcp"):
            raise InputError(f'transport must be "memory" or "tcp", not {kind!r}')
        self._network = MemoryNetwork() if kind == "memory" else None
        self._identities = identities
        self._config = preset.transport
        self._addresses: dict[MemberId, str] = {}

    def factory(self, player: str) -> TransportFactory:
        """The transport of a player whose larger peers have started."""
        identity = self._identities[player]
        if self._network is not None:
            return memory(self._network, identity.public, self._config)
        peers = {
            other.public: PeerAddress(other.curve_public, self._addresses.get(other.public))
            for other in self._identities.values()
        }
        return tcp(identity, "tcp://127.0.0.1:*", peers, self._config)

    def started(self, player: str, node: Node) -> None:
        """Note where a player listens."""
        if isinstance(node.transport, ZeroMQTransport) and node.transport.address is not None:
            self._addresses[self._identities[player].public] = node.transport.address


def _strategy(mechanism: AnyMechanism, player: str, value: Any) -> Strategy:
    if player in ACCOUNTS:
        raise InputError(f"a player cannot be called {player}: that is the name of an account")
    if value is None:
        return silent
    if callable(value):
        strategy: Strategy = value
        return strategy
    return truthful(codec.validate(mechanism.type_schema(), value, f"values.{player}"))


async def _gather(ends: list["asyncio.Task[End]"], node: Node, timeout_s: float) -> list[End]:
    try:
        async with asyncio.timeout(timeout_s):
            return list(await asyncio.gather(*ends))
    except TimeoutError:
        status = node.status().stack
        phases = ", ".join(
            f"{each.phase} without {', '.join(each.missing) or 'anybody missing'}" for each in status.sessions
        )
        raise SessionFailed(
            f"no end after {timeout_s:g} s: the group is {status.group.state} in round {status.group.round};"
            f" {phases or 'no session is open'}"
        ) from None
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


def _agreed(roster: Roster, ended: list[End], told: list[UserEvent]) -> Settlement:
    """The one result that all honest members hold; anything else is a breach of the guarantees."""
    first = ended[0]
    if isinstance(first, SessionAborted):
        raise SessionFailed(f"the session aborted: {first.reason}", first)
    if isinstance(first, SessionMissed):
        raise SessionFailed("the members of the group changed before the session was over")
    digests = {event.digest if isinstance(event, Settled) and event.agrees else None for event in ended}
    if len(digests) != 1 or first.result is None:
        raise AssertionError("honest members ended one session differently: this is a bug")
    convicted = ((event.member, event.offence) for event in told if isinstance(event, MemberConvicted))
    defaulted = (event.member for event in told if isinstance(event, DefaultSeen))
    return Settlement(
        first.mechanism,
        roster,
        first.players,
        first.reports,
        first.result,
        first.flows,
        first.booked,
        first.digest,
        first.certificate,
        first.transcript,
        tuple(sorted(dict.fromkeys(convicted))),
        tuple(sorted(dict.fromkeys(defaulted))),
    )
