"""Strategies: what a party answers when it is asked."""

from decimal import Decimal
from fractions import Fraction

import pytest

from mechdesign.kernel.errors import ConfigError, InputError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import Asked
from mechdesign.mechanisms.play import PASS, Ask
from mechdesign.mechanisms.voting.borda import Borda
from mechdesign.player import Person, read_script, scripted, silent, truthful

PLAYERS = ("alice", "bob")


def asked(mechanism=None, step=0, **info):
    mechanism = mechanism or SecondPrice()
    return Asked(bytes(32), step, "alice", Ask(mechanism.report_schema(), PLAYERS, True, info), mechanism, PLAYERS)


class Lines:
    """A terminal at which these lines are typed."""

    def __init__(self, *lines):
        self._lines = iter(lines)
        self.shown = []

    async def read(self, prompt):
        self.shown.append(prompt)
        line = next(self._lines, None)
        if line is None:
            raise EOFError
        return line

    def person(self):
        return Person(self.read, self.shown.append)


@pytest.mark.parametrize("value", [18, "18", Fraction(18)])
def test_a_truthful_player_reports_its_type(value):
    assert truthful(value)(asked()) == 18


def test_a_value_that_is_not_of_the_private_type_is_named():
    with pytest.raises(InputError, match="alice"):
        truthful("lots")(asked())


def test_a_script_goes_by_the_number_of_the_ask_and_passes_at_its_end():
    strategy = scripted([3, None])
    assert strategy(asked(step=0)) == 3
    assert strategy(asked(step=1)) is None
    assert strategy(asked(step=2)) is PASS
    assert strategy(asked(step=0)) == 3, "a restarted player starts over at the ask, not at the script"


def test_a_silent_player_passes():
    assert silent(asked()) is PASS


def test_a_script_is_read_exactly_from_a_file(tmp_path):
    file = tmp_path / "bids.json"
    file.write_text("[0.1, null]")
    assert read_script(file)(asked()) == Decimal("0.1")


@pytest.mark.parametrize("text", ["{}", "[1", "[NaN]", "[1, 1e", '"x"', "[" * 10_000])
def test_what_is_no_script_is_refused_with_the_path(tmp_path, text):
    file = tmp_path / "bids.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"bids\.json"):
        read_script(file)


def test_a_missing_script_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        read_script(tmp_path / "none.json")


def test_a_script_with_a_number_beyond_all_bounds_is_refused(tmp_path):
    path = tmp_path / "script.json"
    path.write_text("[1e99999999999999999999]")
    with pytest.raises(ConfigError, match="not a decimal number"):
        read_script(path)


async def test_a_person_is_asked_again_until_the_answer_fits():
    lines = Lines("many", "-3", "1e99999999999999999999", "18.50")
    assert await lines.person()(asked(price="5")) == Fraction(37, 2)
    shown = "\n".join(lines.shown)
    assert "price: 5" in shown
    assert "your answer" in shown
    assert lines.shown.count("alice> ") == 4


async def test_what_others_chose_to_be_shown_steers_no_terminal():
    lines = Lines("")
    await lines.person()(asked(**{"a\nb": "tea\x1b[2J\u202e"}))
    assert "  a\\nb: tea\\x1b[2J\\u202e" in lines.shown


@pytest.mark.parametrize("typed", [("",), ()])
async def test_an_empty_line_and_the_end_of_the_input_pass(typed):
    assert await Lines(*typed).person()(asked()) is PASS


@pytest.mark.parametrize("typed", ["c, a, b", '["c","a","b"]'])
async def test_a_list_may_be_typed_with_commas_or_as_json(typed):
    borda = Borda(options=("a", "b", "c"))
    report = await Lines("c, nothing", typed).person()(asked(borda))
    assert list(report) == ["c", "a", "b"]
