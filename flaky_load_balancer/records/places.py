"""A place for records by its name: a folder, or the address of a PostgreSQL database."""

from pathlib import Path

from flaky_load_balancer.records.database import RecordsError, Store
from flaky_load_balancer.records.sqlite import Folder

SCHEMES = "postgresql://", "postgres://"


def place(where: Path | str) -> Store:
    """RecordsError if it is an address that cannot be read, or its driver is not installed."""
    if not isinstance(where, str) or "://" not in where:
        return Folder(Path(where))
    if not where.startswith(SCHEMES):
        raise RecordsError("--records: expected an address like postgresql://user@host/database")
    try:
        from flaky_load_balancer.records.postgres import Server  # noqa: PLC0415 (an extra)
    except ImportError:
        raise RecordsError(
            "--records postgresql://...: its driver is missing:"
            " pip install 'flaky-load-balancer[postgres]'"
        ) from None
    return Server(where)
