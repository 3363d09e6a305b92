"""How much is fuzzed; CELLSIFT_FUZZ_EXAMPLES=5000 looks further than a usual run."""

import os

from hypothesis import HealthCheck, settings

FUZZ = settings(
    max_examples=int(os.environ.get("CELLSIFT_FUZZ_EXAMPLES", 100)),
    # The same examples on every run: what fuzzing finds must not depend on the day.
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
