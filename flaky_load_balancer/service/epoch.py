"""Seconds since the epoch that never jump, also when the system's clock is set meanwhile."""

import time

EPOCH = time.time() - time.monotonic()


def clock() -> float:
    """Now, on the clock of a service."""
    return EPOCH + time.monotonic()
