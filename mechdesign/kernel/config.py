"""Local settings of one node, frozen and validated; nothing here may change an outcome.

What can change an outcome (fault model, sealing, deadlines of a session, tie rules) stands in the signed roster or in a
session's proposal. These settings change only how fast, and with how much memory, a member gets there.
"""

from pydantic import BaseModel, ConfigDict, Field

from mechdesign.kernel.machine import SECOND, Instant

__all__ = ["LAN", "LOCAL", "PRESETS", "WAN", "GroupConfig", "Preset", "TransportConfig", "microseconds"]


def microseconds(seconds: float) -> Instant:
    """A duration in seconds as a difference of instants."""
    return round(seconds * SECOND)


class TransportConfig(BaseModel):
    """How links behave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_bytes_max: int = Field(default=1 << 20, gt=0, description="a larger frame is dropped and counted")
    credit_bytes: int = Field(default=8 << 20, gt=0, description="bytes queued for a peer before sends are dropped")
    heartbeat_s: float = Field(default=1.0, gt=0, description="how often a quiet link says that it is alive")
    silence_s: float = Field(default=5.0, gt=0, description="a link that said nothing for this long is down")
    messages_per_s: int = Field(default=20_000, gt=0, description="what a peer sends beyond is dropped and counted")
    bytes_per_s: int = Field(default=64 << 20, gt=0, description="what a peer sends beyond is dropped and counted")


class GroupConfig(BaseModel):
    """How eagerly a member advances; every value is in seconds, blocks or bytes as its name says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    round_timeout_s: float = Field(default=1.0, gt=0, description="longest wait for slow members of a round")
    wait_multiple: int = Field(default=2, ge=1, description="wait for the rest this many recent times to quorum")
    pull_retry_s: float = Field(default=0.3, gt=0, description="ask another neighbour for a missing block after this")
    tips_min_s: float = Field(default=0.5, gt=0, description="first interval between tip vectors of an idle member")
    tips_max_s: float = Field(default=8.0, gt=0, description="the interval doubles up to this")
    parked_per_author: int = Field(default=256, gt=0, description="blocks of one author that wait for ancestors")
    pending_bytes_max: int = Field(default=8 << 20, gt=0, description="own submissions that wait for a block")
    rounds_ahead_max: int = Field(default=512, gt=0, description="blocks further ahead of our own round are dropped")
    log_bytes_max: int = Field(default=32 << 20, ge=0, description="log in memory for members that fell behind")
    serve_bytes_per_s: int = Field(default=16 << 20, gt=0, description="more than this waits")
    direct_bytes_per_s: int = Field(default=4 << 20, gt=0, description="letters of one member that are relayed")
    awake_rounds_per_s: int = Field(default=50, gt=0, description="blocks that one member may cause for nothing")
    awake_rounds_burst: int = Field(default=1000, gt=0, description="and so many before that rate holds")


class Preset(BaseModel):
    """A named pair of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: TransportConfig = TransportConfig()
    group: GroupConfig = GroupConfig()


LAN = Preset()
"""One site: round trips of about a millisecond."""

LOCAL = Preset(
    transport=TransportConfig(heartbeat_s=0.2, silence_s=1.0),
    group=GroupConfig(round_timeout_s=0.25, pull_retry_s=0.1, tips_min_s=0.15, tips_max_s=1.0),
)
"""One machine: processes on loopback, demonstrations, tests."""

WAN = Preset(
    transport=TransportConfig(heartbeat_s=3.0, silence_s=15.0),
    group=GroupConfig(round_timeout_s=4.0, pull_retry_s=1.0, tips_min_s=2.0, tips_max_s=30.0),
)
"""Several continents: round trips of up to 300 milliseconds."""

PRESETS = {"lan": LAN, "local": LOCAL, "wan": WAN}
"""The presets by the names that a node's configuration file uses."""
