"""One member as a running process: the only place where cores meet sockets, clock, entropy and disk."""

from mechdesign.node.links import TransportFactory, memory, tcp
from mechdesign.node.process import Node, NodeStatus
from mechdesign.node.room import Heard, Room
from mechdesign.node.stack_like import StackLike
from mechdesign.node.terminal import read_terminal

__all__ = [
    "Heard",
    "Node",
    "NodeStatus",
    "Room",
    "StackLike",
    "TransportFactory",
    "memory",
    "read_terminal",
    "tcp",
]
