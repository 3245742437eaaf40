"""A plugin: whatever transcripts the tests of a run produce, the second verifier takes each and says the same of it.

    pytest -p tests.tools.every_transcript tests/decision tests/test_settle.py

Sessions are seen as they end, so nothing that a test changed afterwards is among them. Where a simulation has the fast
stand-in for signatures, everything but those is checked.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechdesign.decision import messages, session
from mechdesign.decision.record import Record
from mechdesign.group.block import check_inclusion
from mechdesign.kernel.crypto import Ed25519

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_transcript.py"
_made: dict[bytes, bytes] = {}
_said: dict[bytes, str] = {}
_by: dict[bytes, str] = {}
_FAILED = pytest.ExitCode.TESTS_FAILED


def _noting(make: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        made = make(*given, **named)
        if made.transcript and getattr(made, "agrees", True):
            name = hashlib.sha256(made.transcript).digest()
            _made[name] = made.transcript
            _said[name] = f"{made.verdict}: " if isinstance(made, messages.Decided) else "aborted: "
            _said[name] += f"/{made.digest.hex()[:16]}" if isinstance(made, messages.Decided) else "/"
            _by.setdefault(name, os.environ.get("PYTEST_CURRENT_TEST", "before the tests"))
        return made

    return noted


def pytest_configure(config: pytest.Config) -> None:
    """See every end of a session."""
    for name in ("Decided", "Aborted"):
        setattr(session, name, _noting(getattr(session, name)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check what was made."""
    names: dict[str, Any] = {"__name__": "verify_transcript"}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), names)
    strict, refused, signed = names["Session"].check, [], 0
    # An audit keeps no entries, so the ends that it comes to have none.
    records = [(name, data, Record.parse(data)) for name, data in _made.items()]
    kept = [(name, data, record.roster, record.frozen[0]) for name, data, record in records if record.frozen]
    for name, data, roster, first in kept:
        real = check_inclusion(roster, Ed25519(), first.submission, first.inclusion)
        signed += real
        names["Session"].check = strict if real else lambda *entry: None
        verdict, _, digest = _said[name].partition("/")
        try:
            found = names["verify"](data)
            if verdict not in found or digest not in found:
                refused.append(f"the members say {_said[name]}, it says {found}: {_by[name]}")
        except Exception as error:
            refused.append(f"{error}: {_by[name]}")
    print(f"\nsecond verifier: {len(kept)} transcripts, {signed} of them with real signatures; {len(refused)} refused")
    print("\n".join(sorted(set(refused))))
    if refused:
        session.exitstatus = _FAILED
