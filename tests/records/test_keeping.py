"""``--keep``: what it may say, and that age and size are kept."""

import time
from pathlib import Path

import pytest

from flaky_load_balancer.records import Keep, Recorder, Records, keeping
from flaky_load_balancer.records.sqlite import FILE
from tests.records.making import attempt, delivery, start_run

DAY = 86400.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d|10GB", Keep(7 * DAY, 10 * 10**9)),
        ("10gb | 7D", Keep(7 * DAY, 10 * 10**9)),
        ("12h", Keep(DAY / 2)),
        ("2w", Keep(14 * DAY)),
        ("1.5m", Keep(90.0)),
        ("500MB", Keep(size=500 * 10**6)),
        ("64KB", Keep(size=64_000)),
    ],
)
def test_limits_are_read(text: str, expected: Keep) -> None:
    assert Keep.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "7", "7 days", "d", "7d|", "7d|8d", "1GB|2GB", "-7d", "0d", "7x", "1e3MB", "7d,1GB"],
)
def test_others_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"--keep .*7d\|10GB"):
        Keep.parse(text)


def record(recorder: Recorder, run: int, ages: range, frame: str = "{}") -> None:
    """A request, its attempt and a frame for each of these ages in seconds."""
    now = time.time()
    for number, age in enumerate(ages, 1):
        recorder.record(run, attempt(number, sent=now - age - 0.01))
        recorder.record(run, delivery(number, arrived=now - age - 0.02, ended=now - age))
        recorder.frame(run, now - age, frame)
    assert recorder.flush()


def finished(recorder: Recorder, ages: range) -> str:
    session = recorder.start_session("harness")
    run = start_run(recorder, session)
    record(recorder, run, ages)
    recorder.finish_run(run)
    recorder.finish_session(session)
    assert recorder.flush()
    return session


def test_old_sessions_go_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with Recorder(tmp_path) as recorder:
        monkeypatch.setattr("time.time", lambda: now - 2 * DAY)
        finished(recorder, range(5, 0, -1))
        monkeypatch.setattr("time.time", lambda: now - DAY / 2)
        recent = finished(recorder, range(5, 0, -1))
        monkeypatch.undo()
        records = Records(tmp_path)
        records.prune(Keep(DAY))
        assert [row["session"] for row in records.sessions()] == [recent]
        assert len(records.runs()) == 1
        assert list(records.events(1)) == []


def test_pinned_sessions_stay(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        kept, gone = (finished(recorder, range(100, 90, -1)) for _ in range(2))
        records = Records(tmp_path)
        assert records.change(kept, pinned=True)
        records.prune(Keep(size=1))
        assert [row["session"] for row in records.sessions()] == [kept]
        assert not records.change(gone, pinned=True)


def test_of_a_session_that_goes_on_the_oldest_events_go(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        record(recorder, run, range(100, 0, -1))
        records = Records(tmp_path)
        assert (records.run(run) or {})["requests"] == 100
        before = time.time()
        records.prune(Keep(50.5))
        after = time.time()
        row = records.run(run) or {}
    assert (row["requests"], row["attempts"], len(records.frames(run))) == (50, 50, 50)
    assert before - 50.5 <= row["kept_from"] <= after - 50.5
    assert len(list(records.events(run))) == 100


def test_everything_old_goes_even_if_nothing_follows(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        record(recorder, run, range(100, 90, -1))
        Records(tmp_path).prune(Keep(50))
        assert list(Records(tmp_path).events(run)) == []
        assert [row["run"] for row in Records(tmp_path).runs()] == [run]


def test_what_is_young_enough_is_left_alone(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        run = start_run(recorder)
        record(recorder, run, range(10, 0, -1))
        Records(tmp_path).prune(Keep(50, 10**9))
    row = Records(tmp_path).run(run) or {}
    assert (row["requests"], row["kept_from"]) == (10, None)


def test_size_is_kept_and_space_given_back_oldest_sessions_first(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        sessions = [finished(recorder, range(2000, 0, -1)) for _ in range(4)]
        going_on = start_run(recorder)
        record(recorder, going_on, range(2000, 0, -1))
        whole = _size(tmp_path)
        records = Records(tmp_path)
        records.prune(Keep(size=whole * 3 // 4))
        assert _size(tmp_path) <= whole * 3 // 4
        assert [row["session"] for row in records.sessions()[1:]] == sessions[:1:-1]
        assert (records.run(going_on) or {})["requests"] == 2000
        records.prune(Keep(size=whole // 8))
        assert _size(tmp_path) <= whole // 8
        (row,) = records.runs()
        assert 0 < row["requests"] < 2000
        assert row["run"] == going_on


def test_much_is_deleted_in_short_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "CHUNK", 100)
    with Recorder(tmp_path) as recorder:
        finished(recorder, range(1000, 0, -1))
        Records(tmp_path).delete(["1"])
    assert list(Records(tmp_path).events(1)) == []


def test_the_recorder_keeps_the_limits_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.records.writer.PRUNE", 0.0)
    with Recorder(tmp_path, "50s") as recorder:
        run = start_run(recorder)
        record(recorder, run, range(100, 0, -10))
        until = time.monotonic() + 10
        while (Records(tmp_path).run(run) or {})["requests"] > 5:
            assert time.monotonic() < until
            time.sleep(0.02)
    assert 3 <= (Records(tmp_path).run(run) or {})["requests"] <= 5


def test_a_wrong_limit_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--keep"):
        Recorder(tmp_path / "none", "often")
    assert list(tmp_path.iterdir()) == []


def _size(folder: Path) -> int:
    return (folder / FILE).stat().st_size
