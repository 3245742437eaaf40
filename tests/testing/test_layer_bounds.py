"""The bounds on what a whole layer holds: met beside a liar that hoards, and each seen to fail."""

import pytest

from mechdesign.testing.layer_bounds import epoch_holdings, layer_holdings
from mechdesign.testing.simulator import Violation
from tests.long_form import mostly_long
from tests.simulation.layer_leaks import LEAKS, visits
from tests.simulation.layer_run import CONFIG, KEYS, tight


@pytest.fixture(scope="module")
def net():
    return visits()


def test_members_beside_a_hoarder_stay_within_all_bounds_and_come_to_those_that_are_numbers(net):
    assert net.epochs >= 4
    assert net.letters > 50
    assert net.whispers > 50
    assert net.refused > 10
    with tight():
        layer = net.layers[0]
        held = layer_holdings(layer, CONFIG, KEYS) | epoch_holdings(layer.group.epochs[0], CONFIG)
    reached = [name for name, (_, bound) in held.items() if net.bounds.largest[name] >= bound]
    assert {
        "links of the layer",
        "ends of epochs",
        "keys of earlier epochs",
        "allowances of peers",
        "letters that were seen",
        "letters on their way",
        "statements of links",
        "own keys below the checkpoint",
    } <= set(reached)
    assert all(net.bounds.largest[name] for name in held if name != "addresses not handed up")


@pytest.mark.parametrize("leak", mostly_long(LEAKS, short=8), ids=lambda leak: leak.name)
def test_more_than_the_bound_is_found_where(leak, monkeypatch):
    leak.apply(monkeypatch)
    with pytest.raises(Violation, match=rf"holds \d+ {leak.kept} where"):
        visits()


def test_there_is_a_leak_for_each_bound(net):
    assert sorted(leak.kept for leak in LEAKS) == sorted(net.bounds.largest)
