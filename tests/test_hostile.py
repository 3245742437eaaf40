"""A member whose frames Hypothesis writes: over real sockets, into live nodes, while the others settle a session."""

import asyncio
from fractions import Fraction
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign import settle
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.transport.messages import Send


class Babbler:
    """Sends drawn frames to everybody, and its own real ones with drawn bytes laid over them."""

    def __init__(self, stack, frames):
        self._stack = stack
        self._peers = [member for member in stack.roster.ids if member != stack.signer.public]
        self._frames = cycle(frames)
        self.sent = 0

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def receive(self, incoming, now):
        return self._spoil(self._stack.receive(incoming, now))

    def tick(self, now):
        return self._spoil(self._stack.tick(now))

    def _spoil(self, effects):
        spoilt = []
        for effect in effects:
            if isinstance(effect, Send):
                noise = next(self._frames)
                at = len(noise) % max(1, len(effect.data))
                over = effect.data[:at] + noise + effect.data[at + len(noise) :]
                spoilt += [Send(effect.peer, over), *(Send(peer, next(self._frames)) for peer in self._peers)]
                self.sent += 1 + len(self._peers)
            else:
                spoilt.append(effect)
        return spoilt


@settings(max_examples=6)
@given(st.lists(st.binary(max_size=400), min_size=1, max_size=12))
def test_no_frames_of_a_member_stop_a_session_over_real_sockets(frames):
    made = []

    def wrap(stack):
        made.append(Babbler(stack, frames))
        return made[0]

    values = {"alice": 18, "bob": 24, "carol": 21, "dave": 1}
    settled = asyncio.run(settle(SecondPrice(), values, transport="tcp", phase_s=1.5, wrap={"dave": wrap}))
    assert settled.transfers["bob"] == Fraction(-21)
    assert settled.convicted == ()
    assert made[0].sent > 0
