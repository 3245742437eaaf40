"""Hypothesis profiles: what `make test` runs, what a developer runs, what runs for hours."""

import os

from hypothesis import HealthCheck, settings

# No deadline anywhere: a deadline is an assertion on wall-clock time, and fails on a busy machine only.
# `ci` is the default and derandomised, so that two runs of one tree agree; it keeps no database for the same reason.
settings.register_profile("ci", max_examples=60, derandomize=True, deadline=None, database=None, print_blob=True)
# `dev` looks at new examples in each run and remembers the failing ones.
settings.register_profile("dev", max_examples=100, deadline=None, print_blob=True)
# `campaign` is for hours of search; large inputs may be slow to draw there.
settings.register_profile(
    "campaign",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
