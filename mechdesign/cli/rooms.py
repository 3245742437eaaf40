"""A room from a node's configuration file, for programs of one's own."""

from pathlib import Path

from mechdesign.cli.plan import Plan
from mechdesign.kernel.config import PRESETS
from mechdesign.node.links import tcp
from mechdesign.node.room import Room

__all__ = ["open_room"]


def open_room(config: Path | str) -> Room:
    """The room of the group that a node's configuration file names, with its key, roster, addresses and data folder.

    Raises:
        ConfigError: a file cannot be used.
        IdentityError: the key file does not open.
    """
    plan = Plan.read(Path(config))
    plan.file.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    preset = PRESETS[plan.file.preset]
    return Room(
        plan.start,
        plan.identity,
        transport=tcp(plan.identity, plan.listen, plan.peers, preset.transport),
        journal=plan.file.data / "room.sqlite3",
        config=preset.group,
        address=plan.newcomer,
        here=plan.here,
    )
