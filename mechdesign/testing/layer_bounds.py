"""How much a whole group layer may hold beside the order of an epoch, as :mod:`mechdesign.testing.bounds` says of that.

Each bound is a function of the rosters, the settings and the number of keys that the transports admit: a link takes one
of those, and whoever has a link may speak.

Not looked at is what follows the log and is gone soon: the blocks that a member fetches after it was away, up to a
checkpoint that a quorum signed. Nor what our own side asks to be kept: keys that last.
"""

from collections.abc import Callable, Iterator, Sized
from typing import TypeAlias, get_args

from mechdesign.group import outbox, tolerance
from mechdesign.group.block_manager import parked_bytes_max
from mechdesign.group.evidence import Evidence
from mechdesign.group.layer import GroupLayer
from mechdesign.group.leaf import PAYLOAD_SLACK_BYTES
from mechdesign.group.multicast import direct
from mechdesign.group.views import annals, said
from mechdesign.group.views.epoch import Epoch
from mechdesign.kernel.config import GroupConfig
from mechdesign.testing.bounds import Steps
from mechdesign.testing.simulator import Violation

__all__ = ["Holdings", "LayerBounds", "epoch_holdings", "layer_holdings"]

Holdings: TypeAlias = dict[str, tuple[int, int]]
"""By name how much is held, and how much may be."""

_KINDS = len(get_args(Evidence))
_NAMES = 2
# Records of letters beside the letters: counts of them, and what may be untold.


def layer_holdings(layer: GroupLayer, config: GroupConfig, keys: int) -> Holdings:
    """What a layer holds over its epochs, and beside the order of the present one.

    Args:
        layer: the layer.
        config: its settings.
        keys: how many keys the transport admits, members or not.
    """
    group, n = layer.group, layer.roster.n
    guide, waiting = group._guide, layer._whispers.values()
    known = (*guide.annals.rosters, *group._transition.pursuit.rosters)
    named = dict.fromkeys(member for roster in known for member in roster.ids)
    held = {
        "links of the layer": (len(layer._linked), keys),
        "links of the order": (len(group._linked), keys),
        "neighbours in the epoch": (len(layer._here), n - 1),
        "records of letters": (len(layer._kept), direct.LETTERS_MAX * (n - 1) + _NAMES),
        "bytes of private messages": (sum(len(each.data) for each in waiting), config.pending_bytes_max),
        "addresses over epochs": (len(layer._whereabouts._addresses), n),
        "ends of epochs": (len(guide.annals._ends), annals.EPOCHS_KEPT),
        "signers of two ends": (len(guide.annals._doubled), sum(roster.n for roster in known)),
        "channels": (len(group._channels), annals.EPOCHS_KEPT + 1),
        "peers that were told": (len(guide._told), keys),
        "peers that moved on": (len(guide._moved), keys),
        "members that have begun": (len(guide._begun), n),
        "keys of earlier epochs": (len(group._said._keys), said.KEYS_KEPT),
        "proofs over epochs": (len(group._proofs._kept), _KINDS * len(named)),
        "allowances of peers": (max(map(len, _allowances(layer))), tolerance._PEERS_MAX),
    }
    return held | _letters(layer) | _map(layer)


def _letters(layer: GroupLayer) -> Holdings:
    """Of the letters of the present epoch."""
    letters = None if layer._beside is None else layer._beside._direct
    if letters is None:
        return {}
    ways = [place for letter in letters._outgoing.values() for place in letter.missing]
    return {
        "letters that were seen": (len(letters._seen), direct._SEEN_MAX),
        "letters before their turn": (max(map(len, letters._early)), direct.LETTERS_MAX),
        "letters on their way": (max(map(ways.count, ways), default=0), direct.LETTERS_MAX),
    }


def _map(layer: GroupLayer) -> Holdings:
    """Of who is linked to whom and where."""
    if layer._beside is None:
        return {}
    links, n = layer._beside._topology, layer.roster.n
    return {
        "statements of links": (len(links._known), n),
        "times of statements": (len(links._taken_at), n - 1),
        "addresses in the epoch": (len(links._addresses), n - 1),
        "addresses not handed up": (len(links._located), 0),
    }


def _allowances(layer: GroupLayer) -> Iterator[Sized]:
    """The allowances of peers, a table for each thing that they may cause."""
    reception = layer.group._reception
    tables = [reception._tolerance, reception._patience]
    for epoch in layer.group.epochs:
        tables += [epoch.core._intake._tolerance, epoch.core._intake._patience]
    if layer._beside is not None:
        tables.append(layer._beside._topology._tolerance)
        tables += [] if layer._beside._direct is None else [layer._beside._direct._tolerance]
    return (table._meters for table in tables)


def epoch_holdings(epoch: Epoch, config: GroupConfig) -> Holdings:
    """What a member holds of one epoch that no bound of its order is stated for in :mod:`mechdesign.testing.bounds`."""
    core, roster = epoch.core, epoch.roster
    n, log, out = roster.n, core._order.chronicle, core._outbox
    sync, keeping, view = core._sync, core._keeping, core._order.view
    catchup = sync.catchup
    saved = sum(len(wire) for number, (_, wire) in enumerate(log._kept, log.first) if number < log.written)
    minds: tuple[Sized, ...] = (
        *(sync._links_of, sync._told_at, sync._replied_at, sync._reminded),
        *(catchup._claims, catchup._floors, catchup._heard, catchup._owed, catchup._hollow, catchup._strikes),
        *(keeping._reading, keeping._certifier._doubled, keeping._certifier._settled),
    )
    return {
        "bytes of the log that are in the journal": (saved, config.log_bytes_max),
        "bytes of parked blocks": (max(core._manager._bytes_of_author), parked_bytes_max(roster)),
        "bytes of own submissions": (
            out._bytes,
            config.pending_bytes_max + roster.submission_bytes_max + PAYLOAD_SLACK_BYTES,
        ),
        "own keys below the checkpoint": (len(out._settled), outbox.KEYS_KEPT),
        "own keys of earlier epochs": (len(out._past), said.KEYS_KEPT),
        "neighbours kept in mind": (max(map(len, minds)), n),
        "signatures under the end": (len(epoch.closing._said), n),
        "convicts of the end": (len(epoch.closing._proved), n),
        "members that are ready": (len(view._ready), n),
    }


class LayerBounds:
    """What honest members hold stays within its bounds, looked at after every step.

    Args:
        steps: the steps that are watched.
        config: the members' settings.
        keys: how many keys their transports admit.
        layer: what runs at a place, or None where nobody honest is up.

    Attributes:
        largest: by name the most that anybody held of a thing, since it was last cleared.
    """

    def __init__(self, steps: Steps, config: GroupConfig, keys: int, layer: Callable[[int], GroupLayer | None]) -> None:
        self.largest: dict[str, int] = {}
        self._config = config
        self._keys = keys
        self._layer = layer
        steps.watch_steps(self.look)

    def look(self, place: int) -> None:
        """Compare one member's holdings with their bounds now.

        Raises:
            Violation: it holds more of something than it may.
        """
        layer = self._layer(place)
        if layer is None:
            return
        for holdings in self._tables(layer):
            for name, (held, bound) in holdings.items():
                if held > bound:
                    raise Violation(f"member {place} holds {held} {name} where {bound} is the most")
                self.largest[name] = max(held, self.largest.get(name, 0))

    def _tables(self, layer: GroupLayer) -> Iterator[Holdings]:
        yield layer_holdings(layer, self._config, self._keys)
        yield from (epoch_holdings(epoch, self._config) for epoch in layer.group.epochs)
