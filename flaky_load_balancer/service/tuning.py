"""Settings of Python that requests feel."""

import gc
import sys

from anyio.to_thread import current_default_thread_limiter

SWITCH = 0.0002  # seconds
THREADS = 2  # that answer questions of the admin plane


def favour_the_loop() -> None:
    """Threads that read records share Python's global lock with the event loop.

    It waits for the lock no longer than for an interval of each of them, so both are small.
    """
    sys.setswitchinterval(SWITCH)
    current_default_thread_limiter().total_tokens = THREADS


def spare_the_collector() -> None:
    """Never look again at the objects that are there by now: they are there to stay.

    A full collection would go through all modules, for several milliseconds, while requests wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
