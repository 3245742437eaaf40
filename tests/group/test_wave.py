"""The echo wave: exact without failures, always over in time, and never a key that nobody signed for."""

from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.messages import StartWave
from mechdesign.group.lobby.packets import (
    ABOUT_BYTES_MAX,
    NONCE_BYTES,
    Answer,
    Probe,
    decode_lobby_packet,
    encode_lobby_packet,
)
from mechdesign.group.lobby.wave import WaveDone, WaveEffect, WaveHeard, Waves, reached_signed, start_signed, wave_name
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import SECOND
from mechdesign.testing.lobby_cluster import (
    Edges,
    LobbyCluster,
    LobbyWeather,
    line,
    random_graph,
    ring,
    seat_of,
    star,
    tree,
)
from mechdesign.transport.messages import LinkEvent, Packet, Send

CONFIG = LobbyConfig(wave_s=15, wave_hop_s=0.05, wave_retry_s=0.2)


def topology(kind: str, n: int, seed: int) -> Edges:
    chance = Random(seed)
    match kind:
        case "line":
            return line(n)
        case "ring":
            return ring(n)
        case "star":
            return star(n)
        case "tree":
            return tree(n, chance)
        case _:
            return random_graph(n, chance, more=n)


TOPOLOGIES = st.builds(
    lambda kind, n, seed: (n, topology(kind, n, seed)),
    st.sampled_from(["line", "ring", "star", "tree", "random"]),
    st.integers(1, 12),
    st.integers(0, 1000),
)


def reached(cluster: LobbyCluster, done: WaveDone) -> set[int]:
    return {cluster.place(key) for key in done.reached}


# On a whole network. -------------------------------------------------------------------------------------------------


@given(TOPOLOGIES, st.integers(0, 1000))
def test_without_failures_a_wave_is_complete_and_names_exactly_everybody(network, seed):
    n, edges = network
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG)
    cluster.submit(seed % n, StartWave(b"who"))
    cluster.run_until(lambda: cluster.events(seed % n, WaveDone), CONFIG.wave_s)
    (done,) = cluster.events(seed % n, WaveDone)
    assert done == WaveDone(b"who", True, cluster.keys(range(n)))


@given(TOPOLOGIES, st.integers(0, 1000), st.floats(0, 0.3), st.floats(0, 0.3), st.booleans())
def test_loss_repetition_and_reordering_change_nothing(network, seed, loss, repeat, in_order):
    n, edges = network
    weather = LobbyWeather(jitter_us=50_000, loss=loss, repeat=repeat, in_order=in_order)
    config = LobbyConfig(wave_s=60, wave_hop_s=0.5, wave_retry_s=0.2)
    cluster = LobbyCluster(n, edges, seed=seed, config=config, weather=weather)
    cluster.submit(0, StartWave(b"who"))
    cluster.run_until(lambda: cluster.events(0, WaveDone), 61)
    assert cluster.events(0, WaveDone) == [WaveDone(b"who", True, cluster.keys(range(n)))]


@given(TOPOLOGIES, st.integers(0, 1000), st.data())
def test_with_links_failing_a_wave_ends_and_names_all_that_stayed_connected(network, seed, data):
    n, edges = network
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG)
    cuts = data.draw(st.lists(st.sampled_from(edges), unique=True) if edges else st.just([]))
    for a, b in cuts:
        moment = data.draw(st.integers(0, 60_000))
        cluster.at(moment, partial(cluster.cut, a, b))
        if data.draw(st.booleans()):
            cluster.at(moment + data.draw(st.integers(1, 60_000)), partial(cluster.link, a, b))
    cluster.submit(0, StartWave(b"who"))
    cluster.run_until(lambda: cluster.events(0, WaveDone), CONFIG.wave_s + 1)
    (done,) = cluster.events(0, WaveDone)
    steady = {frozenset(edge) for edge in edges} - {frozenset(cut) for cut in cuts}
    assert reached(cluster, done) >= component(steady, 0)
    assert reached(cluster, done) <= component({frozenset(edge) for edge in edges}, 0)


def component(edges: set[frozenset[int]], start: int) -> set[int]:
    found, more = {start}, [start]
    while more:
        place = more.pop()
        for edge in edges:
            if place in edge:
                new = edge - found
                found |= new
                more += new
    return found


@given(TOPOLOGIES, st.integers(0, 1000), st.data())
def test_with_players_crashing_a_wave_ends_and_names_nobody_who_is_not_there(network, seed, data):
    n, edges = network
    cluster = LobbyCluster(n, edges, seed=seed, config=CONFIG)
    for place in data.draw(st.sets(st.integers(0, n - 1), max_size=3)) - {0}:
        moment = data.draw(st.integers(0, 60_000))
        cluster.at(moment, partial(cluster.crash, place))
    cluster.submit(0, StartWave(b"who"))
    cluster.run_until(lambda: cluster.events(0, WaveDone), CONFIG.wave_s + 1)
    (done,) = cluster.events(0, WaveDone)
    assert reached(cluster, done) <= set(range(n))
    assert {0} <= reached(cluster, done)


def test_whoever_is_connected_by_another_way_is_named_when_a_link_fails():
    for moment in range(1_000, 80_000, 3_000):
        cluster = LobbyCluster(8, ring(8), config=CONFIG, weather=LobbyWeather(delay_us=10_000, jitter_us=0))
        cluster.at(moment, partial(cluster.cut, 0, 1))
        cluster.submit(0, StartWave(b"who"))
        cluster.run(CONFIG.wave_s)
        (done,) = cluster.events(0, WaveDone)
        assert done.complete
        assert reached(cluster, done) == set(range(8))


def test_a_wave_that_was_cut_is_repeated_and_names_who_is_connected_still():
    cluster = LobbyCluster(6, line(6), config=CONFIG, weather=LobbyWeather(delay_us=10_000, jitter_us=0))
    cluster.at(25_000, lambda: cluster.cut(2, 3))
    cluster.submit(0, StartWave(b"who"))
    cluster.run(1)
    (done,) = cluster.events(0, WaveDone)
    assert done.complete
    assert reached(cluster, done) == {0, 1, 2}


def test_a_link_that_comes_back_in_time_is_asked_again():
    cluster = LobbyCluster(6, line(6), config=CONFIG, weather=LobbyWeather(delay_us=10_000, jitter_us=0))
    cluster.at(35_000, lambda: cluster.cut(4, 5))
    cluster.at(36_000, lambda: cluster.link(4, 5))
    cluster.submit(0, StartWave(b"who"))
    cluster.run(10)
    assert reached(cluster, cluster.events(0, WaveDone)[0]) == set(range(6))


def test_several_waves_pass_at_once_without_mixing():
    cluster = LobbyCluster(8, ring(8), config=CONFIG)
    for place in range(8):
        cluster.submit(place, StartWave(bytes([place, 0])))
        cluster.submit(place, StartWave(bytes([place, 1])))
    cluster.run(CONFIG.wave_s)
    for place in range(8):
        keys = sorted(done.key for done in cluster.events(place, WaveDone))
        assert keys == [bytes([place, 0]), bytes([place, 1])]
        assert all(done.complete and len(done.reached) == 8 for done in cluster.events(place, WaveDone))


def test_after_a_while_nothing_is_left_of_a_wave():
    cluster = LobbyCluster(5, ring(5), config=CONFIG)
    cluster.submit(0, StartWave(b"who"))
    cluster.run(3 * CONFIG.wave_s)
    assert [cluster.lobby(place).status().waves for place in range(5)] == [0] * 5


# Liars on a network. -------------------------------------------------------------------------------------------------


def silent(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
    return []


def test_a_player_that_stalls_hides_what_lies_behind_it_and_nothing_else():
    cluster = LobbyCluster(8, line(8), config=CONFIG, liars={5: silent})
    cluster.submit(0, StartWave(b"who"))
    cluster.run(CONFIG.wave_s)
    (done,) = cluster.events(0, WaveDone)
    assert not done.complete
    assert reached(cluster, done) == {0, 1, 2, 3, 4}


def test_players_on_an_honest_detour_around_a_staller_are_named():
    cluster = LobbyCluster(8, ring(8), config=CONFIG, liars={3: silent})
    cluster.submit(0, StartWave(b"who"))
    cluster.run(CONFIG.wave_s)
    (done,) = cluster.events(0, WaveDone)
    assert not done.complete
    assert reached(cluster, done) == {0, 1, 2, 4, 5, 6, 7}


def inventor(cluster: LobbyCluster, place: int, event: LinkEvent) -> list[Send]:
    """Answers every probe with keys that did not sign, signatures of another wave, and itself."""
    match event:
        case Packet(peer, data):
            probe = decode_lobby_packet(data)
            if not isinstance(probe, Probe):
                return []
            wave = wave_name(probe.initiator, probe.nonce, probe.about)
            seats = [seat_of(place), seat_of(900), seat_of(901)]
            signed = reached_signed(wave)
            pairs = [(seats[0].line.id, seats[0].signer.sign(signed))]
            pairs += [(seats[1].line.id, seats[0].signer.sign(signed))]
            pairs += [(seats[2].line.id, seats[2].signer.sign(reached_signed(bytes(32))))]
            answer = Answer(wave, True, tuple(sorted(pairs)))
            return [Send(peer, encode_lobby_packet(answer))] * 3
    return []


def test_a_liar_can_invent_nobody():
    cluster = LobbyCluster(6, ring(6), config=CONFIG, liars={2: inventor})
    cluster.submit(0, StartWave(b"who"))
    cluster.run(CONFIG.wave_s)
    (done,) = cluster.events(0, WaveDone)
    assert reached(cluster, done) == set(range(6))
    assert not done.complete, "an answer with forgeries in it is not a full one"


# One player by itself. -----------------------------------------------------------------------------------------------

ALICE, BOB, CAROL = (seat_of(place) for place in (1, 2, 3))


class Alone:
    """The waves of one player whose neighbours the test plays."""

    def __init__(self, *linked: MemberId, **config: float) -> None:
        self.config = LobbyConfig.model_validate(config)
        self.entropy = Random(1).randbytes
        self.waves = Waves(ALICE.signer, KeyedHash(), self.config, self.entropy)
        for peer in linked:
            assert self.waves.linked(peer, 0) == []


def sent(effects: list[WaveEffect], to: MemberId) -> list[object]:
    return [decode_lobby_packet(each.data) for each in effects if isinstance(each, Send) and each.peer == to]


def probe_of(seat, nonce: int = 0, about: bytes = b"", left_ms: int = 5000) -> Probe:
    number = nonce.to_bytes(NONCE_BYTES, "big")
    name = wave_name(seat.line.id, number, about)
    return Probe(seat.line.id, number, about, seat.signer.sign(start_signed(name)), left_ms)


def name_of(probe: Probe) -> bytes:
    return wave_name(probe.initiator, probe.nonce, probe.about)


def own(seat, probe: Probe) -> tuple[MemberId, bytes]:
    return seat.line.id, seat.signer.sign(reached_signed(name_of(probe)))


def test_without_neighbours_a_wave_is_over_at_once():
    assert Alone().waves.start(b"who", b"", 0) == [WaveDone(b"who", True, (ALICE.line.id,))]


def test_whoever_was_asked_first_is_answered_last_and_others_at_once():
    bob, carol = BOB.line.id, CAROL.line.id
    alone = Alone(bob, carol)
    probe = probe_of(BOB)
    effects = alone.waves.probed(bob, probe, 0)
    assert WaveHeard(bob, b"", bob) in effects
    assert sent(effects, bob) == []
    assert [type(packet) for packet in sent(effects, carol)] == [Probe]
    crossing = alone.waves.probed(carol, probe, 1)
    assert sent(crossing, carol) == [Answer(name_of(probe), True, (own(ALICE, probe),))]
    both = tuple(sorted([own(ALICE, probe), own(CAROL, probe)]))
    ended = alone.waves.answered(carol, Answer(name_of(probe), True, (own(CAROL, probe),)), 2)
    assert sent(ended, bob) == [Answer(name_of(probe), True, both)]
    assert sent(alone.waves.probed(bob, probe, 3), bob) == [Answer(name_of(probe), True, both)], "asked again"


def test_a_wave_carries_its_matter_to_everybody_once():
    bob = BOB.line.id
    alone = Alone(bob)
    probe = probe_of(CAROL, about=b"a group")
    assert WaveHeard(CAROL.line.id, b"a group", bob) in alone.waves.probed(bob, probe, 0)
    assert not any(isinstance(effect, WaveHeard) for effect in alone.waves.probed(bob, probe, 1))


def test_a_wave_that_its_initiator_did_not_sign_is_dropped():
    alone = Alone(BOB.line.id)
    forged = probe_of(BOB)
    stolen = Probe(CAROL.line.id, forged.nonce, forged.about, forged.signature, forged.left_ms)
    altered = Probe(BOB.line.id, forged.nonce, b"other", forged.signature, forged.left_ms)
    assert alone.waves.probed(BOB.line.id, stolen, 0) == []
    assert alone.waves.probed(BOB.line.id, altered, 0) == []
    assert len(alone.waves) == 0


def test_answers_that_nobody_asked_for_count_for_nothing():
    bob, carol = BOB.line.id, CAROL.line.id
    alone = Alone(bob)
    alone.waves.start(b"who", b"", 0)
    assert alone.waves.answered(bob, Answer(bytes(32), True, ()), 0) == []
    (probe,) = sent(alone.waves.linked(carol, 1), carol)
    assert isinstance(probe, Probe)
    answer = Answer(name_of(probe), False, ())
    assert alone.waves.answered(MemberId(b"x" * 32), answer, 1) == []
    assert alone.waves.answered(bob, answer, 1) == []
    assert alone.waves.answered(bob, Answer(name_of(probe), True, (own(BOB, probe),)), 1) == [], "once is enough"
    repeated = alone.waves.answered(carol, Answer(name_of(probe), True, ()), 1)
    assert [type(decode_lobby_packet(each.data)) for each in repeated if isinstance(each, Send)] == [Probe, Probe]
    assert alone.waves.tick(10**9) == [WaveDone(b"who", False, (ALICE.line.id,))]


def test_one_neighbour_brings_so_many_waves_and_no_more_and_others_are_not_hurt():
    bob, carol = BOB.line.id, CAROL.line.id
    alone = Alone(bob, carol, waves_max=8)
    for nonce in range(1000):
        effects = alone.waves.probed(bob, probe_of(BOB, nonce), 0)
        if nonce >= 8:
            refusal = Answer(name_of(probe_of(BOB, nonce)), False, (own(ALICE, probe_of(BOB, nonce)),))
            assert sent(effects, bob) == [refusal], "it names whom it reached"
    assert len(alone.waves) == 8
    assert sent(alone.waves.probed(carol, probe_of(CAROL), 0), bob)
    alone.waves.tick(10**9)
    alone.waves.tick(10**9)
    assert len(alone.waves) == 0
    assert sent(alone.waves.probed(bob, probe_of(BOB, 5000), 10**9), carol)


def test_a_liar_that_starts_waves_without_end_hides_nobody_from_the_waves_of_others():
    """Its waves are passed on by the honest player behind which everybody else is, and then answered."""
    edges = [*line(6), (6, 0)]
    cluster = LobbyCluster(7, edges, config=CONFIG, liars={6: silent})
    cluster.run(5)
    for nonce in range(3 * CONFIG.waves_max):
        probe = probe_of(seat_of(6), nonce, left_ms=60_000)
        cluster.send(6, Send(cluster.key(0), encode_lobby_packet(probe)))
    cluster.run(1)
    cluster.cut(6, 0)
    cluster.run(1)
    cluster.submit(0, StartWave(b"who"))
    cluster.run(2)
    (done,) = cluster.events(0, WaveDone)
    assert done.complete
    assert reached(cluster, done) == set(range(6))


def keep_starting_waves(cluster, doors, seconds):
    """Liars, from 5 on, bring their doors as many waves as are taken, under ever new keys, and answer none."""
    for _ in range(2 * seconds):
        for liar, door in enumerate(doors, 5):
            for nonce in range(CONFIG.waves_max):
                key = seat_of(10_000 * liar + cluster.random.randrange(10_000))
                probe = encode_lobby_packet(probe_of(key, nonce, left_ms=60_000))
                cluster.send(liar, Send(cluster.key(door), probe))
        cluster.run(0.5)


@pytest.mark.parametrize(
    ("doors", "hides"),
    [
        pytest.param((2, 2), False, id="at one relay"),
        pytest.param((1, 3), True, id="about a relay"),
    ],
)
def test_two_liars_hide_others_from_waves_only_while_waves_have_to_pass_both_and_the_waves_say_so(doors, hides):
    """Five honest players on a line. A wave that somebody behind a relay never answers stays, and takes up its room."""
    honest = {*range(5)}
    cluster = LobbyCluster(7, [*line(5), (5, doors[0]), (6, doors[1])], config=CONFIG, liars={5: silent, 6: silent})
    cluster.run(5)
    keep_starting_waves(cluster, doors, 5)
    cluster.submit(0, StartWave(b"who"))
    keep_starting_waves(cluster, doors, round(CONFIG.wave_s) + 1)
    (done,) = cluster.events(0, WaveDone)
    assert not done.complete
    assert (reached(cluster, done) >= honest) != hides
    # Groups form by the records of players, and those are heard all the while.
    assert all(cluster.known(place) >= honest - {place} for place in honest)
    # It lasts no longer than the liars do.
    cluster.cut(5, doors[0])
    cluster.run(CONFIG.wave_s + 1)
    cluster.submit(0, StartWave(b"who"))
    cluster.run(CONFIG.wave_s + 1)
    assert reached(cluster, cluster.events(0, WaveDone)[-1]) >= honest


def test_a_wave_repeats_itself_a_few_times_and_ever_later():
    bob = BOB.line.id
    alone = Alone(bob, wave_retry_s=0.5, wave_s=20)
    (probe,) = sent(alone.waves.start(b"who", b"", 0), bob)
    asked, now = [], 0
    while True:
        assert isinstance(probe, Probe)
        asked.append(now)
        effects = alone.waves.answered(bob, Answer(name_of(probe), False, (own(BOB, probe),)), now)
        while not effects:
            assert alone.waves.deadline is not None
            now = alone.waves.deadline
            effects = alone.waves.tick(now)
        if isinstance(effects[0], WaveDone):
            break
        (probe,) = sent(effects, bob)
    assert asked == [0, 0, SECOND // 2, SECOND // 2 + SECOND, SECOND // 2 + SECOND + 2 * SECOND]
    assert effects == [WaveDone(b"who", False, tuple(sorted((ALICE.line.id, bob))))]
    assert alone.waves.deadline is None


def test_new_links_make_no_new_room_for_waves():
    """A neighbour that comes again and again under new keys is, with all that it brought, one neighbour more."""
    bob = BOB.line.id
    alone = Alone(bob, CAROL.line.id, waves_max=8)
    assert sent(alone.waves.probed(bob, probe_of(BOB), 0), CAROL.line.id)
    for key in range(1000, 1100):
        liar = seat_of(key)
        alone.waves.linked(liar.line.id, 0)
        for nonce in range(9):
            alone.waves.probed(liar.line.id, probe_of(liar, nonce, left_ms=5000), 0)
        alone.waves.unlinked(liar.line.id, 0)
        assert len(alone.waves) <= 1 + 8
    assert sent(alone.waves.probed(bob, probe_of(BOB), 0), bob) == [], "the honest wave is still under way"
    last = probe_of(seat_of(1099), 7)
    alone.waves.linked(seat_of(1099).line.id, 1)
    again = alone.waves.probed(seat_of(1099).line.id, last, 1)
    assert not any(isinstance(effect, WaveHeard) for effect in again), "and the newest is not heard of twice"
    for now in (10**9, 10**9 + 1):
        alone.waves.tick(now)
    assert len(alone.waves) == 0


def test_endless_lists_are_cut_off_and_make_the_answer_incomplete():
    bob = BOB.line.id
    alone = Alone(bob, reached_max=20)
    (probe,) = sent(alone.waves.start(b"who", b"", 0), bob)
    assert isinstance(probe, Probe)
    sybils = tuple(sorted(own(seat_of(place), probe) for place in range(100, 200)))
    (done,) = alone.waves.answered(bob, Answer(name_of(probe), True, sybils), 1)
    assert isinstance(done, WaveDone)
    assert (done.complete, len(done.reached)) == (False, 20)


def test_a_probe_without_time_is_answered_at_once():
    bob, carol = BOB.line.id, CAROL.line.id
    alone = Alone(bob, carol)
    probe = probe_of(BOB, left_ms=0)
    assert sent(alone.waves.probed(bob, probe, 0), bob) == [Answer(name_of(probe), False, (own(ALICE, probe),))]


def test_nobody_can_hold_a_wave_for_longer_than_our_own_limit():
    bob, carol = BOB.line.id, CAROL.line.id
    alone = Alone(bob, carol, wave_s=2)
    alone.waves.probed(bob, probe_of(BOB, left_ms=2**32 - 1), 0)
    now = 0
    while not sent(effects := alone.waves.tick(now), bob):
        deadline = alone.waves.deadline
        assert deadline is not None
        assert deadline > now or now == 0
        now = deadline
    assert now <= 2 * SECOND
    assert sent(effects, bob) == [Answer(name_of(probe_of(BOB)), False, (own(ALICE, probe_of(BOB)),))]


def test_our_own_misuse_raises():
    alone = Alone(BOB.line.id)
    with pytest.raises(LocalProtocolError, match="carries at most"):
        alone.waves.start(b"who", bytes(ABOUT_BYTES_MAX + 1), 0)
    for number in range(8):
        alone.waves.start(bytes([number]), b"", 0)
    with pytest.raises(LocalProtocolError, match="under way"):
        alone.waves.start(b"more", b"", 0)


def test_our_own_wave_coming_back_later_is_not_joined():
    alone = Alone(BOB.line.id)
    probe = probe_of(ALICE)
    assert sent(alone.waves.probed(BOB.line.id, probe, 0), BOB.line.id) == [Answer(name_of(probe), True, ())]
    assert len(alone.waves) == 0
