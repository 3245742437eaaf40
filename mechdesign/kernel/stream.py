"""Reading one long canonical value piece by piece: the arrays that hold the pieces are never in memory as a whole."""

from collections.abc import Iterable

import msgpack

from mechdesign.kernel.errors import WireError
from mechdesign.kernel.wire import BYTES_MAX, Value, decode

__all__ = ["Pieces"]


class Pieces:
    """Bytes of one encoded value, taken in their order.

    Args:
        chunks: the bytes, cut anywhere.
        bytes_max: no single piece is longer.
    """

    def __init__(self, chunks: Iterable[bytes], *, bytes_max: int = BYTES_MAX) -> None:
        self._chunks = iter(chunks)
        self._bytes_max = bytes_max
        self._unpacker = msgpack.Unpacker(max_buffer_size=0)
        self._raw = bytearray()
        self._start = 0

    def array(self) -> int:
        """Enter an array: how many pieces follow.

        Raises:
            WireError: there is none, or its length has a shorter spelling.
        """
        count, raw = self._next(self._unpacker.read_array_header)
        if not isinstance(count, int) or msgpack.Packer().pack_array_header(count) != raw:
            raise WireError("an array has another, shorter length")
        return count

    def value(self) -> Value:
        """The next piece, decoded.

        Raises:
            WireError: there is none, it is not canonical, or too long.
        """
        _, raw = self._next(self._unpacker.skip)
        return decode(raw, bytes_max=self._bytes_max)

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            WireError: something does.
        """
        if self._raw or any(self._chunks):
            raise WireError("bytes follow behind the end")

    def _next(self, take: "msgpack.Unpacker") -> tuple[object, bytes]:
        while True:
            try:
                taken = take()
            except msgpack.OutOfData:
                self._more()
            except (ValueError, TypeError, msgpack.UnpackException) as error:
                raise WireError(f"not a canonical encoding: {error}") from error
            else:
                length = self._unpacker.tell() - self._start
                raw = bytes(self._raw[:length])
                del self._raw[:length]
                self._start += length
                return taken, raw

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise WireError("it ends too early")
        if len(self._raw) > self._bytes_max:
            raise WireError(f"a piece passes the limit of {self._bytes_max} bytes")
        self._raw += chunk
        self._unpacker.feed(chunk)
