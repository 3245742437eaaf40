"""The certificate of a group that was formed: anybody can check it."""

from dataclasses import replace

import pytest

from mechdesign.group.lobby.convention import (
    Certificate,
    valid_certificate,
)
from mechdesign.group.lobby.items import parse_item
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.testing.lobby_cluster import (
    holds_test_key,
)
from tests.group.formations import (
    certificate,
    terms,
)

CERTIFICATE = certificate()


def test_anybody_can_check_a_certificate_from_its_bytes_alone():
    read = parse_item(CERTIFICATE.wire)
    assert isinstance(read, Certificate)
    roster = valid_certificate(read, KeyedHash(), holds_test_key)
    assert roster is not None
    assert roster == CERTIFICATE.roster


@pytest.mark.parametrize(
    "forge",
    [
        lambda c: replace(c, signatures=c.signatures[:-1]),
        lambda c: replace(c, signatures=(*c.signatures[:-1], bytes(64))),
        lambda c: replace(c, signatures=(c.signatures[1], c.signatures[0], *c.signatures[2:])),
        lambda c: replace(c, signatures=(*c.signatures, c.signatures[0])),
        lambda c: replace(c, announcement=replace(c.announcement, terms=terms(depth=8))),
        lambda c: replace(c, announcement=replace(c.announcement, signature=bytes(64))),
        lambda c: replace(c, proposal=replace(c.proposal, attempt=1)),
        lambda c: replace(c, proposal=replace(c.proposal, enrolments=c.proposal.enrolments[1:])),
        lambda c: replace(c, proposal=replace(c.proposal, enrolments=c.proposal.enrolments[::-1])),
        lambda c: replace(c, proposal=replace(c.proposal, signature=bytes(64))),
    ],
)
def test_a_certificate_with_anything_changed_or_missing_is_none(forge):
    assert valid_certificate(forge(CERTIFICATE), KeyedHash(), holds_test_key) is None
