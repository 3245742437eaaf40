"""Groups that talk much, and those that did so while a member slept."""

from mechdesign.group.certifier import Certifier
from mechdesign.group.checkpoint import Certified
from mechdesign.group.packets import Vouch, decode_packet
from tests.group.lockstep import MILLISECOND, SECOND, Lockstep, status

__all__ = ["certify_hastily", "chat", "sleeper", "uncertified_sleeper"]


def chat(net, messages, tag=b"", gap=3):
    """Members speak in turn, and the group comes to rest."""
    for at in range(messages):
        speakers = net.live
        net.say(speakers[at % len(speakers)], b"%b%d" % (tag, at))
        net.run(gap * MILLISECOND)
    net.run(SECOND)


def sleeper(**more):
    """A group of four in which member 3 slept past everything that is kept."""
    net = _slept(Lockstep(4, depth=4, **more))
    assert all(status(net, place).floor > status(net, 3).highest + 8 for place in (0, 1, 2))
    return net


def uncertified_sleeper():
    """The same group, but that no checkpoint of it is certified: nobody hears the others' signatures."""
    net = Lockstep(4, depth=4)
    net.lose = lambda source, target, data: isinstance(decode_packet(net.roster, data), Vouch)
    return _slept(net)


def _slept(net):
    net.say(3, b"good night")
    net.run()
    net.crash(3)
    chat(net, 60)
    return net


def certify_hastily(monkeypatch):
    """Have members take a checkpoint for certified that nobody but they themselves may have signed."""

    def hasty(self):
        index = max(self._pending, default=0)
        if not index:
            return None
        checkpoint, encoded, named = self._pending[index]
        found = Certified.of(checkpoint, encoded, named, self._signatures[index])
        self.adopt(found)
        return found

    monkeypatch.setattr(Certifier, "certified", hasty)
