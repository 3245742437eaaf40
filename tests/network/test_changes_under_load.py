"""Members come and go by the command line while everybody says words: one order, and nothing that was said is lost."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.network.extent import LONG, drawn_seed
from tests.network.speakers import Speakers

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")


@pytest.mark.long
def test_a_room_grows_from_one_member_and_shrinks_while_all_say_words_and_some_are_killed(tmp_path: Path) -> None:
    random = Random(drawn_seed())
    grown = len(NAMES) if LONG else 4
    with Speakers(NAMES[:1], tmp_path / "room", rate=5) as room:
        members = list(NAMES[:1])
        room.wait_more("alice talks to herself", 3, members)
        for name in NAMES[1:grown]:
            room.join(name)
            members.append(name)
            if len(members) > 2:
                # In the middle of the change, or right before or behind it: whoever it is comes back to it.
                victim = random.choice(members)
                time.sleep(random.uniform(0, 0.5))
                room.kill(victim)
                room.start(victim)
            room.wait_members(*members)
            room.wait_more(f"{len(members)} hear one another", 2, members)
        going = random.sample(members, 3 if LONG else 1)
        for name in going:
            room.leave(name)
            members.remove(name)
        victim = random.choice(members)
        room.kill(victim)
        room.start(victim)
        room.wait_members(*members)
        # Who has just come back knows from its earlier life where those listen that came in after it.
        for name in going:
            room.stop(name)
        room.wait_more("they still do with the others gone", 2, members)
        room.hush(*members)
        log = room.check()
        epochs = {int(line.split()[0]) for line in log}
        print(f"{len(log)} lines in {len(epochs)} epochs, {sum(room.lives.values())} lives, none lost; gone: {going}")
        for name in members:
            room.stop(name)
