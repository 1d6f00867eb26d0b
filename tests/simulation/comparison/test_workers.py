"""Who does the work does not matter, nor that some of them are lost on the way."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.comparison.workers import (
    TRIES,
    Executor,
    LostError,
    working,
)
from flaky_load_balancer.simulation.scenarios import find
from flaky_load_balancer.simulation.tuning.search import scores

TWO = Executor(jobs=2)


def squared(folder: Path, deaths: int, number: int) -> int:
    """Number 3 kills its worker so many times."""
    if number == 3:
        before = len(list(folder.iterdir()))
        if before < deaths:
            (folder / str(before)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def failing(number: int) -> int:
    raise ValueError(f"not {number}")


@pytest.mark.slow
def test_what_a_lost_worker_did_is_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with working(TWO) as mapped:
        found = list(mapped(partial(squared, tmp_path, 2), range(8)))
    assert found == [number**2 for number in range(8)]
    assert caplog.text.count("a worker was lost") == len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_what_loses_every_worker_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(LostError, match="--jobs"), working(TWO) as mapped:
        list(mapped(partial(squared, tmp_path, 100), range(8)))
    assert TRIES <= len(list(tmp_path.iterdir())) <= 2 * TRIES


@pytest.mark.slow
def test_an_error_of_the_work_is_no_loss() -> None:
    with pytest.raises(ValueError, match="not 0"), working(TWO) as mapped:
        list(mapped(failing, range(3)))


def test_a_cluster_needs_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'flaky-load-balancer\[ray\]'"):
        working(Executor("ray")).__enter__()


@pytest.mark.slow
def test_a_ray_cluster_finds_the_same_to_the_bit_though_a_worker_is_lost(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    scenarios = [find("T1"), find("T2")]
    plan = Plan({"v4": parse("v4")}, scenarios, requests=30, replications=40, seed=3)
    cluster = Executor("ray", jobs=2)
    shares: list[float] = []
    found = compare(plan, executor=cluster, progress=shares.append)
    usual = compare(plan, jobs=1)
    results = [each.result() for each in (found, usual)]
    assert results[0]["cells"] == results[1]["cells"]
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    with working(cluster) as mapped:
        strategies = [parse("v4"), parse("v6")]
        there, here = (list(scores(plan, strategies, 0, 8, each)) for each in (mapped, map))
        assert np.array_equal(there, here)
        again = list(mapped(partial(squared, tmp_path, 2), range(8)))
        assert again == [number**2 for number in range(8)]
        assert len(list(tmp_path.iterdir())) == 2
        with pytest.raises(ValueError, match="not 0"):
            list(mapped(failing, range(3)))
