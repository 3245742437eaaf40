"""The recomputation that an audit is given: this installation's mechanism, if it is exactly the one that was signed."""

from collections.abc import Sequence

from mechdesign.cli.instead import instead
from mechdesign.decision.messages import Proposed
from mechdesign.mechanisms.alternatives import alternatives_of_answers
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

    def ties(self, coins: Sequence[bytes]) -> list[str]:
        """The ties of the last computation and what else could have come out, as lines; none where nothing was tied.

        Args:
            coins: that fell in the session, as an audit returns them.
        """
        last = self._last
        if last is None or last.result is None or last.context is None or not last.result.ties:
            return []
        found = alternatives_of_answers(last.mechanism, last.context, last.reports, coins)
        others = instead(last.result, last.context.players, found, "")
        return [*(f"tie: {tie}" for tie in last.result.ties), *(f"instead: {line}" for line in others)]

    @property
    def sentence(self) -> str:
        """The outcome of the last computation as a sentence, or why it failed."""
        if self._last is None:
            return "nothing was computed"
        if self._last.result is not None:
            return str(self._last.result.outcome)
        return f"the mechanism failed: {self._last.failure}"
