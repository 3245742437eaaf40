"""The transactions of a group's ledger, from transcripts and from journals.

A transcript is one session. A journal has all sessions of its epoch, those that nobody wrote a transcript of as well,
what custodians paid out, and the balances with which the epoch began: what earlier transcripts at hand do not show of
these is one opening transaction. So with a journal the ledger ends with the very balances that the members hold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mechdesign.cli.auditing import Auditor
from mechdesign.cli.journal_files import JOURNAL, is_journal, read_journal_file
from mechdesign.cli.journals import Transaction, balances
from mechdesign.cli.output import warn
from mechdesign.decision.books import Balance, Due
from mechdesign.decision.parties import CUSTODY, participant, renaming
from mechdesign.decision.replay import Replayed, replay
from mechdesign.decision.transcript import AuditReport, audit_stream
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import ConfigError, VerificationError
from mechdesign.kernel.flow import Flow
from mechdesign.mechanisms import registry

__all__ = ["transactions_of"]

_CHUNK_BYTES = 256 * 1024
_OPENING = -1
# What was carried over stands before the first position of the epoch's log.


@dataclass(frozen=True, slots=True)
class _Epoch:
    """What a journal shows of its epoch."""

    roster: Roster
    replayed: Replayed


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a file shows of a session."""

    file: str
    report: AuditReport

    @property
    def moved(self) -> tuple[object, ...]:
        """All that the ledger takes from it."""
        said = self.report
        return said.verdict, said.digest, said.aborted, said.players, said.received, said.flows


def transactions_of(
    paths: list[Path], rosters: tuple[Roster, ...] = (), load: tuple[str, ...] = ()
) -> list[Transaction]:
    """The transactions in log order, each session once, parties by the newest roster's names.

    Args:
        paths: transcripts, journals and folders of them.
        rosters: of what epochs every transcript and journal has to be, the first one first; none for any.
        load: further mechanisms.

    Raises:
        ConfigError: a file cannot be read, there is none, they are of different groups, or a journal's is not known.
        JournalError: a journal is damaged.
        VerificationError: a session does not hold, nobody signed what a journal's epoch began with, or two files differ
            about a session and it cannot be said which counts; the message names the files.
    """
    own = [registry.load(name) for name in load]
    files = [file for path in paths for file in (_within(path) if path.is_dir() else [path])]
    if not files:
        raise ConfigError(f"{paths[0]}: no transcripts in this folder, and no journal: name one that a node wrote to")
    found: dict[bytes, _Shown] = {}
    journals = [file for file in files if is_journal(file)]
    for file in files:
        if file not in journals:
            _note(found, file, _chunks(file), Auditor(own), rosters)
    known = {each.digest: each for each in (*(shown.report.roster for shown in found.values()), *rosters)}
    epochs: dict[bytes, _Epoch] = {}
    for file in journals:
        journal = read_journal_file(file)
        reading = journal.reading(known.get(journal.roster), Ed25519())
        if rosters and reading.roster not in rosters:
            which = f"{file.name}: the journal is of another roster, in epoch {reading.roster.epoch}"
            raise VerificationError("roster", which)
        journal.check_beginning(reading, Ed25519())
        try:
            epoch = _Epoch(reading.roster, replay(reading, Ed25519(), lambda said: Auditor(own).recompute(said)))
        except VerificationError as error:
            raise _named(error, file) from error
        for transcript in epoch.replayed.transcripts:
            _note(found, file, [transcript], Auditor(own), rosters)
        # Of two journals of one epoch the longer log says more, and the shorter one nothing else.
        before = epochs.get(reading.roster.digest)
        if before is None or len(before.replayed.paid) <= len(epoch.replayed.paid):
            epochs[reading.roster.digest] = epoch
    return _ordered([shown.report for shown in found.values()], list(epochs.values()))


def _within(folder: Path) -> list[Path]:
    journal = folder / JOURNAL
    return [*sorted(folder.glob("*.transcript")), *([journal] if journal.exists() else [])]


def _chunks(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as source:
            yield from iter(lambda: source.read(_CHUNK_BYTES), b"")
    except OSError as error:
        raise ConfigError(f"the transcript file {file} cannot be read: {error.strerror}") from error


def _named(error: VerificationError, file: Path) -> VerificationError:
    return VerificationError(error.check, f"{file.name}: {error}", error.member)


def _note(
    found: dict[bytes, _Shown], file: Path, chunks: Iterable[bytes], auditor: Auditor, rosters: tuple[Roster, ...]
) -> None:
    first, *later = rosters or (None,)
    try:
        report = audit_stream(chunks, Ed25519(), auditor.recompute, first, successors=later)
    except VerificationError as error:
        raise _named(error, file) from error
    shown = _Shown(file.name, report)
    known = found.setdefault(report.session, shown)
    if known.moved != shown.moved:
        found[report.session] = _certified(known, shown)


def _certified(one: _Shown, other: _Shown) -> _Shown:
    """Which of two accounts of a session counts: nobody signs that an aborted session's entries are all there are.

    Raises:
        VerificationError: a quorum signed both of them, or neither.
    """
    what = f"{one.file} and {other.file} differ about session {one.report.session.hex()}"
    signed = [shown for shown in (one, other) if shown.report.certificate is not None]
    if len(signed) != 1:
        which = "both are" if signed else "neither is"
        raise VerificationError("session", f"{what}, and {which} certified by a quorum: compare them with `audit`")
    warn(f"{what}: {signed[0].file} is certified by a quorum, and counts")
    return signed[0]


def _ordered(reports: list[AuditReport], epochs: list[_Epoch]) -> list[Transaction]:
    rosters = [*(each.roster for each in reports), *(each.roster for each in epochs)]
    groups = sorted({each.group for each in rosters})
    if len(groups) > 1:
        raise ConfigError(f"the files are of different groups: {', '.join(groups)}")
    newest = max(rosters, key=lambda each: each.epoch)
    made = [_session(each, newest) for each in reports]
    made += [_paid(position, due, each.roster, newest) for each in epochs for position, due in _payouts(each)]
    for each in sorted(epochs, key=lambda each: each.roster.epoch):
        earlier = balances(one for one in made if one.epoch < each.roster.epoch)
        made += _opening(each, earlier, newest)
    return sorted(made, key=lambda each: (each.epoch, each.position, each.session))


def _payouts(epoch: _Epoch) -> Iterator[tuple[int, Due]]:
    return ((each.position, each.due) for each in epoch.replayed.paid)


def _session(report: AuditReport, newest: Roster) -> Transaction:
    terms = report.proposal
    called = renaming([(member.name, member.id) for member in report.roster.members], newest)
    received = (Flow(CUSTODY, player, amount, "received") for player, amount in report.received)
    names = [name for _, name in report.players] + [name for name, _ in report.received]
    parties = {name: participant(name, terms.roll) if terms.rolled else called(name) for name in names}
    return Transaction(
        epoch=report.roster.epoch,
        position=report.position,
        group=report.roster.group,
        session=report.session,
        mechanism=f"{terms.mechanism}/{terms.version}",
        currency=terms.currency,
        decimals=terms.decimals,
        custodian=called(terms.custodian) if terms.custodian else "",
        flows=(*received, *report.flows),
        behind=parties | {account: called(party) for account, party in terms.accounts},
        players=frozenset(parties.values()) | {member.name for member in newest.members},
    )


def _paid(position: int, due: Due, roster: Roster, newest: Roster) -> Transaction:
    called = renaming([(member.name, member.id) for member in roster.members], newest)
    return _other(
        (roster.epoch, position, due.session, "paid out"),
        (due.purse.currency, called(due.purse.custodian)),
        (Flow(called(due.party), CUSTODY, due.amount, "paid out"),),
        newest,
    )


def _opening(epoch: _Epoch, shown: dict[tuple[str, str, str], Fraction], newest: Roster) -> list[Transaction]:
    """What an epoch began with and the transactions before it do not show: one transaction for each purse."""
    books = epoch.replayed.carried.renamed(((each.name, each.id) for each in epoch.roster.members), newest)
    lacking = dict.fromkeys(shown, Fraction(0)) | {_line(each): each.amount for each in books.balances}
    purses: dict[tuple[str, str], dict[str, Fraction]] = {}
    for (currency, custodian, party), amount in lacking.items():
        if rest := amount - shown.get((currency, custodian, party), Fraction(0)):
            purses.setdefault((currency, custodian), {})[party] = rest
    place = epoch.roster.epoch, _OPENING, b"", "carried over"
    return [_other(place, purse, tuple(_settling(held)), newest) for purse, held in purses.items()]


def _line(balance: Balance) -> tuple[str, str, str]:
    return balance.purse.currency, balance.purse.custodian, balance.party


def _settling(held: dict[str, Fraction]) -> Iterator[Flow]:
    """Flows that make these balances, which sum to zero."""
    owing = [(party, -amount) for party, amount in held.items() if amount < 0]
    for party, amount in held.items():
        while amount > 0:
            payer, most = owing.pop()
            paid = min(amount, most)
            yield Flow(payer, party, paid, "carried over")
            owing += [(payer, most - paid)] if most > paid else []
            amount -= paid


def _other(
    place: tuple[int, int, bytes, str], purse: tuple[str, str], flows: tuple[Flow, ...], newest: Roster
) -> Transaction:
    """A transaction that is no session."""
    epoch, position, session, what = place
    return Transaction(
        epoch=epoch,
        position=position,
        group=newest.group,
        session=session,
        mechanism=what,
        currency=purse[0],
        decimals=0,
        custodian=purse[1],
        flows=flows,
        behind={},
        players=frozenset(member.name for member in newest.members),
    )
