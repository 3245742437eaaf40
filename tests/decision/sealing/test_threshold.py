"""Sealed reports: any t members open them, t - 1 learn nothing, and garbage is proved against its dealer."""

import pickle
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from mechdesign.decision.sealing.curve import ORDER, H, add, multiply
from mechdesign.decision.sealing.dealing import Dealing, Polynomial, commit, draw, verify_dealing
from mechdesign.decision.sealing.seal import _NONCE, _key, decrypt, encrypt
from mechdesign.decision.sealing.share import Share, Target, open_share, targets, verify_share
from mechdesign.decision.sealing.sharing import evaluate, interpolate
from mechdesign.decision.sealing.threshold import GARBAGE, combine, deal, proves_false_share, proves_garbage, secret
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from tests.decision.sealing.sealing_kit import (
    SIZE,
    committee,
    context,
    flip,
    key,
    member,
    sealed,
    seed,
    shares_of,
    with_torsion,
)
from tests.decision.toys import NAMES

FOUR, HERE = committee(4), context("alice")
DEALERS = ("alice", "bob", "carol", "dave")


def points(n: int, threshold: int | None, dealers: tuple[str, ...], index: int) -> dict[MemberId, bytes]:
    return {who: share.point(index) for who, share in shares_of(n, threshold, dealers).items()}


def opened_by(made: Dealing, names: tuple[str, ...]) -> dict[MemberId, tuple[tuple[Target, ...], Share]]:
    """What these members would publish for one dealing among four, with the targets that go with it."""
    dealings = [(HERE, made), *((context(dealer), sealed(4, None, dealer)) for dealer in DEALERS[1:])]
    found = {}
    for name in names:
        opened = targets(FOUR, member(name), dealings)
        found[member(name)] = (opened, open_share(key(name), FOUR, member(name), opened))
    return found


@pytest.mark.parametrize(("n", "threshold"), [(1, 1), (2, 2), (3, 3), (4, 2), (4, 3), (4, 4), (5, 4)])
def test_every_t_of_n_members_open_every_report_and_fewer_cannot(n: int, threshold: int) -> None:
    dealers = NAMES[: min(n, 2)]
    for index, dealer in enumerate(dealers):
        made, known = sealed(n, threshold, dealer), points(n, threshold, dealers, index)
        for size in range(threshold, n + 1):
            for chosen in combinations(known, size):
                some = {who: known[who] for who in chosen}
                assert combine(committee(n, threshold), context(dealer), made, SIZE, some) == b"21"
        for chosen in combinations(known, threshold - 1):
            with pytest.raises(LocalProtocolError, match="do not open"):
                combine(committee(n, threshold), context(dealer), made, SIZE, {who: known[who] for who in chosen})


@given(report=st.binary(max_size=SIZE), entropy=st.binary(min_size=32, max_size=32), data=st.data())
def test_any_t_of_n_open_any_report(report: bytes, entropy: bytes, data) -> None:
    n = data.draw(st.integers(1, 6))
    threshold = data.draw(st.integers(1, n))
    made, names = committee(n, threshold), data.draw(st.permutations(NAMES[:n]))[:threshold]
    dealing = deal(made, HERE, report, SIZE, entropy)
    assert verify_dealing(made, HERE, dealing)
    known = {}
    for name in names:
        opened = targets(made, member(name), [(HERE, dealing)])
        share = open_share(key(name), made, member(name), opened)
        assert verify_share(made, member(name), opened, share)
        known[member(name)] = share.point(0)
    assert combine(made, HERE, dealing, SIZE, known) == report


def test_a_report_opens_without_its_sender() -> None:
    known = points(4, None, DEALERS, 0)
    del known[member("alice")]
    assert combine(FOUR, HERE, sealed(4), SIZE, known) == b"21"


@given(candidate=st.integers(1, ORDER - 1), chosen=st.permutations(range(1, 5)))
def test_what_t_minus_one_members_hold_fits_every_secret_equally(candidate: int, chosen: list[int]) -> None:
    # To every other secret belongs a polynomial with the same values at their places: same commitments, same shares.
    polynomial, held = draw(FOUR, HERE, b"", seed("information")), chosen[:2]
    values = {0: candidate, **{place: evaluate(polynomial.coefficients, place) for place in held}}
    other = Polynomial(_through(values), polynomial.nonce_seed)
    assert other.coefficients[0] == candidate
    real, imagined = (commit(FOUR, HERE, each, b"") for each in (polynomial, other))
    for place in held:
        at = slice(32 * place - 32, 32 * place)
        assert real.share(place) == imagined.share(place)
        assert real.commitments[at] == imagined.commitments[at]
    assert verify_dealing(FOUR, HERE, imagined)
    assert other.secret == multiply(candidate, H)


def _through(values: dict[int, int]) -> tuple[int, ...]:
    """The coefficients of the polynomial of lowest degree with these values."""
    total = [0] * len(values)
    for at, value in values.items():
        basis, under = [1], 1
        for other in values:
            if other != at:
                basis = [
                    (low - other * high) % ORDER for low, high in zip([0, *basis], [*basis, 0], strict=True)
                ]  # times (x - other)
                under = under * (at - other) % ORDER
        scale = value * pow(under, -1, ORDER)
        total = [(sum_ + scale * part) % ORDER for sum_, part in zip(total, basis, strict=True)]
    return tuple(total)


def test_t_minus_one_members_with_all_their_keys_read_nothing() -> None:
    made, known = sealed(4), points(4, None, DEALERS, 0)
    for colluders in combinations(NAMES[:4], 2):
        held = {FOUR.members.index(member(name)) + 1: known[member(name)] for name in colluders}
        # They can try what they hold as the secret, what two shares interpolate to, and any public point as a third.
        public = [made.commitments[at : at + 32] for at in range(0, 128, 32)]
        public += [made.share(place) for place in range(1, 5)]
        public += [key(name).decrypt(made.share(place)) for name in colluders for place in range(1, 5)]
        guesses = [interpolate(held), *held.values(), *public]
        outside = [place for place in range(1, 5) if place not in held]
        guesses += [interpolate({**held, place: point}) for place in outside for point in public]
        assert all(decrypt(FOUR, HERE, guess, made.ciphertext, SIZE) is GARBAGE for guess in guesses)


def test_another_report_changes_nothing_before_the_close_but_equally_long_dealings() -> None:
    low, high = (deal(FOUR, HERE, report, SIZE, seed("one run")) for report in (b"1", b"1000000"))
    assert len(low.encoded) == len(high.encoded)
    assert tuple(map(len, (low.commitments, low.encrypted, low.ciphertext))) == tuple(
        map(len, (high.commitments, high.encrypted, high.ciphertext))
    )
    assert low.ciphertext[:16] != high.ciphertext[:16]


def test_a_wrong_share_among_t_spoils_the_result_so_shares_are_checked_first() -> None:
    known = points(4, None, DEALERS, 0)
    known[member("alice")] = add(known[member("alice")], H)
    assert combine(FOUR, HERE, sealed(4), SIZE, known) is GARBAGE


def test_shares_swapped_between_members_open_nothing() -> None:
    known = points(4, None, DEALERS, 0)
    alice, bob = member("alice"), member("bob")
    known[alice], known[bob] = known[bob], known[alice]
    assert combine(FOUR, HERE, sealed(4), SIZE, known) is GARBAGE


def test_a_ciphertext_opens_in_its_own_place_only() -> None:
    made, known = sealed(4), points(4, None, DEALERS, 0)
    found = secret(FOUR, known)
    assert decrypt(FOUR, HERE, found, made.ciphertext, SIZE) == b"21"
    for elsewhere in (context("bob"), context("alice", step=1), context("alice", epoch=1)):
        assert decrypt(FOUR, elsewhere, found, made.ciphertext, SIZE) is GARBAGE
    assert decrypt(replace(FOUR, threshold=2), HERE, found, made.ciphertext, SIZE) is GARBAGE
    assert decrypt(FOUR, HERE, found, made.ciphertext, SIZE + 1) is GARBAGE
    assert decrypt(FOUR, HERE, found, flip(made.ciphertext, 9), SIZE) is GARBAGE
    assert decrypt(FOUR, HERE, found, b"", SIZE) is GARBAGE


# A false share


def test_a_false_share_is_proved_with_the_dealings_that_it_opens() -> None:
    dealings = [(context(dealer), sealed(4, None, dealer)) for dealer in DEALERS]
    bob, share = member("bob"), shares_of(4, None, DEALERS)[member("bob")]
    false = replace(share, points=add(share.point(0), H) + share.points[32:])
    assert proves_false_share(FOUR, bob, dealings, false)
    assert proves_false_share(FOUR, bob, dealings, replace(share, points=share.points[:-32]))
    assert not proves_false_share(FOUR, bob, dealings, share)


def test_a_right_share_is_not_turned_into_a_false_one_by_showing_other_dealings() -> None:
    dealings = [(context(dealer), sealed(4, None, dealer)) for dealer in DEALERS]
    bob, share = member("bob"), shares_of(4, None, DEALERS)[member("bob")]
    changed = replace(dealings[0][1], encrypted=dealings[1][1].encrypted)
    others = [
        [],
        dealings[:3],
        dealings[::-1],
        [*dealings, dealings[0]],
        [(HERE, changed), *dealings[1:]],
        [(context("alice", step=1), dealings[0][1]), *dealings[1:]],
        dealings * 1000,
    ]
    assert not any(proves_false_share(FOUR, bob, other, share) for other in others)
    assert not proves_false_share(FOUR, member("erin"), dealings, share)


# Garbage: the dealing is valid, what it locks is not


def garbage(ciphertext: bytes | None = None) -> Dealing:
    """A valid dealing of alice's whose ciphertext nobody can read."""
    polynomial = draw(FOUR, HERE, b"garbage", seed("garbage"))
    return commit(FOUR, HERE, polynomial, ciphertext if ciphertext is not None else bytes(len(sealed(4).ciphertext)))


def badly_padded() -> Dealing:
    """A valid dealing of alice's that decrypts to what is no padded report: what follows the report is not zeros."""
    polynomial = draw(FOUR, HERE, b"padding", seed("padding"))
    lock, bound = _key(FOUR, HERE, polynomial.secret)
    padded = (1).to_bytes(4, "big") + b"x" + b"\1" * (SIZE - 1)
    ciphertext = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, bound, _NONCE, lock)
    assert len(ciphertext) == len(sealed(4).ciphertext)
    return commit(FOUR, HERE, polynomial, ciphertext)


@pytest.mark.parametrize("make", [garbage, badly_padded])
@pytest.mark.parametrize("names", list(combinations(NAMES[:4], 3)))
def test_garbage_in_a_valid_dealing_is_proved_by_any_t_shares(make, names: tuple[str, ...]) -> None:
    made = make()
    assert verify_dealing(FOUR, HERE, made)
    proof = opened_by(made, names)
    assert proves_garbage(FOUR, HERE, made, SIZE, proof)


def test_an_honest_dealer_is_not_convicted_of_garbage() -> None:
    made = sealed(4)
    assert not proves_garbage(FOUR, HERE, made, SIZE, opened_by(made, NAMES[:3]))
    assert not proves_garbage(FOUR, HERE, made, SIZE, opened_by(made, NAMES[:4]))


def test_fewer_than_t_shares_prove_no_garbage() -> None:
    assert not proves_garbage(FOUR, HERE, garbage(), SIZE, opened_by(garbage(), NAMES[:2]))
    assert not proves_garbage(FOUR, HERE, garbage(), SIZE, {})


def test_false_shares_do_not_turn_a_report_into_garbage() -> None:
    made = sealed(4)
    honest = opened_by(made, NAMES[:3])
    for bad in (lambda point: add(point, H), with_torsion, lambda point: bytes(32)):
        opened, share = honest[member("bob")]
        spoilt = replace(share, points=bad(share.point(0)) + share.points[32:])
        assert not proves_garbage(FOUR, HERE, made, SIZE, {**honest, member("bob"): (opened, spoilt)})


def test_shares_of_other_dealings_prove_nothing_against_this_one() -> None:
    made = sealed(4)
    honest, other = opened_by(made, NAMES[:3]), opened_by(garbage(), NAMES[:3])
    assert not proves_garbage(FOUR, HERE, made, SIZE, other)
    # The accused name over the points of another dealing, with a share that is right for those points.
    relabelled = {}
    for who, (opened, _) in other.items():
        name = NAMES[FOUR.members.index(who)]
        claimed = (Target(made.digest(HERE), opened[0].encrypted), *opened[1:])
        relabelled[who] = (claimed, open_share(key(name), FOUR, who, claimed))
    assert all(verify_share(FOUR, who, *pair) for who, pair in relabelled.items())
    assert not proves_garbage(FOUR, HERE, made, SIZE, relabelled)
    # A right share beside other targets than those it was made for.
    (opened, share) = honest[member("bob")]
    moved = (opened[0], opened[2], opened[1], opened[3])
    assert not proves_garbage(FOUR, HERE, made, SIZE, {**honest, member("bob"): (moved, share)})


def test_garbage_is_proved_in_its_own_place_and_committee_only() -> None:
    made = garbage()
    proof = opened_by(made, NAMES[:3])
    assert not proves_garbage(FOUR, context("bob"), made, SIZE, proof)
    assert not proves_garbage(FOUR, context("alice", step=1), made, SIZE, proof)
    assert not proves_garbage(replace(FOUR, threshold=2), HERE, made, SIZE, proof)
    assert not proves_garbage(FOUR, HERE, replace(made, ciphertext=b""), SIZE, proof)
    stranger = {member("erin"): proof[member("bob")]}
    assert not proves_garbage(FOUR, HERE, made, SIZE, {**proof, **stranger})


def test_an_invalid_dealing_is_another_offence_than_garbage() -> None:
    polynomial = draw(FOUR, HERE, b"degree", seed("degree"))
    ciphertext = encrypt(FOUR, HERE, polynomial.secret, b"21", SIZE)
    higher = Polynomial((*polynomial.coefficients, 1), polynomial.nonce_seed)
    made = commit(FOUR, HERE, higher, ciphertext)
    assert not verify_dealing(FOUR, HERE, made)
    assert not proves_garbage(FOUR, HERE, made, SIZE, opened_by(made, NAMES[:3]))


def test_our_own_mistakes_raise() -> None:
    known = points(4, None, DEALERS, 0)
    with pytest.raises(LocalProtocolError, match="stranger"):
        combine(FOUR, HERE, sealed(4), SIZE, {**known, member("erin"): H})
    with pytest.raises(LocalProtocolError, match="limit"):
        encrypt(FOUR, HERE, H, bytes(SIZE + 1), SIZE)


def test_everything_that_is_checked_off_the_event_loop_can_be_sent_to_another_process() -> None:
    share = shares_of(4, None, DEALERS)[member("bob")]
    for value in (FOUR, HERE, sealed(4), share):
        assert pickle.loads(pickle.dumps(value)) == value
    made, here, dealing = pickle.loads(pickle.dumps((FOUR, HERE, sealed(4))))
    assert verify_dealing(made, here, dealing)
