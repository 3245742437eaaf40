"""``mechdesign mechanisms``: the list of mechanisms that this installation knows."""

from typing import Annotated

import typer

__all__ = ["mechanisms"]


def mechanisms(
    family: Annotated[str | None, typer.Argument(help="Only this family, such as auction.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the mechanisms: ours, and those of installed packages that register their own."""
    from mechdesign.cli.output import Table, emit_json, show
    from mechdesign.kernel.errors import MechanismError
    from mechdesign.mechanisms import describe, registry

    known = [name for name in registry.names() if family is None or name.split(".")[0] == family]
    if not known:
        families = sorted({name.split(".")[0] for name in registry.names()})
        raise MechanismError(f"there is no family {family!r}: the families are {', '.join(families)}")
    classes = [registry.load(name) for name in known]
    if as_json:
        emit_json(
            [
                {
                    "mechanism": cls.full_name(),
                    "summary": describe.summary(cls),
                    "accounts": [account.value for account in cls.accounts],
                    "claims": {concept: claim["claim"] for concept, claim in describe.claim_table(cls.claims).items()},
                }
                for cls in classes
            ]
        )
        return
    show(Table(["mechanism", "summary"], [[cls.full_name(), describe.summary(cls)] for cls in classes]))
