"""When one end of a pair opens: at once, only where the other end does not, or never.

Where both ends can be reached one rule, known to both, names the *eager* end; the other is its *spare*. The eager end
dials whenever the link is down. The spare dials when it was not dialled for a while: the address that the eager end
was given may lead nowhere, or the eager end may not know of this one yet. Both may therefore dial at once. It ends with
one connection all the same, by two rules that :class:`~mechdesign.transport.link.Link` keeps:

* the eager end does not answer while its own hello is young, so in the ordinary case just one handshake completes;
* where both complete, the session that the eager end dialled stays. Who is up by the other's dialling hangs up its own.

Who floods whoever dials it, and is cut off, is dialled again after a pause. It is twice as long each time, for the
flood, whatever address it comes from, until no flood came for a good while.
"""

from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["FIRST_RETRY", "Dialling"]

FIRST_RETRY: Instant = SECOND // 20
"""How long the first hello of a series waits for its answer."""

_REDIAL_EVERY = 8  # unanswered hellos after which the connection itself is suspected
_YOUNG = 4  # unanswered hellos up to which the eager end counts on its own dialling
_PAUSE_MAX: Instant = 300 * SECOND  # after a flood
_FORGIVEN: Instant = 600 * SECOND  # so long after a pause its flood no longer counts


class Dialling:
    """The hellos of one end while its link is down.

    Args:
        eager: it dials at once; a driver connects it before the first hello.
        able: it knows an address; what is eager is able.
        heartbeat: the longest pause between two hellos.
        patience: how long a spare waits to be dialled.
        now: the driver's clock.

    Attributes:
        connected: whether the driver holds a connection for this end.
        attempts: hellos since the link went down.
    """

    __slots__ = (
        "_able",
        "_at",
        "_heartbeat",
        "_patience",
        "_pause",
        "_retry",
        "_until",
        "attempts",
        "connected",
        "eager",
    )

    def __init__(self, *, eager: bool, able: bool, heartbeat: Instant, patience: Instant, now: Instant) -> None:
        self.eager = eager
        self.connected = eager
        self._able = able or eager
        self._heartbeat = max(heartbeat, FIRST_RETRY)
        self._patience = patience
        self._at = now
        self._retry = FIRST_RETRY
        self._until, self._pause = now, 0  # the pause after a flood
        self.attempts = 0
        self.restart(now)

    @property
    def deadline(self) -> Instant | None:
        """When the next hello is due; None where this end cannot dial."""
        return max(self._at, self._until) if self._able else None

    @property
    def young(self) -> bool:
        """Whether this end counts on its own dialling, so that it leaves a hello of the other end unanswered."""
        return self.eager and self.connected and self.attempts <= _YOUNG

    def due(self, now: Instant) -> bool:
        """Whether a hello is due."""
        return self._able and now >= max(self._at, self._until)

    def open(self, now: Instant) -> bool:
        """Count one hello; whether it needs a fresh connection."""
        self.attempts += 1
        self._at = now + self._retry
        self._retry = min(2 * self._retry, self._heartbeat)
        fresh = not self.connected or self.attempts % _REDIAL_EVERY == 0
        self.connected = True
        return fresh

    def restart(self, now: Instant) -> None:
        """Begin a series: the link is down."""
        self.attempts = 0
        self._retry = FIRST_RETRY
        self._at = now if self.eager or self.connected else now + self._patience

    def postpone(self, until: Instant) -> None:
        """Send no hello before ``until``."""
        self._at = max(self._at, until)

    def dialled(self, now: Instant) -> None:
        """The other end dials: a spare that does not yet goes on waiting."""
        if not self.connected:
            self.postpone(now + self._patience)

    def hasten(self, now: Instant, patience: Instant) -> None:
        """Wait for the other end no longer than ``patience`` from now on."""
        self._patience = min(self._patience, patience)
        self._at = min(self._at, now + self._patience)

    def learn(self, *, eager: bool, able: bool, now: Instant) -> None:
        """Another address of the peer, while there is no connection of ours to it."""
        self.eager, self._able = eager, able or eager
        self.restart(now)

    def cut_off(self, now: Instant) -> None:
        """The peer flooded our connection, which is given up for a pause."""
        forgiven = not self._pause or now >= self._until + _FORGIVEN
        self._pause = self._heartbeat if forgiven else min(2 * self._pause, _PAUSE_MAX)
        self._until = now + self._pause
        self.connected = False

    def hang_up(self) -> bool:
        """The link is up by the other end's dialling; whether there is a connection to give up."""
        connected, self.connected = self.connected, False
        return connected
