"""The same records in PostgreSQL as in SQLite, and a server that goes away for a while."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from flaky_load_balancer.cli.main import flb
from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.records import Keep, Recorder, Records, RecordsError
from flaky_load_balancer.records.database import Database
from flaky_load_balancer.records.export import export
from flaky_load_balancer.records.places import place
from tests.records.making import RULES, START, attempt, delivery, events, start_run, story
from tests.records.postgres import PostgresServer, running

FRESH = count(1)
TABLES = "attempts", "requests", "rewards", "changes", "runs", "sessions", "frames"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    # Not under pytest's folders, which only their owner may enter: the server is another user.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder) / "server") as started:
            yield started


@pytest.fixture
def url(server: PostgresServer) -> str:
    """A database of its own."""
    return fresh(server)


def fresh(server: PostgresServer) -> str:
    import psycopg  # noqa: PLC0415 (an extra)

    name = f"flb{next(FRESH)}"
    with closing(psycopg.connect(server.url, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.url.removesuffix("postgres") + name


def opened(where: str | Path) -> "closing[Database]":
    return closing(place(where).connect())


def play(recorder: Recorder, told: list[Event]) -> str:
    session = recorder.start_session("harness", 7, 10.0, {"requests": len(told)})
    grid = [(0, 0.0), (1000, 900.0)]
    run = start_run(recorder, session, truth=[0.1, 0.9, 0.5], bound=grid, seed=7, rate=10.0)
    for event in told:
        recorder.record(run, event)
    for second in range(5):
        recorder.frame(run, START + second, b'{"time":%d}' % second)
    recorder.annotate(run, {"offered_rate": 9.9, "seconds": 3.0})
    recorder.validity(session, False, ["sent late"], {"p50": 1.0, "p99": 80.5, "max": 90.0})
    recorder.finish_run(run)
    recorder.finish_session(session)
    return session


@pytest.mark.slow
@given(told=events)
@settings(max_examples=10, deadline=None)
def test_the_same_records_in_both_to_the_row(server: PostgresServer, told: list[Event]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("time.time", lambda: START)
        patched.setattr("secrets.token_hex", lambda _: "ab3f")
        rows = []
        for where in (folder, fresh(server)):
            with Recorder(where) as recorder:
                session = play(recorder, told)
            with opened(where) as db:
                order = {"frames": "time", "sessions": "id", "runs": "id"}
                tables = [
                    db.rows(f"SELECT * FROM {table} ORDER BY {order.get(table, 'position')}")
                    for table in TABLES
                ]
            records = Records(where)
            assert list(records.events(1)) == told
            read = (records.sessions(), records.session(session), records.run(1))
            seen = (records.attempts(1, 3, 10), records.frames(1), records.overview(session, 3))
            text = StringIO()
            export(records, [session], "csv", text)
            rows.append((tables, read, seen, text.getvalue()))
        assert rows[0] == rows[1]
        assert Tally.of(told, RULES).run()["requests"] == (rows[1][1][2] or {})["requests"]


def test_sessions_are_changed_searched_pruned_and_deleted(url: str) -> None:
    with Recorder(url) as recorder:
        sessions = [play(recorder, story(30)) for _ in range(3)]
        going_on = start_run(recorder)
        now = time.time()
        for age in range(100, 0, -1):
            then = now - 100 * age
            recorder.record(going_on, delivery(age, arrived=then, ended=then))
            recorder.record(going_on, attempt(age, sent=then, latency=0.0))
            recorder.frame(going_on, then, b"{}")
        recorder.flush()
        records = Records(url)
        assert records.change(sessions[0], name="First", tags=["x"], pinned=True, note="n")
        assert [row["session"] for row in records.sessions("first X")] == [sessions[0]]
        records.delete([sessions[1]])
        with pytest.raises(RecordsError, match="still going on"):
            records.delete([str(going_on)])
        with pytest.raises(RecordsError, match="no run or session 99999999999999999999"):
            records.resolve("99999999999999999999")
        assert records.run(2**70) is None
        assert records.attempts(going_on, after=2**70) == []
        records.prune(Keep(age=5050))
        assert (records.run(going_on) or {})["requests"] == 50
        assert len(records.frames(going_on)) == 50
        assert {row["session"] for row in records.sessions()} > {sessions[0]}


def test_events_that_cannot_be_written_do_not_hold_up_the_others(url: str) -> None:
    good = story(2)
    with Recorder(url, warn=lambda _: None) as recorder:
        run = start_run(recorder)
        for event in (*good[:3], attempt(9, sent=float("nan")), delivery(9, id=None), *good[3:]):
            recorder.record(run, event)
        recorder.finish_run(run)
    assert list(Records(url).events(run)) == good
    assert recorder.lost == 2


def test_processes_record_at_the_same_time(url: str) -> None:
    with Recorder(url) as one, Recorder(url) as other:
        runs = [start_run(recorder) for recorder in (one, other)]
        for event in story(500):
            one.record(runs[0], event)
            other.record(runs[1], event)
    assert all(list(Records(url).events(run)) == story(500) for run in runs)


def test_a_server_that_goes_away_loses_nothing_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.writer.PERIOD", 0.02)
    monkeypatch.setattr("flaky_load_balancer.records.writer.RETRY", 0.05)
    monkeypatch.setattr("flaky_load_balancer.records.recorder.BACKLOG", 6000)
    said: list[str] = []
    told = story(2000)
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running(Path(folder) / "server") as server:
            with Recorder(server.url, warn=said.append) as recorder:
                run = start_run(recorder)
                for event in told[:1000]:
                    recorder.record(run, event)
                server.stop()  # in the middle of what is being written, perhaps
                for event in told[1000:2000]:
                    recorder.record(run, event)
                until(lambda: len(said) == 1)
                with pytest.raises(RecordsError, match="is the server up"):
                    start_run(recorder)
                for event in told[2000:]:
                    recorder.record(run, event)
                assert recorder.lost == 0
                for event in story(2000):
                    recorder.record(run, event)
                assert recorder.lost > 0  # what did not fit
                server.start()
                until(lambda: len(said) == 2)
                recorder.finish_run(run)
            stored = list(Records(server.url).events(run))
    assert stored[: len(told)] == told
    assert len(stored) + recorder.lost == 2 * len(told)
    assert "cannot write records to postgresql://127.0.0.1" in said[0]
    assert "again" in said[1]
    assert said[2].startswith(f"{recorder.lost} events are missing from the records")
    assert "secret" not in "".join(said)


def test_what_was_committed_is_not_written_again_when_the_answer_was_lost(url: str) -> None:
    import psycopg  # noqa: PLC0415 (an extra)

    said: list[str] = []
    with Recorder(url, warn=said.append) as recorder:
        run = start_run(recorder)
        database: Any = recorder._writer._db
        execute = database.execute

        def unheard(statement: str, values: Any = ()) -> int:
            changed = execute(statement, values)
            if statement == "COMMIT":
                database.execute = execute
                raise psycopg.OperationalError("connection lost")
            return int(changed)

        database.execute = unheard
        for event in story(100):
            recorder.record(run, event)
        until(lambda: len(said) == 2)
    assert list(Records(url).events(run)) == story(100)


def test_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    Recorder(url).close()
    with opened(url) as db:
        db.execute("UPDATE version SET version = 99")
    for open_ in (Recorder, lambda where: Records(where).runs()):
        with pytest.raises(RecordsError, match=r"newer flb \(format 99.*--records"):
            open_(url)


def test_tables_of_version_1_are_migrated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from flaky_load_balancer.records import postgres, tables  # noqa: PLC0415 (an extra)

    with monkeypatch.context() as old:
        old.setattr(postgres, "VERSION", 1)
        old.setattr(tables, "MIGRATIONS", tables.MIGRATIONS[:1])
        with opened_new(url) as db:
            names = "id, kind, writer, started, settings"
            db.execute(f"INSERT INTO sessions ({names}) VALUES ('a', 'serve', 1, 5.0, '{{}}')")
    with Recorder(url) as recorder:
        assert start_run(recorder) == 1
    assert [row["session"] for row in Records(url).sessions()][-1] == "a"


def test_an_empty_database_reads_as_an_empty_one(url: str) -> None:
    records = Records(url)
    assert (records.sessions(), records.runs(), records.run(1)) == ([], [], None)


@pytest.mark.parametrize("where", ["mysql://x/y", "postgresql://[", "postgresql://u@h/d?x=1"])
def test_wrong_addresses_are_refused(where: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(RecordsError, match="--records"):
        Recorder(where)


def test_only_an_age_can_be_kept(url: str) -> None:
    with pytest.raises(RecordsError, match=r"--keep.*7d"):
        Recorder(url, "10GB")


def test_a_password_is_never_said(server: PostgresServer) -> None:
    wrong = re.sub("secret", "hunter2", server.url)
    with pytest.raises(RecordsError, match="password authentication failed") as refused:
        Recorder(wrong)
    assert "hunter2" not in str(refused.value)


def opened_new(where: str) -> "closing[Database]":
    return closing(place(where).connect(create=True))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_commands_read_from_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(url) as recorder:
        session = play(recorder, story(60))
    monkeypatch.setenv("FLB_TEST_RECORDS", url)

    def called(*arguments: str) -> str:
        result = CliRunner().invoke(flb, [*arguments, "--records", "env:FLB_TEST_RECORDS"])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert session in called("runs", "--json", "-")
    assert called("export", "1").count("\n") == 1 + 120
    assert "servers = 2" in called("fit", session)
