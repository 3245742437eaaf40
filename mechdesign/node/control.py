"""How a running node is asked what it sees, and told what to do: a socket beside its journal.

One line of JSON asks, one line answers. The socket lies in the node's data folder and is for whoever may read that
folder; it carries no secrets and cannot make the node sign anything that its owner could not have it sign.
"""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from mechdesign.kernel.errors import ConfigError, MechdesignError

__all__ = ["Control", "Handler", "call"]

Handler: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Answers a request with plain data; a :class:`MechdesignError` it raises is told to whoever asked."""

_NAME = "control"
_LINE_MAX = 1 << 22
_PATH_MAX = 100
# A Unix socket's path holds 107 bytes at most; the folder of a node may be deeper.
_PATIENCE_S = 10.0


class Control:
    """The socket of one node.

    Args:
        folder: the node's data folder; the file ``control`` in it says where the socket is.
        handlers: what can be asked, by name.
    """

    def __init__(self, folder: Path, handlers: Mapping[str, Handler]) -> None:
        self._pointer = folder / _NAME
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the folder cannot be written.
        """
        try:
            path = self._pointer.with_suffix(".sock").resolve()
            if len(os.fsencode(path)) > _PATH_MAX:
                self._home = tempfile.TemporaryDirectory(prefix="mechdesign-")
                path = Path(self._home.name) / "sock"
            path.unlink(missing_ok=True)  # of a life that ended badly: the journal's lock says that it is over
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE_MAX)
            path.chmod(0o600)
            self._pointer.write_text(str(path), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"data: no socket can be made in {self._pointer.parent}: {error.strerror}") from error

    async def close(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            path = Path(self._pointer.read_text(encoding="utf-8"))
            self._server.close()
            for leftover in (path, self._pointer):
                leftover.unlink(missing_ok=True)
            self._server = None
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                line = await reader.readline()
            answer = self._answer(line)
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            async with asyncio.timeout(_PATIENCE_S):
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # whoever asked has gone, or sent no line
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            handler = self._handlers[request["do"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"error": f"a request is one line of JSON whose `do` is one of {', '.join(sorted(self._handlers))}"}
        try:
            return handler(request)
        except MechdesignError as error:
            return {"error": str(error)}


def call(folder: Path, do: str, **details: Any) -> dict[str, Any]:
    """Ask the node that runs on a data folder.

    Args:
        folder: the node's data folder.
        do: what is asked.
        details: what belongs to it, as plain data.

    Returns:
        The answer.

    Raises:
        ConfigError: no node runs there, or it refuses.
    """
    import socket

    pointer = folder / _NAME
    try:
        path = pointer.read_text(encoding="utf-8")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(_PATIENCE_S)
            stream.connect(path)
            stream.sendall(json.dumps({"do": do, **details}).encode() + b"\n")
            with stream.makefile("rb") as answers:
                line = answers.readline(_LINE_MAX)
    except OSError as error:
        raise ConfigError(
            f"no node runs on {folder} ({error.strerror or error}): start it with `mechdesign node`"
        ) from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"the node on {folder} stopped before it answered: ask again") from error
    if "error" in answer:
        raise ConfigError(str(answer["error"]))
    return dict(answer)
