"""The public door: what each module says it exports exists and is documented, and the top level is pinned by name."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import get_origin

import pytest

import mechdesign

PACKAGE = Path(__file__).resolve().parent.parent / "mechdesign"

# Users import these from `mechdesign` itself. Adding a name is a decision, removing one breaks somebody.
TOP_LEVEL = [
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
    "MechanismError",
    "MechdesignError",
    "Mechanism",
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


def dotted(file: Path) -> str:
    """The name under which a file of the package is imported."""
    parts = ["mechdesign", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_public(file: Path) -> bool:
    """Whether no part of the path is private; `__main__` is left out because importing it runs the program."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return all(part == "__init__" or not part.startswith("_") for part in parts)


MODULES = sorted(dotted(file) for file in PACKAGE.rglob("*.py") if is_public(file))


def binds_nothing(module: ModuleType) -> bool:
    """Whether this is the `__init__` of a package with no more than a docstring and its own submodules."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return hasattr(module, "__path__") and all(inspect.ismodule(value) for value in public.values())


def needs_docstring(value: object) -> bool:
    """Whether this is a class or function of ours; constants and aliases have theirs below them in the source.

    An alias such as `type[X]` passes for a class, and pydantic makes a real class of `Generic[X]`, named with brackets.
    """
    if not (inspect.isclass(value) or inspect.isroutine(value)) or get_origin(value) is not None:
        return False
    return value.__module__.startswith("mechdesign") and "[" not in value.__name__


def has_own_docstring(value: object, name: str) -> bool:
    """Whether someone wrote the docstring: a dataclass without one gets its signature instead."""
    text = (value.__doc__ or "").strip()
    return bool(text) and not text.startswith(f"{name}(")


def test_the_top_level_exports_exactly_the_pinned_names() -> None:
    assert sorted(mechdesign.__all__) == sorted(TOP_LEVEL)


@pytest.mark.parametrize("name", MODULES)
def test_a_public_module_lists_what_it_exports_and_documents_it(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), "the module has no docstring"
    if not hasattr(module, "__all__"):
        assert binds_nothing(module), "the module has public names and no __all__"
        return
    exported = list(module.__all__)
    assert len(exported) == len(set(exported)), "a name stands in __all__ twice"
    missing = [each for each in exported if not hasattr(module, each)]
    assert not missing, f"__all__ names what does not exist: {missing}"
    undocumented = [
        each
        for each in exported
        if needs_docstring(value := getattr(module, each)) and not has_own_docstring(value, value.__name__)
    ]
    assert not undocumented, f"exported without a docstring: {undocumented}"
