"""From what a user asked for on the command line to what is played: names, files, addresses."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from flaky_load_balancer import registry
from flaky_load_balancer.config import (
    PoolSettings,
    RouteSettings,
    SettingsError,
    read_config,
    server_url,
)
from flaky_load_balancer.core.strategy import Informed
from flaky_load_balancer.harness.session import Plan, runs_of
from flaky_load_balancer.records import Keep
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.fleets import ports


def chosen_strategies(asked: Sequence[str], *, oracle: bool = False) -> list[str]:
    """The canonical specs of all that were asked for, each once."""
    for spec in asked:
        if spec.lower() != "all":
            _check_strategy("--strategy", spec, oracle=oracle)
    return registry.chosen(asked, oracle=oracle)


def keep(text: str) -> str:
    """How much is kept, if it can be read."""
    try:
        Keep.parse(text)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return text


def server_binary(path: Path | None, sha256: str | None = None) -> Path | None:
    """The program to run as servers, if it can be run and is the one that was meant."""
    if path is None:
        if sha256 is not None:
            raise SettingsError("--strict-hash: it says which --server-binary is meant; add that")
        return None
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SettingsError(f"--server-binary {path}: not a program that can be run")
    check_hash(path, sha256)
    return path.resolve()


def check_hash(path: Path, sha256: str | None) -> None:
    """Refuse any other file than the one with this SHA-256."""
    if sha256 is None:
        return
    if re.fullmatch("[0-9a-fA-F]{64}", sha256) is None:
        raise SettingsError(f"--strict-hash {sha256}: not a SHA-256, which has 64 hex digits")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise SettingsError(f"--strict-hash: {path} is another file, its SHA-256 is {found}")


def plane_port(given: int | None, usual: int, free_ports: bool) -> int:
    """The port of a plane: the one that was given, or the usual one, or 0 for any that is free."""
    if given is not None:
        return given
    return 0 if free_ports else usual


def check_plan(plan: Plan) -> Plan:
    """Refuse what could not be played: ports that collide, are missing or are taken."""
    names = [run.route for run in runs_of(plan)]
    assert len(set(names)) == len(names)  # strategies and scenarios are there once each
    if plan.port == plan.admin_port != 0:
        raise SettingsError(f"--port and --admin-port are both {plan.port}: choose two")
    _check_port(plan.port, "--port")
    _check_port(plan.admin_port, "--admin-port")
    if plan.server_binary is not None:
        _check_binary(plan)
    return plan


def _check_binary(plan: Plan) -> None:
    """Our own servers say themselves if a port is taken; nobody knows what a stranger does."""
    if plan.free_ports:
        raise SettingsError("--free-ports: a --server-binary listens on the scenario's ports")
    for asked, scenario in plan.scenarios:
        if scenario.port is None:
            raise SettingsError(
                f"--scenario {asked}: --server-binary needs a scenario that sets its first port"
            )
        for port in range(scenario.port, scenario.port + scenario.servers):
            _check_port(port, f"--scenario {asked}", "use a scenario with another first port")


def _check_port(port: int, flag: str, way_out: str = "choose another port") -> None:
    try:
        for sock in ports.take("127.0.0.1", [port], flag):
            sock.close()
    except ports.PortError:
        raise SettingsError(
            f"{flag}: port {port} is taken or not for us; stop what listens there, or {way_out}"
        ) from None


def routes(
    servers: Sequence[str] | None,
    scenario: str | None,
    strategy: str,
    config: Path | None,
    seed: int,
) -> tuple[dict[str, PoolSettings], tuple[RouteSettings, ...]]:
    """The pools and routes of ``flb serve``: from a file, or one route ``/`` from flags."""
    ways = [name for name, given in _ways(servers, scenario, config) if given]
    if len(ways) != 1:
        given = " and ".join(ways) or "none of them"
        raise SettingsError(
            f"flb serve needs exactly one of --server URL, --scenario and --config; got {given}"
        )
    if config is not None:
        pools, made = read_config(config)
        for route in made:
            _check_strategy(f"--config {config}: routes.{route.name}.strategy", route.strategy)
        for name, pool in pools.items():
            _check_pool(f"--config {config}: pools.{name}", pool)
        return pools, made
    _check_strategy("--strategy", strategy)
    pool = _flagged_pool(servers, scenario, seed)
    return {"default": pool}, (
        RouteSettings("default", "/", "default", registry.canonical(strategy)),
    )


def _ways(
    servers: Sequence[str] | None, scenario: str | None, config: Path | None
) -> list[tuple[str, bool]]:
    return [
        ("--server", bool(servers)),
        ("--scenario", scenario is not None),
        ("--config", config is not None),
    ]


def _flagged_pool(servers: Sequence[str] | None, scenario: str | None, seed: int) -> PoolSettings:
    if scenario is None:
        urls = [server_url(server, "--server") for server in servers or ()]
        doubled = next((url for url in urls if urls.count(url) > 1), None)
        if doubled is not None:
            raise SettingsError(f"--server {doubled} is there twice")
        return PoolSettings(tuple(urls))
    found = scenarios.find(scenario)
    if found.port is None:
        raise SettingsError(
            f"--scenario {scenario} sets no first port; name its servers with --server URL"
        )
    ports = range(found.port, found.port + found.servers)
    return PoolSettings(tuple(f"http://127.0.0.1:{port}" for port in ports), scenario, seed)


def _check_strategy(where: str, spec: str, *, oracle: bool = False) -> None:
    try:
        strategy = registry.load(spec)
    except (registry.UnknownStrategyError, registry.BrokenRule) as error:
        raise SettingsError(f"{where}: {error}") from None
    if isinstance(strategy, Informed) and not oracle:
        raise SettingsError(
            f"{where}: {spec} has to be told the truth about the servers, which only"
            " flb compare knows; choose another strategy"
        )


def _check_pool(where: str, pool: PoolSettings) -> None:
    if pool.scenario is None:
        return
    try:
        scenario = scenarios.find(pool.scenario)
    except scenarios.ScenarioError as error:
        raise SettingsError(f"{where}.scenario: {error}") from None
    if scenario.servers != len(pool.servers):
        raise SettingsError(
            f"{where}: {len(pool.servers)} servers, but {pool.scenario} has {scenario.servers}"
        )
