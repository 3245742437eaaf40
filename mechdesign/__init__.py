"""Joint decisions that move money, taken by parties who trust neither one another nor an auctioneer.

What users need stands here: how to write a mechanism, and how to run one among players with :func:`settle`. Names are
loaded when they are first used, so that a program that only computes loads no sockets and no cryptography.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechdesign.cli.rooms import open_room
    from mechdesign.kernel.errors import InputError, MechanismError, MechdesignError
    from mechdesign.kernel.money import Amount, Currency, SignedAmount
    from mechdesign.mechanisms.base import Example, Mechanism
    from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown
    from mechdesign.mechanisms.context import Context, Profile
    from mechdesign.mechanisms.flow import Account, Flow, pay
    from mechdesign.mechanisms.inputs import decide
    from mechdesign.mechanisms.play import PASS, ask, run_pure, toss
    from mechdesign.mechanisms.registry import load
    from mechdesign.mechanisms.result import Decision, Outcome, Reason, Result
    from mechdesign.mechanisms.ties import TieRule
    from mechdesign.node.room import Heard, Room
    from mechdesign.settlement import SessionFailed, Settlement, settle, settle_sync

__all__ = [
    "PASS",
    "Account",
    "Amount",
    "Claims",
    "Context",
    "Currency",
    "Decision",
    "Example",
    "Fails",
    "Flow",
    "Heard",
    "Holds",
    "InputError",
    "Mechanism",
    "MechanismError",
    "MechdesignError",
    "Outcome",
    "Profile",
    "Reason",
    "Result",
    "Room",
    "SessionFailed",
    "Settlement",
    "SignedAmount",
    "TieRule",
    "Unknown",
    "__version__",
    "ask",
    "decide",
    "load",
    "open_room",
    "pay",
    "run_pure",
    "settle",
    "settle_sync",
    "toss",
]

__version__ = "0.1.0"

_HOMES = {
    "cli.rooms": ("open_room",),
    "kernel.errors": ("InputError", "MechanismError", "MechdesignError"),
    "kernel.money": ("Amount", "Currency", "SignedAmount"),
    "mechanisms.base": ("Example", "Mechanism"),
    "mechanisms.claims": ("Claims", "Fails", "Holds", "Unknown"),
    "mechanisms.context": ("Context", "Profile"),
    "mechanisms.flow": ("Account", "Flow", "pay"),
    "mechanisms.inputs": ("decide",),
    "mechanisms.play": ("PASS", "ask", "run_pure", "toss"),
    "mechanisms.registry": ("load",),
    "mechanisms.result": ("Decision", "Outcome", "Reason", "Result"),
    "mechanisms.ties": ("TieRule",),
    "node.room": ("Heard", "Room"),
    "settlement": ("SessionFailed", "Settlement", "settle", "settle_sync"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mechdesign' has no attribute {name!r}")
    value = getattr(import_module(f"mechdesign.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
