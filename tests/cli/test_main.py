"""The command line: help, exit codes, and refusals that name the flag and the fix."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from flaky_load_balancer import __version__
from flaky_load_balancer.cli.main import COMMANDS
from flaky_load_balancer.cli.main import flb as program
from flaky_load_balancer.cli.runs import SHOWN
from flaky_load_balancer.records import Recorder
from sandbox import available, backends
from tests.programs import (
    Done,
    ended,
    eventually,
    flb,
    free_range,
    is_free,
    is_refused,
    line_of,
    nobody_left,
    port_of,
    said,
    started,
    taken_port,
)
from tests.records.making import start_run

SERVE = ("serve", "--server", "http://127.0.0.1:1", "--port", "0", "--admin-port", "0")

GOOD = """
from dataclasses import dataclass
import numpy as np
from flaky_load_balancer.core.strategy import Strategy, best

@dataclass
class First(Strategy):
    '''The first that may be asked.'''
    weight: float = 1.0

    def reset(self, rules, replications, rng):
        self._worth = -self.weight * np.arange(rules.arms)

    def select(self, context):
        return best(context, np.tile(self._worth, (len(context.rows), 1)))

    def observe(self, feedback):
        pass
"""
FAILING = GOOD.replace("best(context, ", "{}['nothing'](context, ")
BROKEN = (
    GOOD.replace("best(", "wrong(")
    + """
def wrong(context, index):
    action = best(context, index)
    action.arm[:] = 99  # there is no such server
    return action
"""
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything happens in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLB_DATA_DIR", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def called(*words: str) -> Done:
    """Call a command in this process: a third of the time of a new one."""
    result = CliRunner().invoke(program, list(words), prog_name="flb")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def options(done: Done) -> str:
    """Without frames and line breaks, which depend on the terminal."""
    return " ".join(done.err.replace("\u2502", " ").split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    done = called(command, "--help")
    assert done.code == 0
    assert f"Example: flb {command}" in " ".join(done.out.split())


@pytest.mark.parametrize(("command", "line"), COMMANDS.items())
def test_the_list_of_commands_says_what_each_says_of_itself(command: str, line: str) -> None:
    assert line in " ".join(called(command, "--help").out.split())


def test_help_lists_every_command_and_the_version_is_said() -> None:
    done = called("--help")
    assert done.code == 0
    assert all(f" {command} " in done.out for command in COMMANDS)
    assert called("--version").out == f"{__version__}\n"


def test_help_imports_no_command_and_none_of_what_commands_take() -> None:
    """So that it is there at once: numpy, rich and asyncio alone take longer than all of this."""
    code = (
        "import sys; sys.argv = ['flb', '--help']; from flaky_load_balancer.cli.main import flb\n"
        "try: flb()\nexcept SystemExit: pass\n"
        "own = [name for name in sys.modules if name.startswith('flaky_load_balancer')]\n"
        "heavy = [name for name in ('numpy', 'rich', 'asyncio') if name in sys.modules]\n"
        "print(sorted(own), heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = ["flaky_load_balancer", "flaky_load_balancer.cli", "flaky_load_balancer.cli.main"]
    assert done.stdout.splitlines()[-1] == f"{own} []"


def test_the_module_is_the_program(folder: Path) -> None:
    assert flb("--version", cwd=folder) == Done(0, f"{__version__}\n", "")


PLAYERS = ("harness", "serve --server http://127.0.0.1:1")


@pytest.mark.parametrize("command", PLAYERS)
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nope", ["--strategy", "'nope' is unknown", "v1, v2", "module:Class"]),
        ("v44", ["--strategy", "did you mean v4?"]),
        ("v6:cooldwn=1", ["--strategy", "'cooldwn' is unknown", "did you mean cooldown?"]),
        ("v6:cooldown=soon", ["--strategy", "cooldown must be a number, not 'soon'"]),
        ("v6:cooldown=nan", ["--strategy", "cooldown", "nan"]),
        ("v6:cooldown=-1", ["--strategy", "cooldown", "-1"]),
        ("v6:cooldown=inf", ["--strategy", "cooldown", "inf"]),
        ("v6:cooldown", ["--strategy", "name=value"]),
        ("v6:cooldown=1,cooldown=2", ["--strategy", "twice"]),
        ("missing_module:First", ["--strategy", "missing_module cannot be imported"]),
        ("json:Nope", ["--strategy", "json has no 'Nope'"]),
        ("json:JSONDecoder", ["--strategy", "it is a strategy", "json:JSONDecoder"]),
    ],
)
def test_a_wrong_strategy_is_refused(command: str, spec: str, words: list[str]) -> None:
    is_refused(called(*command.split(), "--strategy", spec), *words)


@pytest.mark.slow
def test_a_strategy_of_ones_own_must_import_and_keep_the_rules(folder: Path) -> None:
    (folder / "raising_one.py").write_text("raise RuntimeError('no such luck')")
    (folder / "broken_one.py").write_text(BROKEN)
    (folder / "failing_one.py").write_text(FAILING)
    (folder / "exiting_one.py").write_text("raise SystemExit(0)")
    for module, words in {
        "raising_one": ["raising_one cannot be imported", "RuntimeError: no such luck"],
        "exiting_one": ["exiting_one cannot be imported", "SystemExit"],
        "broken_one": ["breaks the rule 'moves are legal'"],
        "failing_one": ["KeyError: 'nothing'", "failing_one.py, line 15, in select"],
    }.items():
        done = flb("harness", "--strategy", f"{module}:First", cwd=folder)
        is_refused(done, "--strategy", *words)
    assert not (folder / ".flb").exists()


WRONG = [
    ("harness --scenario T9", ["--scenario", "'T9'", "T1"]),
    ("compare --save --strategy v4 --data-dir wrong.toml", ["--data-dir", "without --save"]),
    ("harness --scenario missing.toml", ["missing.toml: no such file"]),
    ("harness --scenario wrong.toml", ["wrong.toml: servers: expected a whole number", "'ten'"]),
    ("servers --scenario wrong.toml", ["wrong.toml: servers: expected a whole number"]),
    ("harness --requests 0", ["--requests", "1"]),
    ("harness --requests -1", ["--requests", "1"]),
    ("harness --requests x", ["--requests", "integer"]),
    ("harness --requests 1.5", ["--requests", "integer"]),
    ("harness --requests 999999999999", ["--requests", "10000000"]),
    *[(f"harness --rate {wrong}", ["--rate"]) for wrong in ("0", "-1", "nan", "inf", "abc")],
    *[(f"servers --rate {wrong}", ["--rate"]) for wrong in ("0", "nan", "inf", "abc")],
    *[
        (f"{command} --seed {wrong}", ["--seed"])
        for command in ("harness", "servers", *PLAYERS[1:])
        for wrong in ("-1", "x", "1.5", str(2**63))
    ],
    *[
        (f"{command} --{flag} {wrong}", [f"--{flag}"])
        for command in PLAYERS
        for flag in ("penalty", "deadline", "attempt-timeout")
        for wrong in ("-1", "nan", "inf", "x")
    ],
    *[(f"{command} --deadline 0", ["--deadline"]) for command in PLAYERS],
    *[(f"{command} --attempt-timeout 0", ["--attempt-timeout"]) for command in PLAYERS],
    *[(f"{command} --max-attempts 0", ["--max-attempts"]) for command in PLAYERS],
    *[(f"{command} --free-attempts -1", ["--free-attempts"]) for command in PLAYERS],
    *[
        (f"{command} --keep nonsense", ["--keep 'nonsense'", "7d|10GB"])
        for command in (PLAYERS[0], " ".join(SERVE))
    ],
    ("harness --port 65536", ["--port", "65535"]),
    ("harness --port 8123 --admin-port 8123", ["--port and --admin-port are both 8123"]),
    ("harness --server-binary binary --strict-hash abc", ["--strict-hash abc", "64 hex digits"]),
    ("harness --server-binary missing --sandbox off", ["--server-binary missing"]),
    ("harness --server-binary wrong.toml --sandbox off", ["--server-binary wrong.toml"]),
    ("harness --sandbox chroot", ["--sandbox chroot", "auto", "off"]),
    ("servers --sandbox chroot", ["--sandbox chroot", "auto", "off"]),
    ("sandbox inspect missing", ["missing: not a file"]),
    (f"sandbox inspect binary --strict-hash {64 * '0'}", ["--strict-hash", "another file"]),
    ("harness --json missing/r.json", ["--json missing/r.json"]),
    ("harness --json .", ["--json ."]),
    ("strategies --json missing/r.json", ["--json missing/r.json"]),
    ("harness --free-ports --data-dir wrong.toml", ["--data-dir", "wrong.toml", "--no-records"]),
    (" ".join((*SERVE, "--data-dir", "wrong.toml")), ["--data-dir", "--no-records"]),
    ("serve", ["--server URL", "--scenario", "--config", "none"]),
    ("serve --server a:1 --scenario T1", ["--server and --scenario"]),
    ("serve --server a:1 --server a:1", ["--server http://a:1 is there twice"]),
    ("serve --server foo", ["--server", "'foo'", "http://127.0.0.1:4000"]),
    ("check missing.toml", ["missing.toml: No such file"]),
    ("check wrong.toml", ["wrong.toml: pools: expected at least one table [pools.NAME]"]),
    ("serve --server ftp://a", ["--server", "'ftp://a'", "http://127.0.0.1:4000"]),
    ("serve --scenario quota.toml", ["quota.toml: no such file"]),
    ("serve --config missing.toml", ["--config missing.toml"]),
    ("serve --config wrong.toml", ["--config wrong.toml: pools: expected at least one table"]),
    ("serve --server a:1 --max-in-flight 0", ["--max-in-flight"]),
    ("serve --server a:1 --log-format xml", ["--log-format", "json"]),
    ("serve --server a:1 --host no.such.host.invalid", ["--host no.such.host.invalid"]),
    (f"serve --server a:1 --host {'a' * 70}", ["--host", "127.0.0.1"]),
    ("export nope", ["nope", "flb runs"]),
    ("export 99", ["99", "flb runs"]),
    ("export", ["RUN"]),
    ("export 1 --format xml", ["--format", "csv", "json"]),
    ("runs --delete nope", ["nope", "flb runs"]),
    ("harness --bogus", ["--bogus"]),
    ("bogus", ["bogus"]),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_what_is_wrong_is_refused_by_name(folder: Path, line: str, words: list[str]) -> None:
    (folder / "wrong.toml").write_text('name = "wrong"\nservers = "ten"\n')
    (folder / "binary").write_text("#!/bin/sh\n")
    (folder / "binary").chmod(0o755)
    done = called(*line.split())
    is_refused(Done(done.code, done.out, options(done)), *words)


@pytest.mark.slow
def test_a_taken_port_is_named(folder: Path) -> None:
    with taken_port() as port:
        for command in ("harness", "serve --server a:1"):
            other = ("--admin-port", "0") if command != "harness" else ()
            done = called(*command.split(), "--port", str(port), *other)
            is_refused(done, "--port", str(port), "another port")
            done = called(*command.split(), "--port", "0", "--admin-port", str(port))
            is_refused(done, "--admin-port", str(port), "another port")
        is_refused(called(*SERVE[:3], "--port", str(port), "--admin-port", str(port)), str(port))
        scenario = folder / "mine.toml"
        scenario.write_text(
            f'name = "mine"\nservers = 1\nport = {port}\n[failure]\nvalues = [0.5]\n'
        )
        message = f"port {port} (mine) is taken"
        is_refused(flb("servers", "--scenario", scenario, cwd=folder), message, "--free-ports")
        ports = ("--port", "0", "--admin-port", "0")
        done = called("harness", *ports, "--scenario", "mine.toml", "--data-dir", "new")
        assert "that takes about" in done.out  # said before anything is started
        is_refused(done._replace(out=""), message, "--free-ports")


def test_the_dashboard_alone_shows_what_was_recorded(folder: Path) -> None:
    with Recorder(folder / "kept") as recorder:
        session = recorder.start_session("harness")
        recorder.finish_session(session)
    command = ("dashboard", "--admin-port", "0", "--data-dir", "kept", "--json", "-")
    with started(*command, cwd=folder) as process:
        admin = said(process)["admin"]
        rows = httpx.get(f"{admin}/api/sessions").json()
        assert httpx.get(f"{admin}/api/snapshot").json()["routes"] == []
        assert is_free(port_of(admin)) is False
        process.send_signal(signal.SIGTERM)
        assert ended(process).code == 0
    assert [row["session"] for row in rows] == [session]
    with taken_port() as port:
        is_refused(called("dashboard", "--admin-port", str(port)), "--admin-port", str(port))


def test_one_port_for_both_planes_is_refused() -> None:
    port = str(free_range(1))
    done = called("serve", "--server", "a:1", "--port", port, "--admin-port", port)
    is_refused(done, "--admin-port", port)


def test_strategies() -> None:
    done = called("strategies")
    assert done.code == 0
    assert [f"v{n} " in done.out for n in range(1, 9)] == [True] * 8
    rows = json.loads(called("strategies", "--json", "-").out)
    by_name = {row["name"]: row for row in rows}
    assert by_name["v6"]["parameters"]["cooldown"] > 0
    assert all(row["summary"] for row in rows)


def test_scenarios(folder: Path) -> None:
    assert called("scenarios", "--json", "found.json").code == 0
    rows = json.loads((folder / "found.json").read_text())
    ports = {row["name"]: row["port"] for row in rows}
    assert [ports[name] for name in ("T1", "T2", "T3")] == [4000, 5000, 6000]
    text = called("scenarios").out
    assert all(f"{name} " in text for name in ports)


def test_what_the_sandbox_can_do_here_and_what_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in backends.STRONGEST_FIRST:
        monkeypatch.setattr(backend, "problem", lambda: "too old")
    assert "nothing confines a program here" in called("sandbox").out
    for backend in (backends.bubblewrap, backends.landlock):
        monkeypatch.setattr(backend, "problem", lambda: None)
    lines = [line.split() for line in called("sandbox").out.splitlines()]
    assert ["bubblewrap", *["works", "here", "(auto", "for", "a", "--server-binary)"]] in lines
    assert ["landlock", *["works", "here", "(auto", "for", "the", "built-in", "servers)"]] in lines
    assert ["seatbelt", "too", "old"] in lines


def test_json_on_stdout_is_all_that_is_there(folder: Path) -> None:
    for command in ("strategies", "scenarios", "runs"):
        done = called(command, "--json", "-")
        assert isinstance(json.loads(done.out), list)
        assert done.err
    with started(*SERVE, "--json", "-", "--no-records", cwd=folder) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["data"].startswith("http://127.0.0.1:")


def test_runs_and_export_of_nothing(folder: Path) -> None:
    assert "no runs are recorded in .flb" in called("runs").out
    assert json.loads(called("runs", "--json", "-").out) == []
    assert not (folder / ".flb").exists()


def recorded(folder: Path, runs: int, valid: bool = True) -> str:
    """A session of so many runs; its name."""
    with Recorder(folder / ".flb") as recorder:
        session = recorder.start_session("harness")
        for _ in range(runs):
            recorder.finish_run(start_run(recorder, session=session))
        recorder.validity(session, valid, [] if valid else ["late"], {})
        recorder.finish_session(session)
    return session


def test_of_many_runs_the_newest_are_listed_and_the_others_named(folder: Path) -> None:
    recorded(folder, SHOWN + 5)
    assert called("runs").out.splitlines()[-1] == "and 5 older ones: flb runs --all"
    assert len(called("runs").out.splitlines()) == 1 + SHOWN + 1
    assert len(called("runs", "--all").out.splitlines()) == 1 + SHOWN + 5
    assert len(json.loads(called("runs", "--json", "-").out)) == SHOWN + 5


def test_runs_on_an_overloaded_machine_are_listed_as_such(folder: Path) -> None:
    recorded(folder, 1, valid=False)
    assert called("runs").out.rstrip().endswith("INVALID: overloaded")


def test_comparisons_are_listed_too(folder: Path) -> None:
    words = ("--strategy", "v4", "--strategy", "v6", "--scenario", "T1", "--requests", "10")
    assert called("compare", *words, "--replications", "2", "--jobs", "1", "--save").code == 0
    (row,) = json.loads(called("runs", "--json", "-").out)
    assert (row["kind"], row["run"], row["score"]) == ("compare", None, None)
    assert (row["strategy"], row["scenario"], row["requests"]) == ("v4, v6", "T1", 10)
    assert f"{row['session']}  compare" in called("runs").out


def test_what_is_swept_is_compared_alone_or_with_what_is_named(folder: Path) -> None:
    words = ("compare", "--sweep", "v6:cooldown=0.5..2:log3", "--scenario", "T1", "--requests", "5")
    how = ("--replications", "2", "--jobs", "1", "--json", "-")
    swept = ["v6:cooldown=0.5", "v6", "v6:cooldown=2"]
    alone = json.loads(called(*words, *how).out)
    assert [cell["strategy"] for cell in alone["cells"]] == swept
    assert [alone["parameters"][spec]["cooldown"] for spec in swept] == [0.5, 1.0, 2.0]
    named = json.loads(called(*words, *how, "--strategy", "v4", "--strategy", "v6").out)
    assert [cell["strategy"] for cell in named["cells"]] == ["v4", "v6", swept[0], swept[2]]
    refused = called(*words, "--sweep", "v6:cooldown=1..2")
    assert refused.code == 2
    assert "--sweep v6:cooldown=1..2" in options(refused)


@pytest.mark.slow
def test_a_session_is_listed_exported_and_deleted(folder: Path) -> None:
    (folder / "own_one.py").write_text(GOOD)
    (folder / "mine.toml").write_text(
        'name = "mine"\nservers = 2\n[failure]\nvalues = [0.0, 0.5]\n[latency]\nmedian = 0.001\n'
    )
    done = flb(
        *("harness", "--strategy", "own_one:First:weight=2", "--scenario", "mine.toml"),
        *("--requests", 5, "--rate", 50, "--free-ports", "--json", "-"),
        cwd=folder,
    )
    assert done.code == 0, done.err
    result = json.loads(done.out)  # nothing else is there
    (run,) = result["runs"]
    assert (run["strategy"], run["scenario"]) == ("own_one:First:weight=2", "mine")
    assert run["delivered"] == run["attempts"] == run["score"] == 5
    (listed,) = json.loads(called("runs", "--json", "-").out)
    assert listed["session"] == result["session"]
    assert listed["state"] == "finished"
    for name in (result["session"], str(listed["run"])):
        rows = list(csv.DictReader(called("export", name).out.splitlines()))
        assert len(rows) == 5
        assert {row["outcome"] for row in rows} == {"succeeded"}
    exported = json.loads(called("export", name, "--format", "json").out)
    assert [len(each["attempts"]) for each in exported["runs"]] == [5]
    assert called("runs", "--delete", result["session"]).code == 0
    assert json.loads(called("runs", "--json", "-").out) == []


def test_ctrl_c_before_anything_runs_is_never_lost(folder: Path) -> None:
    (folder / "slow_one.py").write_text(
        "import time\nprint('importing', flush=True)\n"
        "try:\n    time.sleep(1000)\nexcept BaseException:\n    pass\n"
    )
    with started("harness", "--strategy", "slow_one:First", cwd=folder) as process:
        line_of(process, "importing")
        process.send_signal(signal.SIGINT)
        assert ended(process) == Done(130, "", "")


def test_a_reader_that_has_enough_is_no_error_to_speak_of(folder: Path) -> None:
    with started("strategies", cwd=folder) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=60)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("json_to", ["-", "r.json"])
@pytest.mark.parametrize("sandbox", ["off", *(offer.name for offer in available())])
def test_servers_say_where_they_listen_from_inside_any_sandbox(
    folder: Path, sandbox: str, json_to: str
) -> None:
    problem = {offer.name: offer.problem for offer in available()}.get(sandbox)
    if problem is not None:
        pytest.skip(f"{sandbox}: {problem}")
    words = ("--scenario", "T1", "--free-ports", "--sandbox", sandbox, "--json", json_to)
    with started("servers", *words, cwd=folder) as process:
        line_of(process, "{" if json_to == "-" else "T1 http")
        if json_to != "-":
            found = folder / json_to
            eventually(lambda: found.exists() and found.stat().st_size > 0, "it is written")
            assert len(json.loads(found.read_text())["fleets"][0]["servers"]) == 10
        process.terminate()
        assert ended(process).code == 0
    nobody_left(str(folder))
