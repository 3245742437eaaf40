"""A running node as a custodian: which port it has, when it looks, and how a person confirms."""

from collections.abc import Callable, Mapping
from typing import Any

from mechdesign.cli.node_files import CustodianTable
from mechdesign.decision.custody.custodian import Custodian, Manual
from mechdesign.decision.custody.files import FileCustodian
from mechdesign.kernel.errors import ConfigError, InputError
from mechdesign.node import Node

__all__ = ["Desk"]


class Desk:
    """What a node does with the deposits that it holds, if a session names its member as the custodian.

    Args:
        table: the files to work with; None where a person confirms every payment.
        tell: takes a record for people and programs.

    Raises:
        ConfigError: the files cannot be used.
    """

    def __init__(self, table: CustodianTable | None, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._problem = ""
        self._manual = Manual(lambda what: tell({"event": "custody", "what": what}))
        self._files = FileCustodian(table.receipts, table.payouts) if table is not None else None

    def attend(self, node: Node) -> None:
        """Report what has been received and paid out by now; a file that cannot be used is told once."""
        custodian: Custodian = self._files or self._manual
        try:
            node.attend(custodian)
            self._problem = ""
        except (ConfigError, OSError) as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._tell({"event": "custody", "what": f"nothing is reported: {error}"})

    def confirm(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """A person's word that a payment was made; with no name in it, only say which ones are waited for.

        Raises:
            InputError: no such payment is waited for.
        """
        name = request.get("name")
        if name is not None:
            if self._files is not None:
                raise InputError("this node works with files: write the payment there")
            self._manual.confirm(str(name))
        return {"open": list(self._manual.open)}

    def close(self) -> None:
        """Let go of the files."""
        if self._files is not None:
            self._files.close()
