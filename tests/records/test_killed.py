"""``kill -9`` loses at most the last second and leaves a prefix of what was recorded."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from flaky_load_balancer.records import Recorder, Records
from flaky_load_balancer.records.sqlite import FILE
from tests.records.child import COUNT
from tests.records.making import start_run, story

KILLS = 20
AT_ONCE = 10


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_prefix_without_the_last_second(tmp_path: Path) -> None:
    moments = [random.Random(seed).uniform(0.0, 1.2) for seed in range(KILLS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        stored = list(pool.map(_kill_and_look, range(KILLS), moments, [tmp_path] * KILLS))
    assert sum(count > 1000 for count in stored) > KILLS / 3  # that there was something to lose


def test_a_killed_run_shows_as_interrupted_and_is_in_nobodys_way(tmp_path: Path) -> None:
    with _recording(tmp_path) as (child, progress):
        _until(progress, 1000)
        time.sleep(1.0)
        assert [row["state"] for row in Records(tmp_path).runs()] == ["running"]
        child.kill()
        child.wait()
    records = Records(tmp_path)
    (run,), (session,) = records.runs(), records.sessions()
    assert (run["state"], session["state"]) == ("interrupted", "interrupted")
    with Recorder(tmp_path) as recorder:
        following = start_run(recorder)
    assert following == 2
    records.delete([session["session"]])
    assert [row["run"] for row in records.runs()] == [following]


def _kill_and_look(number: int, moment: float, tmp_path: Path) -> int:
    """Kill a child so many seconds after its start; how many events it left."""
    folder = tmp_path / str(number)
    folder.mkdir()
    with _recording(folder) as (child, progress):
        if moment > 0.5:  # else it is killed while it opens the records
            _until(progress, 1)
        time.sleep(moment)
        old = _count(progress)
        _until_stored(folder, old)
        child.kill()
        child.wait()
        recorded = _count(progress)
    if not (folder / FILE).exists():
        assert recorded == 0
        return 0
    with closing(sqlite3.connect(folder / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    stored = list(Records(folder).events(1))
    assert stored == list(islice(story(1 + recorded // 3), len(stored)))  # a prefix
    assert old <= len(stored) <= recorded
    return len(stored)


@contextmanager
def _recording(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    progress = folder / "progress"
    progress.write_bytes(COUNT.pack(0))
    command = [sys.executable, "-m", "tests.records.child", str(folder), str(progress)]
    with subprocess.Popen(command) as child:
        try:
            yield child, progress
        finally:
            child.kill()


def _until(progress: Path, count: int) -> None:
    until = time.monotonic() + 20
    while _count(progress) < count:
        assert time.monotonic() < until, "the child records nothing"
        time.sleep(0.01)


def _until_stored(folder: Path, count: int) -> None:
    """Wait until the records have so many events; a second, where the machine is quiet."""
    until = time.monotonic() + 30
    while count and sum(1 for _ in Records(folder).events(1)) < count:
        assert time.monotonic() < until, "what was recorded is not written"
        time.sleep(0.05)


def _count(progress: Path) -> int:
    return int(COUNT.unpack(progress.read_bytes())[0])
