"""Is a run still going on?  A process that was killed cannot say so itself."""

import os
import platform
import time
from typing import Any, Literal

from flaky_load_balancer.records.database import Database

SILENT = 30.0  # seconds after which a writer that does not renew its row counts as gone

State = Literal["running", "finished", "interrupted"]
LAST_EVENT = """
SELECT max(time) FROM (
    SELECT * FROM (SELECT sent + latency AS time FROM attempts WHERE run = :run
        ORDER BY position DESC LIMIT 1) AS attempt
    UNION ALL
    SELECT * FROM (SELECT ended AS time FROM requests WHERE run = :run
        ORDER BY position DESC LIMIT 1) AS request
    UNION ALL
    SELECT started AS time FROM runs WHERE id = :run) AS times
"""


def state(row: Any) -> State:
    """The state of a run or session, from its ``ended`` and its writer's host, pid, seen."""
    if row["ended"] is not None:
        return "finished"
    return "running" if _alive(row) else "interrupted"


def last_event(db: Database, run: int) -> float:
    """When an interrupted run ended, as far as anyone knows: seconds since the epoch."""
    return float(db.value(LAST_EVENT, {"run": run}))


def _alive(row: Any) -> bool:
    if row["seen"] is None or time.time() - row["seen"] > SILENT:
        return False
    return row["host"] != platform.node() or _exists(row["pid"])


def _exists(pid: int) -> bool:
    if os.name != "posix":  # elsewhere os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
