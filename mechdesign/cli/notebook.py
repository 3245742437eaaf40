"""What a node writes down for its later lives and epochs, beside what its journal knows of the present epoch."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mechdesign.kernel.errors import ConfigError
from mechdesign.node.archive import sync

__all__ = ["Counted", "HandedIn", "Notebook"]

_Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counted(_Line):
    """A session in which this node takes part, in the order of the log.

    Attributes:
        session: its identifier.
        mechanism: ``family.name/version``.
        proposer: name of the member that proposed.
        key: the proposer's.
        nonce: of the proposal.
    """

    session: _Hex
    mechanism: str
    proposer: str
    key: _Hex
    nonce: _Hex


class HandedIn(_Line):
    """A proposal that this node is about to make, or that is known to have founded nothing.

    Attributes:
        proposal: its nonce.
        epoch: digest of the roster of the epoch in which it makes it; empty where that has founded nothing.
    """

    proposal: _Hex
    epoch: _Hex


_LINE: TypeAdapter[Counted | HandedIn] = TypeAdapter(Counted | HandedIn)


class Notebook:
    """Lines of JSON, each on disk before :meth:`write` returns.

    A last line that a loss of power cut off was never acted on, and is dropped.

    Args:
        path: the file; made when the first line is written.

    Attributes:
        counted: the sessions that earlier lives took part in, in their order.
        handed_in: what earlier lives proposed, in that order.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            data = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        self._whole = data.rfind(b"\n") + 1
        lines = enumerate(data[: self._whole].splitlines(), start=1)
        parsed = [_parse(line, f"{path}: line {number}") for number, line in lines]
        self.counted = tuple(line for line in parsed if isinstance(line, Counted))
        self.handed_in = tuple(line for line in parsed if isinstance(line, HandedIn))

    def write(self, line: Counted | HandedIn) -> None:
        """Add a line.

        Raises:
            OSError: the disk is full, or the file is not ours.
        """
        data = line.model_dump_json().encode() + b"\n"
        new = not self._path.exists()
        with self._path.open("xb" if new else "r+b") as file:
            file.truncate(self._whole)
            file.seek(self._whole)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync(self._path.parent)  # or a loss of power takes the whole file
        self._whole += len(data)


def _parse(line: bytes, where: str) -> Counted | HandedIn:
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        raise ConfigError(f"{where}: not what a node writes: {line[:80]!r}; put the file back as it was") from error
