"""Hosts of one machine: each has a network stack of its own, and cables to some of the others that can be cut.

A host is a network namespace, a cable a pair of virtual Ethernet devices with addresses of its own. They live in a user
namespace of ours, so no privileges are needed where the kernel lets users have one; a process each holds them, for five
minutes at most. With the processes everything is gone: nothing is left behind, however a test ends.
"""

import shutil
import subprocess
from collections.abc import Iterable
from types import TracebackType
from typing import Self

__all__ = ["PORT", "Hosts", "why_not"]

PORT = 7411
_SECONDS = 300
_HOLD = ["sh", "-c", f"echo $$; exec sleep {_SECONDS}"]
_OWN_USERS = ["unshare", "--user", "--map-root-user"]


def why_not() -> str | None:
    """Why there can be no hosts on this machine, or None."""
    lacking = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if lacking:
        return f"hosts need {', '.join(lacking)} (iproute2, util-linux)"
    probe = [*_OWN_USERS, "--net", "ip", "link", "add", "one", "type", "veth", "peer", "name", "other"]
    tried = subprocess.run(probe, capture_output=True, text=True, timeout=60, check=False)
    return None if tried.returncode == 0 else f"hosts need network namespaces: {tried.stderr.strip()}"


class Hosts:
    """A context that holds the hosts.

    Args:
        n: how many.
        edges: which pairs have a cable.
    """

    def __init__(self, n: int, edges: Iterable[tuple[int, int]]) -> None:
        self._n = n
        self._cables = {frozenset(pair): number for number, pair in enumerate(edges)}
        self._holders: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        try:
            users = self._hold([*_OWN_USERS, *_HOLD])
            inside = ["nsenter", "--target", str(users), "--user", "--preserve-credentials"]
            pids = [self._hold([*inside, "unshare", "--net", *_HOLD]) for _ in range(self._n)]
            for pair in self._cables:
                one, other = sorted(pair)
                self._ip(one, f"link add to{other} type veth peer name to{one} netns {pids[other]}")
            for pair in self._cables:
                for here in pair:
                    (there,) = pair - {here}
                    self._ip(here, f"address add {self._address(here, there)}/30 dev to{there}")
                    self._ip(here, f"link set to{there} up")
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def command(self, place: int) -> list[str]:
        """What a command is to be preceded by, so that it runs on a host; the process is the command's own."""
        pid = str(self._holders[1 + place].pid)
        return ["nsenter", "--target", pid, "--user", "--net", "--preserve-credentials"]

    def listen(self, place: int) -> str:
        """Where a member on a host listens."""
        return f"tcp://0.0.0.0:{PORT}"

    def reach(self, here: int, there: int) -> str:
        """Where a host finds one that it has a cable to."""
        return f"tcp://{self._address(there, here)}:{PORT}"

    def cut(self, one: int, other: int) -> None:
        """Pull a cable."""
        self._ip(one, f"link set to{other} down")

    def mend(self, one: int, other: int) -> None:
        """Plug it in again."""
        self._ip(one, f"link set to{other} up")

    def _address(self, here: int, there: int) -> str:
        return f"10.77.{self._cables[frozenset((here, there))]}.{1 + (here > there)}"

    def _ip(self, place: int, what: str) -> None:
        subprocess.run([*self.command(place), "ip", *what.split()], check=True, timeout=60)

    def _hold(self, command: list[str]) -> int:
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == str(holder.pid), f"{command} did not start"
        return holder.pid

    def _release(self) -> None:
        for holder in self._holders:
            holder.kill()
            holder.wait(60)
            if holder.stdout is not None:
                holder.stdout.close()
        self._holders.clear()
