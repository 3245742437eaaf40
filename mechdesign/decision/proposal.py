"""What a session is about: everything that can change its outcome, in one signed text.

A proposal is checked twice. What no group could accept is refused on construction (and by :meth:`Proposal.parse`, which
returns None). What this group cannot accept, such as asking a stranger, :meth:`Proposal.fault` says. Either way an
invalid proposal in the log is an entry that counts for nothing, at every member alike.
"""

import re
from dataclasses import astuple, dataclass, fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

from mechdesign.decision.membership import committee_of
from mechdesign.decision.parties import CUSTODY, is_outside
from mechdesign.group.roster import MEMBERS_MAX, Roster
from mechdesign.kernel.crypto import KEY_BYTES, MemberId
from mechdesign.kernel.errors import LocalProtocolError, WireError
from mechdesign.kernel.flow import ACCOUNTS, DEPOSIT
from mechdesign.kernel.text import is_plain
from mechdesign.kernel.wire import DIGEST_BYTES, Value, decode, digest, encode

__all__ = [
    "NONCE_BYTES",
    "PARAMETERS_BYTES_MAX",
    "PROPOSAL_BYTES_MAX",
    "ROLL_MAX",
    "SEALED_ROLL_MAX",
    "Proposal",
    "Sanction",
    "Seal",
    "nonce_of",
    "session_id",
]

NONCE_BYTES = 16
"""Length of the nonce that tells equal proposals apart."""

PARAMETERS_BYTES_MAX = 16 * 1024
"""Longest parameters, in bytes of UTF-8."""

PROPOSAL_BYTES_MAX = 48 * 1024
"""Longest encoded proposal."""

ROLL_MAX = 1 << 20
"""Most participants that are not members."""

SEALED_ROLL_MAX = 1024
"""Most of them under threshold sealing: one share opens all their reports."""

_BALLOT_OVERHEAD = 1024
"""Bytes that a ballot needs beside its content: key, name, signature, and the path of its line on the longest roll."""

_POINT_BYTES = 32
"""Bytes of a share for each sealed report that it opens."""

_ENTRY_OVERHEAD = 320
"""Bytes that an entry needs beside a padded report; also enough for a refusal with the longest reason."""

_DEALING_BYTES = 96
"""Bytes of a dealing for each member: two points and a scalar."""

_COIN_OVERHEAD = 128
"""Bytes of a dealing for a coin, or of a share, and of its entry, beside that."""

_FORMAT = 2
_TAG = "mechdesign/session/1"
_MS_MAX = 366 * 24 * 3600 * 1000
_MINOR_MAX = 10**60
_MECHANISM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CURRENCY = re.compile(r"[A-Za-z][A-Za-z0-9]{0,11}|")
_TIE_MAX = 4096  # characters: the name of a rule, or a JSON list that gives the order


class Seal(StrEnum):
    """How the reports to a sealed ask are hidden until all are in."""

    OPEN = "open"
    COMMIT_REVEAL = "commit_reveal"
    THRESHOLD = "threshold"


class Sanction(StrEnum):
    """What a session does about a player that is convicted while it runs.

    ``recompute``: the session goes on without a report that is void in itself. ``default_report``: the proposal's
    default stands in for such a report. ``forfeit``: the deposit goes to the other players, also for not opening a
    seal. ``abort``: the convict's deposit goes to the other players, and the session ends if no report and no coin has
    begun to show; later only the deposit moves, or a loser could buy its way out of what it has seen. A share that came
    before the close ends nothing either: it is proved by the order of the entries that a quorum signs at the end.
    ``exclude``: the members ask the group for a view without the convict.
    """

    RECOMPUTE = "recompute"
    DEFAULT_REPORT = "default_report"
    FORFEIT = "forfeit"
    ABORT = "abort"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class Proposal:
    """The terms of one session.

    Attributes:
        mechanism: the mechanism's name, such as ``auction.second-price``.
        version: the mechanism's version.
        code: digest of its code and schema, 32 bytes; a member without exactly that does not enrol.
        parameters: the mechanism's parameters as canonical JSON; this layer does not read them.
        asked: who may take part, in roster order.
        seal: how reports are hidden.
        threshold: t, how many members' shares open what is dealt to the group: sealed reports under ``threshold``, and
            coins always. More than b and at most q; t members who collude read early, n - t + 1 who are absent keep
            closed. 0 stands for q, until :meth:`resolved` has written that down.
        report_bytes: the longest report; sealed ones are padded to this.
        deposit: what each player puts in, in units of the currency, a whole number of minor units.
        sanctions: what happens to a convict, in the order of :class:`Sanction`.
        accounts: named accounts and who stands behind them, a member's name or an outside party.
        tie: the rule that breaks ties.
        currency: code of the currency, may be empty.
        decimals: digits of its minor unit.
        enrol_ms: how long enrolment lasts by each member's own clock, in milliseconds.
        report_ms: how long an ask lasts.
        open_ms: how long opening lasts.
        attest_ms: how long attesting lasts.
        players_min: with fewer players the session aborts; with a roll, with fewer participants that report.
        default_report: the report that stands in for one that is void in itself and convicts its sender; given if and
            only if ``default_report`` is among the sanctions.
        payment_max: no player, and no member that is asked and stands behind accounts, pays more than this net of what
            it receives, in whole minor units; an outcome that asks for more fails at everyone alike. None for any.
        custodian: name of the member whose receipts say which deposits are there; empty where nobody holds money and
            the ledger records claims alone.
        roll: Merkle root of the roll of participants that are not members, 32 bytes, or empty. With a roll they are
            the players, and the members that are asked serve them without playing.
        rolled: how many stand on the roll.
        nonce: tells two equal proposals apart, 16 bytes.

    Raises:
        LocalProtocolError: no group could accept these terms.
    """

    mechanism: str
    version: int
    code: bytes
    parameters: str
    asked: tuple[MemberId, ...]
    seal: Seal = Seal.COMMIT_REVEAL
    threshold: int = 0
    report_bytes: int = 1024
    deposit: Fraction = Fraction(0)
    sanctions: tuple[Sanction, ...] = (Sanction.RECOMPUTE,)
    accounts: tuple[tuple[str, str], ...] = ()
    tie: str = "lexicographic"
    currency: str = ""
    decimals: int = 2
    enrol_ms: int = 30_000
    report_ms: int = 60_000
    open_ms: int = 30_000
    attest_ms: int = 30_000
    players_min: int = 1
    default_report: bytes | None = None
    payment_max: Fraction | None = None
    custodian: str = ""
    roll: bytes = b""
    rolled: int = 0
    nonce: bytes = bytes(NONCE_BYTES)

    def __post_init__(self) -> None:
        """Bring fields to one type each and refuse impossible terms."""
        try:
            object.__setattr__(self, "seal", Seal(self.seal))
            object.__setattr__(self, "deposit", Fraction(self.deposit))
            if self.payment_max is not None:
                object.__setattr__(self, "payment_max", Fraction(self.payment_max))
            object.__setattr__(self, "sanctions", tuple(Sanction(each) for each in self.sanctions))
            object.__setattr__(self, "asked", tuple(self.asked))
            object.__setattr__(self, "accounts", tuple((account, party) for account, party in self.accounts))
        except ValueError as error:
            raise LocalProtocolError(f"not a proposal: {error}") from error
        if problem := self._problem():
            raise LocalProtocolError(f"not a proposal: {problem}")

    def _problem(self) -> str | None:
        if not _MECHANISM.fullmatch(self.mechanism) or not 1 <= self.version < 2**31:
            return "the mechanism's name or version is out of range"
        if len(self.code) != DIGEST_BYTES or len(self.nonce) != NONCE_BYTES:
            return "a code digest has 32 bytes and a nonce 16"
        if not self.asked or len(set(self.asked)) < len(self.asked) or {len(key) for key in self.asked} != {KEY_BYTES}:
            return "those asked are one or more different members"
        playing = self.rolled or len(self.asked)
        if not 1 <= self.players_min <= playing:
            return f"players_min is {self.players_min}, and {playing} are asked"
        if not 0 <= self.report_bytes < 1 << 20:
            return f"report_bytes is {self.report_bytes}"
        if not 0 <= self.threshold <= MEMBERS_MAX:
            return f"the threshold is {self.threshold}"
        if not 0 <= self.decimals <= 18 or not _CURRENCY.fullmatch(self.currency):
            return "currency or decimals are out of range"
        if not (0 < len(self.tie) <= _TIE_MAX and is_plain(self.tie)):
            return "a tie rule is printable text"
        for what, amount in (("a deposit", self.deposit), ("a payment_max", self.payment_max or Fraction(0))):
            minor = amount * 10**self.decimals
            if minor.denominator != 1 or not 0 <= minor < _MINOR_MAX:
                return f"{what} of {amount} is not a whole number of minor units"
        return self._sanction_problem() or self._roll_problem() or self._text_problem() or self._time_problem()

    def _sanction_problem(self) -> str | None:
        if self.sanctions != tuple(each for each in Sanction if each in self.sanctions):
            return "sanctions are named once each, in their order"
        if Sanction.ABORT in self.sanctions and not self.deposit:
            return "the sanction abort needs a deposit: without one, breaking a session would cost nothing"
        if (Sanction.DEFAULT_REPORT in self.sanctions) != (self.default_report is not None):
            return "the sanction default_report and the report that it puts in are named together"
        if self.default_report is not None and len(self.default_report) > self.report_bytes:
            return f"a default report of {len(self.default_report)} bytes, and reports have at most {self.report_bytes}"
        return None

    def _roll_problem(self) -> str | None:
        if len(self.roll) not in (0, DIGEST_BYTES) or not 0 <= self.rolled <= ROLL_MAX:
            return f"a roll is named by {DIGEST_BYTES} bytes and has at most {ROLL_MAX} lines"
        if bool(self.roll) != bool(self.rolled):
            return "a roll and its length are named together"
        if not self.rolled:
            return None
        if self.seal is Seal.COMMIT_REVEAL:
            return "participants on a roll send one ballot and cannot reveal later: the seal is open or threshold"
        if self.deposit or self.default_report is not None:
            return "participants on a roll stake nothing and are not convicted: no deposit and no default report"
        if self.seal is Seal.THRESHOLD and self.rolled > SEALED_ROLL_MAX:
            return f"a roll of {self.rolled} is more than the {SEALED_ROLL_MAX} sealed ballots that one share opens"
        return None

    def _text_problem(self) -> str | None:
        names = [account for account, _ in self.accounts]
        if names != [account for account in ACCOUNTS if account in names and account != DEPOSIT]:
            return f"accounts are named once each, in the order {', '.join(ACCOUNTS[:-1])}"
        for _, party in self.accounts:
            if not is_outside(party):
                return "a party behind an account has a name of 1 to 64 printable characters, and none with a meaning"
        if not (len(self.custodian) <= 64 and is_plain(self.custodian)):
            return "a custodian has the name of a member, or none"
        try:
            size = len(self.parameters.encode())
        except UnicodeEncodeError:
            return "the parameters are not text"
        return f"parameters of {size} bytes" if size > PARAMETERS_BYTES_MAX else None

    def _time_problem(self) -> str | None:
        for name in ("enrol_ms", "report_ms", "open_ms", "attest_ms"):
            if not 1 <= getattr(self, name) <= _MS_MAX:
                return f"{name} is {getattr(self, name)}, not between 1 and {_MS_MAX}"
        return None

    def resolved(self, roster: Roster) -> "Proposal":
        """The same terms with the threshold written down."""
        return self if self.threshold else replace(self, threshold=roster.q)

    def fault(self, roster: Roster) -> str | None:
        """Why this group cannot hold such a session, or None if it can."""
        places = [roster.place(member) for member in self.asked]
        if None in places or places != sorted(place for place in places if place is not None):
            return "those asked are not members in roster order"
        for member in self.asked:
            if roster.name(member) in (*ACCOUNTS, CUSTODY):
                return f"a player cannot be called {roster.name(member)}: that is the name of an account"
        if self.custodian and roster.named(self.custodian) is None:
            return f"the custodian {self.custodian} is not a member"
        if not roster.b < self.threshold <= roster.q:
            return f"a threshold of {self.threshold} is not more than b = {roster.b} and at most q = {roster.q}"
        if committee_of(roster, self.threshold) is None:
            return "the sealing keys in the roster are not different good points"
        dealing = _DEALING_BYTES * roster.n
        if dealing + _COIN_OVERHEAD > roster.submission_bytes_max:
            return f"a dealing for {roster.n} members passes the group's limit of {roster.submission_bytes_max}"
        sealed = dealing if self.seal is Seal.THRESHOLD else 0
        opens = self.rolled * _POINT_BYTES + _COIN_OVERHEAD if sealed else 0
        if opens > roster.submission_bytes_max:
            return f"a share that opens {self.rolled} ballots passes the group's limit of {roster.submission_bytes_max}"
        sealed += _BALLOT_OVERHEAD if self.rolled else 0
        if self.report_bytes + sealed + _ENTRY_OVERHEAD > roster.submission_bytes_max:
            return f"reports of {self.report_bytes} bytes pass the group's limit of {roster.submission_bytes_max}"
        if len(self.encoded) > min(PROPOSAL_BYTES_MAX, roster.submission_bytes_max):
            return f"a proposal of {len(self.encoded)} bytes passes the group's limit"
        return None

    @property
    def takes_deposits(self) -> bool:
        """Whether a custodian receives money for it."""
        return bool(self.custodian) and self.deposit > 0

    def content_bytes_max(self, n: int) -> int:
        """The longest content of a ballot, or of a seal that is dealt, in a group of n members."""
        sealed = self.seal is Seal.THRESHOLD
        return self.report_bytes + (_DEALING_BYTES * n + _ENTRY_OVERHEAD if sealed else 0)

    def coin_bytes_max(self, n: int) -> int:
        """The longest dealing for a coin in a group of n members."""
        return _DEALING_BYTES * n + _COIN_OVERHEAD

    def share_bytes_max(self, n: int) -> int:
        """The longest share in a group of n members: of a report or ballot of everybody, or of a coin."""
        return _POINT_BYTES * max(n, self.rolled) + _COIN_OVERHEAD

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        values = tuple(value.value if isinstance(value, StrEnum) else value for value in astuple(self))
        plain: list[Value] = [_FORMAT, *values]
        plain[1 + _SANCTIONS] = tuple(each.value for each in self.sanctions)
        return encode(tuple(plain))

    @classmethod
    def parse(cls, data: bytes) -> "Proposal | None":
        """Read the bytes of :attr:`encoded`; None if they are no proposal. Never raises."""
        try:
            value = decode(data, bytes_max=PROPOSAL_BYTES_MAX)
        except WireError:
            return None
        if not isinstance(value, tuple) or len(value) != len(_TYPES) + 1 or value[0] != _FORMAT:
            return None
        if any(type(item) not in kinds for item, kinds in zip(value[1:], _TYPES, strict=True)) or value[0] is True:
            return None
        read = dict(zip((field.name for field in fields(cls)), value[1:], strict=True))
        if not (_all(read["asked"], bytes) and _all(read["sanctions"], str) and _pairs(read["accounts"])):
            return None
        try:
            proposal = cls(**read)  # type: ignore[arg-type]  # _TYPES has just checked every field
        except LocalProtocolError:
            return None
        # A deposit of 2/1 or a sanction in other letters would be a second spelling of the same terms.
        return proposal if proposal.encoded == data else None


_TYPES: tuple[tuple[type, ...], ...] = (
    (str,), (int,), (bytes,), (str,), (tuple,), (str,), (int,), (int,), (int, Fraction), (tuple,), (tuple,),
    (str,), (str,), (int,), (int,), (int,), (int,), (int,), (int,),
    (bytes, type(None)), (int, Fraction, type(None)), (str,), (bytes,), (int,), (bytes,),
)  # fmt: skip
_SANCTIONS = [field.name for field in fields(Proposal)].index("sanctions")


def _all(value: Value, kind: type) -> bool:
    return isinstance(value, tuple) and all(type(item) is kind for item in value)


def _pairs(value: Value) -> bool:
    return isinstance(value, tuple) and all(_all(pair, str) and len(pair) == 2 for pair in value)  # type: ignore[arg-type]


def nonce_of(label: str, proposer: MemberId) -> bytes:
    """The nonce of a proposal with this label: who proposes the same once more founds no other session."""
    return digest("mechdesign/proposal-label/1", proposer, label.encode())[:NONCE_BYTES]


def session_id(roster: Roster, proposer: MemberId, sequence: int, encoded: bytes) -> bytes:
    """The name of the session that a proposal founds: 32 bytes over roster, proposer, sequence number and terms."""
    return digest(_TAG, roster.digest, proposer, sequence.to_bytes(8, "big"), encoded)
