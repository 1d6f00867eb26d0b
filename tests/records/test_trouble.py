"""Disks that are full, locked or gone: recording never stops, and says what it lost."""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flaky_load_balancer.records import Recorder, Records, RecordsError
from flaky_load_balancer.records.sqlite import FILE, Folder, SQLite
from tests.records.making import START, attempt, start_run, story


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.writer.PERIOD", 0.02)
    monkeypatch.setattr("flaky_load_balancer.records.writer.RETRY", 0.05)
    monkeypatch.setattr("flaky_load_balancer.records.writer.PATIENCE", 0.02)
    monkeypatch.setattr("flaky_load_balancer.records.writer.FLUSH", 0.2)


def test_a_full_disk_is_said_once_and_recovered_from(tmp_path: Path) -> None:
    said: list[str] = []
    told = story(4000)
    with Recorder(tmp_path, warn=said.append) as recorder:
        run = start_run(recorder)
        _limit_pages(recorder, 40)
        for event in told:
            recorder.record(run, event)
        _until(lambda: bool(said))
        time.sleep(0.2)
        assert len(said) == 1
        assert "full" in said[0]
        stored = list(Records(tmp_path).events(run))
        assert stored == told[: len(stored)]
        assert len(stored) < len(told)
        _limit_pages(recorder, 2**31)  # there is space again
        _until(lambda: len(said) == 2)
        assert recorder.flush(5.0)
    assert "again" in said[1]
    assert list(Records(tmp_path).events(run)) == told
    assert recorder.lost == 0


def test_what_does_not_fit_into_memory_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.recorder.BACKLOG", 1000)
    said: list[str] = []
    recorder = Recorder(tmp_path, warn=said.append)
    run = start_run(recorder)
    with _locked(tmp_path):
        for event in story(500):
            recorder.record(run, event)
        assert recorder.lost == 500
        _until(lambda: bool(said))
    recorder.close()
    assert list(Records(tmp_path).events(run)) == story(500)[:1000]
    assert said[-1] == f"500 events are missing from the records in {tmp_path}"


def test_a_locked_database_costs_the_event_loop_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    with Recorder(tmp_path, warn=said.append) as recorder:
        run = start_run(recorder)
        with _locked(tmp_path):

            def complained() -> bool:
                _record(recorder, run)
                return bool(said)

            _until(complained)
        _until(lambda: len(said) == 2)
        recorder.finish_run(run)
    assert "locked" in said[0]
    assert recorder.lost == 0
    assert (Records(tmp_path).run(run) or {})["state"] == "finished"


def test_close_gives_up_after_a_while(tmp_path: Path) -> None:
    said: list[str] = []
    recorder = Recorder(tmp_path, warn=said.append)
    run = start_run(recorder)
    with _locked(tmp_path):
        recorder.record(run, attempt(1))
        assert not recorder.flush(0.05)
        recorder.close()  # while the lock is held
        recorder.close()
    assert recorder.lost == 1
    assert len(said) == 2


def test_a_folder_that_vanished_is_noticed_and_may_come_back(tmp_path: Path) -> None:
    said: list[str] = []
    folder, elsewhere = tmp_path / "records", tmp_path / "elsewhere"
    with Recorder(folder, warn=said.append) as recorder:
        run = start_run(recorder)
        folder.rename(elsewhere)
        recorder.record(run, attempt(1))
        _until(lambda: len(said) == 1)
        with pytest.raises(RecordsError, match="--data-dir"):
            recorder.start_session("serve")
        elsewhere.rename(folder)
        _until(lambda: len(said) == 2)
    assert list(Records(folder).events(run)) == [attempt(1)]


def test_a_deleted_folder_does_not_stop_anything(tmp_path: Path) -> None:
    said: list[str] = []
    with Recorder(tmp_path / "records", warn=said.append) as recorder:
        run = start_run(recorder)
        shutil.rmtree(tmp_path / "records")
        recorder.record(run, attempt(1))
    assert recorder.lost == 1
    assert "cannot write" in said[0]


def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordsError, match=r"file/records\.db .*--data-dir.*--no-records"):
        Recorder(tmp_path / "file")


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir(mode=0o500)
    with pytest.raises(RecordsError, match="--data-dir"):
        Recorder(folder)


def test_a_read_only_database_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Recorder(tmp_path).close()
    monkeypatch.setattr(Folder, "connect", lambda *_, **__: _read_only(tmp_path))
    with pytest.raises(RecordsError, match=r"readonly.*--data-dir"):
        Recorder(tmp_path)


def _record(recorder: Recorder, run: int) -> None:
    """Record for a while, without waiting for a database that others hold."""
    for event in story(300):
        recorder.record(run, event)
        recorder.frame(run, START, b"{}")


def _read_only(folder: Path) -> SQLite:
    db = sqlite3.connect(folder / FILE, check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA query_only = 1")
    return SQLite(db)


def _limit_pages(recorder: Recorder, pages: int) -> None:
    """In the thread that writes: what one of two does can hide an error of the other."""
    writer, limited = recorder._writer, threading.Event()
    with pytest.MonkeyPatch.context() as patch:

        def limit() -> None:
            writer._db.tuples(f"PRAGMA max_page_count = {pages}")
            limited.set()

        patch.setattr(writer._store, "check", limit)  # what is asked before anything is written
        assert limited.wait(10)


def _locked(folder: Path) -> "closing[sqlite3.Connection]":
    db = sqlite3.connect(folder / FILE, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    return closing(db)


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
