"""The worked examples of auctions, through the same door as the command line."""

from typing import Any

from mechdesign.mechanisms.inputs import decide

MARGINS = {"A": [50, 47, 40, 32, 15, 5], "B": [42, 28, 20, 12, 7, 3], "C": [45, 35, 24, 14, 9, 6]}
ROWS = {"A": {"1": 5, "2": 4}, "B": {"1": 7, "2": 6, "3": 1}, "C": {"1": 2, "2": 5, "3": 4}}


def decided(mechanism: str, reports: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return decide(mechanism, {"parameters": parameters, "reports": reports}).document()


def bids(*offers: tuple[str, str, int]) -> dict[str, Any]:
    return {name: [{"items": list(items), "value": value}] for name, items, value in offers}


def test_example_5_six_identical_units() -> None:
    expected = {
        "auction.discriminatory": ["137", "42", "80"],
        "auction.uniform-price": ["96", "32", "64"],
        "auction.multi-unit-vickrey": ["72", "32", "60"],
        "auction.clinching": ["72", "32", "60"],
    }
    for mechanism, payments in expected.items():
        document = decided(mechanism, MARGINS, units=6)
        assert document["outcome"]["units"] == {"A": 3, "B": 1, "C": 2}
        assert list(document["outcome"]["payments"].values()) == payments
        assert list(document["transfers"].values()) == [f"-{payment}" for payment in payments]
    lowest = decided("auction.uniform-price", MARGINS, units=6, price="lowest-winning")
    assert list(lowest["outcome"]["payments"].values()) == ["105", "35", "70"]


def test_example_6_positions() -> None:
    values = {"A": 10, "B": 4, "C": 2}
    gsp = decided("auction.gsp", values, clicks=[200, 100])
    assert gsp["outcome"] == {"order": ["A", "B"], "payments": {"A": "800", "B": "200"}}
    vcg = decided("auction.position-vcg", values, clicks=[200, 100])
    assert vcg["outcome"] == {"order": ["A", "B"], "payments": {"A": "600", "B": "200"}}


def test_example_7_revenue_of_vcg_falls_with_a_further_bidder() -> None:
    two = decided("auction.vcg", bids(("A", "ab", 10), ("B", "a", 8)), items=["a", "b"])
    assert two["outcome"] == {"bundles": {"A": ["a", "b"]}, "payments": {"A": "8"}}
    three = decided("auction.vcg", bids(("A", "ab", 10), ("B", "a", 8), ("C", "b", 8)), items=["a", "b"])
    assert three["outcome"] == {"bundles": {"B": ["a"], "C": ["b"]}, "payments": {"B": "2", "C": "2"}}
    assert three["accounts"] == {"SELLER": "4"}


def test_example_8_greedy_critical_values_on_two_grids() -> None:
    offers = bids(("A", "a", 10), ("B", "ab", 19), ("C", "b", 8))
    for decimals, price in ((0, "15"), (2, "283/20")):
        document = decided("auction.single-minded-greedy", offers, items=["a", "b"], decimals=decimals)
        assert document["outcome"] == {"bundles": {"B": ["a", "b"]}, "payments": {"B": price}}
    vcg = decided("auction.vcg", offers, items=["a", "b"])
    assert vcg["outcome"]["payments"] == {"B": "18"}


def test_example_9_assignment_and_its_lowest_prices() -> None:
    for mechanism in ("auction.unit-demand", "auction.demange-gale-sotomayor"):
        document = decided(mechanism, ROWS, items=["1", "2", "3"])
        assert document["outcome"]["items"] == {"A": "1", "B": "2", "C": "3"}
        assert document["outcome"]["payments"] == {"A": "2", "B": "1", "C": "0"}
        assert document["ties"][0]["among"] == ["A", "B"]
        other = decided(mechanism, ROWS, items=["1", "2", "3"], ties=["B", "A"])
        assert other["outcome"]["items"] == {"A": "2", "B": "1", "C": "3"}
        assert other["outcome"]["payments"] == {"A": "1", "B": "2", "C": "0"}
