"""Files that are not ours are refused, and left as they are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flaky_load_balancer.records import Recorder, Records, RecordsError
from flaky_load_balancer.records.database import FILE
from tests.records.making import start_run


@pytest.mark.parametrize(
    ("version", "age"), [(0, "an older"), (99, "a newer")], ids=["older", "newer"]
)
def test_other_versions(tmp_path: Path, version: int, age: str) -> None:
    Recorder(tmp_path).close()
    _change(tmp_path, f"PRAGMA user_version = {version}")
    _refused(tmp_path, f"{age} flb .*--data-dir")


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
