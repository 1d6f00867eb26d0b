"""Logs are read by the names of their columns; what is wrong is named by line and column."""

import gzip
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flaky_load_balancer.cli.main import flb
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.records import Recorder, Records
from flaky_load_balancer.records.export import export
from flaky_load_balancer.simulation.fitting.log import LogError, parse, read
from flaky_load_balancer.simulation.scenarios import read as read_scenario
from tests.records.making import SERVERS, start_run, story

HEAD = "server,time,outcome,latency_ms"


def test_times_outcomes_and_latencies_are_read_in_every_form() -> None:
    log = parse(
        [
            "latency,sent,ignored,server,status",
            "0.5,2026-11-22T10:30:01.25Z,x,b,200",
            ",2026-11-22T10:30:00,x,a,429",
            "0.002,2026-11-22T11:30:03+01:00,x,a,503",
        ],
        "log.csv",
    )
    assert log.servers == ("a", "b")
    assert log.time.tolist() == [0.0, 1.25, 3.0]
    assert log.server.tolist() == [0, 1, 0]
    assert log.outcome.tolist() == [Outcome.RATE_LIMITED, Outcome.SUCCEEDED, Outcome.FAILED]


def test_latencies_are_seconds_or_milliseconds_by_name() -> None:
    for name, value in {"latency_ms": "1500", "latency": "1.5", "latency_s": "1.5"}.items():
        log = parse([f"server,time,outcome,{name}", f"a,0,failed,{value}"], "log.csv")
        assert log.latency.tolist() == [1.5]
    assert np.isnan(parse(["server,time,outcome", "a,0,failed"], "log.csv").latency).all()


def test_attempts_are_sorted_and_runs_told_apart() -> None:
    log = parse(["server,time,outcome,run", "a,9,failed,7", "a,2,failed,5", "a,5,failed,7"], "x")
    assert log.time.tolist() == [0, 3, 7]
    assert log.run.tolist() == [0, 1, 1]
    assert log.since.tolist() == [0, 0, 4]


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_units_of_times_are_told_apart_by_the_year(unit: str, scale: float) -> None:
    times = [1_764_000_000.25, 1_764_000_001.75]
    log = parse([HEAD, *(f"a,{time * scale:.6f},failed,2" for time in times)], "log.csv")
    assert log.unit == unit
    assert log.time.tolist() == pytest.approx([0, 1.5], abs=1e-6)
    assert log.start == pytest.approx(times[0])


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
def test_units_of_times_and_latencies_may_be_named(unit: str, seconds: float) -> None:
    head = f"server,time_{unit},outcome,latency_{unit}"
    log = parse([head, "a,1000,failed,7", "a,3000,failed,7"], "log.csv")
    assert log.time.tolist() == pytest.approx([0, 2000 * seconds])
    assert log.latency.tolist() == pytest.approx([7 * seconds] * 2)


@pytest.mark.parametrize("status", ["499", "460", "cancelled", "canceled", "Cancelled"])
def test_a_client_that_hung_up_is_nobody_s_failure(status: str) -> None:
    log = parse(["server,time,status", f"a,1,{status}"], "log.csv")
    assert log.outcome.tolist() == [Outcome.CANCELLED]


@pytest.mark.parametrize(
    ("times", "tick"),
    [
        ([5.0, 7.0, 1e6], 1.0),
        ([1_764_000_000.125, 1_764_000_001.5], 0.001),
        ([0.1, 0.25], 0.01),
        ([0.0, 2**-0.5], 0.0),
    ],
)
def test_what_its_clock_counts_in_is_found(times: list[float], tick: float) -> None:
    log = parse([HEAD, *(f"a,{time!r},failed,2" for time in times)], "log.csv")
    assert log.tick == pytest.approx(tick)


def test_a_log_may_be_gzipped_or_come_through_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{HEAD}\na,1.5,failed,2\na,2,succeeded,2\n".encode()
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(text))
    assert read(path).time.tolist() == [0, 0.5]
    for content in (text, gzip.compress(text)):
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(content)))
        assert read(Path("-")).time.tolist() == [0, 0.5]
    path.write_bytes(gzip.compress(text)[:-9])
    with pytest.raises(LogError, match="gzip file that is broken"):
        read(path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "log.csv, line 1: no column server: expected a head line with server, sent|time"),
        ([HEAD], "log.csv: no attempts: expected a line for each"),
        (["server,when,outcome", "a,1,failed"], "line 1: no column sent or time or timestamp"),
        ([HEAD, "a,1,failed,2", "a,soon,failed,2"], "line 3, column time: expected seconds, or a"),
        ([HEAD, "a,nan,failed,2"], "line 2, column time: expected seconds"),
        ([HEAD, "a,1,lost,2"], "line 2, column outcome: expected one of succeeded, failed, rate"),
        ([HEAD, "a,1,77,2"], "or an HTTP status, not '77'"),
        ([HEAD, "a,1,failed,-2"], "column latency_ms: expected a number that is not negative"),
        ([HEAD, ",1,failed,2"], "column server: expected the name or URL of a server, not ''"),
        ([HEAD, "a,-1e308,failed,2", "a,1e308,failed,2"], "line 2, column time: expected seconds"),
        ([HEAD, "a,1"], "line 2, column outcome: missing"),
        ([f"{HEAD},outcome", "a,1,failed,2,failed"], "column outcome: it is there 2 times"),
        ([f"server,{HEAD}", "a,a,1,failed,2"], "column server: it is there 2 times"),
        ([HEAD, "a,1764000000000,failed,2", "a,1764000000,failed,2"], "all times in one unit"),
        ([HEAD, "a,1764000000000,failed,2", "a,2026-11-22,failed,2"], "all times in one unit"),
        ([HEAD, "a,99999999999,failed,2"], "name the column time_ms, time_us or time_ns"),
        (["server,time_ms,outcome", "a,2026-11-22,failed"], "expected a number, not"),
        (["server,time,outcome,latency", "a,1,failed,250"], "name the column latency_ms"),
        ([HEAD, f"a,{'9' * 99}x,failed,2"], "..."),
    ],
)
def test_what_is_wrong_is_named(lines: list[str], said: str) -> None:
    with pytest.raises(LogError) as error:
        parse(lines, "log.csv")
    assert said in str(error.value)
    assert len(str(error.value)) < 300


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"server\xff\xfe")
    with pytest.raises(LogError, match="not UTF-8"):
        read(path)
    with pytest.raises(LogError, match="cannot be read"):
        read(tmp_path / "none.csv")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """What ``flb export`` writes of a run."""
    path = tmp_path / "my attempts.csv"
    with Recorder(tmp_path / "data") as recorder:
        run = start_run(recorder)
        for event in story(100):
            recorder.record(run, event)
        assert recorder.flush()
        with path.open("w", encoding="utf-8") as stream:
            export(Records(tmp_path / "data"), [str(run)], "csv", stream)
    return path


def test_an_export_becomes_a_scenario_as_it_is(exported: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(flb, ["fit", str(exported)])
    assert done.exit_code == 0
    mine = tmp_path / "mine.toml"
    mine.write_text(done.stdout, encoding="utf-8")
    scenario = read_scenario(mine)
    assert scenario.name == "my-attempts"
    assert scenario.servers == 2
    assert scenario.failure.rate.low == pytest.approx([0.995, 0.005], abs=1e-4)
    assert scenario.latency.median == pytest.approx(0.01)
    assert SERVERS[1] in done.stdout
    assert "uncertain: nothing was refused" in done.stderr
    again = CliRunner().invoke(
        flb, ["compare", "--scenario", str(mine), "--strategy", "v4", "--replications", "2"]
    )
    assert again.exit_code == 0


def test_json_goes_to_stdout_alone(exported: Path) -> None:
    done = CliRunner().invoke(flb, ["fit", str(exported), "--json", "-", "--name", "mine"])
    assert done.exit_code == 0
    assert done.stdout.startswith('{"attempts":200,')
    assert 'name = "mine"' in done.stderr


@pytest.mark.parametrize("arguments", [["none.csv"], ["{log}", "--name", "not a name"]])
def test_what_cannot_be_done_is_refused(exported: Path, arguments: list[str]) -> None:
    done = CliRunner().invoke(flb, ["fit", *(each.format(log=exported) for each in arguments)])
    assert done.exit_code == 2
    assert "error:" in done.stderr
    assert "expected" in done.stderr or "No such file" in done.stderr
