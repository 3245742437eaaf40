"""The terms of a session: which ones a member proposes, which it accepts, and what they ask it to compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, TypeAlias

from mechdesign.decision.books import BOOKS_BYTES_MAX, BYTES_PER_PROPOSER
from mechdesign.decision.messages import Proposed
from mechdesign.decision.proposal import NONCE_BYTES, Proposal, Sanction, Seal, nonce_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError, MechanismError
from mechdesign.kernel.flow import ACCOUNTS, DEPOSIT
from mechdesign.kernel.machine import Entropy
from mechdesign.mechanisms import codec, registry
from mechdesign.mechanisms.computation import AnyMechanism, Computation, tie_from_text, tie_to_text
from mechdesign.mechanisms.describe import needs_funder
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.flow import Account

__all__ = [
    "Lookup",
    "Policy",
    "computation_of",
    "default_seal",
    "lookup_with",
    "proposal_of",
    "recomputation",
    "registered",
]

Lookup: TypeAlias = Callable[[str, int], type[AnyMechanism] | None]
"""Finds a mechanism's class by name and version, or None where this member has not got it."""

_REPORT_BYTES_MIN: Final = 256
# Two numbers of 60 digits and a slash fit.
_REPORT_BYTES_MAX: Final = 16 * 1024
# Below, every member has to take part in opening anyway (t = n), and commitments are cheaper.
_THRESHOLD_MEMBERS: Final = 4


def registered(name: str, version: int) -> type[AnyMechanism] | None:
    """Find a mechanism among ours and those of installed packages.

    The name comes from a peer. Only registered names are looked at: the registry's other forms load files and modules.
    """
    full = f"{name}/{version}"
    if full not in _known_names():
        return None
    try:
        return registry.load(full)
    except MechanismError:
        return None


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    # Looking through the installed packages takes milliseconds, and a proposal costs its proposer nothing.
    return frozenset(registry.names())


def lookup_with(*classes: type[AnyMechanism]) -> Lookup:
    """A lookup that knows these classes besides the registered ones."""
    own = {(cls.name, cls.version): cls for cls in classes}

    def find(name: str, version: int) -> type[AnyMechanism] | None:
        return own.get((name, version)) or registered(name, version)

    return find


@dataclass(frozen=True, slots=True)
class Policy:
    """Which sessions a member takes part in without asking anybody.

    Attributes:
        mechanisms: names (``family.name``, or with ``/version``) that it accepts; None for every one that it has the
            code of.
        deposit_max: the most it stakes in one session; None for any.
        enrol: False to decline everything.
        sessions_max: takes part in no more sessions at a time, so that no proposer can make this member say more than
            it has room for.
        report_bytes_max: takes part in no session with longer reports, for the same reason.
        open_ms_min: stakes no deposit on its own opening where the window for it is shorter: a proposer could set one
            that closes before an honest opening can be ordered, and share the deposits.
        payment_max: takes part in no session in which it could owe more; None for any.
        report_ms_min: takes part in no session with shorter asks: a proposer could close one before an honest report
            can be ordered, and be alone in it. Where people answer, set what a person needs.
        accounts: named accounts that it stands behind where somebody else proposes so; what they pay, it owes. By
            default none.
        roll_max: takes part in no session with a longer roll of participants that are not members: each of their
            ballots is checked, kept and carried on in the transcript by every member.
    """

    mechanisms: frozenset[str] | None = None
    deposit_max: Fraction | None = None
    enrol: bool = True
    sessions_max: int = 256
    report_bytes_max: int = 16 * 1024
    open_ms_min: int = 1_000
    payment_max: Fraction | None = None
    report_ms_min: int = 250
    accounts: frozenset[str] = frozenset()
    roll_max: int = 10_000

    def objection(self, proposal: Proposal, enrolled: int = 0, *, other: str = "", carried: bool = True) -> str:
        """Why this member does not take part, or an empty text.

        Args:
            proposal: the terms.
            enrolled: how many open sessions this member takes part in already.
            other: this member's name where somebody else proposes; what it proposes itself it agrees to.
            carried: whether the books have room for its deposits.
        """
        full = f"{proposal.mechanism}/{proposal.version}"
        if not self.enrol:
            return "this member takes part in nothing at present"
        if self.mechanisms is not None and not self.mechanisms & {proposal.mechanism, full}:
            return f"this member's policy does not accept {full}"
        if self.deposit_max is not None and proposal.deposit > self.deposit_max:
            return f"the deposit of {proposal.deposit} is more than the {self.deposit_max} that this member stakes"
        if self.payment_max is not None and (proposal.payment_max is None or proposal.payment_max > self.payment_max):
            most = "any amount" if proposal.payment_max is None else f"up to {proposal.payment_max}"
            return f"a player could owe {most}, and this member pays at most {self.payment_max}"
        if not carried:
            room = f"{BYTES_PER_PROPOSER >> 10} KiB for a proposer's sessions, {BOOKS_BYTES_MAX >> 10} KiB in all"
            free = "report pay-outs that were made, or wait for sessions to end"
            return f"the books have no room for what {proposal.custodian} would receive ({room}): {free}"
        if enrolled >= self.sessions_max:
            return f"this member takes part in {enrolled} sessions already"
        if proposal.report_bytes > self.report_bytes_max:
            return f"reports of {proposal.report_bytes} bytes are longer than the {self.report_bytes_max} it sends"
        if proposal.deposit and proposal.seal is Seal.COMMIT_REVEAL and proposal.open_ms < self.open_ms_min:
            return (
                f"{proposal.open_ms} ms for opening are too short to stake a deposit on: {self.open_ms_min} are needed"
            )
        if proposal.report_ms < self.report_ms_min:
            return f"{proposal.report_ms} ms are too short for a report: {self.report_ms_min} are needed"
        if proposal.rolled > self.roll_max:
            return (
                f"a roll of {proposal.rolled} participants is longer than the {self.roll_max} that this member serves"
            )
        behind = [account for account, party in proposal.accounts if party == other and account not in self.accounts]
        if other and behind:
            return f"this member would stand behind {', '.join(behind)}, which its policy does not name"
        return ""


def computation_of(proposed: Proposed, lookup: Lookup = registered) -> tuple[Computation | None, str]:
    """The computation that a proposal asks for, or None and why this member cannot run it.

    An audit uses it too: with the code that the proposal names, it recomputes what the members signed.
    """
    proposal = proposed.proposal
    full = f"{proposal.mechanism}/{proposal.version}"
    cls = lookup(proposal.mechanism, proposal.version)
    if cls is None:
        return None, f"this member has no mechanism {full}"
    try:
        if cls.code_digest() != proposal.code:
            return None, f"this member's code of {full} is not the code that the proposal names"
        mechanism = cls.decode_parameters(proposal.parameters.encode())
        tie_from_text(proposal.tie)
    except MechanismError as error:
        return None, str(error)
    unnamed = sorted({account.value for account in cls.accounts} - {account for account, _ in proposal.accounts})
    if unnamed:
        return None, f"the proposal does not say who stands behind {', '.join(unnamed)}"
    return Computation(proposal, mechanism, [name for _, name in proposed.members]), ""


def recomputation(lookup: Lookup = registered) -> Callable[[Proposed], Computation]:
    """What an audit needs: a function that makes the computation of a proposal with the code of this installation.

    The function raises MechanismError where this installation has not the mechanism, or other code of it.
    """

    def recompute(proposed: Proposed) -> Computation:
        computation, reason = computation_of(proposed, lookup)
        if computation is None:
            raise MechanismError(reason)
        return computation

    return recompute


def proposal_of(request: ProposeSession, me: MemberId, names: Mapping[MemberId, str], entropy: Entropy) -> Proposal:
    """The proposal that a request stands for.

    Args:
        request: what the party wants.
        me: the member that proposes.
        names: all members by key, in roster order.
        entropy: for the nonce of a request without a label.

    Raises:
        LocalProtocolError: the request names what does not exist, or no group could run a session under its terms.
    """
    mechanism = request.mechanism
    cls = type(mechanism)
    known = set(names.values())
    strangers = [name for name in request.asked if name not in known]
    if strangers:
        raise LocalProtocolError(f"{', '.join(strangers)} is not in the roster")
    if (request.seal and request.seal not in tuple(Seal)) or not set(request.sanctions) <= set(Sanction):
        raise LocalProtocolError(f"there is no seal {request.seal!r}, or no such sanction: {request.sanctions}")
    bound = {account.value: request.accounts.get(account.value, account.value.lower()) for account in cls.accounts}
    if unknown := [account for account in request.accounts if account not in ACCOUNTS or account == DEPOSIT]:
        raise LocalProtocolError(f"{', '.join(unknown)} is no account that a session can bind")
    bound |= request.accounts
    if needs_funder(cls) and Account.FUNDER in cls.accounts and Account.FUNDER.value not in request.accounts:
        raise LocalProtocolError(f"{cls.full_name()} can run a deficit: name who covers it, as account FUNDER")
    parameters = mechanism.encode_parameters()
    wanted = set(request.asked) or known
    return Proposal(
        mechanism=cls.name,
        version=cls.version,
        code=cls.code_digest(),
        parameters=parameters.decode(),
        asked=tuple(member for member, name in names.items() if name in wanted),
        seal=Seal(request.seal) if request.seal else default_seal(len(names)),
        threshold=request.threshold,
        report_bytes=_report_bytes(parameters),
        deposit=request.deposit,
        sanctions=tuple(sanction for sanction in Sanction if sanction in request.sanctions),
        accounts=tuple((account, bound[account]) for account in ACCOUNTS if account in bound),
        tie=tie_to_text(request.ties),
        currency=request.currency.code,
        decimals=request.currency.decimals,
        enrol_ms=request.enrol_ms,
        report_ms=request.report_ms,
        open_ms=request.open_ms,
        attest_ms=request.attest_ms,
        players_min=request.players_min,
        default_report=_default_report(request),
        payment_max=request.payment_max,
        custodian=request.custodian,
        roll=request.roll,
        rolled=request.rolled,
        nonce=nonce_of(request.label, me) if request.label else entropy(NONCE_BYTES),
    )


def _default_report(request: ProposeSession) -> bytes | None:
    if request.default_report is None:
        return None
    return codec.encode(request.mechanism.report_schema(), request.default_report)


def default_seal(members: int) -> Seal:
    """How a group of so many members seals where nothing else is said: by threshold encryption from four on."""
    return Seal.THRESHOLD if members >= _THRESHOLD_MEMBERS else Seal.COMMIT_REVEAL


def _report_bytes(parameters: bytes) -> int:
    """The padded length of a report: enough for a number, and for every option of the parameters with a score."""
    longest = max(_REPORT_BYTES_MIN, min(4 * len(parameters), _REPORT_BYTES_MAX))
    return 1 << (longest - 1).bit_length()
