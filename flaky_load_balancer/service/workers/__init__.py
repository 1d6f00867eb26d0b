"""``--workers N``: processes that serve clients, and the parent that looks after them.

The parent (``Crew``) has the listening sockets, admin plane, records, health checks and what is
kept on disk.  A worker (``worker.py``) accepts from the parent's socket and does all that a request
needs: its routes have strategies of their own.  Between the two is a ``Pipe``:

    parent to worker   settings, states of servers, facts of other workers, questions
    worker to parent   events, which the parent folds and records; its facts; answers

What all may have together (requests in flight, retries) they count in memory that they share: the
``Ledger``.  docs/decisions/0018-workers.md says why.
"""

from flaky_load_balancer.service.workers.crew import Crew
from flaky_load_balancer.service.workers.ledger import Ledger

__all__ = ["Crew", "Ledger"]
