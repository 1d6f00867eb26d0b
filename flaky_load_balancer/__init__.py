"""A load balancer that learns which unreliable, rate-limited server to use."""

__version__ = "0.1.0"
