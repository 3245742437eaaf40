"""A transcript is checked as it passes by: the same findings, and nothing of it is kept."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from mechdesign.decision.certificate import Entry
from mechdesign.decision.transcript import audit, audit_stream
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import VerificationError
from tests.decision.toys import Cluster, Plan, ToyComputation

STEPS = 60
PLAN = Plan(sealed=(False,) * STEPS)


@pytest.fixture(scope="module")
def data() -> bytes:
    cluster = Cluster(4, plan=PLAN, fast=False)
    return cluster.run(deposit=Fraction(2)).decided().transcript


def recompute(proposed: object) -> ToyComputation:
    return ToyComputation(PLAN)


@pytest.mark.parametrize("size", [17, 1000, 1 << 20])
def test_the_findings_do_not_depend_on_how_the_file_is_cut(size: int, data: bytes) -> None:
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    found, whole = audit_stream(chunks, Ed25519(), recompute), audit(data, Ed25519(), recompute)
    assert replace(found) == whole
    assert found.entries == 1 + 4 + 4 * STEPS + 4


def alive() -> int:
    gc.collect()
    return sum(type(each) is Entry for each in gc.get_objects())


def test_entries_are_forgotten_once_they_are_used(data: bytes) -> None:
    before, most = alive(), 0

    def watched() -> Iterator[bytes]:
        nonlocal most
        for at in range(0, len(data), len(data) // 12):
            most = max(most, alive())
            yield data[at : at + len(data) // 12]

    assert audit_stream(watched(), Ed25519(), recompute).entries > 200
    assert most - before <= 20


def test_what_is_behind_the_end_or_missing_there_is_found(data: bytes) -> None:
    for chunks in ([data, b"\x00"], [data[:-1]], [data[: len(data) // 2]], [], [b""], [data, data]):
        with pytest.raises(VerificationError) as caught:
            audit_stream(iter(chunks), Ed25519(), recompute)
        assert caught.value.check == "format"
