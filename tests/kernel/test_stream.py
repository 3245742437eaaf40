"""A long value in pieces is the same value, however its bytes are cut."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.kernel.errors import WireError
from mechdesign.kernel.stream import Pieces
from mechdesign.kernel.wire import encode

VALUE = ("text", 7, b"\x00" * 40, tuple((at, b"x" * at) for at in range(40)), (), 2**70)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def one(data: bytes) -> object:
    pieces = Pieces([data])
    assert pieces.array() == 1
    return pieces.value()


def read(pieces: Pieces) -> tuple[object, ...]:
    head = [pieces.value() for _ in range(pieces.array() - 3)]
    inner = tuple(pieces.value() for _ in range(pieces.array()))
    empty = pieces.array()
    rest = pieces.value()
    pieces.end()
    return (*head, inner, () if empty == 0 else None, rest)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_pieces_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    assert read(Pieces(cut(encode(VALUE), size))) == VALUE


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_what_ends_early_or_goes_on_is_refused(size: int) -> None:
    data = encode(VALUE)
    for end in range(len(data)):
        with pytest.raises(WireError):
            read(Pieces(cut(data[:end], size)))
    with pytest.raises(WireError):
        read(Pieces(cut(data + b"\x00", size)))


def test_a_longer_spelling_of_a_length_or_a_number_is_refused() -> None:
    for data in (b"\xdc\x00\x01\x05", b"\xdd\x00\x00\x00\x01\x05", b"\x91\xcc\x05", b"\x91\xd9\x01a"):
        with pytest.raises(WireError):
            one(data)


def test_a_piece_past_the_bound_is_refused_before_all_of_it_was_read() -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        yield b"\x91\xc6\x7f\xff\xff\xff"
        while len(taken) < 1000:
            taken.append(1)
            yield bytes(100)

    pieces = Pieces(endless(), bytes_max=1000)
    assert pieces.array() == 1
    with pytest.raises(WireError):
        pieces.value()
    assert len(taken) < 20


@given(st.binary(max_size=60), st.integers(1, 9))
def test_arbitrary_bytes_raise_nothing_else(data: bytes, size: int) -> None:
    pieces = Pieces(cut(data, size))
    try:
        for _ in range(min(pieces.array(), 10)):
            pieces.value()
        pieces.end()
    except WireError:
        pass
