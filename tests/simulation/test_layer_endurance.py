"""What whole layers hold does not grow with the rounds and the epochs; `make endurance` looks at many more of them."""

from mechdesign.group.views.annals import Annals
from tests.simulation.layer_endurance import endure, grows
from tests.simulation.layer_leaks import for_ever


def test_what_layers_hold_is_flat_over_hundreds_of_rounds_beside_a_liar_that_floods():
    looks = list(endure(300, 3))
    assert not grows(looks)
    assert looks[-1].rounds >= 300
    assert looks[-1].epochs >= 10


def test_something_that_grows_is_found_though_no_bound_is_stated_for_it(monkeypatch):
    monkeypatch.setattr("mechdesign.testing.layer_bounds.LayerBounds.look", lambda self, place: None)
    for_ever(monkeypatch, Annals, "add", "_ends")
    assert grows(list(endure(300, 3)))
