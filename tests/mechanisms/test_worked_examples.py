"""The worked examples of the catalogue, in its numbering."""

from typing import Any

from mechdesign.mechanisms.inputs import decide

Document = dict[str, Any]


def decided(mechanism: str, reports: dict[str, Any], **parameters: Any) -> Document:
    return decide(mechanism, {"parameters": parameters, "reports": reports}).document()


def test_example_1_second_price() -> None:
    document = decided("auction.second-price", {"A": 18, "B": 24, "C": 21})
    assert document["outcome"] == {"winner": "B", "price": "21"}
    assert document["transfers"] == {"A": "0", "B": "-21", "C": "0"}
    assert document["accounts"] == {"SELLER": "21"}


def test_example_2_bailey_cavallo() -> None:
    document = decided("auction.bailey-cavallo", {"A": 18, "B": 24, "C": 21})
    assert document["transfers"] == {"A": "7", "B": "-15", "C": "6"}
    assert document["accounts"] == {"SINK": "2"}


def test_example_3_clarke_with_the_tie_to_build() -> None:
    document = decided("public.clarke", {"A": 110, "B": 80, "C": 110}, cost=300)
    assert document["outcome"] == {"built": True}
    assert document["transfers"] == {"A": "-110", "B": "-100", "C": "-110"}
    assert document["accounts"] == {"SINK": "20", "PROVIDER": "300"}
    assert [tie["order"] for tie in document["ties"]] == [["build", "reject"]]


def test_example_3_clarke_with_the_tie_to_reject() -> None:
    for ties in (["reject"], ["reject", "build"]):
        document = decided("public.clarke", {"A": 110, "B": 80, "C": 110}, cost=300, ties=ties)
        assert document["outcome"] == {"built": False}
        assert document["transfers"] == {"A": "0", "B": "-20", "C": "0"}
        assert document["accounts"] == {"SINK": "20"}


def test_example_4_clarke_without_a_tie() -> None:
    document = decided("public.clarke", {"A": 110, "B": 80, "C": 120}, cost=300)
    assert document["transfers"] == {"A": "-100", "B": "-100", "C": "-110"}
    assert document["accounts"] == {"SINK": "10", "PROVIDER": "300"}
    assert document["ties"] == []


def test_example_11_airport() -> None:
    document = decided("cost.airport", {"A": 12, "B": 20, "C": 33})
    assert document["outcome"] == {"cost": "33", "shares": {"A": "4", "B": "8", "C": "21"}}
    assert document["transfers"] == {"A": "-4", "B": "-8", "C": "-21"}
    assert document["accounts"] == {"PROVIDER": "33"}


def ballots() -> dict[str, list[str]]:
    groups = (("MNCK", 42), ("NCKM", 26), ("CKNM", 15), ("KCNM", 17))
    orders = [list(order) for order, count in groups for _ in range(count)]
    return {f"voter-{number:03d}": order for number, order in enumerate(orders, 1)}


def test_example_15_plurality_elects_m_and_borda_n() -> None:
    plurality = decided("voting.plurality", ballots(), options=list("MNCK"))
    assert plurality["outcome"]["winner"] == "M"
    assert plurality["outcome"]["scores"] == {"M": "42", "N": "26", "C": "15", "K": "17"}
    borda = decided("voting.borda", ballots(), options=list("MNCK"))
    assert borda["outcome"]["winner"] == "N"
    assert borda["outcome"]["scores"] == {"M": "126", "N": "194", "C": "173", "K": "107"}
    assert set(borda["transfers"].values()) == {"0"}
