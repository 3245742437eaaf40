"""What a running node does with ballots that participants have handed to its operator."""

from collections.abc import Mapping
from typing import Any

from mechdesign.cli.changes import data_of
from mechdesign.node import Node
from mechdesign.node.control import Handler

__all__ = ["ballot_handlers"]


def ballot_handlers(node: Node) -> dict[str, Handler]:
    """The requests by which a node is handed ballots."""

    def carry(request: Mapping[str, Any]) -> Mapping[str, Any]:
        node.carry([data_of(request.get("ballot"), "ballot")])
        return {}

    return {"carry": carry}
