"""A Ray cluster that does the work: of this machine, or of many.

Tasks are pure functions of what they are given, so results do not depend on who computes them, and
one whose worker or machine is lost is done again elsewhere.  All machines need the same versions.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.simulation.comparison.workers import TRIES, LostError, Map, Result, Task


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError:
        install = "pip install 'flaky-load-balancer[ray]'"
        raise SettingsError(f"--executor ray needs Ray: {install}") from None


@contextmanager
def working(jobs: int | None, address: str | None) -> Iterator[Map]:
    """The ``map`` of a cluster: the one at ``address``, or one of ``jobs`` processes here."""
    ray = _ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
    here = {"num_cpus": jobs, "_node_ip_address": "127.0.0.1"}  # nobody else reaches it
    options: dict[str, Any] = here if address is None else {"address": address}
    try:
        ray.init(
            **options,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # so Ray says of a cluster that takes long to start
        where = "--executor ray" if address is None else f"--address {address}"
        raise SettingsError(f"{where}: there is no cluster: {error}") from None
    try:
        yield _Cluster(ray)
    finally:
        ray.shutdown()


class _Cluster:
    """As ``map``: the work is handed out once, and then every task."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._do = ray.remote(max_retries=TRIES - 1)(_done)

    def __call__(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        shared = self._ray.put(work)
        return self._results([self._do.remote(shared, task) for task in tasks])

    def _results(self, references: list[Any]) -> Iterator[Any]:
        for reference in references:
            try:
                yield self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self._ray.exceptions.RayError:
                raise LostError from None


def _done(work: Callable[[Any], Any], task: Any) -> Any:
    return work(task)
