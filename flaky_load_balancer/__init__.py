"""A load balancer that learns which unreliable, rate-limited server to use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.comparison.notebook import compare
    from flaky_load_balancer.simulation.studies.notebook import route

__all__ = ["compare", "route"]
__version__ = "0.1.0"

# For notebooks; they take pandas, which nothing else needs to wait for.
_NOTEBOOKS = {"compare": "comparison", "route": "studies"}


def __getattr__(name: str) -> Any:
    if name not in _NOTEBOOKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.simulation.{_NOTEBOOKS[name]}.notebook"), name)
