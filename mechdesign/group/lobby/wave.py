"""The echo wave: who is reachable, and when everybody has answered, without anyone knowing how large the network is.

A player that is asked for the first time takes the asker for its parent and asks all its other neighbours; one that was
asked before answers at once with its own name only. Whoever has heard from all that it asked answers its parent, with
the keys of its part of the network and each one's own signature over the wave. The initiator, who has no parent, then
knows everybody. **Source**: Chang, *Echo algorithms: depth parallel operations on general graphs* (1982), and Segall,
*Distributed network protocols* (1983). Three things are added:

* *Loss.* Every question is repeated until it is answered, and a question asked again is answered again.
* *Failing links.* A neighbour whose link goes down is cut from the wave: that counts as an empty answer, and the result
  is ``incomplete``, since what lay behind it may be alive. A link that comes up again is asked again. Where a wave came
  back incomplete before its time, its initiator starts another in its place, a few times and ever later: so whoever is
  connected still, by whatever way, is named.
* *Time.* Each player answers its parent with what it has before the parent's own time ends, so a player that stalls
  hides what lies behind itself and nothing else. A wave that ends so is incomplete.

A liar can hide others or hold a wave up until its end. It can never invent a key whose owner did not sign, nor hide a
player whom an honest one asked too, on a path of honest ones: everybody names itself to all who ask. A complete wave
says that those who were asked claim to have asked all their neighbours; nothing safe rests on that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.packets import (
    ABOUT_BYTES_MAX,
    LOBBY_PACKET_BYTES_MAX,
    NONCE_BYTES,
    Answer,
    Probe,
    encode_lobby_packet,
)
from mechdesign.group.lobby.shares import NOBODY
from mechdesign.kernel.config import microseconds
from mechdesign.kernel.crypto import KEY_BYTES, SIGNATURE_BYTES, MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Entropy, Instant
from mechdesign.kernel.wire import digest
from mechdesign.transport.messages import Send

__all__ = ["WaveDone", "WaveEffect", "WaveHeard", "Waves", "reached_signed", "start_signed", "wave_name"]

_OWN_MAX = 8
_REPEATS_MAX = 4
_GONE_MAX = 64
# So many neighbours that are gone are kept in mind for each wave: a link costs its maker little.
_ROOM = (LOBBY_PACKET_BYTES_MAX - 1024) // (KEY_BYTES + SIGNATURE_BYTES + 8)
# So many keys fit into one answer.


@dataclass(frozen=True, slots=True)
class WaveDone:
    """Event: a wave of ours has ended.

    Attributes:
        key: the caller's name for it.
        complete: whether everybody who was asked answered in full; False says that there may be others.
        reached: who signed it, we among them, ascending; where it is incomplete, who signed any of our attempts.
    """

    key: bytes
    complete: bool
    reached: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class WaveHeard:
    """Event: a wave of somebody else reached us for the first time.

    Attributes:
        initiator: who started it.
        about: what it carries.
        source: the neighbour that brought it.
    """

    initiator: MemberId
    about: bytes
    source: MemberId


WaveEffect: TypeAlias = Send | WaveDone | WaveHeard


def wave_name(initiator: MemberId, nonce: bytes, about: bytes) -> bytes:
    """The identifier of a wave, 32 bytes."""
    return digest("mechdesign/wave/1", initiator, nonce, about)


def start_signed(wave: bytes) -> bytes:
    """What the initiator signs."""
    return digest("mechdesign/wave/start/1", wave)


def reached_signed(wave: bytes) -> bytes:
    """What everybody signs whom a wave reached."""
    return digest("mechdesign/wave/reached/1", wave)


@dataclass(slots=True)
class _Wave:
    probe: Probe
    parent: MemberId | None
    key: bytes
    ends: Instant
    forget: Instant
    retry: Instant
    asked: dict[MemberId, bool | None] = field(default_factory=dict)
    reached: dict[MemberId, bytes] = field(default_factory=dict)
    own: bytes = b""
    full: bool = True
    answer: Answer | None = None
    # Of a wave of ours: which attempt this is, who was named in those before, when the next begins.
    attempt: int = 0
    found: frozenset[MemberId] = frozenset()
    again: Instant | None = None

    @property
    def waits(self) -> list[MemberId]:
        return [peer for peer, answered in self.asked.items() if answered is None]


class Waves:
    """All waves that pass through one player, its own among them.

    Args:
        signer: signs for us.
        scheme: how signatures are checked.
        config: intervals and bounds.
        entropy: where nonces come from.

    Attributes:
        dropped: what was refused, by reason.
    """

    def __init__(self, signer: Signer, scheme: SignatureScheme, config: LobbyConfig, entropy: Entropy) -> None:
        self.dropped: dict[str, int] = {}
        self._me = signer.public
        self._signer = signer
        self._scheme = scheme
        self._config = config
        self._entropy = entropy
        self._limit = microseconds(config.wave_s)
        self._hop = microseconds(config.wave_hop_s)
        self._pause = microseconds(config.wave_retry_s)
        self._reached_max = min(config.reached_max, _ROOM)
        self._linked: dict[MemberId, None] = {}
        self._waves: dict[bytes, _Wave] = {}
        # Of each neighbour the waves that it brought, oldest first.
        self._brought: dict[MemberId, dict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._waves)

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`tick` has work to do."""
        return min((self._due(wave) for wave in self._waves.values()), default=None)

    @staticmethod
    def _due(wave: _Wave) -> Instant:
        if wave.answer is not None:
            return wave.forget
        return min(wave.ends, wave.retry if wave.again is None else wave.again)

    def start(self, key: bytes, about: bytes, now: Instant) -> list[WaveEffect]:
        """Start a wave.

        Raises:
            LocalProtocolError: too much is carried, or too many waves of ours are under way.
        """
        if len(about) > ABOUT_BYTES_MAX:
            raise LocalProtocolError(f"a wave carries at most {ABOUT_BYTES_MAX} bytes")
        self.require_room()
        ends = now + self._limit
        name, probe = self._probe(about)
        return self._enter(name, _Wave(probe, None, key, ends, ends, now + self._pause), now)

    def _probe(self, about: bytes) -> tuple[bytes, Probe]:
        """A new question of ours, and its name."""
        nonce = self._entropy(NONCE_BYTES)
        name = wave_name(self._me, nonce, about)
        return name, Probe(self._me, nonce, about, self._signer.sign(start_signed(name)), 0)

    def _repeat(self, name: bytes, wave: _Wave, now: Instant) -> list[WaveEffect]:
        """Start another wave in the place of one of ours that came back incomplete."""
        del self._waves[name]
        found, attempt = wave.found.union(wave.reached), wave.attempt + 1
        name, probe = self._probe(wave.probe.about)
        next_ = _Wave(probe, None, wave.key, wave.ends, wave.ends, now + self._pause, attempt=attempt, found=found)
        return self._enter(name, next_, now)

    def require_room(self) -> None:
        """Make sure that we may start another wave.

        Raises:
            LocalProtocolError: too many waves of ours are under way.
        """
        if sum(wave.parent is None for wave in self._waves.values()) >= _OWN_MAX:
            raise LocalProtocolError(f"{_OWN_MAX} waves of ours are under way: wait for one to end")

    def probed(self, source: MemberId, probe: Probe, now: Instant) -> list[WaveEffect]:
        """A neighbour asks."""
        name = wave_name(probe.initiator, probe.nonce, probe.about)
        wave = self._waves.get(name)
        if wave is not None and wave.parent == source:
            # Asked again: our answer was lost, or we still wait for our own.
            return [] if wave.answer is None else [self._send(source, wave.answer)]
        if wave is not None:
            return [self._send(source, Answer(name, True, ((self._me, wave.own),)))]
        if probe.initiator == self._me:
            return [self._send(source, Answer(name, True, ()))]
        if not self._scheme.verify(probe.initiator, start_signed(name), probe.signature):
            return self._drop("forged wave")
        brought = self._brought.setdefault(source, {})
        if len(brought) >= self._config.waves_max and not self._make_room(brought):
            self._drop("waves")
            return [self._send(source, Answer(name, False, ((self._me, self._signer.sign(reached_signed(name))),)))]
        brought[name] = None
        left = min(probe.left_ms * 1000, self._limit)
        # Until nobody can ask again on its initiator's behalf, so that nobody is drawn into one wave twice.
        forget = now + 2 * self._limit
        entered = _Wave(probe, source, b"", now + max(0, left - self._hop), forget, now + self._pause)
        return [WaveHeard(probe.initiator, probe.about, source), *self._enter(name, entered, now)]

    def _make_room(self, brought: dict[bytes, None]) -> bool:
        """Forget the oldest of a neighbour's waves that we answered: else a flood would hold up those behind it."""
        answered = next((name for name in brought if self._waves[name].answer is not None), None)
        if answered is None:
            return False
        del brought[answered], self._waves[answered]
        return True

    def _enter(self, name: bytes, wave: _Wave, now: Instant) -> list[WaveEffect]:
        self._waves[name] = wave
        wave.own = wave.reached[self._me] = self._signer.sign(reached_signed(name))
        wave.asked = {peer: None for peer in self._linked if peer != wave.parent}
        if wave.ends <= now:
            wave.full = not wave.asked
            wave.asked.clear()
        return [*self._ask(wave, wave.waits, now), *self._look(name, wave, now)]

    def answered(self, source: MemberId, answer: Answer, now: Instant) -> list[WaveEffect]:
        """A neighbour answers; what it says counts once, and only if we asked it."""
        wave = self._waves.get(answer.wave)
        if wave is None or wave.answer is not None or wave.asked.get(source, False) is not None:
            return self._drop("unasked answer")
        wave.asked[source] = answer.complete
        signed = reached_signed(answer.wave)
        for member, signature in answer.reached:
            if member in wave.reached:
                continue
            if len(wave.reached) >= self._reached_max:
                wave.full = False
                break
            if self._scheme.verify(member, signed, signature):
                wave.reached[member] = signature
            else:
                self._drop("forged answer")
                wave.full = False
        return self._look(answer.wave, wave, now)

    def linked(self, peer: MemberId, now: Instant) -> list[WaveEffect]:
        """A link came up: whoever is not through with the wave is asked."""
        self._linked[peer] = None
        effects: list[WaveEffect] = []
        for wave in self._waves.values():
            if wave.answer is not None:
                if wave.parent == peer:
                    effects.append(self._send(peer, wave.answer))
            elif wave.again is None and wave.parent != peer and wave.asked.get(peer) is not True:
                if peer not in wave.asked and len(wave.asked) >= len(self._linked) + _GONE_MAX:
                    wave.full = False
                    continue
                wave.asked[peer] = None
                effects += self._ask(wave, [peer], now)
        return effects

    def unlinked(self, peer: MemberId, now: Instant) -> list[WaveEffect]:
        """A link went down: that counts as an empty answer that is not complete."""
        self._linked.pop(peer, None)
        effects: list[WaveEffect] = []
        for name, wave in list(self._waves.items()):
            if wave.answer is None and wave.asked.get(peer, False) is None:
                wave.asked[peer] = False
                effects += self._look(name, wave, now)
        self._orphan(peer)
        return effects

    def _orphan(self, peer: MemberId) -> None:
        """Leave what a neighbour brought to nobody, who has room as one neighbour has: new links make no new room."""
        brought = self._brought.pop(peer, None)
        if brought is None:
            return
        orphans = self._brought.setdefault(NOBODY, {})
        orphans.update(brought)
        for name in list(orphans)[: max(0, len(orphans) - self._config.waves_max)]:
            # Its parent has no link to be answered over. If it comes again it is answered again.
            self._forget(name)

    def tick(self, now: Instant) -> list[WaveEffect]:
        """Ask again, end what has run out of time, forget what nobody asks for any more."""
        effects: list[WaveEffect] = []
        for name, wave in list(self._waves.items()):
            if self._due(wave) > now:
                continue
            if wave.answer is not None:
                self._forget(name)
            elif wave.ends <= now:
                wave.asked.update(dict.fromkeys(wave.waits, False))
                effects += self._look(name, wave, now)
            elif wave.again is not None:
                effects += self._repeat(name, wave, now)
            else:
                wave.retry = now + self._pause
                effects += self._ask(wave, wave.waits, now)
        return effects

    def _look(self, name: bytes, wave: _Wave, now: Instant) -> list[WaveEffect]:
        """End our part of a wave when nobody is waited for."""
        if wave.waits:
            return []
        complete = wave.full and all(wave.asked.values())
        if wave.parent is None:
            # At once, and then after ever longer pauses; in vain where there are more than we count.
            again = now + ((self._pause << wave.attempt) >> 1 if wave.attempt else 0)
            hopeful = wave.attempt < _REPEATS_MAX and len(wave.reached) < self._reached_max
            if not complete and hopeful and again < wave.ends:
                wave.again = again
                return self._repeat(name, wave, now) if again == now else []
            del self._waves[name]
            reached = wave.reached.keys() if complete else wave.found.union(wave.reached)
            return [WaveDone(wave.key, complete, tuple(sorted(reached)))]
        wave.answer = Answer(name, complete, tuple(sorted(wave.reached.items())))
        wave.reached, wave.asked = {}, {}
        return [self._send(wave.parent, wave.answer)] if wave.parent in self._linked else []

    def _forget(self, name: bytes) -> None:
        del self._waves[name]
        for source in [source for source, brought in self._brought.items() if name in brought]:
            del self._brought[source][name]
            if not self._brought[source]:
                del self._brought[source]

    def _ask(self, wave: _Wave, peers: Iterable[MemberId], now: Instant) -> list[WaveEffect]:
        probe = replace(wave.probe, left_ms=max(0, wave.ends - now) // 1000)
        return [self._send(peer, probe) for peer in peers]

    @staticmethod
    def _send(peer: MemberId, packet: Probe | Answer) -> Send:
        return Send(peer, encode_lobby_packet(packet))

    def _drop(self, reason: str) -> list[WaveEffect]:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return []
