"""Commitments bind to everything around them, and padding hides the length."""

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.sealing.commit_reveal import COMMITMENT_BYTES, commitment, pad, unpad
from tests.decision.toys import make_roster

ROSTER = make_roster(4)


@given(report=st.binary(max_size=40), spare=st.integers(0, 20))
def test_a_padded_report_comes_back_and_has_the_length_that_all_have(report: bytes, spare: int) -> None:
    padded = pad(report, len(report) + spare)
    assert len(padded) == len(report) + spare + 4
    assert unpad(padded, len(report) + spare) == report


@given(padded=st.binary(max_size=30), size=st.integers(0, 30))
def test_other_bytes_are_no_padded_report(padded: bytes, size: int) -> None:
    report = unpad(padded, size)
    assert report is None or pad(report, size) == padded


def test_what_follows_the_report_must_be_zeros() -> None:
    assert unpad(b"\0\0\0\1x\0", 2) == b"x"
    assert unpad(b"\0\0\0\1x\1", 2) is None
    assert unpad(b"\0\0\0\3xy", 2) is None
    assert unpad(b"\0\0\0\1x", 2) is None


def test_a_commitment_is_bound_to_group_epoch_session_step_sender_salt_and_report() -> None:
    def made(**other: object) -> bytes:
        plain: dict[str, object] = {
            "roster": ROSTER, "session": bytes(32), "step": 0, "sender": ROSTER.ids[0], "salt": bytes(32),
            "padded": b"x",
        }  # fmt: skip
        return commitment(**{**plain, **other})  # type: ignore[arg-type]

    changed: list[dict[str, object]] = [
        {}, {"roster": make_roster(4, epoch=1)}, {"roster": make_roster(4, prefix="other ")},
        {"session": bytes([1] * 32)},
        {"step": 1}, {"sender": ROSTER.ids[1]}, {"salt": bytes([1] * 32)}, {"padded": b"y"}, {"padded": b""},
    ]  # fmt: skip
    digests = [made(**other) for other in changed]
    assert len(set(digests)) == len(changed)
    assert {len(each) for each in digests} == {COMMITMENT_BYTES}
