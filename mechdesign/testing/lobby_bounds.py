"""How much a lobby may hold, as :mod:`mechdesign.testing.layer_bounds` says of a group layer.

Each bound is a function of the settings and of the number of links: those that there are, and the most that there were
at once. Not looked at is what our own side asks to be kept: the groups that it announced or enrolled for.
"""

from mechdesign.group.lobby import allowances, formation, formations, wave
from mechdesign.group.lobby.config import LobbyConfig
from mechdesign.group.lobby.formation import Formation
from mechdesign.group.lobby.lobby import Lobby
from mechdesign.testing.layer_bounds import Holdings
from mechdesign.testing.simulator import Violation

__all__ = ["LobbyBounds", "lobby_holdings"]


def lobby_holdings(lobby: Lobby, config: LobbyConfig, links: int, most: int) -> Holdings:
    """By name how much a lobby holds, and how much it may.

    Args:
        lobby: the lobby.
        config: its settings.
        links: how many links it has.
        most: the most that it had at once.
    """
    book, gossip, waves, groups = lobby._book, lobby._gossip, lobby._waves, lobby._formations
    under_way = waves._waves.values()
    kept = (lobby._meters, gossip._budgets)
    parts = [_parts(each) for each in groups]
    return {
        "links": (max(len(lobby._linked), len(gossip._linked), len(waves._linked)), links),
        "times of comparisons": (max(len(gossip._listed), len(gossip._pushed)), links),
        "allowances": (max(map(len, kept)), allowances._UNLINKED_MAX + most + 1),
        "allowances for others": (len(lobby._relay._own), most + 1),
        "live records": (len(book), min(config.peers_max, config.remembered_max - 1)),
        "records": (book.remembered, config.remembered_max),
        "places in shares": (len(book._living) + len(book._dead), book.remembered),
        # One for each neighbour, and one for what is nobody's.
        "shares": (max(len(book._living._shares), len(book._dead._shares)), links + 1),
        "choices whom to dial": (len(lobby._dialler._choices), config.peers_max),
        "waves": (len(waves), wave._OWN_MAX + config.waves_max * (links + 1)),
        "waves of one neighbour": (max(map(len, waves._brought.values()), default=0), config.waves_max),
        "keys that a wave reached": (max((len(each.reached) for each in under_way), default=0), config.reached_max),
        "neighbours that a wave asks": (max((len(each.asked) for each in under_way), default=0), most + wave._GONE_MAX),
        "formations of others": (len(groups._brought), config.formations_all_max),
        "formations that are past": (len(groups._past), formations._PAST_MAX),
        "parts of a formation beyond its size": (max(parts, default=0), 0),
    }


def _parts(group: Formation) -> int:
    """By how many a formation holds more enrolments or signatures than its terms allow for."""
    most = group.announcement.terms.size_max
    return max(0, len(group._enrolments) - formation._SPARE * most, len(group._consents) - most)


class LobbyBounds:
    """What lobbies hold stays within its bounds.

    Args:
        config: the lobbies' settings.

    Attributes:
        largest: by name the most that anybody held of a thing.
    """

    def __init__(self, config: LobbyConfig) -> None:
        self.largest: dict[str, int] = {}
        self._config = config
        self._most: dict[int, int] = {}

    def look(self, place: int, lobby: Lobby, links: int) -> None:
        """Compare one player's holdings with their bounds now, while it has so many links.

        Raises:
            Violation: it holds more of something than it may.
        """
        most = self._most[place] = max(links, self._most.get(place, 0))
        for name, (held, bound) in lobby_holdings(lobby, self._config, links, most).items():
            if held > bound:
                raise Violation(f"player {place} holds {held} {name} where {bound} is the most")
            self.largest[name] = max(held, self.largest.get(name, 0))
