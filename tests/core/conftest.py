"""Properties are not timed: what is slow on a busy machine is not wrong."""

from hypothesis import HealthCheck, settings

settings.register_profile("irkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("irkit")
