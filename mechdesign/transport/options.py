"""What our sockets are told, as a table: limits that bound what libzmq holds for us, and the keys of CURVE."""

from mechdesign.kernel.config import TransportConfig
from mechdesign.kernel.identity import Identity
from mechdesign.transport.frames import FRAME_OVERHEAD_BYTES, OVERHEAD_BYTES
from mechdesign.transport.gate import DOMAIN

__all__ = ["dialling", "listening"]

_BACKLOG = 64
_HANDSHAKE_MS = 5_000  # a stranger that connects and says nothing holds a descriptor for this long
_RECONNECT_MS, _RECONNECT_MS_MAX = 100, 1_000
_RECEIVE_FRAMES = 256  # complete frames that libzmq holds for us per connection before TCP pushes back
_CURVE_BYTES = 64  # what CURVE adds to a frame, rounded up


def _common(config: TransportConfig, identity: Identity, address: str) -> dict[str, int | bytes]:
    return {
        "linger": 0,
        "maxmsgsize": config.frame_bytes_max + FRAME_OVERHEAD_BYTES + _CURVE_BYTES,
        "rcvhwm": _RECEIVE_FRAMES,
        # The credit bounds what we queue in bytes; this bounds answers to a peer that never reads them.
        "sndhwm": config.credit_bytes // OVERHEAD_BYTES + 16,
        "handshake_ivl": _HANDSHAKE_MS,
        "curve_secretkey": identity.curve_secret,
        "curve_publickey": identity.curve_public,
        # A connection into a black hole is given up by the kernel when its link was silent for long enough.
        "tcp_maxrt": 2 * max(1, round(1_000 * config.silence_s)),
        "tcp_keepalive": 1,
        "tcp_keepalive_idle": 30,
        "tcp_keepalive_intvl": 10,
        "ipv6": int("[" in address),
    }


def listening(config: TransportConfig, identity: Identity, address: str) -> dict[str, int | bytes]:
    """The options of the ROUTER that peers connect to, by name."""
    return {
        **_common(config, identity, address),
        "curve_server": 1,
        "zap_domain": DOMAIN,
        "zap_enforce_domain": 1,
        "router_mandatory": 1,  # a send fails that would wait for a connection
        "backlog": _BACKLOG,
    }


def dialling(config: TransportConfig, identity: Identity, address: str, curve: bytes) -> dict[str, int | bytes]:
    """The options of a DEALER that connects to the peer with this CURVE key, by name."""
    return {
        **_common(config, identity, address),
        "curve_serverkey": curve,
        "immediate": 1,  # as router_mandatory
        "reconnect_ivl": _RECONNECT_MS,
        "reconnect_ivl_max": _RECONNECT_MS_MAX,
    }
