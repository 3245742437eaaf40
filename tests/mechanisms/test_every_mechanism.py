"""Every registered mechanism passes every common check and does what it claims; the short form of `make incentives`."""

from pathlib import Path
from typing import Any

import pytest

from mechdesign.mechanisms import registry
from mechdesign.mechanisms.base import Mechanism
from mechdesign.testing.concepts import CONCEPTS
from mechdesign.testing.incentive_checks import SHORT, check_claims
from mechdesign.testing.mechanism_checks import IN_PROCESS, check_hash_seeds

CLASSES = [registry.load(name) for name in registry.BUILT_IN]
DOCS = Path(__file__).resolve().parents[2] / "docs"


def name_of(value: Any) -> str:
    return value.name if isinstance(value, type) and issubclass(value, Mechanism) else value.__name__


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_it_passes_the_common_checks(cls: type[Mechanism[Any, Any, Any]]) -> None:
    for check in IN_PROCESS:  # in one test, because the checks share the results of the samples
        check(cls)


def test_no_result_depends_on_the_hash_seed_of_the_process() -> None:
    check_hash_seeds(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_claims_that_hold_survive_attack_and_claims_that_fail_have_a_witness_that_violates(
    cls: type[Mechanism[Any, Any, Any]],
) -> None:
    check_claims(cls, SHORT)


def test_there_is_a_check_for_every_concept_that_can_be_claimed() -> None:
    assert list(CONCEPTS) == [concept for concept, _ in Mechanism.claims.items()]


@pytest.mark.parametrize("cls", CLASSES, ids=name_of)
def test_it_names_its_source(cls: type[Mechanism[Any, Any, Any]]) -> None:
    assert "**Source**" in (cls.__doc__ or "")


def test_the_registry_lists_what_this_package_has() -> None:
    assert [cls.full_name() for cls in CLASSES] == sorted(registry.BUILT_IN)
    assert set(registry.BUILT_IN) <= set(registry.names())


def test_the_table_in_the_documentation_has_every_mechanism_and_no_contradiction() -> None:
    table = (DOCS / "incentives.md").read_text(encoding="utf-8")
    missing = [cls.full_name() for cls in CLASSES if f"### {cls.full_name()}\n" not in table]
    assert not missing, f"run `make incentives`: the table lacks {missing}"
    assert "REFUTED" not in table
