"""What the README shows is what happens."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mechdesign.cli.node_files import NodeFile, ProposalTable, ValuesFile
from mechdesign.cli.reading import parse, validate
from mechdesign.mechanisms import registry
from mechdesign.mechanisms.inputs import split_parameters
from tests.cli.command_line import ROOT, run, spawn
from tests.cli.test_demo import LAYOUT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_screen_is_what_the_demo_prints() -> None:
    block = re.search(r"^\$ make demo\n(.*?)^```$", README, re.M | re.S)
    assert block
    assert LAYOUT.fullmatch(block[1])


def test_the_first_screen_says_that_losing_bids_become_public() -> None:
    assert "losing bids do become public" in README.partition("make demo")[0]


def test_the_toml_of_the_walk_through_is_read() -> None:
    blocks = [
        re.sub(r"^   ", "", block, flags=re.M)
        for block in re.findall(r"^   ```toml\n(.*?)^   ```$", README, re.M | re.S)
    ]
    config, values, proposal = blocks
    found = validate(NodeFile, parse(config + proposal, "README.md"), "README.md")
    assert found.propose[0].deposit == 10
    assert validate(ValuesFile, parse(values, "README.md"), "README.md").answer[0].value == "18.50"
    proposed: ProposalTable = found.propose[0]
    parameters, session = split_parameters(proposed.parameters)
    assert registry.load(proposed.mechanism).from_parameters(parameters).parameters() == {"reserve": "5"}
    assert session.currency.code == "EUR"


def test_the_python_runs() -> None:
    block = re.search(r"^```python\n(from mechdesign import load.*?)^```$", README, re.M | re.S)
    assert block
    names: dict[str, Any] = {}
    exec(compile(block[1], "README.md", "exec"), names)
    assert names["sold"].transfers["bob"] == Fraction(-21)


def test_the_input_is_computed(tmp_path: Path) -> None:
    text = re.search(r"`bids\.json` is `(\{.*?\}\})`", README)
    assert text
    assert run("decide", "auction.second-price", "-", "--json", stdin=text[1]).json["transfers"]["bob"] == "-21"


def test_a_mechanism_of_a_file_settles_among_processes(tmp_path: Path) -> None:
    values = tmp_path / "bids.json"
    values.write_text(json.dumps({"reports": {"alice": 2, "bob": 2, "carol": 5, "dave": 3}}))
    ran = spawn("demo", f"{ROOT / 'examples' / 'your_own_mechanism.py'}:LowestUnique", "--values", values)
    assert ran.code == 0, ran.err
    assert "outcome      dave wins with 3 (the lowest bid made once)" in ran.out


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?:docs|examples)[^)#]*)\)", README))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
