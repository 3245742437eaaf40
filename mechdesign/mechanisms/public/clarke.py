"""The pivotal mechanism for a public project."""

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.public.project import Project, PublicProject

__all__ = ["Clarke", "Project"]


class Clarke(PublicProject):
    """Public project, built if and only if the reported values sum to its cost at least; the pivotal are taxed.

    Every player of the roster bears an equal share of the cost of a project that is built. A player whose report
    changes the decision pays, on top, what the others lose by the change; taxes are burnt. A report is the player's
    value of the project; who is absent has the value 0 and bears its share. The cost is a parameter. Values that sum
    to exactly the cost are a tie between ``build`` and ``reject``, in this order.

    **Source**: E. Clarke, Multipart pricing of public goods, Public Choice 11 (1971).

    >>> from mechdesign.mechanisms.context import Context
    >>> from mechdesign.mechanisms.play import run_pure
    >>> context = Context(("A", "B", "C"))
    >>> result = run_pure(Clarke(cost=300), context, {"A": 110, "B": 80, "C": 110})
    >>> str(result.outcome), [str(result.net(party)) for party in ("A", "B", "C", "PROVIDER", "SINK")]
    ('build', ['-110', '-100', '-110', '300', '20'])
    """

    name, version = "public.clarke", 1
    claims = Claims(
        dsic=Holds("Clarke 1971; Groves 1973, theorem 1: the tax makes everybody's interest one's own"),
        individually_rational=Fails(
            Witness(types={"alice": 0, "bob": 3, "carol": 3}, parameters={"cost": 3}),
            "a player that does not want the project bears its share",
        ),
        no_deficit=Holds("Clarke 1971: no tax is negative, and the shares cover the cost"),
        budget_balanced=Fails(
            Witness(types={"alice": 110, "bob": 80, "carol": 110}, parameters={"cost": 300}), "taxes are burnt"
        ),
        efficient=Holds("Clarke 1971: built exactly where it is worth its cost"),
        anonymous=Holds("a value counts whoever reports it"),
        false_name_proof=Fails(
            Witness(types={"alice": 0, "bob": 250}, deviations={"bob": 250, "carol": 250}, parameters={"cost": 300}),
            "two names exaggerate for one",
        ),
        group_strategyproof=Fails(
            Witness(
                types={"alice": 110, "bob": 110, "carol": 60},
                deviations={"alice": 300, "bob": 300},
                parameters={"cost": 300},
            ),
            "two that exaggerate together make each other not pivotal",
        ),
    )
    example = Example({"alice": 110, "bob": 80, "carol": 120}, {"cost": 300})
