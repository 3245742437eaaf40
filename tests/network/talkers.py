"""Rooms whose members are processes: started on any topology, killed, started again, compared at the end."""

import time
from collections.abc import Iterable
from pathlib import Path

from tests.network.hosts import Hosts
from tests.network.processes import Processes, free_ports

__all__ = ["Talkers"]

_SCRIPT = Path(__file__).with_name("talker.py")
_ESTABLISHED = "01"


class Talkers(Processes[int]):
    """The processes of a room whose members stay the same.

    Args:
        n: how many members.
        edges: the pairs that know each other's address.
        folder: for journals and logs.
        rate: lines a second that each of them says.
        hosts: where each of them runs; all on the loopback address if not given.
    """

    def __init__(
        self, n: int, edges: Iterable[tuple[int, int]], folder: Path, rate: float, hosts: Hosts | None = None
    ) -> None:
        super().__init__(folder)
        self.n = n
        self._rate = rate
        self._near: list[set[int]] = [set() for _ in range(n)]
        for one, other in edges:
            self._near[one].add(other)
            self._near[other].add(one)
        self._hosts = hosts
        self._local = [] if hosts is not None else [f"tcp://127.0.0.1:{port}" for port in free_ports(n)]
        self.lives = [0] * n

    def start(self, place: int) -> None:
        """Start a member, for the first time or again."""
        self.lives[place] += 1
        hosts = self._hosts
        if hosts is None:
            on, listen = list[str](), self._local[place]
            reach = dict(enumerate(self._local))
        else:
            on, listen = hosts.command(place), hosts.listen(place)
            reach = {other: hosts.reach(place, other) for other in self._near[place]}
        near = ",".join(f"{other}={reach[other]}" for other in sorted(self._near[place]))
        arguments = [place, self.n, listen, near, self.folder, self.lives[place], self._rate]
        self.launch(place, f"m{place}", _SCRIPT, arguments, on)

    def wait_more(self, what: str, lines: int, places: Iterable[int], of: Iterable[int]) -> None:
        """Wait until each of these has heard so many more lines of each of those."""
        places, of = list(places), list(of)
        before = {place: self.log(place) for place in places}
        base = {(place, other): self.said_in(before[place], other) for place in places for other in of}

        def heard() -> bool:
            logs = {place: self.log(place) for place in places}
            return all(self.said_in(logs[one], other) >= base[one, other] + lines for one, other in base)

        self.wait(what, heard)

    def connections(self) -> int:
        """How many connections there are to the members' addresses, as the system of this host counts them."""
        ports = {int(address.rpartition(":")[2]) for address in self._local}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        # Each has a row at both ends; the one whose own port is a member's stands at the member that was dialled.
        return sum(row[3] == _ESTABLISHED and int(row[1].rpartition(":")[2], 16) in ports for row in rows)

    def wait_stall(self, what: str) -> None:
        """Wait until nobody hears anything any more, for two seconds."""

        def still() -> bool:
            lengths = [len(self.log(place)) for place in self.running]
            time.sleep(2)
            return [len(self.log(place)) for place in self.running] == lengths

        self.wait(what, still)

    def log(self, place: int, life: int | None = None) -> list[str]:
        """What a member heard in a life (its present one by default), whole lines only."""
        return self.lines(f"m{place}.{life or self.lives[place]}.log")

    def said_in(self, log: Iterable[str], place: int) -> int:
        """How many of the lines are a member's."""
        return sum(line.split()[2] == f"m{place}" for line in log)

    def where(self) -> object:
        """How many lines each has heard."""
        return {f"m{place}": len(self.log(place)) for place in range(self.n)}

    def wait_quiet(self) -> None:
        """Wait until all that run have heard equally much, and nothing more comes."""
        self.silence()
        before: list[int] = []

        def quiet() -> bool:
            nonlocal before
            lengths = [len(self.log(place)) for place in self.running]
            same, before = lengths == before and len(set(lengths)) == 1, lengths
            if same:
                time.sleep(1.5)
                same = [len(self.log(place)) for place in self.running] == lengths
            return same

        self.wait("all have heard the same number of lines", quiet)

    def check(self) -> list[str]:
        """That all agree, and that nothing that anybody heard in any life is lost; gives the common log.

        Raises:
            AssertionError: with the member and the place in the log where it is not so.
        """
        final = self.log(0)
        for place in range(self.n):
            assert self.log(place) == final, f"m{place} ended with another log than m0"
            for life in range(1, self.lives[place]):
                heard = self.log(place, life)
                assert heard == final[: len(heard)], f"what m{place} heard in life {life} is not how the log begins"
        said = [line.split()[3] for line in final]
        assert len(set(said)) == len(said), "a line is in the log twice"
        assert [int(line.split()[1]) for line in final] == list(range(len(final)))
        for place in range(self.n):
            for life in range(1, self.lives[place] + 1):
                # Who was cut off for long may be heard with a later line first; see tests/group/test_overtaking.py.
                mine = sorted(int(each.split("/")[2]) for each in said if each.startswith(f"m{place}/{life}/"))
                assert mine == list(range(len(mine))), f"lines of m{place} are missing"
                # What was taken from a life is in its journal, so it comes, however the life ended.
                told = self.lines(f"m{place}.{life}.said")
                assert len(told) <= len(mine), f"m{place} said {len(told)} lines in life {life}: {len(mine)} came"
        return final
