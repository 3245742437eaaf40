"""Local settings of the lobby: how eagerly a player looks for others, and how much strangers may cost it."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LobbyConfig"]


class LobbyConfig(BaseModel):
    """Settings of discovery; every value is in seconds, or a number of what its name says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lifetime_s: int = Field(default=60, ge=3, le=3600, description="life of our presence records; renewed thrice in it")
    renewal_min_s: float = Field(default=0.5, gt=0, description="newer records of one peer are taken this far apart")
    clocks_s: float = Field(default=86_400.0, gt=0, description="records dated further from our clock are refused")
    peers_max: int = Field(default=1024, gt=0, description="live records kept, and all records of one neighbour")
    remembered_max: int = Field(default=4096, gt=0, le=8192, description="live and dead records kept")
    gossip_min_s: float = Field(default=0.5, gt=0, description="first interval between comparisons with a neighbour")
    gossip_max_s: float = Field(default=8.0, gt=0, description="the interval doubles up to this")
    cost_per_s: int = Field(default=500, gt=0, description="checks that one neighbour may cause; more is dropped")
    cost_burst: int = Field(default=5000, gt=0, description="and so many before that rate holds")
    wave_s: float = Field(default=20.0, gt=0, le=600, description="a wave of ours ends after this, complete or not")
    wave_hop_s: float = Field(default=0.2, ge=0, description="each hop of a wave ends so much before the one above it")
    wave_retry_s: float = Field(default=0.5, gt=0, description="ask a silent neighbour again after this")
    waves_max: int = Field(default=32, gt=0, description="waves that one neighbour may bring at a time")
    reached_max: int = Field(default=1024, gt=0, description="keys in the answer to a wave")
    formations_max: int = Field(default=32, gt=0, description="formations kept of the conveners beyond one neighbour")
    formations_all_max: int = Field(default=256, gt=0, description="formations of others that are kept")
    certificate_s: float = Field(default=600.0, ge=0, description="how long a finished formation is passed on")
    links_all: int = Field(default=12, gt=0, description="with so many known peers or fewer, link with all of them")
    links_chosen: int = Field(default=6, gt=0, description="with more, choose so many at random to link with")
    links_max: int = Field(default=64, gt=0, description="with so many links, look for no more")
    dial_s: float = Field(default=5.0, gt=0, description="a peer that did not answer for so long is given up at first")
