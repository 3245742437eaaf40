"""What the files of the command line are made of: keys, addresses, and a base that refuses unknown keys."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from mechdesign.kernel.errors import ConfigError

__all__ = ["Address", "File", "Key", "Nonce", "Proof", "Root", "Signature", "render_value"]


def _key_bytes(value: object) -> object:
    """Read bytes written as hexadecimal digits."""
    if isinstance(value, str):
        try:
            data = bytes.fromhex(value)
        except ValueError as error:
            raise ValueError(f"{value[:16]!r}… is not hexadecimal") from error
        return data
    return value


def _of_length(length: int) -> Any:
    def check(value: bytes) -> bytes:
        if len(value) != length:
            raise ValueError(f"{2 * length} hexadecimal digits are needed, not {2 * len(value)}")
        return value

    return check


def _address(value: str) -> str:
    host, colon, port = value.removeprefix("tcp://").rpartition(":")
    if not value.startswith("tcp://") or not colon or not host:
        raise ValueError(f"{value!r} is no address: write it as tcp://HOST:PORT, such as tcp://192.0.2.11:7411")
    if port != "*" and not (port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ValueError(f"{value!r} has no port between 1 and 65535 after its last colon")
    return value


Key = Annotated[bytes, BeforeValidator(_key_bytes), AfterValidator(_of_length(32))]
"""A public key of 32 bytes, written as 64 hexadecimal digits."""

Signature = Annotated[bytes, BeforeValidator(_key_bytes), AfterValidator(_of_length(64))]
"""A signature of 64 bytes, written as 128 hexadecimal digits."""

Proof = Annotated[bytes, BeforeValidator(_key_bytes)]
"""A proof, written in hexadecimal."""

Nonce = Annotated[bytes, BeforeValidator(_key_bytes), AfterValidator(_of_length(16))]
"""16 bytes, written as 32 hexadecimal digits."""

Root = Annotated[bytes, BeforeValidator(_key_bytes)]
"""A digest, written in hexadecimal, or an empty text."""

Address = Annotated[str, AfterValidator(_address)]
"""``tcp://HOST:PORT``."""


class File(BaseModel):
    """Base of all files: frozen, and an unknown key is an error, so that a misspelt one is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def render_value(value: Any) -> str:
    """Plain data as a TOML value on one line.

    Raises:
        ConfigError: for None, which TOML does not have, and for what is not plain.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case str():  # a basic string of TOML is one of JSON
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(render_value, value))}]"
        case Mapping():
            inside = ", ".join(f"{render_value(str(key))} = {render_value(each)}" for key, each in value.items())
            return f"{{ {inside} }}" if inside else "{}"
    raise ConfigError(f"{value!r} has no form in a TOML file")
