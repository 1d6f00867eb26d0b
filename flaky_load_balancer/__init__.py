"""A load balancer that learns which unreliable, rate-limited server to use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.comparison.notebook import compare

__all__ = ["compare"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``compare`` takes pandas, which nothing else needs to wait for."""
    if name != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flaky_load_balancer.simulation.comparison.notebook import compare  # noqa: PLC0415

    return compare
