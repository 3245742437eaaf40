"""The recomputation that an audit is given: this installation's mechanism, if it is exactly the one that was signed."""

from collections.abc import Sequence

from mechdesign.decision.messages import Proposed
from mechdesign.mechanisms.computation import AnyMechanism, Computation
from mechdesign.mechanisms.session import lookup_with, recomputation

__all__ = ["Auditor"]


class Auditor:
    """Recomputes sessions and keeps the last computation, to say what came out.

    Args:
        own: mechanisms besides the registered ones.
    """

    def __init__(self, own: Sequence[type[AnyMechanism]] = ()) -> None:
        self._recompute = recomputation(lookup_with(*own))
        self._last: Computation | None = None

    def recompute(self, proposed: Proposed) -> Computation:
        """Make the computation that a proposal asks for.

        Raises:
            MechanismError: this installation has not got exactly that code.
        """
        self._last = self._recompute(proposed)
        return self._last

    @property
    def sentence(self) -> str:
        """The outcome of the last computation as a sentence, or why it failed."""
        if self._last is None:
            return "nothing was computed"
        if self._last.result is not None:
            return str(self._last.result.outcome)
        return f"the mechanism failed: {self._last.failure}"
