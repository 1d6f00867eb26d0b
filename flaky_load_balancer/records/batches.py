"""Writing many events as one transaction, each of them once.

A server may go away after it has committed and before it says so.  So batches are numbered, and
the number of the last one is in the writer's row: what was committed is not written again.
"""

from flaky_load_balancer.records.database import Batch, Database

COUNT = "UPDATE writers SET batches = :number WHERE id = :writer AND batches < :number"
DONE = "SELECT 1 FROM writers WHERE id = :writer AND batches >= :number"
PLACES = "UPDATE positions SET next = next + :many RETURNING next - :many"


def write(db: Database, writer: int, number: int, batch: Batch) -> int:
    """Write all of it, unless it was; how many events could not be written, ever."""
    values = {"writer": writer, "number": number}
    if db.value(DONE, values):
        return 0
    try:
        with db.transaction():
            db.execute(COUNT, values)
            db.insert(_place(db, len(batch)), batch)
    except db.refused:
        with db.transaction():
            db.execute(COUNT, values)
            return sum(not _fits(db, [entry]) for entry in batch)
    return 0


def _place(db: Database, many: int) -> int:
    """The first of so many positions."""
    return int(db.value(PLACES, {"many": many}))


def _fits(db: Database, entry: Batch) -> bool:
    """Insert one event, if that is possible."""
    db.execute("SAVEPOINT one")
    try:
        db.insert(_place(db, 1), entry)
    except db.refused:
        db.execute("ROLLBACK TO SAVEPOINT one")
        return False
    finally:
        db.execute("RELEASE SAVEPOINT one")
    return True
