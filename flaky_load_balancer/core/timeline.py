"""A fleet's story, moved from seconds since its first attempt to seconds since the epoch."""

from collections.abc import Iterable, Mapping
from typing import Any


def pieces(found: Mapping[str, Any] | None, origin: float) -> dict[str, Any] | None:
    """The truth over time; ``origin`` is when the first attempt was made."""
    return None if found is None else {**found, "from": [origin + t for t in found["from"]]}


def faults(found: Iterable[Mapping[str, Any]], origin: float) -> list[dict[str, Any]]:
    """Stretches of trouble; the end is None where there is none."""
    return [
        {
            **fault,
            "from": origin + fault["from"],
            "to": None if fault["to"] is None else origin + fault["to"],
        }
        for fault in found
    ]
