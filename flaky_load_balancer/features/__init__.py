"""Features of a request's text, for strategies that choose by context; usable without a gateway."""

from flaky_load_balancer.features.parts import FeatureError, Features

__all__ = ["FeatureError", "Features"]
