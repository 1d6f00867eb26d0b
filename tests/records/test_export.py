"""Exports hold every attempt, in formats that other programs read."""

import csv
import gc
import json
import tracemalloc
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer.records import Recorder, Records, RecordsError
from flaky_load_balancer.records.export import Format, export, iso, json_pieces, listed
from tests.records.making import SERVERS, START, start_run, story


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with Recorder(tmp_path) as made:
        yield made


def recorded(recorder: Recorder, requests: int, **changes: Any) -> int:
    run = start_run(recorder, **changes)
    for event in story(requests):
        recorder.record(run, event)
    assert recorder.flush()
    return run


def exported(recorder: Recorder, form: Format, *names: str) -> str:
    stream = StringIO()
    export(Records(recorder.where), names, form, stream)
    return stream.getvalue()


def test_csv_has_a_line_for_every_attempt(recorder: Recorder) -> None:
    run = recorded(recorder, 1200)
    lines = list(csv.DictReader(StringIO(exported(recorder, "csv", str(run)))))
    assert len(lines) == 2400
    assert lines[1] == {
        "run": "1",
        "strategy": "v4",
        "scenario": "T1",
        "request": "1",
        "id": f"{1:024}",
        "number": "2",
        "server": SERVERS[1],
        "outcome": "succeeded",
        "sent": iso(START + 1.01),
        "latency_ms": "10.0",
    }


def test_text_is_quoted_where_csv_needs_it(recorder: Recorder) -> None:
    strategy = 'v6:cooldown=0.5,"memory"=3\nline'
    recorded(recorder, 1, strategy=strategy, scenario=None, servers=["http://a,b", "c", "d"])
    first, _ = csv.DictReader(StringIO(exported(recorder, "csv", "1"), newline=""))
    assert (first["strategy"], first["scenario"], first["server"]) == (strategy, "", "http://a,b")


def test_json_has_the_runs_with_their_attempts(recorder: Recorder) -> None:
    session = recorder.start_session("harness")
    runs = [recorded(recorder, requests, session=session) for requests in (2, 0)]
    document = json.loads(exported(recorder, "json", session))
    records = Records(recorder.where)
    assert document == {
        "runs": [{**(records.run(run) or {}), "attempts": records.attempts(run)} for run in runs]
    }


def test_no_runs_are_a_document_too(recorder: Recorder) -> None:
    session = recorder.start_session("harness")
    assert json.loads(exported(recorder, "json", session)) == {"runs": []}
    assert len(exported(recorder, "csv", session).splitlines()) == 1


def test_a_run_named_twice_is_exported_once(recorder: Recorder) -> None:
    run = recorded(recorder, 2)
    (session,) = (row["session"] for row in Records(recorder.where).sessions())
    assert exported(recorder, "csv", session, str(run)) == exported(recorder, "csv", str(run))


def test_an_unknown_run_is_refused_before_anything_is_written(recorder: Recorder) -> None:
    recorded(recorder, 1)
    stream = StringIO()
    with pytest.raises(RecordsError, match=r"99.*flb runs"):
        export(Records(recorder.where), ["1", "99"], "csv", stream)
    assert stream.getvalue() == ""


@pytest.mark.slow
def test_an_export_does_not_grow_with_the_run(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.export.PAGE", 50)
    monkeypatch.setattr("flaky_load_balancer.records.folding.PAGE", 50)
    short, long = (recorded(recorder, requests) for requests in (200, 4000))

    def peak(run: int) -> int:
        records = Records(recorder.where)
        tracemalloc.start()
        assert sum(map(len, json_pieces(records, [run]))) > 200 * 200
        bytes_ = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_

    peak(long)  # Python itself keeps 2,000 freed tuples of each length, until it collects garbage
    gc.disable()
    try:
        assert peak(long) < peak(short) + 300_000  # all of the run would be millions
    finally:
        gc.enable()


def test_the_list_of_runs(recorder: Recorder) -> None:
    run = recorded(recorder, 3, seed=7)
    (session,) = (row["session"] for row in Records(recorder.where).sessions())
    (row,) = listed(Records(recorder.where))
    assert row.pop("started") > START
    assert row == {
        "session": session,
        "kind": "serve",
        "run": run,
        "strategy": "v4",
        "scenario": "T1",
        "seed": 7,
        "requests": 3,
        "score": 3.0,
        "state": "running",
        "valid": None,
    }


def test_times_are_iso_8601_in_utc() -> None:
    assert iso(1795343400.0) == "2026-11-22T10:30:00.000000Z"
    assert iso(1795343400.123456) == "2026-11-22T10:30:00.123456Z"
