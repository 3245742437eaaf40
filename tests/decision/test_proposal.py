"""Terms that no group could accept, terms that this group cannot, and bytes that are no terms."""

from dataclasses import fields, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.proposal import PARAMETERS_BYTES_MAX, Proposal, Sanction, Seal, session_id
from mechdesign.group.roster import FaultModel, Roster
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import decode, encode
from tests.decision.toys import make_proposal, make_roster

ROSTER = make_roster(4)
GOOD = make_proposal(
    ROSTER,
    deposit=Fraction(5, 2),
    decimals=2,
    sanctions=("default_report", "forfeit", "abort", "exclude"),
    accounts=(("SELLER", "m"),),
    default_report=b"0",
    payment_max=Fraction(1),
    custodian="bob",
)
ROLLED = make_proposal(ROSTER, seal="threshold", roll=bytes(range(32)), rolled=1000, players_min=7)


def test_a_proposal_reads_as_it_was_written() -> None:
    assert Proposal.parse(GOOD.encoded) == GOOD
    assert GOOD.fault(ROSTER) is None
    assert GOOD.seal is Seal.COMMIT_REVEAL
    assert Proposal.parse(ROLLED.encoded) == ROLLED
    assert ROLLED.fault(ROSTER) is None
    assert GOOD.sanctions == (Sanction.DEFAULT_REPORT, Sanction.FORFEIT, Sanction.ABORT, Sanction.EXCLUDE)


@pytest.mark.parametrize(
    "terms",
    [
        {"mechanism": ""}, {"mechanism": "Upper"}, {"mechanism": "a" * 65}, {"version": 0}, {"code": bytes(31)},
        {"nonce": bytes(15)}, {"asked": ()}, {"asked": ROSTER.ids[:1] * 2}, {"asked": (b"",)},
        {"players_min": 0}, {"players_min": 5}, {"report_bytes": -1}, {"report_bytes": 1 << 20}, {"decimals": 19},
        {"decimals": -1}, {"currency": "no spaces"},
        {"tie": ""}, {"tie": "a\x1b[2J"}, {"tie": "x" * 4097}, {"tie": "\ud800"},
        {"deposit": Fraction(-1)},
        {"deposit": Fraction(1, 3)},
        {"deposit": Fraction(10**61)}, {"sanctions": ("abort", "forfeit"), "deposit": Fraction(1)},
        {"sanctions": ("forfeit", "forfeit")}, {"sanctions": ("hang",)}, {"sanctions": ("abort",)},
        {"seal": "wax"},
        {"accounts": (("DEPOSIT", "m"),)}, {"accounts": (("BUYER", "m"), ("SELLER", "m"))}, {"accounts": (("X", "m"),)},
        {"accounts": (("SELLER", "SINK"),)}, {"accounts": (("SELLER", "CUSTODY"),)},
        {"accounts": (("SELLER", f"dave ({'0123456789abcdef' * 2})"),)}, {"accounts": (("SELLER", "dave (outside)"),)},
        {"accounts": (("SELLER", f"dave (roll {'01234567' * 4})"),)}, {"accounts": (("SELLER", "x" * 65),)},
        {"accounts": (("SELLER", ""),)}, {"accounts": (("SELLER", "a\nb"),)}, {"accounts": (("SELLER", "m"),) * 2},
        {"parameters": "x" * (PARAMETERS_BYTES_MAX + 1)}, {"parameters": "\ud800"}, {"enrol_ms": 0},
        {"report_ms": 1 << 40}, {"open_ms": -1}, {"attest_ms": 0},
        {"default_report": b""}, {"sanctions": ("default_report",)},
        {"sanctions": ("default_report",), "default_report": bytes(17)}, {"payment_max": Fraction(1, 3)},
        {"payment_max": Fraction(-1)}, {"payment_max": Fraction(10**61)}, {"custodian": "a\nb"},
        {"custodian": "x" * 65}, {"roll": bytes(31), "rolled": 1}, {"roll": bytes(32)}, {"rolled": 1},
        {"roll": bytes(32), "rolled": -1}, {"roll": bytes(32), "rolled": (1 << 20) + 1},
    ],
)  # fmt: skip
def test_impossible_terms_are_refused_on_construction(terms: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        make_proposal(ROSTER, **terms)


def test_what_this_group_cannot_hold_is_said() -> None:
    assert make_proposal(make_roster(5)).fault(ROSTER) == "those asked are not members in roster order"
    assert make_proposal(ROSTER, asked=ROSTER.ids[::-1]).fault(ROSTER) == "those asked are not members in roster order"
    small = make_roster(4, submission_bytes_max=700)
    assert make_proposal(small).fault(small) is None
    long = make_proposal(small, report_bytes=600).fault(small)
    assert long is not None
    assert "reports of 600 bytes" in long
    wordy = make_proposal(small, parameters="x" * 600).fault(small)
    assert wordy is not None
    assert "a proposal of" in wordy
    assert make_proposal(ROSTER, custodian="zoe").fault(ROSTER) == "the custodian zoe is not a member"
    members = (*ROSTER.members[:3], replace(ROSTER.members[3], name="SELLER"))
    named = Roster("toy", members, FaultModel.BYZANTINE)
    fault = make_proposal(named).fault(named)
    assert fault is not None
    assert "SELLER" in fault


def test_other_spellings_of_the_same_terms_are_no_proposal() -> None:
    value = decode(GOOD.encoded)
    assert isinstance(value, tuple)
    unlimited = 1 + [field.name for field in fields(Proposal)].index("payment_max")  # None there means other terms
    others: list[bytes] = [b"", encode(value[:-1]), encode((*value, 0)), encode((True, *value[1:]))]
    for at, item in enumerate(value):
        if type(item) is int and item in {0, 1}:
            others.append(encode((*value[:at], bool(item), *value[at + 1 :])))
        if at != unlimited:
            others.append(encode((*value[:at], None, *value[at + 1 :])))
        others.append(encode((*value[:at], (item,), *value[at + 1 :])))
    for data in others:
        assert Proposal.parse(data) is None


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_proposal(data: bytes) -> None:
    assert Proposal.parse(data) is None


atoms = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.binary(max_size=33), st.text(max_size=9), st.fractions()
)
shapes = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)


@given(at=st.integers(0, 25), put=shapes)
def test_a_field_of_any_other_shape_is_refused_or_means_itself(at: int, put: object) -> None:
    value = decode(GOOD.encoded)
    assert isinstance(value, tuple)
    try:
        data = encode((*value[:at], put, *value[at + 1 :]))  # type: ignore[arg-type]
    except LocalProtocolError:
        return
    parsed = Proposal.parse(data)
    assert parsed is None or parsed.encoded == data


def test_a_session_is_named_by_all_that_founds_it() -> None:
    one = session_id(ROSTER, ROSTER.ids[0], 0, GOOD.encoded)
    others = [
        session_id(make_roster(4, epoch=1), ROSTER.ids[0], 0, GOOD.encoded),
        session_id(ROSTER, ROSTER.ids[1], 0, GOOD.encoded),
        session_id(ROSTER, ROSTER.ids[0], 1, GOOD.encoded),
        session_id(ROSTER, ROSTER.ids[0], 0, GOOD.encoded + b"x"),
    ]
    assert len({one, *others}) == 5
