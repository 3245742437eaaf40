"""The pytest plugin: one line in a test module, and every check and claim of a mechanism is a test."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest_plugins = ["pytester"]

MINE = '''
from fractions import Fraction

from mechdesign import Account, Amount, Claims, Example, Holds, Mechanism, Outcome, Result, pay


class Sold(Outcome):
    winner: str | None = None


class Mine(Mechanism[Amount, Amount, Sold]):
    """The highest bid wins and pays itself; the first of the roster among equals."""

    name = "mine.first-price"
    accounts = (Account.SELLER,)
    claims = Claims(CLAIMS)
    example = Example({"alice": 1, "bob": 2, "carol": 4})

    def settle(self, reports, context):
        if not reports:
            return Result(Sold())
        top = max(reports.values())
        winner, ties = context.pick([one for one in reports if reports[one] == top], "the highest bid")
        return Result(Sold(winner=winner), pay(winner, Account.SELLER, top, "price"), ties=ties)

    def valuation(self, player, value, outcome):
        return value if outcome.winner == player else Fraction(0)
'''


def lay_out(pytester: pytest.Pytester, claims: str) -> None:
    pytester.makepyfile(mine=MINE.replace("CLAIMS", claims))
    pytester.makepyfile(test_mine="from mine import Mine\n\nmechdesign_mechanisms = [Mine]\n")


@pytest.fixture(autouse=True)
def _found_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    plain = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:xdist")
    return pytester.runpytest_subprocess("-p", "mechdesign.testing.plugin", *plain, *arguments)


def test_a_sound_mechanism_passes_one_test_for_each_check_and_each_claim(pytester: pytest.Pytester) -> None:
    lay_out(pytester, 'individually_rational=Holds("pays its bid"), no_deficit=Holds("one payment")')
    result = run(pytester, "-v", "--mechdesign-tries", "5")
    result.assert_outcomes(passed=14)
    result.stdout.fnmatch_lines(["*Mine::check_is_total PASSED*", "*Mine::claim_no_deficit_holds PASSED*"])


def test_a_claim_that_does_not_hold_fails_with_the_counterexample_and_no_traceback(pytester: pytest.Pytester) -> None:
    lay_out(pytester, 'dsic=Holds("nowhere")')
    result = run(pytester, "-k", "claim_dsic")
    result.assert_outcomes(failed=1, deselected=12)
    result.stdout.fnmatch_lines(["claimed to hold (nowhere), but mine.first-price/1 * gain *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*incentive_checks.py*")


def test_what_is_no_list_of_mechanisms_is_an_error_of_collection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one="mechdesign_mechanisms = [int]\n", test_two="mechdesign_mechanisms = 3\n")
    printed = run(pytester).stdout
    printed.fnmatch_lines(["*<class 'int'> is no mechanism class*"])
    printed.fnmatch_lines(["*mechdesign_mechanisms must be a list of mechanism classes*"])
