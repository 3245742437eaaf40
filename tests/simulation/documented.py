"""The rules that are broken on purpose, as docs/simulation.md shows them."""

from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import cast

from tests.simulation.commit_mutations import COMMIT_MUTATIONS
from tests.simulation.leaks import LEAKS
from tests.simulation.mutation import Mutation, campaign
from tests.simulation.mutations import MUTATIONS
from tests.simulation.view_mutations import VIEW_MUTATIONS

__all__ = ["leaks", "mutations"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _found(each: Mutation) -> str:
    staging = cast(FunctionType, each.play).__name__.replace("_", " ")
    return f"seed {each.seed}" if each.play is campaign else f"staged: {staging}"


def mutations() -> str:
    """Each broken rule, the message that it leads to, and where."""
    rows = [
        (each.name.replace("_", " "), each.breaks, _found(each))
        for each in (*COMMIT_MUTATIONS, *MUTATIONS, *VIEW_MUTATIONS)
    ]
    return _table(("broken rule", "the violation says", "found by"), rows)


def leaks() -> str:
    """Each leak, and the bound that it passes."""
    return _table(("leak", "bound"), [(leak.name.replace("_", " "), leak.kept) for leak in LEAKS])


if __name__ == "__main__":
    print(mutations(), leaks(), sep="\n\n")
