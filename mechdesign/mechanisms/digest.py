"""The digest of a mechanism's code: members that would compute with other code do not enrol.

It covers the name and version, the schemas, and the text of every module that the rule is written in: the module of
each class between the mechanism and ``Mechanism``, and what those import from their own package, followed through.
The framework is part of it whole: the modules directly in ``mechdesign.mechanisms`` (ties, rounding, texts of values),
those of ``mechdesign.kernel``, and the release of pydantic that writes outcomes. So is the release of Python (3.11, not
3.11.7), and that of every other library which a followed module imports, wherever in it the import stands. A member
whose framework or libraries compute or write otherwise would sign another outcome and be convicted of it, though it
meant no harm; so it does not take part.
"""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import marshal
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

import pydantic

from mechdesign.kernel import wire
from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.base import Mechanism

__all__ = ["code_digest", "releases"]

_FRAMEWORK = "mechdesign.mechanisms"
_PYTHON = "{}.{}".format(*sys.version_info)


@cache
def code_digest(cls: type[Mechanism[Any, Any, Any]]) -> bytes:
    """Return the 32-byte digest of a mechanism's code, the same on every host with the same files.

    Raises:
        MechanismError: where a type has no JSON schema.
    """
    sources = _sources(cls)
    parts = [_framework(), cls.full_name().encode(), _schemas(cls).encode()]
    for name in sorted(sources):
        parts += [name.encode(), sources[name]]
    parts += [release.encode() for release in releases(cls)]
    return wire.digest("mechdesign/mechanism-code/2", *parts)


@cache
def releases(cls: type[Mechanism[Any, Any, Any]]) -> tuple[str, ...]:
    """Return the libraries that a mechanism's modules import, each with its release, such as ``"ortools 9.11.4210"``.

    Neither Python's own nor what the framework stands for is among them.
    """
    imported: set[str] = set()
    for name in _followed(cls):
        imported.update(other.partition(".")[0] for other in _imports(_text(name) or "", name))
    # The framework stands for the release of pydantic.
    own = {"mechdesign", cls.__module__.partition(".")[0], "", "pydantic", "pydantic_core", *sys.stdlib_module_names}
    return tuple(sorted({release for name in imported - own for release in _releases(name)}))


def _releases(package: str) -> list[str]:
    """Return the release of a library by the name under which it is imported."""
    known = _distributions().get(package)
    return [f"{each} {importlib.metadata.version(each)}" for each in sorted(set(known))] if known else [package]


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def _framework() -> bytes:
    """Return the digest of what every mechanism is computed and written with."""
    parts = [".".join(pydantic.VERSION.split(".")[:2]).encode(), _PYTHON.encode()]
    for package in (_FRAMEWORK, "mechdesign.kernel"):
        found = importlib.import_module(package)
        names = sorted(module.name for module in pkgutil.iter_modules(found.__path__) if not module.ispkg)
        for name in names:
            parts += [name.encode(), "\n".join((_text(f"{package}.{name}") or "").splitlines()).encode()]
    return wire.digest("mechdesign/framework-code/1", *parts)


def _schemas(cls: type[Mechanism[Any, Any, Any]]) -> str:
    arguments = [cls.generic_argument(place) for place in range(3)]
    try:
        return codec.canonical([cls.model_json_schema(), *(codec.adapter(one).json_schema() for one in arguments)])
    except Exception as error:
        raise MechanismError(f"a type of {cls.full_name()} has no JSON schema: {error}") from error


def _sources(cls: type[Mechanism[Any, Any, Any]]) -> dict[str, bytes]:
    """Return the text of every module that the rule is written in, by a name that does not depend on the host."""
    root = cls.__module__
    found: dict[str, bytes] = {}
    for name in _followed(cls):
        text = _text(name)
        if text is None:
            found["the mechanism" if name == root else name] = _bytecode(cls) if name == root else b""
        else:
            found["the mechanism" if name == root else name] = "\n".join(text.splitlines()).encode()
    return found


@cache
def _followed(cls: type[Mechanism[Any, Any, Any]]) -> tuple[str, ...]:
    """Return the modules that the rule is written in."""
    found: dict[str, None] = {}
    below = cls.__mro__[: cls.__mro__.index(Mechanism)]
    # What pydantic makes for Base[Type] is no class of its own; its module is the one of Base, which stands here too.
    waiting = [one.__module__ for one in below]
    root = cls.__module__
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        imported = _imports(_text(name) or "", name)
        waiting.extend(other for other in imported if _belongs(other, root) and _spec(other) is not None)
    return tuple(found)


def _belongs(name: str, root: str) -> bool:
    """Say whether a module is part of a rule: of its own package, or of a package below the framework."""
    package = name.rpartition(".")[0]
    if name == _FRAMEWORK or name.startswith(_FRAMEWORK + "."):
        return package.startswith(_FRAMEWORK + ".")
    own = root.partition(".")[0]
    return "." in root and own != "mechdesign" and name.partition(".")[0] == own


def _text(name: str) -> str | None:
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):  # a helper that is imported inside a function may not be loaded yet
        spec = _spec(name)
        loader = spec.loader if spec else None
        return loader.get_source(name) if isinstance(loader, SourceLoader) else None
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return None


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is found, or None where the name is no module but something in one."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _imports(text: str, name: str) -> Iterator[str]:
    """Yield the modules that a source imports, wherever in it the import stands."""
    package = name if _is_package(name) else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(module, package) if node.level and package else module
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from names


def _is_package(name: str) -> bool:
    return hasattr(sys.modules.get(name), "__path__")


def _bytecode(cls: type[Mechanism[Any, Any, Any]]) -> bytes:
    """Return the compiled methods of a class typed into an interpreter: equal only within one release of Python."""
    methods = [value for _, value in sorted(vars(cls).items()) if isinstance(value, FunctionType)]
    return b"".join(marshal.dumps(method.__code__) for method in methods)
