"""A member's consent that somebody joins, as it is handed from operator to operator."""

import json

from pydantic import Field

from mechdesign.cli.fields import File, Key, Signature
from mechdesign.cli.output import jsonable

__all__ = ["Consent"]


class Consent(File):
    """What ``mechdesign admit`` writes as long as it has no quorum, and takes with ``--with``.

    Attributes:
        roster: digest of the roster in whose epoch it was given.
        place: of the member that gives it, in roster order.
        signature: over the line of who is to join.
        member: who is to join.
        quorum: how many consents an invitation needs.
        epoch: of the roster.
        group: of the roster.
    """

    roster: Key
    place: int = Field(ge=0)
    signature: Signature
    member: str
    quorum: int = Field(ge=1)
    epoch: int = Field(ge=0)
    group: str

    @property
    def text(self) -> str:
        """As it stands in a file."""
        return json.dumps(jsonable(self.model_dump()), indent=2)
