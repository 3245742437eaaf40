"""`mechdesign check`: a table, the counterexamples, and an exit code."""

from pathlib import Path

from tests.cli.command_line import run

LIAR = '''
from mechdesign import Claims, Example, Holds
from mechdesign.mechanisms.auction.first_price import FirstPrice


class Liar(FirstPrice):
    """A first-price auction that is said to be strategyproof."""

    name = "test.liar"
    claims = Claims(dsic=Holds("nowhere"), no_deficit=Holds("one payment"))
    example = Example({"alice": 1, "bob": 2})
'''

LEAKY = '''
from mechdesign import Account, Amount, Claims, Example, Fails, Mechanism, Result, pay
from mechdesign.mechanisms.claims import Witness


class Leaky(Mechanism[Amount, Amount, str]):
    """Everybody pays and the witness is wrong."""

    name = "test.leaky"
    accounts = (Account.SINK,)
    claims = Claims(no_deficit=Fails(Witness(types={"alice": 1})))
    example = Example({"alice": 1, "bob": 2})

    def settle(self, reports, context):
        return Result("paid", [flow for one in reports for flow in pay(one, "SINK", reports[one], "fee")])


class Moody(Leaky):
    """It counts."""

    name = "test.moody"
    claims = Claims()

    def settle(self, reports, context):
        COUNT.append(1)
        return Result(str(len(COUNT)))


COUNT = []
'''


def test_a_mechanism_that_does_what_it_claims_is_shown_with_grids_and_tries() -> None:
    ran = run("check", "auction.second-price", "--tries", 5, "--seed", 4)
    assert ran.code == 0, ran.out
    assert "contract  12 of 12 checks passed" in ran.out
    assert "dsic                   holds    proved on a grid" in ran.out
    assert "group_strategyproof    fails    violated" in ran.out
    assert "1 to 3 players of 5 types (0, 1, 2, 3, 4)" in ran.out
    assert "not refuted in 10 tries (seed 4)" in ran.out
    assert ran.out.endswith("everything that is claimed holds\n")


def test_a_wrong_label_in_a_file_is_refuted_with_profile_misreport_and_gain(tmp_path: Path) -> None:
    file = tmp_path / "liar.py"
    file.write_text(LIAR)
    ran = run("check", f"{file}:Liar", "--tries", 0)
    assert ran.code == 1, ran.err
    assert "dsic                   holds    REFUTED: violated" in ran.out
    assert "dsic: claimed to hold (nowhere), but test.liar/1" in ran.out
    shown = run("check", f"{file}:Liar", "--tries", 0, "--json")
    assert shown.code == 1
    assert not shown.json["holds"]
    claims = {line["concept"]: line for line in shown.json["claims"]}
    assert claims["dsic"]["violation"]["types"] == {"alice": "1"}
    assert claims["dsic"]["violation"]["deviations"] == {"alice": "0"}
    assert claims["dsic"]["violation"]["gain"] == "1"
    assert claims["no_deficit"]["verdict"] == "proved on a grid"


def test_a_witness_that_shows_nothing_and_a_broken_contract_end_in_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "leaky.py"
    file.write_text(LEAKY)
    ran = run("check", f"{file}:Leaky", "--tries", 0)
    assert ran.code == 1, ran.err
    assert "the witness that no_deficit fails shows no violation" in ran.out
    moody = run("check", f"{file}:Moody", "--tries", 0)
    assert moody.code == 1
    assert "FAILED  is deterministic: " in moody.out


def test_an_unknown_name_is_a_usage_error() -> None:
    assert run("check", "auction.second-prize").code == 2
