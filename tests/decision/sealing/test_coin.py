"""A coin falls the same way for everyone, whoever is missing, and every contribution moves it."""

from dataclasses import replace
from itertools import combinations

import pytest

from mechdesign.decision.coin import COIN_BYTES, coin, contribute, parse_contribution
from mechdesign.decision.sealing.dealing import Context, Dealing, Polynomial, Purpose, commit, verify_dealing
from mechdesign.decision.sealing.share import open_share, targets, verify_share
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from tests.decision.sealing.sealing_kit import committee, context, flip, key, member, sealed, seed
from tests.decision.toys import NAMES

FOUR = committee(4)
TOSS = context("alice", purpose=Purpose.COIN)
Dealings = list[tuple[Context, Dealing]]


def contributions(dealers: tuple[str, ...] = NAMES[:4], salt: str = "", **other) -> Dealings:
    made = []
    for name in dealers:
        here = context(name, purpose=Purpose.COIN, **other)
        made.append((here, contribute(FOUR, here, seed(f"coin of {name}{salt if name == 'alice' else ''}"))))
    return made


def opened(dealings: Dealings, names: tuple[str, ...] = NAMES[:4]) -> dict[MemberId, list[bytes]]:
    found = {}
    for name in names:
        mine = targets(FOUR, member(name), dealings)
        share = open_share(key(name), FOUR, member(name), mine)
        assert verify_share(FOUR, member(name), mine, share)
        found[member(name)] = [share.point(index) for index in range(len(dealings))]
    return found


def test_any_t_members_toss_the_same_coin_and_fewer_toss_none() -> None:
    dealings = contributions()
    shares = opened(dealings)
    fallen = coin(FOUR, dealings, shares, 2)
    assert len(fallen) == COIN_BYTES
    for names in combinations(shares, 3):
        assert coin(FOUR, dealings, {name: shares[name] for name in names}, 2) == fallen
    for pair in combinations(shares, 2):
        with pytest.raises(LocalProtocolError, match="do not open"):
            coin(FOUR, dealings, {name: shares[name] for name in pair}, 2)


def test_a_dealer_that_stays_away_after_dealing_cannot_take_its_part_out() -> None:
    dealings = contributions()
    fallen = coin(FOUR, dealings, opened(dealings), 2)
    for absent in NAMES[:4]:
        present = tuple(name for name in NAMES[:4] if name != absent)
        assert coin(FOUR, dealings, opened(dealings, present), 2) == fallen


def test_the_order_in_which_contributions_came_does_not_matter() -> None:
    dealings = contributions()
    fallen = coin(FOUR, dealings, opened(dealings), 2)
    assert coin(FOUR, dealings[::-1], opened(dealings[::-1]), 2) == fallen


def test_every_contribution_and_the_place_of_the_toss_move_the_coin() -> None:
    tosses = [
        contributions(),
        contributions(salt="other"),
        contributions(NAMES[:3]),
        contributions(NAMES[1:4]),
        contributions(step=1),
        contributions(epoch=1),
    ]
    assert len({coin(FOUR, toss, opened(toss), 2) for toss in tosses}) == len(tosses)


def test_dealers_that_deal_their_old_secrets_again_do_not_repeat_the_coin() -> None:
    coins = set()
    for step in (0, 1):
        toss = []
        for place, name in enumerate(NAMES[:4]):
            here = context(name, purpose=Purpose.COIN, step=step)
            toss.append((here, commit(FOUR, here, Polynomial((5 + place, 6, 7), seed(name)), b"")))
        assert all(verify_dealing(FOUR, *each) for each in toss)
        coins.add(coin(FOUR, toss, opened(toss), 2))
    assert len(coins) == 2


def test_a_contribution_is_checked_like_any_dealing_and_reads_back() -> None:
    made = contribute(FOUR, TOSS, seed("coin"))
    assert verify_dealing(FOUR, TOSS, made)
    assert parse_contribution(made.encoded, FOUR) == made
    assert contribute(FOUR, TOSS, seed("coin")) == made
    changed = parse_contribution(flip(made.encoded, 1000), FOUR)
    assert changed is None or not verify_dealing(FOUR, TOSS, changed)


def test_a_contribution_cannot_be_copied_or_used_again() -> None:
    made = contribute(FOUR, TOSS, seed("coin"))
    for elsewhere in (TOSS.of(member("bob")), replace(TOSS, step=1), replace(TOSS, purpose=Purpose.REPORT)):
        assert not verify_dealing(FOUR, elsewhere, made)


def test_a_sealed_report_is_no_contribution_and_the_other_way_round() -> None:
    report = sealed(4)
    assert parse_contribution(report.encoded, FOUR) is None
    assert not verify_dealing(FOUR, TOSS, replace(report, ciphertext=b""))
    with pytest.raises(LocalProtocolError, match="purpose"):
        contribute(FOUR, context("alice"), seed("coin"))


def test_a_set_that_is_too_small_repeats_a_dealer_or_mixes_tosses_makes_no_coin() -> None:
    one = contributions(NAMES[:1])
    with pytest.raises(LocalProtocolError, match="needs 2"):
        coin(FOUR, one, opened(one), 2)
    with pytest.raises(LocalProtocolError, match="needs 1"):
        coin(FOUR, [], {}, 0)
    two = one + contributions(NAMES[:1], salt="other")
    with pytest.raises(LocalProtocolError, match="own dealer"):
        coin(FOUR, two, opened(two), 2)
    mixed = one + contributions(NAMES[1:2], step=1)
    with pytest.raises(LocalProtocolError, match="one toss"):
        coin(FOUR, mixed, opened(mixed), 2)
    reports = [(context(name), sealed(4, None, name)) for name in NAMES[:2]]
    with pytest.raises(LocalProtocolError, match="one toss"):
        coin(FOUR, reports, opened(reports), 2)
    strange = [*one, (context("erin", purpose=Purpose.COIN), one[0][1])]
    with pytest.raises(LocalProtocolError, match="own dealer"):
        coin(FOUR, strange, opened(strange), 2)
    with pytest.raises(LocalProtocolError, match="one a dealing"):
        coin(FOUR, contributions(NAMES[:2]), opened(one), 2)
