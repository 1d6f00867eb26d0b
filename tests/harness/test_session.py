"""Sessions end to end: real processes, real ports, and nothing left of them afterwards."""

import asyncio
import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.cli import selection
from flaky_load_balancer.config import Game
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.client import Sent
from flaky_load_balancer.harness.overload import Verdict
from flaky_load_balancer.harness.plan import Plan, Session
from flaky_load_balancer.harness.session import miscounts, played
from flaky_load_balancer.processes import ChildDiedError
from flaky_load_balancer.records import NoRecorder, Records
from flaky_load_balancer.terminal import run
from sandbox import available
from sandbox.warden import tree
from tests.programs import (
    Done,
    ended,
    eventually,
    flb,
    free_range,
    is_free,
    line_of,
    mentioning,
    nobody_left,
    port_of,
    started,
)

FIELDS = {
    *("strategy", "scenario", "requests", "delivered", "given_up", "attempts", "paid_attempts"),
    *("rate_limited", "score", "bound", "regret", "latency_ms", "offered_rate", "seconds"),
}
LONG = ("--scenario", "T1", "--strategy", "v4", "--requests", "2000", "--rate", "20")


def intact(data_dir: Path) -> None:
    """The records can be read, and nothing in them is broken."""
    with closing(sqlite3.connect(data_dir / "records.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class Race:
    """One session of every strategy on every scenario, and what it left behind."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.done = flb(
            *(
                "harness",
                "--requests",
                6,
                "--rate",
                20,
                "--seed",
                3,
                "--free-ports",
                "--keep",
                "1d",
            ),
            *("--no-stay", "--json", "r.json", "--data-dir", self.data_dir),
            cwd=folder,
        )
        self.left = mentioning(str(folder))
        self.result: dict[str, Any] = json.loads((folder / "r.json").read_text())
        assert self.done.code == 0, self.done.err
        self.records = Records(self.data_dir)

    def truth(self, scenario: str) -> set[tuple[float, ...]]:
        return truths(self.records, scenario)


def truths(records: Records, scenario: str) -> set[tuple[float, ...]]:
    """The true rates of all the copies of a fleet."""
    found = [records.run(row["run"]) for row in records.runs()]
    return {tuple(each["truth"]) for each in found if each and each["scenario"] == scenario}


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Race:
    return Race(tmp_path_factory.mktemp("race"))


@pytest.mark.slow
def test_every_strategy_plays_every_scenario(race: Race) -> None:
    assert race.result.keys() == {"session", "seed", "rate", "runs", "valid", "why", "late_ms"}
    assert race.result["late_ms"].keys() == {"p50", "p99", "max"}
    assert (race.result["seed"], race.result["rate"]) == (3, 20.0)
    every = registry.chosen(["all"])
    assert len(every) >= 12
    played = Counter((row["strategy"], row["scenario"]) for row in race.result["runs"])
    assert played == Counter((name, scenario) for name in every for scenario in ("T1", "T2", "T3"))


def test_each_run_has_the_promised_fields_and_its_score(race: Race) -> None:
    for row in race.result["runs"]:
        assert row.keys() == FIELDS
        assert row["requests"] == 6
        assert row["delivered"] + row["given_up"] == 6
        assert row["score"] == row["delivered"] - 0.5 * row["paid_attempts"]
        assert row["attempts"] >= row["delivered"]
        assert row["regret"] == pytest.approx(row["bound"] - row["score"], abs=0.002)
        assert 0 < row["bound"] <= 6.001
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p99"]
        assert row["seconds"] >= 5 / 20 * 0.9


def test_what_is_about_to_happen_is_said_and_nothing_is_left(race: Race) -> None:
    assert not race.left
    every = len(registry.chosen(["all"]))
    opening = race.done.out.splitlines()[:2]
    assert f"{3 * every} runs at once: {every} strategies on T1, T2, T3; 6 requests" in opening[0]
    servers = f"{30 * every} servers run"
    assert isolation.described(isolation.choose_backend("auto", None), servers) in opening[1]
    assert f"flb export {race.result['session']}" in race.done.out
    assert race.done.err == ""


@pytest.mark.slow
def test_on_an_overloaded_machine_nobody_is_ranked(tmp_path: Path) -> None:
    """With no tolerance at all every machine is overloaded."""
    data_dir = tmp_path / "data"
    done = flb(
        *("harness", "--strategy", "v4", "--strategy", "v6", "--scenario", "T1", "--tolerance", 0),
        *("--requests", 5, "--rate", 50, "--free-ports", "--no-stay", "--json", "r.json"),
        *("--data-dir", data_dir),
        cwd=tmp_path,
    )
    assert done.code == 1
    assert done.out.count("INVALID: overloaded") == 1
    assert "score" not in done.out
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["valid"] is False
    assert any("requests were sent late" in reason for reason in result["why"])
    assert all(reason in done.out for reason in result["why"])
    (row,) = Records(data_dir).sessions()
    verdict = {key: row[key] for key in ("valid", "why", "late_ms")}
    assert verdict == {key: result[key] for key in verdict}
    assert row["settings"] == {"sequential": False, "requests": 5}


def test_the_tables_are_sorted(race: Race) -> None:
    tables = re.split(r"^(T1|T2|T3|sum of scores)\s*$", race.done.out, flags=re.MULTILINE)[1:]
    assert tables[::2] == ["T1", "T2", "T3", "sum of scores"]
    for title, table in zip(tables[::2], tables[1::2], strict=True):
        lines = [line.split() for line in table.strip().split("\n\n")[0].splitlines()]
        assert lines[0][0] == "strategy"
        assert len(lines) == 1 + len(race.result["runs"]) // 3
        column = -1 if title == "sum of scores" else 1
        scores = [float(line[column]) for line in lines[1:]]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.slow
def test_copies_of_a_fleet_are_the_same_in_a_race_and_in_sequence(
    race: Race, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    done = flb(
        *("harness", "--sequential", "--strategy", "v4", "--strategy", "random"),
        *("--scenario", "T1", "--scenario", "T3", "--requests", 5, "--rate", 20, "--seed", 3),
        *("--free-ports", "--json", "-", "--data-dir", data_dir),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    result = json.loads(done.out)
    names = [(row["strategy"], row["scenario"]) for row in result["runs"]]
    assert names == [("v4", "T1"), ("v4", "T3"), ("random", "T1"), ("random", "T3")]
    records = Records(data_dir)
    for scenario in ("T1", "T3"):
        (truth,) = race.truth(scenario)
        assert truths(records, scenario) == {truth}
    assert race.truth("T1") != race.truth("T2")
    addresses = {
        tuple(found["servers"])
        for row in records.runs()
        if (found := records.run(row["run"])) and row["scenario"] == "T1"
    }
    assert len(addresses) == 1  # the same ports, one run after the other
    nobody_left(str(tmp_path))


def test_the_records_agree_with_the_result_to_the_last_attempt(race: Race) -> None:
    data = ("--data-dir", race.data_dir)
    rows = json.loads(flb("runs", *data, "--json", "-", cwd=race.data_dir).out)
    assert {row["session"] for row in rows} == {race.result["session"]}
    assert {row["state"] for row in rows} == {"finished"}
    listed = {(row["strategy"], row["scenario"]): row["score"] for row in rows}
    assert listed == {
        (row["strategy"], row["scenario"]): row["score"] for row in race.result["runs"]
    }

    export = ("export", race.result["session"], *data, "--format")
    as_json = json.loads(flb(*export, "json", cwd=race.data_dir).out)["runs"]
    as_csv = csv.DictReader(io.StringIO(flb(*export, "csv", cwd=race.data_dir).out))
    lines = Counter((row["strategy"], row["scenario"], row["outcome"]) for row in as_csv)
    exported = {(row["strategy"], row["scenario"]): row for row in as_json}
    for row in race.result["runs"]:
        name = (row["strategy"], row["scenario"])
        attempts = exported[name]["attempts"]
        assert len(attempts) == row["attempts"]
        outcomes = Counter(attempt["outcome"] for attempt in attempts)
        assert outcomes["succeeded"] == row["delivered"]
        assert outcomes["rate-limited"] == row["rate_limited"]
        assert sum(attempt["number"] > 3 for attempt in attempts) == row["paid_attempts"]
        assert {kind: lines[(*name, kind)] for kind in outcomes} == dict(outcomes)
        assert len({attempt["id"] for attempt in attempts}) == 6
        assert exported[name]["offered_rate"] == pytest.approx(row["offered_rate"])
    assert lines.total() == sum(row["attempts"] for row in race.result["runs"])
    intact(race.data_dir)


class Going:
    """A session that goes on, and where its processes listen."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        addresses = re.findall(r"http://[0-9.:]+", line_of(process, "balancer http"))
        self.data, self.admin = addresses
        self.ports = [port_of(address) for address in addresses]
        eventually(lambda: self.row()["requests"] > 3, "requests are answered")
        self.ports += [port_of(server) for server in self.row()["servers"]["server"]]

    def row(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.admin}/api/snapshot", timeout=20) as answer:
            row: dict[str, Any] = json.load(answer)["routes"][0]
        return row

    def child(self, command: str) -> int:
        """The program itself, not what confines it: that has children."""
        ours = tree.descendants(self.process.pid)
        found = {pid for pid, words in mentioning(f"flaky_load_balancer {command} ").items()
                 if pid in ours and words.startswith(sys.executable)}  # fmt: skip
        parents = [tree.parent_and_state(str(pid)) for pid in found]
        (pid,) = found - {parent[0] for parent in parents if parent is not None}
        return pid

    def leaves_nothing(self) -> Done:
        """It ends, with all its processes; its ports are free and its records readable."""
        done = ended(self.process)
        nobody_left(str(self.folder))
        eventually(lambda: all(map(is_free, self.ports)), f"free ports {self.ports}")
        assert len(self.ports) == 12
        intact(self.folder / ".flb")
        assert not list(self.folder.glob("*.toml"))
        return done


@pytest.mark.parametrize(
    ("number", "code", "state"),
    [
        (signal.SIGINT, 130, "interrupted"),
        pytest.param(signal.SIGTERM, 143, "interrupted", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, "interrupted", marks=pytest.mark.slow),  # no terminal
        (signal.SIGKILL, -signal.SIGKILL, None),
    ],
)
def test_a_signal_ends_everything(
    tmp_path: Path, number: signal.Signals, code: int, state: str | None
) -> None:
    with started("harness", *LONG, "--free-ports", cwd=tmp_path) as process:
        going = Going(process, tmp_path)
        assert not any(map(is_free, going.ports))
        os.kill(process.pid, number)
        done = going.leaves_nothing()
    assert done.code == code
    assert "Traceback" not in done.err
    records = Records(tmp_path / ".flb")
    (row,) = records.runs()
    assert row["attempts"] >= 3
    if state is not None:
        assert row["state"] == records.sessions()[0]["state"] == state
        assert done.err == "interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize(("command", "name"), [("servers", "servers"), ("serve", "the balancer")])
def test_a_child_that_dies_ends_the_session(tmp_path: Path, command: str, name: str) -> None:
    with started("harness", *LONG, "--free-ports", cwd=tmp_path) as process:
        going = Going(process, tmp_path)
        os.kill(going.child(command), signal.SIGKILL)
        done = going.leaves_nothing()
    assert done.code == 1
    assert f"error: {name} ended (" in done.err
    assert "SIGKILL" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_it_stays_until_ctrl_c_with_the_results_written(tmp_path: Path) -> None:
    words = ("--scenario", "T1", "--strategy", "v4", "--requests", 5, "--rate", 20)
    saving = ("--free-ports", "--stay", "--json", "r.json")
    with started("harness", *words, *saving, cwd=tmp_path) as process:
        admin = re.findall(r"http://[0-9.:]+", line_of(process, "still up: "))[0]
        (row,) = json.loads((tmp_path / "r.json").read_text())["runs"]
        assert row["requests"] == 5
        with urllib.request.urlopen(f"{admin}/api/snapshot", timeout=20) as answer:
            assert json.load(answer)["routes"][0]["score"] == row["score"]
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 0
    nobody_left(str(tmp_path))
    intact(tmp_path / ".flb")


BINARY = f"""#!{sys.executable}
import asyncio, os, signal, sys

FIRST = {{first}}
print("I am somebody's program")
print('{{{{"level": "info"}}}}')  # looks like what our own children say
print("HOME" in os.environ, flush=True)

async def talk(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            await reader.readexactly(24)
            with open({{log!r}} or __file__ + ".log", "a") as log:
                log.write("1")
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    {{before}}
    for port in (FIRST, FIRST + 1):
        await asyncio.start_server(talk, "127.0.0.1", port)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


class Binary:
    """Somebody's program in a folder, and the scenario with its ports."""

    def __init__(self, folder: Path, before: str = "pass", log: str | None = None) -> None:
        self.folder = folder
        self.first = free_range(2)
        self.path = folder / "binary"
        self.path.write_text(BINARY.format(first=self.first, before=before, log=log))
        self.path.chmod(0o755)
        self.scenario = folder / "mine.toml"
        self.scenario.write_text(
            f'name = "mine"\nservers = 2\nport = {self.first}\n[failure]\nvalues = [0.5, 0.5]\n'
        )

    def played(self, *words: object, sandbox: str = "off") -> Done:
        return flb(
            *("harness", "--server-binary", self.path, "--sandbox", sandbox),
            *("--scenario", self.scenario, "--strategy", "v4", "--strategy", "random"),
            *("--requests", 5, "--rate", 50, "--port", 0, "--admin-port", 0, *words),
            cwd=self.folder,
        )


@pytest.mark.slow
def test_somebodys_program_as_the_servers_and_no_records(tmp_path: Path) -> None:
    binary = Binary(tmp_path)
    done = binary.played("--no-records", "--json", "r.json")
    assert done.code == 0, done.err
    assert "without a sandbox" in done.out
    rows = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert [row["strategy"] for row in rows] == ["v4", "random"]
    for row in rows:
        assert row["delivered"] == row["attempts"] == row["score"] == 5
        assert row["bound"] is row["regret"] is None  # nobody knows these servers
    assert (tmp_path / "binary.log").read_text() == 10 * "1"
    assert not (tmp_path / ".flb").exists()
    nobody_left(str(tmp_path))
    assert is_free(binary.first)


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", [offer.name for offer in available()])
def test_somebodys_program_in_the_sandbox(tmp_path: Path, sandbox: str) -> None:
    (problem,) = [offer.problem for offer in available() if offer.name == sandbox]
    if problem is not None:
        pytest.skip(f"{sandbox}: {problem}")
    binary = Binary(tmp_path, log="served")
    done = binary.played("--no-records", "--json", "r.json", sandbox=sandbox)
    assert done.code == 0, done.err
    assert f"{binary.path} runs in the sandbox ({sandbox})" in done.out
    rows = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert [row["delivered"] for row in rows] == [5, 5]
    assert [row["scenario"] for row in rows] == ["mine", "mine"]
    assert re.search(r"^v4 +5 ", done.out, re.MULTILINE)  # and in the table, too
    assert not list(tmp_path.glob("**/served"))  # it was in its scratch folder
    nobody_left(str(binary.path))
    assert is_free(binary.first)


@pytest.mark.slow
def test_a_program_that_ends_at_once(tmp_path: Path) -> None:
    binary = Binary(tmp_path, before="sys.exit('no licence')")
    done = binary.played()
    assert done.code == 1
    assert "error: the server binary ended (exit code 1); the last lines it printed:" in done.err
    assert "  I am somebody's program" in done.err
    assert '  {"level": "info"}' in done.err
    assert "  False" in done.err  # it sees nothing of our environment
    assert "  no licence" in done.err
    nobody_left(str(tmp_path))


@pytest.mark.slow
def test_a_program_that_ends_as_if_refused_has_run_and_failed(tmp_path: Path) -> None:
    done = Binary(tmp_path, before="print('error: nonsense'); sys.exit(2)").played()
    assert done.code == 1
    assert "the server binary ended (exit code 2)" in done.err


class Nobody:
    """Watches nothing."""

    def starting(self, session: Session) -> None: ...
    def started(self, session: Session) -> None: ...
    def answered(self) -> None: ...
    def snapshot(self, frame: dict[str, Any]) -> None: ...


@pytest.mark.slow
def test_a_program_that_never_listens_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_DFL); await asyncio.sleep(1000)"
    binary = Binary(tmp_path, before=stubborn)
    plan = Plan(
        ["v4"],
        selection.scenarios([str(binary.scenario)]),
        Game(),
        server_binary=binary.path,
        sequential=True,
        binary_timeout=2.0,
    )

    async def play() -> None:
        async with asyncio.timeout(30), played(plan, NoRecorder(), Nobody()):
            pass

    with pytest.raises(ChildDiedError, match=r"the server binary was not ready after 2 s"):
        run(play())
    nobody_left(str(tmp_path))


def test_deliveries_that_were_counted_in_two_ways_are_said() -> None:
    plan = Plan(["v4"], selection.scenarios(["T1"]), Game(), requests=10, rate=10.0)
    session = Session(plan, plan.runs())
    (one,) = session.runs
    one.sent = Sent(10, answered=10, delivered=10)
    one.numbers = {"delivered": 10}
    assert miscounts(session) == []
    one.sent.delivered = 9
    (counts,) = miscounts(session)
    assert "the clients saw 9 deliveries, the balancer counted 10" in counts
    session.runs += [one, one]
    (counts,) = miscounts(session)
    assert counts.endswith("(and so in 2 other runs)")
    session.verdict = Verdict(["late"], {})
    assert miscounts(session) == []  # what was lost explains it
