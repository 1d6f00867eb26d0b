"""What happened, kept on disk: every attempt, every request, and the numbers folded from them."""

from flaky_load_balancer.records.database import (
    DEFAULT_DATA_DIR,
    RecordsError,
    StillRunningError,
)
from flaky_load_balancer.records.keeping import Keep
from flaky_load_balancer.records.reader import Records
from flaky_load_balancer.records.recorder import NoRecorder, Recorder

__all__ = [
    "DEFAULT_DATA_DIR",
    "Keep",
    "NoRecorder",
    "Recorder",
    "Records",
    "RecordsError",
    "StillRunningError",
]
