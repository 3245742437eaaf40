"""What whole layers hold does not grow with the rounds and the epochs; `make endurance` looks at many more of them."""

import pytest

from mechdesign.group.views.annals import Annals
from tests.long_form import mostly_long
from tests.simulation.layer_endurance import endure, grows
from tests.simulation.layer_leaks import for_ever


@pytest.mark.parametrize(("rounds", "epochs"), mostly_long([(80, 5), (300, 12)], short=0))
def test_what_layers_hold_is_flat_over_many_rounds_beside_a_liar_that_floods(rounds, epochs):
    looks = list(endure(rounds, 3))
    assert not grows(looks)
    assert looks[-1].rounds >= rounds
    assert looks[-1].epochs >= epochs


@pytest.mark.long
def test_something_that_grows_is_found_though_no_bound_is_stated_for_it(monkeypatch):
    monkeypatch.setattr("mechdesign.testing.layer_bounds.LayerBounds.look", lambda self, place: None)
    for_ever(monkeypatch, Annals, "add", "_ends")
    assert grows(list(endure(300, 3)))
