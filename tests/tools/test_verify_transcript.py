"""The second verifier agrees with the first one, and takes nothing that was changed."""

import ast
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from mechdesign.cli.verify import verify_transcript_file
from mechdesign.decision.transcript import audit
from mechdesign.kernel.errors import VerificationError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.ties import TieRule
from mechdesign.settlement import settle_sync
from tests.decision.test_epoch import nobody_can_follow

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_transcript.py"
VALUES = {"alice": 18, "bob": 24, "carol": "21.50", "dave": 7}
SEALS = ("open", "commit_reveal", "threshold")


def run(*arguments):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


@cache
def loaded():
    """The script as a module, for the many runs on changed bytes."""
    names = {"__name__": "verify_transcript"}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), names)
    return names


def refuses(data):
    try:
        loaded()["verify"](data)
    except Exception:
        return True
    return False


@cache
def settled(n=4, seal="threshold", **options):
    values = dict(list(VALUES.items())[:n])
    return settle_sync(SecondPrice(reserve=5), values, seal=seal, **options)


@pytest.mark.parametrize("seal", SEALS)
@pytest.mark.parametrize("n", [1, 3, 4])
def test_both_verifiers_say_the_same(n, seal, tmp_path):
    data = settled(n, seal).transcript
    path = tmp_path / "session.transcript"
    path.write_bytes(data)
    assert run(path) == (0, verify_transcript_file(data, None).line + "\n")


def settled_apart(values, **options):
    return settle_sync(SecondPrice(reserve="1/3"), values, **options)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"alice": 9, "bob": 9, "carol": 9}, {"ties": TieRule("by_coin")}),
        ({"alice": 9, "bob": 9, "carol": 9, "dave": 1}, {"ties": TieRule("by_coin"), "seal": "open"}),
        ({"alice": 9, "bob": 9}, {"ties": TieRule("given", ("bob",))}),
        ({"alice": 9, "bob": 9}, {"deposit": Fraction(7, 2)}),
        ({"alice": "12.345", "bob": "12.345"}, {}),
        ({"alice": "12.346", "bob": "12.3456"}, {}),
        ({"alice": "0.2", "bob": "0.1"}, {}),
        ({"alice": 3}, {"seal": "commit_reveal"}),
    ],
    ids=["coin", "coin of four", "given order", "deposit", "half a cent", "over half a cent", "no sale", "reserve"],
)
def test_both_agree_on_ties_coins_deposits_and_rounding(values, options):
    data = settled_apart(values, **options).transcript
    assert loaded()["verify"](data) == verify_transcript_file(data, None).line


def test_both_agree_where_a_player_stays_away():
    data = settled_apart({"alice": 9, "bob": None, "carol": 4, "dave": 5}, phase_s=0.5).transcript
    assert loaded()["verify"](data) == verify_transcript_file(data, None).line


@pytest.mark.parametrize("seal", SEALS)
def test_every_sampled_byte_counts(seal):
    data = settled(4, seal).transcript
    assert not refuses(data)
    for at in range(0, len(data), len(data) // 150):
        for mask in (0x01, 0x80):
            assert refuses(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]), f"byte {at} ^ {mask}"


def test_no_entry_can_be_left_out_moved_or_said_twice():
    names, data = loaded(), settled(4, "threshold").transcript
    magic, version, roster, frozen, later = names["decode"](data)
    lists = [frozen[:at] + frozen[at + 1 :] for at in range(len(frozen))]
    lists += [(*frozen[:at], frozen[at + 1], frozen[at], *frozen[at + 2 :]) for at in range(len(frozen) - 1)]
    lists += [frozen[:at] + frozen[at - 1 :] for at in range(1, len(frozen))]
    changed = [(magic, version, roster, each, later) for each in lists]
    changed += [(magic, version, roster, frozen, each) for each in (later[1:], (*later, later[0]))]
    for value in changed:
        made = names["encode"](value)
        assert refuses(made)
        with pytest.raises(VerificationError):
            verify_transcript_file(made, None)


def test_with_the_fingerprint_it_says_authentic_and_with_another_one_it_refuses(tmp_path):
    made, other = settled(4, "open"), settled(3, "open")
    path = tmp_path / "session.transcript"
    path.write_bytes(made.transcript)
    for known in (made.roster.digest.hex(), made.roster.digest.hex()[:16]):
        assert run(path, known) == (0, verify_transcript_file(made.transcript, made.roster).line + "\n")
    for strange in (other.roster.digest.hex(), made.roster.digest.hex()[:4], made.roster.digest.hex() + "00"):
        assert run(path, strange)[0] == 1


@pytest.mark.parametrize("sanctions", [(), ("forfeit", "abort")])
def test_both_see_that_a_session_does_not_begin_that_no_quorum_can_follow(sanctions):
    cluster = nobody_can_follow(sanctions=sanctions)
    cluster.settle()
    data = cluster.aborted(3).transcript
    assert "no outcome can be certified" in loaded()["verify"](data)
    assert audit(data, cluster.scheme, cluster.recompute, cluster.roster).flows == cluster.aborted(3).flows


def test_what_is_no_transcript_is_refused_in_one_line(tmp_path):
    path = tmp_path / "some.transcript"
    for data in (b"", b"nonsense", b"\x80", b"\xc1", bytes(100), settled(1, "open").transcript[:-1]):
        path.write_bytes(data)
        code, line = run(path)
        assert code == 1
        assert line.startswith("does not hold: ")
        assert line.count("\n") == 1
    assert run(tmp_path / "absent")[0] == 1


def test_it_is_short_and_stands_alone():
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 300
    assert "fmt:" not in text, "it is formatted as everything else"
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        + ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
    }
    assert imported - set(sys.stdlib_module_names) == {"msgpack", "cryptography", "nacl"}
