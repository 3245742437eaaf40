"""Runs in which members come and go: who founds the group, who is wanted when, and who of them lies, dies or sleeps.

However the changes that are asked for are grouped into views, every roster bears the liars and the dead that are about.
In half of the runs members also write to some of the others; in some of those nobody comes or goes.
"""

from collections.abc import Callable, Collection, Sequence
from random import Random

from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.testing.letter_liars import LETTER_LIAR_KINDS
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.mishaps import crashes_of, liars_of
from mechdesign.testing.scenario import AnyLiarKind, Changes, Company, Crash, Note, Sleep, Step
from mechdesign.testing.topologies import SHAPES, Edges, connected, links_of
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS

__all__ = ["CHANGING_KINDS", "changing_company"]

_ONE_EPOCH: tuple[AnyLiarKind, ...] = tuple(kind for kind in LIAR_KINDS if kind != "two-faced")

CHANGING_KINDS: tuple[AnyLiarKind, ...] = (*_ONE_EPOCH, *VIEW_LIAR_KINDS, *EPOCH_LIAR_KINDS, *LETTER_LIAR_KINDS)
"""The kinds of liars in groups that change; two faces have two histories of epochs there, see ``two-groups``."""

_COLLUDING: tuple[AnyLiarKind, ...] = ("conspire", "hide")


def changing_company(chance: Callable[[str], Random]) -> Company:
    """Who takes part, drawn from the streams of chance of a seed."""
    random = chance("company")
    faulty = random.choice((0,) * 7 + (1,) * 11 + (2,) * 2)
    least = 3 * faulty + 1
    founders = least + random.choice((0, 0, 0, 1, 2, 3))
    n = founders + random.choice((1, 1, 2, 2, 3))
    live = chance("mode").random() < 0.8
    heal = chance("heal").randrange(SECOND, 3 * SECOND)
    order = random.sample(range(founders), founders)
    notes = _notes(chance("notes"), n, heal)
    kinds = (*_ONE_EPOCH, *VIEW_LIAR_KINDS, *VIEW_LIAR_KINDS)
    liars = liars_of(chance("liars"), order, faulty, 1, kinds, _COLLUDING)
    liars = _worse(chance("worse"), liars, (*EPOCH_LIAR_KINDS, *(LETTER_LIAR_KINDS if notes else ())))
    fit = [place for place in range(n) if place not in dict(liars)]
    dying = sorted(random.sample(fit, faulty - len(liars) if live else random.randrange(len(fit))))
    absent = tuple(place for place in dying if place >= founders)
    sleeps = tuple(
        Sleep(random.randrange(1, heal), place, heal + random.randrange(8 * SECOND))
        for place in dying
        if live and place < founders and random.random() < 0.6
    )
    asleep = {sleep.place for sleep in sleeps}
    dead = [place for place in dying if place < founders and place not in asleep]
    crashes = [crash for crash in crashes_of(chance("crashes"), fit, heal, 0) if crash.place not in dying]
    crashes += [Crash(random.randrange(heal), place, random.randrange(10), None, "lost") for place in dead]
    lasting = [place for place in fit if place < founders and place not in dying]
    stays = _stays(chance("stays"), lasting)
    edges = None if stays is None else _edges(chance("edges"), n, stays)
    steps = _steps(chance("steps"), founders, n, least, heal, stays or ())
    if notes and chance("steady").random() < 0.3:
        steps = ()
    return Company(
        n,
        FaultModel.default(founders),
        live,
        heal,
        liars,
        tuple(sorted(crashes, key=lambda crash: (crash.at, crash.place))),
        edges,
        Changes(
            founders,
            least,
            steps,
            absent,
            sleeps,
            drains=random.random() < 0.4,
            expels=random.random() < 0.5,
            notes=notes,
        ),
    )


def _worse(
    random: Random, liars: tuple[tuple[int, AnyLiarKind], ...], kinds: Sequence[AnyLiarKind]
) -> tuple[tuple[int, AnyLiarKind], ...]:
    """Some of those who lie, but not together, do so in one of these ways."""
    return tuple(
        (place, kind if kind in _COLLUDING or random.random() < 0.65 else random.choice(kinds)) for place, kind in liars
    )


def _notes(random: Random, n: int, heal: Instant) -> tuple[Note, ...]:
    """What is to reach some of the members only; the letters to one of them are fewer than may wait for receipts."""
    if n < 2 or random.random() < 0.5:
        return ()
    notes = []
    for _ in range(random.choice((3, 10, 30))):
        place = random.randrange(n)
        others = [other for other in range(n) if other != place]
        to = random.sample(others, random.choice((1, 1, min(2, n - 1), n - 1)))
        notes.append(Note(random.randrange(heal + SECOND), place, tuple(sorted(to)), random.random() < 0.4))
    return tuple(sorted(notes, key=lambda note: note.at))


def _stays(random: Random, lasting: Sequence[int]) -> list[int] | None:
    """Who never leaves, so that the links between the others may hang on them; None where every pair has a link."""
    if not lasting or random.random() < 0.6:
        return None
    return random.sample(lasting, random.randint(1, len(lasting)))


def _edges(random: Random, n: int, stays: Sequence[int]) -> Edges:
    """A shape in which those who stay reach each other by themselves, and everybody else has a link to one of them."""
    edges = connected(links_of(random.choice(SHAPES), random.sample(range(n), n), random), stays, random)
    near = {place for edge in edges for place in edge if any(other in stays for other in edge)}
    more = [(place, random.choice(stays)) for place in range(n) if place not in near and place not in stays]
    return tuple(sorted({*edges, *((max(pair), min(pair)) for pair in more)}))


def _steps(
    random: Random, founders: int, n: int, least: int, heal: Instant, stays: Collection[int]
) -> tuple[Step, ...]:
    wanted = set(range(founders))
    steps = []
    for at in sorted(random.randrange(100_000, heal + SECOND) for _ in range(random.randint(1, 4))):
        out = [place for place in range(n) if place not in wanted]
        may_go = sorted(wanted.difference(stays))
        goes = random.sample(may_go, random.randint(0, min(2, len(wanted) - least, len(may_go))))
        joins = random.sample(out, random.randint(0 if goes else min(1, len(out)), len(out)))
        wanted = (wanted | set(joins)) - set(goes)
        steps.append(Step(at, tuple(sorted(joins)), tuple(sorted(goes))))
    return tuple(steps)
