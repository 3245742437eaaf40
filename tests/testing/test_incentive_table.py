"""The table of docs/incentives.md: its cells, what stands below it, and that contradictions are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.voting.borda import Borda
from mechdesign.testing.incentive_checks import SHORT
from mechdesign.testing.incentive_table import HEADINGS, cell, document, main
from mechdesign.testing.reports import ClaimLine, report

LINE = ClaimLine("dsic", "holds", "proved on a grid", "details", "", None)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (LINE, "**grid**"),
        (replace(LINE, claim="unknown"), "grid"),
        (replace(LINE, verdict="not refuted"), "**tries**"),
        (replace(LINE, claim="fails", verdict="violated"), "**no**"),
        (replace(LINE, claim="unknown", verdict="violated"), "no"),
        (replace(LINE, claim="unknown", verdict="not applicable"), "·"),
        (replace(LINE, verdict="violated", complaint="but it does not"), "**REFUTED**"),
        (replace(LINE, claim="fails", verdict="no violation", complaint="the witness is wrong"), "**REFUTED**"),
    ],
)
def test_a_cell_says_what_was_found_and_whether_it_is_claimed(line: ClaimLine, shown: str) -> None:
    assert cell(line) == shown


def test_the_document_has_a_table_for_each_family_and_the_grids_and_witnesses_below() -> None:
    reports = [report(cls, SHORT, contract=False) for cls in (Borda, SecondPrice, FirstPrice)]
    text = document(reports)
    heading = "| | " + " | ".join(HEADINGS.values()) + " |"
    assert text.count(heading) == 2
    assert (
        text.index("## auction") < text.index("| first-price | **no** | ·") < text.index("| second-price | **grid** |")
    )
    assert text.index("### auction.second-price/1") < text.index("## voting")
    first = text.partition("### auction.first-price/1")[2].partition("###")[0]
    assert (
        '- dsic, group_strategyproof: violated: bob gains by misreporting; types `{"alice": "2", "bob": "4"}`' in first
    )
    assert "- bic: not applicable: it states no prior" in first
    assert "proved on this grid" in first


def test_the_generator_writes_the_file_and_says_how_many_contradictions_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "incentives.md"
    assert main([str(file), "--jobs", "1", "--tries", "0", "--only", "auction.second-price/1"]) == 0
    assert "### auction.second-price/1" in file.read_text()
    assert "1 mechanisms, 15 concepts, 0 contradictions" in capsys.readouterr().out
