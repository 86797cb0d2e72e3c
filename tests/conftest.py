"""For all tests: Hypothesis looks for wrong answers, not for slow ones; a busy machine is no fault of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("innkeeper", deadline=None, suppress_health_check=(HealthCheck.too_slow,), print_blob=True)
settings.load_profile("innkeeper")
