"""A custodian that reads receipts from a file and writes pay-outs to another; the shell of ``custodian.py``.

The file of receipts is written by others, such as a bank's export: CSV with a header line, or JSON lines by its name
``….jsonl``, each with ``reference``, ``player``, ``currency`` and ``amount``. A last line without its end is still
being written, and waits. Pay-outs are appended to the second file in the same format, with ``session``, ``party``,
``currency`` and ``amount``; a third beside it, ``….used.jsonl``, remembers which receipt was used for which session.

Both of our files are only appended to, and on disk before anything is reported: a line that a crash has torn was
never acted on, and goes. One process at a time: the third file is locked while it is open.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from mechdesign.decision.books import Due
from mechdesign.decision.custody.custodian import Payment
from mechdesign.decision.custody.receipts import is_reference
from mechdesign.decision.custody.till import DepositDue
from mechdesign.kernel.errors import ConfigError

__all__ = ["FileCustodian"]

_FILE_BYTES_MAX = 64 << 20
_DIGITS = 32
_AMOUNT = re.compile(r"[0-9]{1,40}(\.[0-9]{1,18})?", re.ASCII)
_IN = ("reference", "player", "currency", "amount")
_OUT = ("session", "party", "currency", "amount")


@dataclass(frozen=True, slots=True)
class _Line:
    reference: str
    player: str
    currency: str
    amount: Fraction


class FileCustodian:
    """Reads receipts and writes pay-outs; a :class:`~mechdesign.decision.custody.custodian.Custodian`.

    Args:
        receipts: the file of receipts; it need not be there yet.
        payouts: the file of pay-outs, made if it is not there.

    Raises:
        ConfigError: a file cannot be used, or another process uses it.
    """

    def __init__(self, receipts: Path, payouts: Path) -> None:
        self._receipts = receipts
        self._payouts = payouts
        with ExitStack() as opening:
            self._journal = opening.enter_context(_open(payouts.with_name(payouts.name + ".used.jsonl")))
            _lock(self._journal)
            self._out = opening.enter_context(_open(payouts))
            try:
                used = [json.loads(line) for line in _whole_lines(self._journal)]
                self._used = {str(each["reference"]): str(each["session"]) for each in used}
                written = _rows(payouts, _whole_lines(self._out), _OUT)
            except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
                raise ConfigError(f"{payouts}: not a file of pay-outs that this program wrote: {error}") from error
            self._paid = {(row["session"], row["party"]) for row in written}
            self._files = opening.pop_all()
        if payouts.suffix != ".jsonl" and not payouts.stat().st_size:
            _append(self._out, _csv(_OUT))
        # What the file of receipts held when it was last read: every open deposit asks for it, again and again.
        self._stamp: tuple[int, ...] = ()
        self._lines: dict[tuple[str, str], list[_Line]] = {}

    def received(self, due: DepositDue) -> Sequence[Payment]:
        """The deposit as one payment, once unused receipts of the player make it up: as few as it takes.

        Until then none is used, so that nobody's money goes into a session in which it would not count; and there is
        one payment however many parts it came in, so that small ones of others keep no room from it.

        Raises:
            ConfigError: the file of receipts is not one.
        """
        session = due.session.hex()
        lines = self._look().get((due.name, due.currency), [])
        lines = [line for line in lines if (line.amount * 10**due.decimals).denominator == 1]
        mine = [line for line in lines if self._used.get(line.reference) == session]
        free = [line for line in lines if line.reference not in self._used]
        fresh = _fewest(free, due.deposit - _total(mine))
        if fresh is None:
            return []
        for line in fresh:
            # A crash on the way leaves some of them used, for this session: the rest is taken then.
            _append(self._journal, json.dumps({"session": session, "reference": line.reference}) + "\n")
            self._used[line.reference] = session
        return [Payment(_reference([*mine, *fresh]), _total([*mine, *fresh]))]

    def pay(self, due: Due) -> bool:
        """Write a pay-out, unless it stands there already."""
        key = due.session.hex(), due.party
        if key not in self._paid:
            row = (*key, due.purse.currency, _exact(due.amount))
            jsonl = self._payouts.suffix == ".jsonl"
            _append(self._out, json.dumps(dict(zip(_OUT, row, strict=True))) + "\n" if jsonl else _csv(row))
            self._paid.add(key)
        return True

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()

    def __enter__(self) -> "FileCustodian":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> Mapping[tuple[str, str], list[_Line]]:
        """The receipts by player and currency, read again only where the file may have changed."""
        try:
            found = self._receipts.stat()
            if found.st_size > _FILE_BYTES_MAX:
                raise ConfigError(f"{self._receipts}: longer than {_FILE_BYTES_MAX} bytes")
            stamp = found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
            if stamp != self._stamp:
                lines = self._read(self._receipts.read_text(encoding="utf-8"))
                # Looked at before it was read: what is written meanwhile has another stamp.
                self._lines, self._stamp = {}, stamp
                for line in lines:
                    self._lines.setdefault((line.player, line.currency), []).append(line)
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._receipts}: cannot be read: {error}") from error
        return self._lines

    def _read(self, text: str) -> list[_Line]:
        whole = text[: text.rfind("\n") + 1]
        try:
            lines = [_line(row) for row in _rows(self._receipts, whole.splitlines(keepends=True), _IN)]
        except (ValueError, TypeError, RecursionError, csv.Error) as error:
            raise ConfigError(f"{self._receipts}: not a file of receipts: {error}") from error
        seen: dict[str, _Line] = {}
        for line in lines:
            if seen.setdefault(line.reference, line) != line:
                raise ConfigError(f"{self._receipts}: two different payments are called {line.reference!r}")
        return list(seen.values())


def _total(lines: Iterable[_Line]) -> Fraction:
    return sum((line.amount for line in lines), Fraction(0))


def _fewest(lines: Iterable[_Line], wanted: Fraction) -> list[_Line] | None:
    """The fewest that make up an amount, with little beyond it; None where all together do not."""
    left, found = sorted(lines, key=lambda line: (line.amount, line.reference)), list[_Line]()
    while wanted > 0 and left:
        enough = (at for at, line in enumerate(left) if line.amount >= wanted)
        found.append(left.pop(next(enough, -1)))
        wanted -= found[-1].amount
    return found if wanted <= 0 else None


def _reference(lines: Sequence[_Line]) -> str:
    """What a payment is called: as its receipt, or, in parts, by a digest over what these are called."""
    if len(lines) == 1:
        return lines[0].reference
    parts = json.dumps(sorted(line.reference for line in lines), separators=(",", ":"))
    return f"{len(lines)} parts, {hashlib.sha256(parts.encode()).hexdigest()[:_DIGITS]}"


def _line(row: Mapping[str, Any]) -> _Line:
    reference, player, currency = (str(row[name]).strip() for name in _IN[:3])
    amount = str(row["amount"]).strip()
    if not is_reference(reference) or not _AMOUNT.fullmatch(amount) or not Fraction(amount):
        raise ValueError(f"{dict(row)} has no positive amount, or no reference of 1 to 64 printable characters")
    return _Line(reference, player, currency, Fraction(amount))


def _rows(path: Path, lines: Iterable[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        rows = [json.loads(line, parse_float=str) for line in lines if line.strip()]
    else:
        reader = csv.DictReader(lines, restkey="more")
        rows = list(reader)
        if set(reader.fieldnames or columns) != set(columns):
            raise ValueError(f"its first line does not name the columns {', '.join(columns)}")
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(columns) or None in row.values():
            raise ValueError(f"a line has other columns than {', '.join(columns)}")
    return rows


def _csv(row: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def _exact(amount: Fraction) -> str:
    """A whole number of minor units as a decimal."""
    places = next(places for places in range(40) if (amount * 10**places).denominator == 1)
    digits = f"{int(amount * 10**places):0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("a+b")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error


def _lock(file: BinaryIO) -> None:
    try:
        import fcntl
    except ImportError:  # not a POSIX system: there it is the user who starts one process only
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigError(f"{file.name}: another process uses it") from error


def _whole_lines(file: BinaryIO) -> list[str]:
    """The lines of one of our files; what a crash has torn is cut off."""
    file.seek(0)
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        file.truncate(len(whole))
    return whole.decode().splitlines(keepends=True)


def _append(file: BinaryIO, text: str) -> None:
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())
