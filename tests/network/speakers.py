"""A room whose members come and go by the command line: processes that say words all the while, compared at the end."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mechdesign.cli.demo.folder import Folder
from tests.cli.command_line import Ran, run
from tests.cli.live_nodes import auction
from tests.network.processes import Processes, free_ports

__all__ = ["Speakers"]

_SCRIPT = Path(__file__).with_name("speaker.py")


def _place(line: str) -> tuple[int, int]:
    epoch, position = line.split()[:2]
    return int(epoch), int(position)


def _number(word: str) -> int:
    return int(word.rpartition("/")[2])


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


class Speakers(Processes[str]):
    """The processes of a room whose members come and go.

    Args:
        first: who founds the room.
        folder: for keys, journals and logs; a new one.
        rate: lines a second that each of them says.
    """

    def __init__(self, first: tuple[str, ...], folder: Path, rate: float) -> None:
        self._files = Folder(auction(first), folder)
        super().__init__(self._files.path)
        self.lives: dict[str, int] = {}
        self.gone: list[str] = []
        self._rate = rate
        for name in first:
            self.start(name)

    # ----------------------------------------------------------------------------------------------------- processes

    def start(self, name: str) -> None:
        """Start a member, for the first time or again."""
        self.lives[name] = self.lives.get(name, 0) + 1
        arguments = [self._files.config(name), self.folder, self.lives[name], self._rate]
        self.launch(name, name, _SCRIPT, arguments)

    def stop(self, name: str) -> int:
        """SIGTERM; it has to end well."""
        code = super().stop(name)
        assert code == 0, self.errors()
        return code

    # ----------------------------------------------------------------------------------------------------- the group

    def seen(self, name: str) -> dict[str, Any]:
        """What a member's status says; empty while it does not answer."""
        ran = run("status", self._files.data(name), "--json")
        seen: dict[str, Any] = ran.json if ran.code == 0 else {}
        return seen

    def join(self, name: str) -> None:
        """Make a newcomer's key, have a quorum of the present members consent, and start it."""
        if name not in self.lives:
            self._found(name)
        members = [each for each in self.seen(self._host())["members"] if each in self.running]
        record, invitation = self.folder / f"{name}-record.toml", self.folder / f"{name}.invitation"
        consents: list[str | Path] = []
        for member in members:
            out = self.folder / f"{member}-{name}.consent"
            ran = _done(run("admit", self._files.data(member), record, "--out", out, *consents))
            if "is invited" in ran.err:
                out.replace(invitation)
                break
            # Each hands on its own consent, and the last has a quorum's.
            consents += ["--with", out]
        assert invitation.exists(), f"{name}: {members} are no quorum"
        self.start(name)

    def leave(self, name: str) -> None:
        """Have a member leave."""
        _done(run("leave", self._files.data(name)))
        self.gone.append(name)

    def _host(self) -> str:
        return next(name for name in self.running if self.seen(name).get("state") == "running")

    def _found(self, name: str) -> None:
        (port,) = free_ports(1)
        address = f"tcp://127.0.0.1:{port}"
        record = self.folder / f"{name}-record.toml"
        _done(run("keygen", self.folder / f"{name}.pem", "--name", name, "--address", address, "--record", record))
        self._files.config(name).write_text(
            f'key = "{name}.pem"\nroster = "roster.toml"\ndata = "{name}"\npreset = "local"\nlisten = "{address}"\n'
            f'invitation = "{name}.invitation"\n'
        )

    # ---------------------------------------------------------------------------------------------------------- logs

    def log(self, name: str, life: int | None = None) -> list[str]:
        """What a member heard in a life (its present one by default), whole lines only."""
        return self.lines(f"{name}.{life or self.lives[name]}.log")

    def where(self) -> object:
        """How many lines each has heard, and what its status says."""
        return {name: (len(self.log(name)), self.seen(name)) for name in self.running}

    def wait_members(self, *names: str) -> None:
        """Wait until these are the members, at each of them, and who left knows it."""

        def there() -> bool:
            views = [self.seen(name) for name in names]
            same = len({(seen.get("epoch"), *seen.get("members", ())) for seen in views}) == 1
            return same and set(views[0].get("members", ())) == set(names)

        self.wait(f"the members are {', '.join(names)}", there)
        self.wait(
            "those who left know it",
            lambda: all(self.seen(name).get("state") == "left" for name in self.gone if name in self.running),
        )

    def wait_more(self, what: str, lines: int, names: Iterable[str]) -> None:
        """Wait until each of these has heard so many more lines of each of them."""
        names = list(names)

        def count(here: str, there: str) -> int:
            return sum(line.split()[2] == there for line in self.log(here))

        base = {(here, there): count(here, there) + lines for here in names for there in names}
        self.wait(what, lambda: all(count(*pair) >= wanted for pair, wanted in base.items()))

    def hush(self, *names: str) -> None:
        """Have everybody stop talking, and wait until these have all that was said by anybody who did not leave."""
        self.silence()
        time.sleep(2 / self._rate)
        owed = {line for line in self._said() if line.split("/")[0] not in self.gone}
        heard: dict[str, list[str]] = {}

        def all_there() -> bool:
            nonlocal heard
            heard = {name: self.log(name) for name in names}
            last = {log[-1] if log else "" for log in heard.values()}
            return len(last) == 1 and not owed - {line.split()[3] for line in self._union().values()}

        self.wait(f"{', '.join(names)} have heard all that was said", all_there)

    def _said(self) -> list[str]:
        lives = [(name, life) for name, last in self.lives.items() for life in range(1, last + 1)]
        return [line for name, life in lives for line in self.lines(f"{name}.{life}.said")]

    def _union(self) -> dict[tuple[int, int], str]:
        """What stands at each place of each epoch's log, by anybody's account in any life.

        Raises:
            AssertionError: two heard different lines at one place.
        """
        union: dict[tuple[int, int], str] = {}
        for name, last in self.lives.items():
            for life in range(1, last + 1):
                for line in self.log(name, life):
                    place = _place(line)
                    assert union.setdefault(place, line) == line, f"{name} heard {line} in life {life}"
        return dict(sorted(union.items()))

    def check(self) -> list[str]:
        """One order for all, in which everything that was said stands once; gives its lines.

        Raises:
            AssertionError: with whose line it is not so.
        """
        union = list(self._union().values())
        said = [line.split()[3] for line in union]
        assert len(set(said)) == len(said), "a line was ordered twice"
        for name, last in self.lives.items():
            for life in range(1, last + 1):
                # Who was cut off for long may be heard with a later line first; see tests/group/test_overtaking.py.
                mine = sorted((each for each in said if each.startswith(f"{name}/{life}/")), key=_number)
                assert mine == [f"{name}/{life}/{number}" for number in range(len(mine))], f"{name} lacks lines"
                told = self.lines(f"{name}.{life}.said")
                if name not in self.gone:
                    assert mine[: len(told)] == told, f"{name} said {len(told)} lines in life {life}: {len(mine)} came"
                # A life hears its first epoch from the beginning, and all that follows.
                log = self.log(name, life)
                for epoch in {_place(line)[0] for line in log}:
                    heard = [line for line in log if _place(line)[0] == epoch]
                    whole = [line for line in union if _place(line)[0] == epoch]
                    assert heard == whole[: len(heard)], f"{name} lacks lines of epoch {epoch} in life {life}"
            if last == 1 and name not in self.gone:
                assert log == union[union.index(log[0]) :], f"{name} was always there and lacks lines"
        assert "Traceback" not in self.errors()
        return union
