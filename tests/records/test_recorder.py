"""What is recorded can be read back as it was, from any process, at any time."""

import random
import re
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from flaky_load_balancer.core.events import Attempt, Event
from flaky_load_balancer.core.tally import Tally, interpolated
from flaky_load_balancer.records import NoRecorder, Recorder, Records
from flaky_load_balancer.records.recorder import DENSE, session_id
from tests.records.making import (
    RULES,
    SERVERS,
    START,
    attempt,
    delivery,
    events,
    start_run,
    story,
)


def test_what_was_recorded_comes_back_in_its_order(tmp_path: Path) -> None:
    told = story(5000)
    random.Random(1).shuffle(told)
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        for event in told:
            recorder.record(run, event)
    assert list(Records(tmp_path).events(run)) == told
    assert recorder.lost == 0


@given(told=events)
@settings(max_examples=30, deadline=None)
def test_folding_live_is_folding_what_was_recorded(told: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        grid = [(0, 0.0), (40, 30.0)]
        half = len(told) // 2
        with Recorder(folder) as recorder:
            run = start_run(recorder, bound=grid)
            for event in told[:half]:
                recorder.record(run, event)
        records = Records(folder)
        before = records.run(run)
        with Recorder(folder) as recorder:  # opened again
            for event in told[half:]:
                recorder.record(run, event)
            recorder.finish_run(run)
        live = Tally.of(told, RULES, interpolated(grid))
        assert before is not None
        assert before["requests"] == Tally.of(told[:half], RULES).requests
        assert list(records.events(run)) == told
        assert live.run().items() <= (records.run(run) or {}).items()  # folded
        assert live.run().items() <= (records.run(run) or {}).items()  # and kept


def test_events_of_runs_at_the_same_time_stay_apart(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        session = recorder.start_session("harness")
        runs = [start_run(recorder, session) for _ in range(3)]
        for event in story(100):
            for run in runs:
                recorder.record(run, event)
    assert all(list(Records(tmp_path).events(run)) == story(100) for run in runs)


def test_a_session_and_its_run_in_full(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        session = recorder.start_session("harness", 7, 10.0, {"requests": 2})
        run = start_run(
            recorder,
            session,
            truth=[0.1, 0.9, 0.5],
            bound=[(0, 0), (2, 1.5)],
            seed=7,
            faults=[{"servers": [1], "from": 1.0, "to": 2.5, "kind": "slow"}],
        )
        for event in story(2):
            recorder.record(run, event)
        recorder.finish_run(run)
        recorder.finish_session(session, {"cells": []})
    found = Records(tmp_path).session(session)
    assert found is not None
    assert (found["kind"], found["seed"], found["rate"]) == ("harness", 7, 10.0)
    assert (found["settings"], found["result"]) == ({"requests": 2}, {"cells": []})
    assert [row["run"] for row in found["runs"]] == [run]
    row = Records(tmp_path).run(run)
    assert row is not None
    assert (row["requests"], row["attempts"], row["delivered"], row["score"]) == (2, 4, 2, 2.0)
    assert (row["bound"], row["regret"]) == (1.5, -0.5)
    begun = next(iter(Records(tmp_path).attempts(run)))["sent"]
    assert row["faults"] == [
        {"servers": [1], "from": begun + 1.0, "to": begun + 2.5, "kind": "slow"}
    ]
    assert row["pieces"] is None
    assert (row["servers"], row["truth"], row["state"]) == (SERVERS, [0.1, 0.9, 0.5], "finished")


def test_what_the_client_measured_goes_first(tmp_path: Path) -> None:
    client = {"offered_rate": 9.9, "latency_ms": {"p50": 1.0, "p99": 2.0}, "seconds": 3.0}
    with Recorder(tmp_path) as balancer, Recorder(tmp_path) as harness:
        run = start_run(balancer)
        for event in story(10):
            balancer.record(run, event)
        harness.annotate(run, client)
    row = Records(tmp_path).run(run) or {}
    assert client.items() <= row.items()
    assert row["requests"] == 10


@pytest.mark.slow
def test_processes_record_into_one_database_at_the_same_time(tmp_path: Path) -> None:
    def work(index: int) -> None:
        with Recorder(tmp_path) as recorder:
            run = start_run(recorder)
            for event in story(3000, first=1 + index):
                recorder.record(run, event)
            recorder.finish_run(run)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = Records(tmp_path)
    firsts = [next(iter(records.events(run))) for run in range(1, 5)]
    assert sorted(e.request for e in firsts if isinstance(e, Attempt)) == [1, 2, 3, 4]
    assert [row["requests"] for row in records.runs()] == [3000] * 4


def test_flush_makes_readable_what_was_recorded_before(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        for event in story(2):
            recorder.record(run, event)
        assert recorder.flush()
        assert list(Records(tmp_path).events(run)) == story(2)


def test_frames_are_thinned_later_in_a_run(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        for index in range(2 * 700):
            recorder.frame(run, START + index / 2, f'{{"time":{START + index / 2}}}'.encode())
            if index % 500 == 0:
                recorder.flush()
    frames = Records(tmp_path).frames(run)
    assert len(frames) == 2 * DENSE + 1 + 19
    later = Records(tmp_path).frames(run, after=START + DENSE, limit=2)
    assert later == [f'{{"time":{START + DENSE + 4.5 + late}}}'.encode() for late in (0.5, 5.5)]


def test_events_that_cannot_be_written_do_not_hold_up_the_others(tmp_path: Path) -> None:
    good = story(2)
    with Recorder(tmp_path, warn=lambda _: None) as recorder:
        run = start_run(recorder)
        for event in (*good[:3], attempt(9, sent=float("nan")), delivery(9, id=None), *good[3:]):
            recorder.record(run, event)
        recorder.frame(run, float("nan"), b"{}")
        recorder.finish_run(run)
    assert list(Records(tmp_path).events(run)) == good
    assert recorder.lost == 2
    assert (Records(tmp_path).run(run) or {})["state"] == "finished"


def test_ids_of_sessions_sort_by_time_and_do_not_repeat(tmp_path: Path) -> None:
    assert re.fullmatch(r"20261122-103000-[0-9a-f]{4}", session_id(1795343400.0))
    with Recorder(tmp_path) as recorder:
        made = [recorder.start_session("serve") for _ in range(50)]
    assert len(set(made)) == 50


def test_an_id_of_a_session_that_is_taken_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["ab3f", "ab3f", "ab40"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))
    monkeypatch.setattr("time.time", lambda: START)
    with Recorder(tmp_path) as recorder:
        ids = [recorder.start_session("serve") for _ in range(2)]
    assert [name[-4:] for name in ids] == ["ab3f", "ab40"]


def test_no_recorder_hands_out_ids_and_writes_nothing(tmp_path: Path) -> None:
    with NoRecorder() as recorder:
        run, other = start_run(recorder), start_run(recorder)
        recorder.record(run, attempt(1))
        recorder.frame(run, START, b"{}")
        recorder.annotate(run, {})
        recorder.finish_run(run)
        recorder.finish_session("any")
        assert recorder.flush()
    assert (run, other, recorder.lost) == (1, 2, 0)
    assert list(tmp_path.iterdir()) == []
