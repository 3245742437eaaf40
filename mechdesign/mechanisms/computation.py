"""The computation of one session: from its proposal and its answers so far to the next ask, or to a digest to sign.

It is pure: members, auditors and a member that replays its journal compute the same bytes from the same log. Whatever
goes wrong inside a mechanism ends in a verdict of *failed* with a digest that depends on the kind of failure only,
so that members agree on that as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Any, Final, TypeAlias

from mechdesign.decision.entries import STEPS_MAX
from mechdesign.decision.messages import Answers, Attest, CoinReady, Enrolled, Request, SessionId, Toss, Verdict
from mechdesign.decision.proposal import Proposal
from mechdesign.kernel import wire
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import InputError, LocalProtocolError, MechanismError
from mechdesign.kernel.flow import Flow, net
from mechdesign.kernel.money import Currency, round_flows
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.codec import VOID
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.limits import breach
from mechdesign.mechanisms.play import Ask, Coin, Run
from mechdesign.mechanisms.result import Result
from mechdesign.mechanisms.ties import TieRule

__all__ = ["AnyMechanism", "Computation", "outcome_digest", "settlement_flows", "tie_from_text", "tie_to_text"]

AnyMechanism: TypeAlias = Mechanism[Any, Any, Any]

_NO_INPUTS: Final = wire.digest("mechdesign/no-inputs/1")
_ROUNDING: Final = "rounding"


@dataclass(frozen=True, slots=True)
class _Frozen:
    """Where in the log the inputs were frozen, and what they are."""

    position: int
    inputs: bytes
    balances: tuple[tuple[str, Fraction], ...]


class Computation:
    """Runs one mechanism over one session; implements decision's ``Recomputation``.

    Attributes:
        ask: what the mechanism asks at present, or None (also while it tosses).
        step: counts its asks and tosses together, from 0.
        players: names of those who take part, in roster order; empty until enrolment closed.
        reports: for each ask so far, the reports that counted, by player.
        result: outcome and exact flows, once it is settled.
        flows: the same flows in whole minor units, as they are booked.
        failure: why it failed, in words for people (these are never signed), or None.

    Args:
        proposal: the signed terms.
        mechanism: built from the proposal's parameters.
        members: names of the members that are asked, in roster order.
        steps_max: bound on asks and tosses; the same at every member of one protocol version.
    """

    def __init__(
        self, proposal: Proposal, mechanism: AnyMechanism, members: Sequence[str], *, steps_max: int = STEPS_MAX
    ) -> None:
        self.proposal = proposal
        self.mechanism = mechanism
        self.ask: Ask[Any] | None = None
        self.step = -1
        self.players: tuple[str, ...] = ()
        self.reports: list[dict[str, Any]] = []
        self.result: Result[Any] | None = None
        self.flows: tuple[Flow, ...] = ()
        self.failure: str | None = None
        self._members = tuple(members)
        self._steps_max = steps_max
        self._ids: dict[str, MemberId] = {}
        self._run: Run[Any] | None = None

    @property
    def context(self) -> Context | None:
        """Roster, currency and tie rule of the run, once it has begun."""
        return None if self._run is None else self._run.context

    def enrolled(self, event: Enrolled) -> Request | Toss | Attest:
        """Start the run with the players that enrolled."""
        self._ids = {name: member for member, name in event.players}
        self.players = tuple(self._ids)
        frozen = _Frozen(event.position, _NO_INPUTS, ())
        try:
            currency = Currency(self.proposal.currency, self.proposal.decimals)
            context = Context(self.players, currency, tie_from_text(self.proposal.tie))
            self._run = Run(self.mechanism, context, steps_max=self._steps_max)
        except MechanismError as error:
            return self._failed(event.session, frozen, "raised", error)
        return self._next(event.session, frozen)

    def answered(self, event: Answers) -> Request | Toss | Attest:
        """Go on with the reports of the ask that closed; what is not of the type that was asked for counts as absent.

        Raises:
            LocalProtocolError: the answers are to another ask than the present one.
        """
        if self._run is None or self.ask is None or event.step != self.step:
            raise LocalProtocolError(f"answers to ask {event.step} while the mechanism waits for ask {self.step}")
        names = {member: name for name, member in self._ids.items()}
        parsed = {names[member]: self.ask.parse(data) for member, data in event.reports if member in names}
        reports = {name: value for name, value in parsed.items() if value is not VOID and name in self.ask.of}
        self.reports.append(reports)
        return self._go_on(event, lambda run: run.answer(reports))

    def tossed(self, event: CoinReady) -> Request | Toss | Attest:
        """Go on with a coin that has fallen.

        Raises:
            LocalProtocolError: the mechanism tossed none, or another one.
        """
        if self._run is None or self.ask is not None or event.step != self.step:
            raise LocalProtocolError(f"coin {event.step} has fallen while the mechanism is at step {self.step}")
        return self._go_on(event, lambda run: run.toss(event.coin))

    def _go_on(self, event: Answers | CoinReady, move: Callable[[Run[Any]], None]) -> Request | Toss | Attest:
        run = self._run
        assert run is not None  # the callers have looked
        frozen = _Frozen(event.position, event.inputs, event.balances)
        try:
            move(run)
        except MechanismError as error:
            kind = "steps" if run.steps > self._steps_max else "raised"
            return self._failed(event.session, frozen, kind, error)
        return self._next(event.session, frozen)

    def _next(self, session: SessionId, frozen: _Frozen) -> Request | Toss | Attest:
        run = self._run
        assert run is not None  # enrolled() made it
        if run.request is None:
            return self._settled(session, frozen, run)
        self.step += 1
        if self.proposal.rolled and (fault := self._roll_fault(run.request)):
            return self._failed(session, frozen, "roll", fault)
        if not isinstance(run.request, Ask):
            self.ask = None
            return Toss(session, self.step)
        self.ask = run.request
        of = tuple(self._ids[player] for player in self.ask.of)
        if not of:
            return self._failed(session, frozen, "asked-nobody", "it asks nobody")
        return Request(session, self.step, of, self.ask.sealed)

    def _roll_fault(self, request: Ask[Any] | Coin) -> str:
        """Ballots are made before anybody knows who takes part, so they answer one ask, of everyone, and no other."""
        asks = isinstance(request, Ask)
        if asks != (self.step == 0) or (isinstance(request, Ask) and request.of != self.players):
            return "with a roll a mechanism asks all participants first, and once"
        return ""

    def _settled(self, session: SessionId, frozen: _Frozen, run: Run[Any]) -> Attest:
        assert run.result is not None  # a run without a request has ended
        try:
            flows = settlement_flows(run.result.flows, run.context.currency, run.context.ties.ordered(self.players))
            outcome = _outcome_text(self.mechanism, run.result)
            digest = outcome_digest(
                session, frozen.position, frozen.inputs, frozen.balances, self.mechanism.identifier, outcome, flows
            )
        except Exception as error:  # the author's types and serializers are as much the author's code as the rule is
            return self._failed(session, frozen, "result", error)
        if why := breach(self.proposal, self._members, self.players, flows):
            return self._failed(session, frozen, "payment", why)
        self.ask = None
        self.result, self.flows = run.result, flows
        return Attest(session, Verdict.SETTLED, digest, flows)

    def _failed(self, session: SessionId, frozen: _Frozen, kind: str, why: object) -> Attest:
        self.ask = None
        self.failure = str(why)
        terms = wire.encode((session, frozen.position, frozen.inputs, kind))
        return Attest(session, Verdict.FAILED, wire.digest("mechdesign/failure/1", terms), ())


def outcome_digest(
    session: SessionId,
    position: int,
    inputs: bytes,
    balances: Sequence[tuple[str, Fraction]],
    mechanism: str,
    outcome: str,
    flows: Sequence[Flow],
) -> bytes:
    """What members sign of a settled session: 32 bytes.

    Args:
        session: the session.
        position: the log position at which the inputs were frozen.
        inputs: digest over the session's entries up to there.
        balances: what each party held then.
        mechanism: ``family.name/version``.
        outcome: canonical text of the outcome.
        flows: in whole minor units, in the mechanism's order.
    """
    held = tuple((party, amount) for party, amount in balances)
    moved = tuple(flow.wire for flow in flows)
    terms = wire.encode((session, position, inputs, held, mechanism, outcome, moved))
    return wire.digest("mechdesign/outcome/1", terms)


def settlement_flows(flows: Sequence[Flow], currency: Currency, players: Sequence[str]) -> tuple[Flow, ...]:
    """Round a mechanism's exact flows to whole minor units, once, by the net transfers of all parties.

    Where all flows are whole already they stay as they are. Otherwise each is rounded down, and what the net
    transfers then lack is moved by flows of their own, with ``rounding`` as their reason.

    Args:
        flows: exact flows.
        currency: says what a minor unit is.
        players: in the order in which they come first among equal remainders.

    >>> third = Fraction(1, 3)
    >>> [
    ...     (f.payer, f.payee, str(f.amount))
    ...     for f in settlement_flows(
    ...         [Flow("alice", "PROVIDER", third, "share"), Flow("bob", "PROVIDER", third * 2, "share")],
    ...         Currency("EUR", 2),
    ...         ("alice", "bob"),
    ...     )
    ... ]
    [('alice', 'PROVIDER', '33/100'), ('bob', 'PROVIDER', '33/50'), ('bob', 'PROVIDER', '1/100')]
    """
    if all(currency.to_minor(flow.amount).denominator == 1 for flow in flows):
        return tuple(flows)
    wanted = round_flows(net(flows), currency, order=players)
    whole: list[Flow] = []
    for flow in flows:
        if minor := floor(currency.to_minor(flow.amount)):
            whole.append(replace(flow, amount=currency.from_minor(minor)))
    so_far = net(whole)
    lacking = {party: units - int(currency.to_minor(so_far.get(party, Fraction(0)))) for party, units in wanted.items()}
    return (*whole, *_moves(lacking, currency))


def _moves(lacking: Mapping[str, int], currency: Currency) -> list[Flow]:
    """Move units from the parties that have too many to those that lack some, both in the order given."""
    left = dict(lacking)
    moves: list[Flow] = []
    for taker in (party for party, units in lacking.items() if units > 0):
        for giver in (party for party, units in lacking.items() if units < 0):
            if units := min(left[taker], -left[giver]):
                moves.append(Flow(giver, taker, currency.from_minor(units), _ROUNDING))
                left[taker] -= units
                left[giver] += units
    return moves


def _outcome_text(mechanism: AnyMechanism, result: Result[Any]) -> str:
    plain = mechanism.plain_outcome(result.outcome)
    _refuse_floats(plain)
    return codec.canonical(plain)


def _refuse_floats(plain: object) -> None:
    match plain:
        case float():
            raise MechanismError(f"the outcome holds the binary float {plain!r}: use Fraction")
        case dict():
            for part in plain.values():
                _refuse_floats(part)
        case list() | tuple():
            for part in plain:
                _refuse_floats(part)


def tie_to_text(ties: TieRule) -> str:
    """The tie rule as it stands in a proposal: a plain name, or a JSON list."""
    dumped = ties.dump()
    return dumped if isinstance(dumped, str) else codec.canonical(dumped)


def tie_from_text(text: str) -> TieRule:
    """Read the tie rule of a proposal: the name of a rule, or a JSON text of one.

    Raises:
        InputError: it is neither.
    """
    if text in ("lexicographic", "by_coin"):
        return TieRule.parse(text)
    try:
        return TieRule.parse(codec.read_json(text, parse_float=str))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{text[:60]!r} is no tie rule: {error}") from None
