"""Files that are not ours are refused, and left as they are."""

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flaky_load_balancer.core.events import Ending
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.records import Recorder, Records, RecordsError
from flaky_load_balancer.records.sqlite import FILE
from tests.records.making import attempt, delivery, start_run, story


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    Recorder(tmp_path).close()
    _change(tmp_path, "PRAGMA user_version = 99")
    _refused(tmp_path, "a newer flb .*--data-dir")


@pytest.mark.parametrize("opened_by", [Recorder, lambda folder: Records(folder).runs()])
def test_records_of_version_1_are_migrated(
    tmp_path: Path, opened_by: Callable[[Path], object]
) -> None:
    """The file was written by the code that made version 1, with the story below."""
    old = Path(__file__).with_name("version-1.db.gz")
    (tmp_path / FILE).write_bytes(gzip.decompress(old.read_bytes()))
    opened = opened_by(tmp_path)
    told = [
        *story(18),
        attempt(19, outcome=Outcome.RATE_LIMITED),
        delivery(19, ending=Ending.GIVEN_UP, attempts=1),
        attempt(20, outcome=Outcome.CANCELLED, latency=2.0),
        delivery(20, ending=Ending.DEADLINE, attempts=1, possibly_twice=True),
    ]
    records = Records(tmp_path)
    assert list(records.events(1)) == told
    run = records.run(1) or {}
    assert (run["requests"], run["score"], run["bound"], run["hedges"]) == (20, 18.0, 15.0, 0)
    assert run["latency_ms"] == {"p50": 1.0, "p99": 2.0}  # that the client measured
    simulated, harness = records.sessions()
    assert (harness["kind"], harness["settings"]) == ("harness", {"requests": 20})
    assert (simulated["kind"], simulated["strategies"]) == ("compare", ["v2"])
    assert len(records.frames(1)) == 1
    with opened if isinstance(opened, Recorder) else Recorder(tmp_path) as recorder:
        assert start_run(recorder) == 2
        assert recorder.start_session("serve") > harness["session"]


def test_databases_of_other_programs(tmp_path: Path) -> None:
    _change(tmp_path, "CREATE TABLE theirs (x)")
    _refused(tmp_path, "another program.*--data-dir")


def test_files_that_are_no_databases(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"a letter to the bank" * 100)
    _refused(tmp_path, "not a database.*--data-dir")


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    assert Records(tmp_path).runs() == []
    with Recorder(tmp_path) as recorder:
        assert start_run(recorder) == 1


def test_an_older_sqlite_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(RecordsError, match=r"SQLite 3\.37.*--no-records"):
        Recorder(tmp_path)


def test_the_tables_are_strict_and_the_journal_is_ahead(tmp_path: Path) -> None:
    Recorder(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        loose = "SELECT name FROM pragma_table_list WHERE NOT strict AND name NOT LIKE 'sqlite%'"
        assert db.execute(loose).fetchall() == []


def _refused(folder: Path, why: str) -> None:
    before = (folder / FILE).read_bytes()
    with pytest.raises(RecordsError, match=f"(?s){FILE}.*{why}"):
        Recorder(folder)
    with pytest.raises(RecordsError, match=f"(?s){FILE}.*{why}"):
        Records(folder).runs()
    assert (folder / FILE).read_bytes() == before


def _change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as db:
        db.execute(statement)
