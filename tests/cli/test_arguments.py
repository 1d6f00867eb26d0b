"""From names and files to what is played: each wrong choice is refused by its flag."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from flaky_load_balancer.cli import arguments, fleet_arguments
from flaky_load_balancer.config import Game, PoolSettings, RouteSettings
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.harness.session import Plan, runs_of
from sandbox import backends
from tests.programs import free_range, taken_port

SCENARIO = """
name = "mine"
servers = 2
{port}
[failure]
values = [0.1, 0.2]
"""


def scenario_file(folder: Path, name: str = "mine", port: str = "") -> str:
    path = folder / f"{name}.toml"
    path.write_text(SCENARIO.format(port=port))
    return str(path)


def refused(words: list[str]) -> "pytest.RaisesExc[UserError]":
    return pytest.RaisesExc(UserError, check=lambda error: all(w in str(error) for w in words))


def test_all_scenarios_are_three_and_each_is_played_once(tmp_path: Path) -> None:
    mine = scenario_file(tmp_path)
    found = fleet_arguments.chosen_scenarios(["t2", "all", "T2", mine, mine])
    assert [scenario.name for _, scenario in found] == ["T2", "T1", "T3", "mine"]
    assert [asked for asked, _ in found] == ["t2", "T1", "T3", mine]


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    one = scenario_file(tmp_path, "one")
    other = scenario_file(tmp_path, "other", "port = 7000")
    with refused([f"--scenario {other}", one, "another name"]):
        fleet_arguments.chosen_scenarios([one, other])


def test_strategies_each_once_in_canonical_form() -> None:
    assert arguments.chosen_strategies(["V6", "v6:cooldown=0.5", "v6"]) == ["v6", "v6:cooldown=0.5"]
    every = arguments.chosen_strategies(["all"])
    assert every[:8] == [f"v{n}" for n in range(1, 9)]
    assert "oracle" not in every
    with refused(["--strategy", "'v99'", "v6"]):
        arguments.chosen_strategies(["v4", "v99"])


@pytest.mark.parametrize("text", ["7d", "10GB", "7d|10GB", "1.5h"])
def test_how_much_to_keep(text: str) -> None:
    assert arguments.keep(text) == text


@pytest.mark.parametrize("text", ["", "nonsense", "7", "-1d", "0GB", "7d|8d", "nand", "infGB"])
def test_a_wrong_amount_to_keep_is_refused(text: str) -> None:
    with refused(["--keep", repr(text), "7d|10GB"]):
        arguments.keep(text)


def test_a_server_binary_is_a_program_and_the_one_that_was_meant(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_text("#!/bin/sh\n")
    assert arguments.server_binary(None) is None
    with refused(["--server-binary", str(binary)]):  # not executable
        arguments.server_binary(binary)
    binary.chmod(0o755)
    assert arguments.server_binary(binary) == binary.resolve()
    with refused(["--server-binary", "missing"]):
        arguments.server_binary(tmp_path / "missing")
    with refused(["--server-binary", str(tmp_path)]):
        arguments.server_binary(tmp_path)
    right = hashlib.sha256(binary.read_bytes()).hexdigest()
    assert arguments.server_binary(binary, right.upper()) == binary.resolve()
    with refused(["--strict-hash", "another file", right]):
        arguments.server_binary(binary, "0" * 64)
    with refused(["--strict-hash abc", "64 hex digits"]):
        arguments.server_binary(binary, "abc")
    with refused(["--strict-hash", "--server-binary"]):
        arguments.server_binary(None, right)


def without_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in backends.STRONGEST_FIRST:
        monkeypatch.setattr(backend, "problem", lambda: "bwrap is not installed")


def test_a_server_binary_without_a_sandbox_is_the_users_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binary = Path("binary")
    assert fleet_arguments.sandbox_backend("off", binary) == "off"
    without_backends(monkeypatch)
    assert fleet_arguments.sandbox_backend("off", binary) == "off"
    assert fleet_arguments.sandbox_backend("auto", None) == "none"
    with refused(["--server-binary binary", "not installed", "flb sandbox", "--sandbox off"]):
        fleet_arguments.sandbox_backend("auto", binary)
    with refused(["--sandbox landlock", "not installed"]):
        fleet_arguments.sandbox_backend("landlock", None)
    with refused(["--sandbox chroot", "auto", "landlock", "off"]):
        fleet_arguments.sandbox_backend("chroot", None)


def test_auto_is_the_strongest_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    without_backends(monkeypatch)
    monkeypatch.setattr(backends.landlock, "problem", lambda: None)
    binary = Path("binary")
    assert fleet_arguments.sandbox_backend("auto", binary) == "landlock"
    monkeypatch.setattr(backends.bubblewrap, "problem", lambda: None)
    assert fleet_arguments.sandbox_backend("auto", binary) == "bubblewrap"
    assert fleet_arguments.sandbox_backend("auto", None) == "landlock"  # ours, where they are
    assert fleet_arguments.sandbox_backend("bubblewrap", None) == "bubblewrap"
    monkeypatch.setattr(backends.landlock, "problem", lambda: "too old")
    assert fleet_arguments.sandbox_backend("auto", None) == "bubblewrap"


@pytest.fixture
def plan() -> Plan:
    scenarios = fleet_arguments.chosen_scenarios(["T1", "T2"])
    return Plan(["v4", "v6"], scenarios, Game(), port=0, admin_port=0)


def test_a_race_has_a_copy_of_each_fleet_for_each_strategy(plan: Plan) -> None:
    assert arguments.check_plan(plan) is plan
    assert [(run.route, run.path, run.pool) for run in runs_of(plan)] == [
        ("v4-T1", "/v4/T1", "T1-0"),
        ("v4-T2", "/v4/T2", "T2-0"),
        ("v6-T1", "/v6/T1", "T1-1"),
        ("v6-T2", "/v6/T2", "T2-1"),
    ]
    assert {run.copy for run in runs_of(replace(plan, sequential=True))} == {0}


def test_ports_that_collide_or_are_taken_are_refused(plan: Plan) -> None:
    with refused(["--port", "--admin-port", "4321"]):
        arguments.check_plan(replace(plan, port=4321, admin_port=4321))
    with taken_port() as port:
        with refused([f"--port: port {port} is taken", "another port"]):
            arguments.check_plan(replace(plan, port=port))
        with refused([f"--admin-port: port {port} is taken"]):
            arguments.check_plan(replace(plan, admin_port=port))
        with refused([f"--port: port {port} is taken"]):  # given, so not chosen by --free-ports
            arguments.check_plan(replace(plan, port=port, free_ports=True))


def test_a_port_that_is_given_is_kept() -> None:
    assert arguments.plane_port(None, 8000, free_ports=False) == 8000
    assert arguments.plane_port(None, 8000, free_ports=True) == 0
    assert arguments.plane_port(4321, 8000, free_ports=True) == 4321
    assert arguments.plane_port(0, 8000, free_ports=False) == 0


def test_a_server_binary_needs_ports_of_its_own(plan: Plan, tmp_path: Path) -> None:
    binary = replace(plan, server_binary=Path("/bin/true"))
    anywhere = scenario_file(tmp_path)
    with refused([f"--scenario {anywhere}", "first port"]):
        arguments.check_plan(
            replace(binary, scenarios=fleet_arguments.chosen_scenarios([anywhere]))
        )
    with refused(["--free-ports"]):
        arguments.check_plan(replace(binary, free_ports=True))
    with taken_port() as port:
        taken = scenario_file(tmp_path, "taken", f"port = {port}")
        with refused([f"--scenario {taken}", f"port {port} is taken", "another first port"]):
            arguments.check_plan(
                replace(binary, scenarios=fleet_arguments.chosen_scenarios([taken]))
            )
    free = scenario_file(tmp_path, "free", f"port = {free_range(2)}")
    arguments.check_plan(replace(binary, scenarios=fleet_arguments.chosen_scenarios([free])))


def test_routes_from_flags() -> None:
    pools, routes = arguments.routes(["a:1", "http://b:2/"], None, "v6", None, 0)
    assert pools == {"default": PoolSettings(("http://a:1", "http://b:2"))}
    assert routes == (RouteSettings("default", "/", "default", "v6"),)
    pools, _ = arguments.routes(None, "T2", "v4", None, 7)
    assert pools["default"].servers[0] == "http://127.0.0.1:5000"
    assert len(pools["default"].servers) == 10
    assert (pools["default"].scenario, pools["default"].seed) == ("T2", 7)


def test_routes_need_exactly_one_source(tmp_path: Path) -> None:
    anywhere = scenario_file(tmp_path)
    with refused(["--server", "--scenario", "--config", "none"]):
        arguments.routes(None, None, "v4", None, 0)
    with refused(["--server and --scenario"]):
        arguments.routes(["a:1"], "T1", "v4", None, 0)
    with refused(["--server http://a:1 is there twice"]):
        arguments.routes(["a:1", "http://a:1/"], None, "v4", None, 0)
    with refused(["--server", "'ftp://a'"]):
        arguments.routes(["ftp://a"], None, "v4", None, 0)
    with refused(["--strategy", "nope"]):
        arguments.routes(["a:1"], None, "nope", None, 0)
    with refused(["T9", "T1"]):
        arguments.routes(None, "T9", "v4", None, 0)
    with refused([f"--scenario {anywhere}", "first port", "--server URL"]):
        arguments.routes(None, anywhere, "v4", None, 0)


@pytest.mark.parametrize(
    ("pool", "strategy", "words"),
    [
        ("", "nope", ["routes.r.strategy", "'nope'"]),
        ("", "v6:cooldown=x", ["routes.r.strategy", "cooldown"]),
        ('scenario = "T9"', "v4", ["pools.p.scenario", "T9"]),
        ('scenario = "T1"', "v4", ["pools.p", "1 servers, but T1 has 10"]),
    ],
)
def test_a_config_file_is_checked_in_full(
    tmp_path: Path, pool: str, strategy: str, words: list[str]
) -> None:
    config = tmp_path / "flb.toml"
    config.write_text(
        f'[pools.p]\nservers = ["a:1"]\n{pool}\n'
        f'[routes.r]\npath = "/"\npool = "p"\nstrategy = "{strategy}"\n'
    )
    with refused([f"--config {config}", *words]):
        arguments.routes(None, None, "v4", config, 0)
