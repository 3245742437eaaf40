"""What fewer than t members can see of sealed reports, with all their keys."""

from itertools import combinations
from typing import cast

import pytest

from mechdesign.decision.entries import Kind
from mechdesign.decision.sealing.seal import GARBAGE, decrypt
from mechdesign.decision.sealing.sharing import interpolate
from mechdesign.decision.sealing.threshold import Dealing, parse_dealing
from mechdesign.kernel.wire import decode
from tests.decision.sealed_runs import committee, context, entries, kinds, read, run, senders


def seals_of(cluster):
    """What is in the log before the first share, as (kind, sender, data)."""
    first = kinds(cluster).index(Kind.SHARE)
    return [(each.submission.kind, each.submission.sender, each.submission.data) for each in cluster.log[:first]]


@pytest.mark.parametrize(("n", "t", "changed"), [(4, 2, 0), (4, 3, 3), (7, 3, 2), (7, 5, 6)])
@pytest.mark.parametrize("bids", [(b"\x20", b"a longer bid"), (b"", bytes(16)), (b"\x01", b"\x02")])
def test_changing_one_sealed_value_changes_nothing_before_the_close_but_ciphertext_and_dealing(n, t, changed, bids):
    one, other = (
        run(n, terms={"threshold": t}, report=lambda place, step, bid=bid: bid if place == changed else b"\1")
        for bid in bids
    )
    before, after = seals_of(one), seals_of(other)
    assert len(before) == len(after)
    differ = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [(kind, sender) for (kind, sender, _), _ in differ] == [(Kind.SEAL, one.roster.ids[changed])]
    (_, _, mine), (_, _, theirs) = differ[0]
    assert len(mine) == len(theirs)
    said = [read(Kind.SEAL, data) for data in (mine, theirs)]
    assert (said[0].session, said[0].step) == (said[1].session, said[1].step)
    dealings = [each for each in (Dealing.parse(seal.sealed, n, 20 + 16) for seal in said) if each is not None]
    assert len(dealings) == 2
    lengths = [[len(part) for part in cast("tuple[bytes, ...]", decode(each.encoded))] for each in dealings]
    assert lengths[0] == lengths[1]
    # With their keys t - 1 members get a point each, of the same length.
    for at in range(1, t):
        points = [one.keys[at - 1].decrypt(each.share(at)) for each in dealings]
        assert [len(point) for point in points] == [32, 32]
        assert points[0] != points[1]


@pytest.mark.parametrize(("n", "t"), [(4, 2), (4, 3), (7, 3), (7, 5)])
def test_t_less_one_members_with_all_their_keys_cannot_open_a_report(n, t):
    """Fewer than t pool their keys, whoever they are: no secret that they can make from their shares opens anything."""
    cluster = run(n, terms={"threshold": t})
    made = committee(cluster, t)
    for place, dealer in enumerate(cluster.roster.ids):
        said = entries(cluster, Kind.SEAL)[senders(cluster, Kind.SEAL).index(dealer)]
        dealing = parse_dealing(said.sealed, made, 16)
        assert isinstance(dealing, Dealing)
        there = context(cluster, dealer)
        points = {at: cluster.keys[at - 1].decrypt(dealing.share(at)) for at in range(1, n + 1)}
        shown = [part[k * 32 : k * 32 + 32] for part in (dealing.commitments, dealing.encrypted) for k in range(n)]
        assert all(decrypt(made, there, guess, dealing.ciphertext, 16) is GARBAGE for guess in shown)
        for size in range(1, t):
            for colluders in combinations(range(1, n + 1), size):
                guesses = [interpolate({k: points[k] for k in colluders}), *(points[k] for k in colluders)]
                assert all(decrypt(made, there, guess, dealing.ciphertext, 16) is GARBAGE for guess in guesses)
        # One point short, they put what was published for another member in the place of its share.
        published = {
            k: [part[(k - 1) * 32 : k * 32] for part in (dealing.commitments, dealing.encrypted)]
            for k in range(1, n + 1)
        }
        for colluders in combinations(range(1, n + 1), t - 1):
            held = {k: points[k] for k in colluders}
            for other in sorted({*range(1, n + 1)} - {*colluders}):
                guesses = [interpolate(held | {other: shown}) for shown in published[other]]
                assert all(decrypt(made, there, guess, dealing.ciphertext, 16) is GARBAGE for guess in guesses)
        # The control: any t of them do open it.
        for enough in (range(1, t + 1), range(n - t + 1, n + 1)):
            opened = decrypt(made, there, interpolate({k: points[k] for k in enough}), dealing.ciphertext, 16)
            assert opened == bytes([10 + place])
