"""Towns that report one after the other on a bridge, and a town that helps the others at no cost to itself.

The bridge costs 300 and is built if and only if the towns' values reach its cost; who turns the decision pays a tax
that is burnt. Everybody sees the reports before its own. Truth is as good as anything. But a town whose value completes
the cost may as well report the whole cost: it pays the same, and none of the towns before it is pivotal any more.

Three nodes run each session; each town is asked, and answers for itself.

It prints::

    truthful: build, 20 burnt
      alice sees nothing and reports 110
      bob sees alice 110 and reports 80
      carol sees alice 110, bob 80 and reports 110
      alice ends at 0, bob ends at -20, carol ends at 0
    socially optimal: build, 10 burnt
      alice sees nothing and reports 110
      bob sees alice 110 and reports 80
      carol sees alice 110, bob 80 and reports 300
      alice ends at 10, bob ends at -20, carol ends at 0
"""

from collections.abc import Callable
from fractions import Fraction

from mechdesign import load, settle_sync
from mechdesign.mechanisms.events import Asked
from mechdesign.mechanisms.public.sequential_groves import socially_optimal

VALUES = {"alice": Fraction(110), "bob": Fraction(80), "carol": Fraction(110)}


def town(value: Fraction, helpful: bool, heard: list[str]) -> Callable[[Asked], Fraction]:
    """A strategy: report the value, or what is as good for this town and best for the others; note what it saw."""

    def answer(asked: Asked) -> Fraction:
        report = socially_optimal(value, asked.ask) if helpful else value
        seen = ", ".join(f"{one} {earlier}" for one, earlier in asked.ask.info["earlier"].items())
        heard.append(f"{asked.player} sees {seen or 'nothing'} and reports {report}")
        return report

    return answer


def main() -> None:
    bridge = load("public.sequential-groves").from_parameters({"cost": 300})
    for helpful in (False, True):
        heard: list[str] = []
        towns = {name: town(value, helpful, heard) for name, value in VALUES.items()}
        decided = settle_sync(bridge, towns)
        title = "socially optimal" if helpful else "truthful"
        print(f"{title}: {decided.outcome}, {decided.accounts['SINK']} burnt")
        for line in heard:
            print(f"  {line}")
        gains = {name: decided.transfers[name] + VALUES[name] for name in VALUES}
        print("  " + ", ".join(f"{name} ends at {gain}" for name, gain in gains.items()))


if __name__ == "__main__":
    main()
