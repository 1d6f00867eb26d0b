"""What readers see: states, pages, and numbers that are folded once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer.core.events import Event
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.records import Recorder, Records, RecordsError, folding, liveness, reader
from flaky_load_balancer.records.sqlite import Folder
from tests.records.making import SERVERS, START, attempt, delivery, start_run, story


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


def test_a_folder_without_records_is_empty_and_stays_so(tmp_path: Path) -> None:
    records = Records(tmp_path / "none")
    assert (records.sessions(), records.runs(), records.session("any")) == ([], [], None)
    assert (records.run(1), records.attempts(1), records.frames(1)) == (None, [], [])
    assert list(records.events(1)) == []
    assert list(tmp_path.iterdir()) == []


def test_attempts_come_in_pages(recorder: Recorder) -> None:
    run, records = recorded(recorder, 10), Records(recorder.where)
    first = records.attempts(run, limit=15)
    rest = records.attempts(run, after=first[-1]["cursor"], limit=15)
    assert (len(first), len(rest)) == (15, 5)
    assert [row["request"] for row in first + rest] == [n for n in range(1, 11) for _ in "12"]
    assert first[1] == {
        "cursor": 2,
        "request": 1,
        "id": f"{1:024}",
        "number": 2,
        "server": SERVERS[1],
        "outcome": "succeeded",
        "sent": START + 1.01,
        "latency_ms": 10.0,
    }
    assert records.attempts(run, after=2**70) == []
    assert records.run(2**70) is None


def test_an_attempt_of_a_request_that_goes_on_has_no_id_yet(recorder: Recorder) -> None:
    run = start_run(recorder)
    recorder.record(run, attempt(1, outcome=Outcome.RATE_LIMITED))
    recorder.flush()
    (row,) = Records(recorder.where).attempts(run)
    assert (row["id"], row["outcome"]) == (None, "rate-limited")


def test_a_page_of_a_long_run_costs_no_more_than_one_of_a_short(recorder: Recorder) -> None:
    recorder.start_session("serve")
    with closing(Folder(Path(recorder.where)).connect()) as db:
        plan = [row[3] for row in db.tuples(f"EXPLAIN QUERY PLAN {reader.ATTEMPTS}", (1, 0, 1))]
    assert plan[0] == "SEARCH a USING PRIMARY KEY (run=? AND position>?)"
    assert plan[2] == "SEARCH r USING INDEX requests_by_number (run=? AND request=?)"


def test_newest_come_first_and_comparisons_in_order(recorder: Recorder) -> None:
    old, new = recorder.start_session("harness"), recorder.start_session("serve")
    runs = [recorded(recorder, 1, session=session) for session in (old, old, new)]
    records = Records(recorder.where)
    assert {row["session"]: row["runs"] for row in records.sessions()} == {old: 2, new: 1}
    assert [row["run"] for row in records.runs()] == runs[::-1]
    assert [row["run"] for row in records.runs(old)] == [runs[1], runs[0]]
    assert [row["run"] for row in (records.session(old) or {})["runs"]] == runs[:2]
    assert records.resolve(old) == runs[:2]
    assert records.resolve(str(runs[2])) == [runs[2]]


@pytest.mark.parametrize("name", [99, "99", "20261122-103000-ab3f"])
def test_unknown_names_are_told_where_to_look(recorder: Recorder, name: int | str) -> None:
    with pytest.raises(RecordsError, match=f"{name}.*flb runs"):
        Records(recorder.where).resolve(name)


def test_a_run_that_goes_on_is_folded_from_where_it_was(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, records = recorded(recorder, 10), Records(recorder.where)
    assert (records.run(run) or {})["requests"] == 10
    folded = _count_folded(monkeypatch)
    for event in story(2, first=11):
        recorder.record(run, event)
    recorder.flush()
    assert (records.run(run) or {})["requests"] == 12
    assert len(folded) == 6


def test_a_finished_run_is_folded_once_for_all_readers(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded(recorder, 10)
    recorder.finish_run(run)
    recorder.flush()
    folded = _count_folded(monkeypatch)
    first, second = (Records(recorder.where).run(run) for _ in range(2))
    assert first == second
    assert len(folded) == 30


def test_late_events_of_a_finished_run_count(recorder: Recorder) -> None:
    run = recorded(recorder, 10)
    recorder.finish_run(run)
    recorder.flush()
    assert (Records(recorder.where).run(run) or {})["requests"] == 10
    recorder.record(run, delivery(11))
    recorder.flush()
    assert (Records(recorder.where).run(run) or {})["requests"] == 11


@pytest.mark.parametrize("sign", ["process is gone", "process is silent"])
def test_an_interrupted_run_ended_at_its_last_event(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    run, later = start_run(recorder), time.time() + 5
    recorder.record(run, attempt(1, sent=later, latency=0.5))
    recorder.flush()
    assert (Records(recorder.where).run(run) or {})["state"] == "running"
    if sign == "process is gone":
        monkeypatch.setattr(liveness, "_exists", lambda _: False)
    else:
        monkeypatch.setattr(liveness, "SILENT", -1.0)
    row = Records(recorder.where).run(run) or {}
    assert (row["state"], row["ended"]) == ("interrupted", later + 0.5)
    assert Records(recorder.where).sessions()[0]["state"] == "interrupted"


def test_a_living_writer_renews_its_row(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.writer.HEARTBEAT", 0.0)
    run = recorded(recorder, 1)
    monkeypatch.setattr(liveness, "SILENT", 0.8)
    time.sleep(1.0)
    assert (Records(recorder.where).run(run) or {})["state"] == "running"


def test_events_can_be_read_while_they_are_deleted_and_written(recorder: Recorder) -> None:
    run = recorded(recorder, 4000)
    events = Records(recorder.where).events(run)
    start = [next(events) for _ in range(10)]
    recorder.record(run, delivery(5000))
    recorder.flush()
    assert [*start, *events] == story(4000)


def test_runs_and_sessions_are_deleted_whole(recorder: Recorder) -> None:
    records, session = Records(recorder.where), recorder.start_session("harness")
    runs = [recorded(recorder, 10, session=session) for _ in range(3)]
    for run in runs:
        recorder.frame(run, START, b"{}")
        recorder.finish_run(run)
    recorder.finish_session(session)
    recorder.flush()
    records.delete([str(runs[0])])
    assert [row["run"] for row in records.runs()] == runs[:0:-1]
    assert (list(records.events(runs[0])), records.frames(runs[0])) == ([], [])
    records.delete([session, runs[1]])
    assert (records.runs(), records.sessions()) == ([], [])
    assert start_run(recorder) > runs[2]  # numbers are not used again


def test_what_goes_on_is_not_deleted(recorder: Recorder) -> None:
    run, records = recorded(recorder, 1), Records(recorder.where)
    session = records.runs()[0]["session"]
    empty = recorder.start_session("serve")
    for name in (run, session, empty):
        with pytest.raises(RecordsError, match="still going on"):
            records.delete([name])
    assert len(records.sessions()) == 2


def _count_folded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The events that are folded from now on."""
    folded: list[object] = []
    make = folding._event

    def counting(made: type[Event], fields: Sequence[Any]) -> Any:
        folded.append(fields)
        return make(made, fields)

    monkeypatch.setattr(folding, "_event", counting)
    return folded


def test_an_overview_is_spread_over_the_whole_run(recorder: Recorder) -> None:
    run = start_run(recorder)
    for second in range(50):
        recorder.frame(run, START + second, b"%d" % second)
    recorder.flush()
    records = Records(recorder.where)
    for most in (2, 7, 20, 50, 80):
        found = [int(frame) for frame in records.overview(run, most)]
        assert len(found) == min(most, 50)
        assert (found[0], found[-1]) == (0, 49)
        steps = [b - a for a, b in pairwise(found)]
        assert max(steps) - min(steps) <= 1


def test_an_overview_of_a_session_has_all_its_runs(recorder: Recorder) -> None:
    session = recorder.start_session("harness")
    runs = [start_run(recorder, session) for _ in range(2)]
    other = start_run(recorder)
    for second in range(6):
        for run in (*runs, other):
            recorder.frame(run, START + second, b"%d%d" % (run, second))
    recorder.flush()
    found = [frame.decode() for frame in Records(recorder.where).overview(session, 3)]
    assert sorted(found) == sorted(f"{run}{second}" for run in runs for second in (0, 3, 5))
    assert [frame[-1] for frame in found] == sorted(frame[-1] for frame in found)


def test_sessions_say_who_played_on_what(recorder: Recorder) -> None:
    session = recorder.start_session("harness")
    start_run(recorder, session)
    start_run(recorder, session, strategy="v6")
    start_run(recorder, session, scenario=None, path="/orders")
    cells = [{"strategy": "v2", "scenario": name} for name in ("T1", "T2")]
    simulated = recorder.start_session("compare")
    recorder.finish_session(simulated, {"cells": cells})
    recorder.flush()
    rows = {row["session"]: row for row in Records(recorder.where).sessions()}
    assert rows[session]["strategies"] == ["v4", "v6"]
    assert rows[session]["scenarios"] == ["T1", "/orders"]
    assert (rows[simulated]["strategies"], rows[simulated]["scenarios"]) == (["v2"], ["T1", "T2"])
