"""The participants of the model that are no members: what they sign, whom they hand it to, and what a liar carries.

The last one on the roll signs two different ballots under one number, and a later one that gives no report; with two on
the roll the first is honest. Each honest member that is handed a ballot may as well never have been: then its
participant is silent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from mechdesign.decision.ballots.ballot import Ballot, fault, make_ballot
from mechdesign.decision.ballots.gathering import Gathering
from mechdesign.decision.entries import CarryEntry
from mechdesign.decision.proposal import Seal
from mechdesign.decision.sealing.dealing import commit, draw
from mechdesign.decision.sealing.seal import ciphertext_bytes
from mechdesign.decision.sealing.threshold import Purpose
from mechdesign.decision.setting import Setting
from mechdesign.kernel.wire import digest
from mechdesign.testing.electorate import Electorate

__all__ = ["carriages", "electorate", "gathered", "handed", "lines_of", "what_counts"]

_SIGNED: dict[bytes, dict[str, bytes]] = {}
"""What participants sign in a session; its identifier is the same in all worlds of a case."""


@cache
def electorate(rolled: int) -> Electorate:
    """So many participants."""
    return Electorate(rolled)


def handed(setting: Setting, place: int) -> tuple[bytes, ...]:
    """The ballots that participants hand to an honest member: to one member each, but for the liar among them."""
    signed = _signed(setting)
    given = {
        0: signed["the honest ballot" if setting.proposal.rolled > 1 else "the other ballot"],
        1: signed["a ballot"],
    }
    return (given[place],) if place in given else ()


def carriages(setting: Setting) -> Iterator[tuple[str, CarryEntry]]:
    """What a lying carrier has ordered."""
    signed = _signed(setting)
    several: dict[str, tuple[str, ...]] = {label: (label,) for label in signed if label != "a forged ballot"}
    several["two ballots under one number"] = "a ballot", "the other ballot"
    several["a forged ballot and a good one"] = "a forged ballot", "the other ballot"
    several["a forged ballot"] = ("a forged ballot",)
    several["nothing"] = ()
    for label, names in several.items():
        yield label, CarryEntry(setting.session, 0, tuple(signed[name] for name in names))


def lines_of(setting: Setting, ballots: Iterable[bytes]) -> set[int]:
    """Whose ballots of a session are among these."""
    read = (ballot for data in ballots if (ballot := Ballot.parse(data)) is not None)
    return {ballot.index for ballot in read if fault(ballot, setting) is None}


def what_counts(setting: Setting, carried: Iterable[bytes]) -> dict[int, bytes]:
    """Of all that was carried in time, what each participant said last without saying two things under one number."""
    read = [(ballot, data) for data in dict.fromkeys(carried) if (ballot := Ballot.parse(data)) is not None]
    signed = [(ballot.index, ballot.sequence, data) for ballot, data in read if fault(ballot, setting) is None]
    twice = Counter((index, number) for index, number, _ in signed)
    return {index: data for index, number, data in sorted(signed) if twice[index, number] == 1}


def gathered(ask: Gathering) -> tuple[object, ...]:
    """What the log says of ballots, as far as any rule looks at it again: contents matter until they are locked."""
    names = {data: label for label, data in _signed(ask.vault.setting).items()}
    said = [(line, number, each and names[each.data]) for line, by in ask.said.items() for number, each in by.items()]
    return tuple(sorted(said))


def _signed(setting: Setting) -> dict[str, bytes]:
    known = _SIGNED.get(setting.session)
    if known is not None:
        return known
    last = setting.proposal.rolled - 1
    known = _SIGNED[setting.session] = {
        "a ballot": _ballot(setting, last, b"yes"),
        "the other ballot": _unreadable(setting, last) if _sealed(setting) else _ballot(setting, last, b"no"),
        "a later ballot": _ballot(setting, last, None, 1),
    }
    if last:
        known["the honest ballot"] = _ballot(setting, 0, b"yes")
    honest = Ballot.parse(_ballot(setting, 0, b"yes"))
    assert honest is not None  # it has just been made
    known["a forged ballot"] = replace(honest, content=None).encoded
    return known


def _sealed(setting: Setting) -> bool:
    return setting.proposal.seal is Seal.THRESHOLD


def _seed(line: int) -> bytes:
    return digest("mechdesign/model-participant/1", bytes([line]))


def _ballot(setting: Setting, line: int, report: bytes | None, number: int = 0) -> bytes:
    voters = electorate(setting.proposal.rolled)
    return make_ballot(setting, voters.roll, voters.signers[line], report, _seed(line), number)


def _unreadable(setting: Setting, line: int) -> bytes:
    """A signed ballot whose dealing holds, of something that cannot be read."""
    signer = electorate(setting.proposal.rolled).signers[line]
    context = setting.context(0, Purpose.REPORT, signer.public)
    drawn = draw(setting.committee, context, b"garbage", _seed(line))
    sealed = commit(setting.committee, context, drawn, bytes(ciphertext_bytes(setting.proposal.report_bytes)))
    plain = Ballot.parse(_ballot(setting, line, b"yes"))
    assert plain is not None  # it has just been made
    made = replace(plain, content=sealed.encoded)
    return replace(made, signature=signer.sign(made.signed(setting))).encoded
