"""What tests of the lobby share."""

from collections.abc import Iterable
from random import Random

from mechdesign.group.lobby.admission import Admission, Policy
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.group.lobby.packets import (
    Records,
    decode_lobby_packet,
)
from mechdesign.group.lobby.presence import Presence, parse_presence
from mechdesign.kernel.crypto import MemberId
from mechdesign.testing.lobby_cluster import (
    WALL,
    LobbyCluster,
    seat_of,
)
from mechdesign.transport.messages import LinkUp, Send

__all__ = [
    "OPEN",
    "everybody",
    "records",
]


OPEN = Admission(Policy.OPEN)


def everybody(cluster: LobbyCluster) -> bool:
    """Whether all who are up know all who are up."""
    return all(cluster.known(place) == set(cluster.honest) - {place} for place in cluster.honest)


def records(places: Iterable[int]) -> list[Presence]:
    """Records of those players, as a lobby of theirs would say them first."""
    made = []
    for place in places:
        lobby = Lobby(seat_of(place), (f"sim:{place}",), LobbyConfig(), Random(place).randbytes, WALL)
        lobby.restore((), 0)
        lobby.receive(LinkUp(MemberId(b"x" * 32)), 0)
        sends = [effect for effect in lobby.tick(0) if isinstance(effect, Send)]
        packet = decode_lobby_packet(sends[0].data)
        assert isinstance(packet, Records)
        record = parse_presence(packet.records[0][0])
        assert record is not None
        made.append(record)
    return made
