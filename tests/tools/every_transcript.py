"""A plugin: whatever transcripts the tests of a run produce, the second verifier takes each and says the same of it.

    pytest -p tests.tools.every_transcript tests/decision tests/test_settle.py

Sessions of this process are seen as they end, so nothing that a test changed afterwards is among them. Where a
simulation has the fast stand-in for signatures, everything but those is checked. What other processes wrote, nodes,
demos, whole hosts, is found as files when a test ends. Tests damage some of these on purpose, and both verifiers have
to refuse the same ones. Of a mechanism that only its test knows ours says nothing without it, and the second has to
take it. ``SECOND_VERIFIER`` in the environment names another script in the place of the second verifier.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechdesign.cli.verify import verify_transcript_file
from mechdesign.decision import messages, session
from mechdesign.decision.record import MAGIC, Record
from mechdesign.group.block import check_inclusion
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import VerificationError

SCRIPT = Path(os.environ.get("SECOND_VERIFIER", Path(__file__).parents[2] / "tools" / "verify_transcript.py"))
_FAILED = pytest.ExitCode.TESTS_FAILED
_BROKEN = ("test_a_fault_that_is_put_in_is_found", "test_one_payment_that_is_counted_twice_is_found")
"""Tests whose members have broken rules, so that what they end with is not what it should be."""


_made: dict[bytes, tuple[bytes, str, str]] = {}
"""What sessions of this process ended with, by digest: the transcript, what the members say of it, and which test."""

_found: dict[bytes, tuple[bytes, str]] = {}
"""Files that begin as transcripts do, by digest: the bytes, and which test."""


def _test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "before the tests")


def _noting(make: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        made = make(*given, **named)
        if made.transcript and getattr(made, "agrees", True) and not any(name in _test() for name in _BROKEN):
            decided = isinstance(made, messages.Decided)
            said = f"{made.verdict}: /{made.digest.hex()[:16]}" if decided else "aborted: /"
            _made.setdefault(hashlib.sha256(made.transcript).digest(), (made.transcript, said, _test()))
        return made

    return noted


def pytest_configure(config: pytest.Config) -> None:
    """See every end of a session."""
    for name in ("Decided", "Aborted"):
        setattr(session, name, _noting(getattr(session, name)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Take what this test left in its folders, before anybody clears them."""
    folders = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Path) and value.is_dir()]
    for file in {file for folder in folders for file in folder.rglob("*") if file.is_file()}:
        with file.open("rb") as source:
            begin = source.read(len(MAGIC) + 8)
            if MAGIC.encode() in begin:
                data = begin + source.read()
                _found.setdefault(hashlib.sha256(data).digest(), (data, _test()))


def _ours(data: bytes) -> str | None:
    """What our own verifier says of a file: its verdict and digest, or nothing of a mechanism that is not registered.

    Raises:
        VerificationError: it does not hold.
    """
    try:
        told = verify_transcript_file(data).data
    except VerificationError as error:
        if error.check != "code":
            raise
        return None
    return f"{told['verdict']}: /{told['digest'].hex()[:16]}"


def _compare(verify: Callable[[bytes], str], data: bytes, said: str | None) -> str | None:
    """What the second verifier says otherwise, or None."""
    try:
        found = verify(data)
    except Exception as error:
        return f"it refuses what the members say is {said}: {error}"
    verdict, _, digest = (said or "/").partition("/")
    return None if verdict in found and digest in found else f"the members say {said}, it says {found}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check what was made."""
    names: dict[str, Any] = {"__name__": "verify_transcript"}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), names)
    strict, counted, refused = names["Session"].check, Counter[str](), []
    for data, said, test in _made.values():
        record = Record.parse(data)
        # An audit keeps no entries, so the ends that it comes to have none.
        if record.frozen:
            real = check_inclusion(record.roster, Ed25519(), record.frozen[0].submission, record.frozen[0].inclusion)
            counted.update(["made", *(["signed"] if real else [])])
            names["Session"].check = strict if real else lambda *entry: None
            refused += [f"{wrong}: {test}"] if (wrong := _compare(names["verify"], data, said)) else []
    names["Session"].check = strict
    for data, test in (each for name, each in _found.items() if name not in _made):
        counted["files"] += 1
        try:
            ours = _ours(data)
        except VerificationError as error:
            counted["damaged"] += 1
            if (taken := _taken(names["verify"], data)) is not None:
                refused.append(f"we refuse it ({error}), it says {taken}: {test}")
            continue
        counted["unknown"] += ours is None
        refused += [f"{wrong}: {test}"] if (wrong := _compare(names["verify"], data, ours)) else []
    print(
        f"\nsecond verifier: {counted['made']} transcripts, {counted['signed']} of them with real signatures, and "
        f"{counted['files']} files, {counted['damaged']} of them damaged on purpose and {counted['unknown']} of "
        f"mechanisms of a test; {len(refused)} refused"
    )
    print("\n".join(sorted(set(refused))))
    if refused:
        session.exitstatus = _FAILED


def _taken(verify: Callable[[bytes], str], data: bytes) -> str | None:
    try:
        return verify(data)
    except Exception:
        return None
