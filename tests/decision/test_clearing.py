"""What is booked, in the order of the log, whatever order it comes in."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.bench import Bench
from mechdesign.decision.clearing import Clearing
from mechdesign.decision.custody.receipts import PayoutEntry
from mechdesign.decision.epoch import Ending
from mechdesign.decision.messages import Convicted
from mechdesign.kernel.crypto import KeyedHash
from tests.decision.toys import make_proposal, make_roster

ROSTER = make_roster(4)
ALICE, BOB, CAROL, DAVE = ROSTER.ids
PROPOSAL = make_proposal(ROSTER)


@dataclass
class Told:
    """An epoch that writes down what it is told."""

    calls: list[object] = field(default_factory=list)
    done: bool = False
    owed: str | None = "alice"

    @property
    def books(self) -> "Told":
        return self

    def owing(self, session: bytes, party: str) -> str | None:
        return self.owed

    def owes(self, member: object, custodian: str | None) -> bool:
        return (member, custodian) == (ALICE, "alice")

    def book(self, end: Ending) -> list[Any]:
        self.calls.append(end.session)
        return []

    def pay(self, sender: object, said: PayoutEntry) -> None:
        self.calls.append(("late" if self.done else "in time", said.party))

    def ready(self, open_sessions: Iterable[bytes], convicts: Iterable[tuple[object, str]]) -> list[Any]:
        if not self.done and not list(open_sessions):
            self.done = True
            self.calls.append(("ready", tuple(offence for _, offence in convicts)))
        return []


def ending(position: int, session: bytes) -> Ending:
    return Ending(position, session, ALICE, PROPOSAL, (), ())


def clearing() -> tuple[Clearing, Told, Bench]:
    told, bench = Told(), Bench(ROSTER, KeyedHash())
    return Clearing(cast(Any, told), bench), told, bench


@given(st.permutations(range(6)))
def test_whatever_comes_first_is_booked_in_the_order_of_the_log(order: list[int]) -> None:
    ours, told, bench = clearing()
    happens = [
        lambda: ours.end(ending(7, b"second"), 2),
        lambda: ours.end(ending(7, b"first"), 1),
        lambda: ours.pay(8, ALICE, PayoutEntry(bytes(32), "bob"), None),
        lambda: ours.change(9),
        lambda: ours.end(ending(12, b"last"), 3),
        lambda: ours.pay(13, ALICE, PayoutEntry(bytes(32), "carol"), None),
    ]
    bench.note(Convicted(DAVE, "late", b"", ()), 13, False)
    bench.note(Convicted(BOB, "forking", b"", ()), 12, False)
    bench.note(Convicted(CAROL, "early", b"", ()), 20, False)
    bench.note(Convicted(CAROL, "early", b"", ()), 3, False)
    for at in order:
        happens[at]()
        assert ours.clear(7, ()) == []
        assert told.calls == [], "an entry at position 7 may still have consequences"
    assert ours.size > 0
    ours.clear(12, (b"last",))
    assert told.calls == [b"first", b"second", ("in time", "bob")]
    ours.clear(None, ())
    assert told.calls[3:] == [b"last", ("ready", ("forking", "early")), ("late", "carol")]
    assert ours.size == 0


def test_a_change_is_not_over_while_a_session_is_open() -> None:
    ours, told, _ = clearing()
    ours.change(4)
    ours.clear(None, (b"open",))
    assert told.calls == []
    ours.pay(5, ALICE, PayoutEntry(bytes(32), "bob"), None)
    ours.clear(None, (b"open",))
    ours.end(ending(6, b"open"), 1)
    ours.clear(None, ())
    assert told.calls == [("in time", "bob"), b"open", ("ready", ())]


def test_a_pay_out_is_kept_once_and_only_of_a_custodian_that_owes_something() -> None:
    ours, told, _ = clearing()
    said = PayoutEntry(bytes(32), "bob")
    ours.pay(5, BOB, said, None)
    assert ours.size == 0, "bob is nobody's custodian"
    ours.pay(6, ALICE, said, None)
    once = ours.size
    ours.pay(7, ALICE, said, None)
    assert ours.size == once > 0
    told.owed = None
    ours.pay(8, ALICE, PayoutEntry(bytes(32), "carol"), None)
    assert ours.size == once, "nothing is due"
    ours.end(replace(ending(9, b"held"), proposal=replace(PROPOSAL, custodian="alice")), 1)
    before = ours.size
    ours.pay(10, ALICE, PayoutEntry(b"held", "carol"), None)
    assert ours.size > before, "it may be due once the end is booked"
    ours.clear(None, ())
    assert told.calls == [("in time", "bob"), b"held", ("in time", "carol")]
    assert ours.size == 0
