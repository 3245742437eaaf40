"""Tideman's method of ranked pairs."""

from collections.abc import Iterable, Sequence

from mechdesign.mechanisms.claims import Holds
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import counted
from mechdesign.mechanisms.shared.universes import universes
from mechdesign.mechanisms.ties import Tie
from mechdesign.mechanisms.voting.ballots import Election
from mechdesign.mechanisms.voting.common import WEAK, misreport, vote_claims
from mechdesign.mechanisms.voting.margins import Margins, PairwiseByStrength, Verdict
from mechdesign.mechanisms.voting.weak_orders import WeakOrder

__all__ = ["RankedPairs"]

_LIE = misreport({"alice": "yxz", "bob": "zxy"}, alice="yzx")

Pair = tuple[int, int]
Above = tuple[int, ...]
"""For each option the set of options locked below it, directly or through others, as bits."""

State = tuple[int, Above, tuple[Pair, ...]]
"""The next class of victories, what is locked, and the victories of the last class that still wait."""


class RankedPairs(PairwiseByStrength):
    """Pairwise victories are locked in, the strongest first, unless they close a cycle; who is never beaten is elected.

    Victories of equal strength are locked in the order of the tie rule of their winners, then of their losers. Tied are
    all options that some order among equally strong victories elects. Ballots may leave options tied or unranked; what
    is left out stands equal below what is named. Who is absent abstains; without a ballot nobody is elected.

    **Source**: T. N. Tideman, Independence of clones as a criterion for voting rules, Social Choice and Welfare 4
    (1987); T. M. Zavist, T. N. Tideman, Complete independence of clones in the ranked pairs rule, the same 6 (1989).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = RankedPairs(options=("C", "K", "M", "N"), weights={"a": 42, "b": 26, "c": 15, "d": 17})
    >>> ballots = {"a": "MNCK", "b": "NCKM", "c": "CKNM", "d": "KCNM"}
    >>> str(run_pure(vote, Context(("a", "b", "c", "d")), {who: list(order) for who, order in ballots.items()}).outcome)
    'N wins'
    """

    name, version = "voting.ranked-pairs", 1
    claims = vote_claims(_LIE, monotone=Holds("Tideman 1987, section 5"))
    example = WEAK

    def judge(self, margins: Margins) -> Verdict:
        """Return every option that some order among equally strong victories elects."""
        classes = self._classes(margins)
        start: State = (0, (0,) * len(margins.options), ())
        ends, complete = universes(start, lambda state: _lock(classes, *state))
        winners = sorted({place for _, below, _ in ends for place in _unbeaten(below)})
        why = () if complete else (Reason("there are more ways to break the ties than were followed"),)
        return Verdict(winners, "never beaten, in some order of equal victories", why)

    def decide(self, reports: Profile[WeakOrder], context: Context) -> Decision[Election]:
        """Lock victories in the order of the tie rule; nobody is elected without a ballot."""
        ballots = counted(reports, self.weights, context)
        if not ballots:
            return self.nobody()
        margins = Margins.of(self.options, ballots)
        verdict = self.judge(margins)
        tied = tuple(self.options[place] for place in verdict.winners)
        order: Sequence[str] = self.options
        ties: tuple[Tie, ...] = ()
        if len(tied) > 1:
            order, ties = context.rank(self.options, "the order of equally strong victories")
        rank = {self.options.index(name): number for number, name in enumerate(order)}
        below: Above = (0,) * len(self.options)
        why: list[Reason] = []
        for pairs in self._classes(margins):
            for one, other in sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]])):
                names = [self.options[one], self.options[other]]
                votes = f"{margins.support[one][other]}-{margins.support[other][one]}"
                if below[other] >> one & 1:
                    why.append(Reason(f"{names[0]} over {names[1]} ({votes}) would close a cycle", {"skipped": names}))
                else:
                    below = _below(below, one, other)
                    why.append(Reason(f"{names[0]} over {names[1]} ({votes}) is locked in", {"locked": names}))
        unbeaten = _unbeaten(below)
        winner = self.options[min(unbeaten, key=lambda place: rank[place])]
        return Decision(Election(winner=winner, tied=tied), (*why, *verdict.why), ties)

    def _classes(self, margins: Margins) -> list[list[Pair]]:
        """Return the victories in classes of equal strength, the strongest first."""
        strength = margins.strength(self.strength)
        size = range(len(margins.options))
        found: dict[int, list[Pair]] = {}
        for one in size:
            for other in size:
                if strength[one][other]:
                    found.setdefault(strength[one][other], []).append((one, other))
        return [found[key] for key in sorted(found, reverse=True)]


def _lock(classes: Sequence[Sequence[Pair]], done: int, below: Above, waiting: tuple[Pair, ...]) -> list[State]:
    """Return the states after the next victory; those in no possible cycle are locked at once."""
    if not waiting:
        if done == len(classes):
            return []
        done, waiting = done + 1, tuple(classes[done])
    possible = below
    for one, other in waiting:
        possible = _below(possible, one, other)
    disputed = []
    for one, other in waiting:
        if possible[other] >> one & 1:
            disputed.append((one, other))
        else:
            below = _below(below, one, other)
    disputed = [(one, other) for one, other in disputed if not _decided(below, one, other)]
    if not disputed:
        return [(done, below, ())]
    return [(done, _below(below, *pair), tuple(other for other in disputed if other != pair)) for pair in disputed]


def _decided(below: Above, one: int, other: int) -> bool:
    return bool(below[one] >> other & 1 or below[other] >> one & 1)


def _below(below: Above, one: int, other: int) -> Above:
    """Return what is below each option once one is locked above another."""
    gained = below[other] | 1 << other
    return tuple(under | gained if place == one or under >> one & 1 else under for place, under in enumerate(below))


def _unbeaten(below: Iterable[int]) -> list[int]:
    beaten = 0
    rows = list(below)
    for under in rows:
        beaten |= under
    return [place for place in range(len(rows)) if not beaten >> place & 1]
