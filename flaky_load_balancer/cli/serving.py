"""From the flags and the file of ``flb serve`` to its settings; flags win over the file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flaky_load_balancer import registry
from flaky_load_balancer.cli.selection import check_strategy
from flaky_load_balancer.config import (
    Game,
    Kind,
    PoolSettings,
    RouteSettings,
    Scoring,
    ServerSettings,
    Settings,
    SettingsError,
    Share,
    flag,
    read_config,
    refuse_open,
    server_url,
)
from flaky_load_balancer.sharing import require_driver

GAME = ("free_attempts", "max_attempts", "penalty")
SERVER = (
    *("host", "port", "admin_port", "max_in_flight", "workers", "data_dir", "keep", "records"),
    *("seed", "rate", "requests", "session", "access_log"),
)


@dataclass(frozen=True)
class Flags:
    """The flags of ``flb serve``; None where one was not given."""

    server: Sequence[str] | None = None
    scenario: str | None = None
    config: Path | None = None
    kind: Kind | None = None
    strategy: str | None = None
    host: str | None = None
    port: int | None = None
    admin_port: int | None = None
    max_in_flight: int | None = None
    workers: int | None = None
    free_attempts: int | None = None
    max_attempts: int | None = None
    penalty: float | None = None
    deadline: float | None = None
    attempt_timeout: float | None = None
    data_dir: Path | None = None
    records: str | None = None
    share: str | None = None
    no_records: bool = False
    keep: str | None = None
    access_log: str | None = None
    session: str | None = None
    seed: int | None = None
    rate: float | None = None
    requests: int | None = None

    def given(self, names: Sequence[str]) -> dict[str, Any]:
        """Those of these flags that were given."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def settings(flags: Flags) -> Settings:
    """What to serve; SettingsError names the flag or the file's key, and the fix."""
    sources = [name for name in ("server", "scenario", "config") if getattr(flags, name)]
    if len(sources) != 1:
        given = " and ".join(map(flag, sources)) or "none of them"
        raise SettingsError(
            f"flb serve needs exactly one of --server URL, --scenario and --config; got {given}"
        )
    found = _of_flags(flags) if flags.config is None else _of_config(flags, flags.config)
    routes = tuple(_with_flags(route, flags) for route in found.routes)
    found = replace(found, routes=routes, **flags.given(SERVER))
    if flags.share is not None:
        found = replace(found, share=replace(found.share or Share(""), url=flags.share))
    if found.share is not None:
        require_driver()
    if flags.no_records:
        found = replace(found, data_dir=None)
    refuse_open(found, "--host", _keys_called(flags))
    called = "--scenario" if flags.config is None else f"--config {flags.config}: pools."
    return _with_truth(found, called)


def _keys_called(flags: Flags) -> str:
    """Where the keys of clients are set, ``{}`` being the route."""
    return "routes.{}.keys" if flags.config else "keys in a file (--config)"


def check(path: Path) -> Settings:
    """The settings of a file as ``flb serve`` would read it."""
    from flaky_load_balancer.service.listening import server_tls

    found = _with_truth(_of_file(path, str(path)), f"{path}: pools.")
    refuse_open(found, f"{path}: server.host", "routes.{}.keys")
    if found.share is not None:
        require_driver()
    try:
        server_tls(found.tls)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return found


def _of_config(flags: Flags, path: Path) -> Settings:
    if flags.kind is not None:
        raise SettingsError(
            f"--kind {flags.kind}: {path} has the kind of every route; leave it out"
        )
    return _of_file(path, f"--config {path}")


def _of_file(path: Path, called: str) -> Settings:
    """What is written there, every strategy looked up."""
    found = read_config(path, called)
    for route in found.routes:
        key = f"{called}: routes.{route.name}"
        check_strategy(f"{key}.strategy", route.strategy)
        for number, part in enumerate(route.split):
            check_strategy(f"{key}.split[{number}].strategy", part.strategy)
    return found


def _of_flags(flags: Flags) -> Settings:
    route = RouteSettings("default", "/", "default")
    kind = flags.kind or ("http" if flags.scenario is None else "ids")
    if kind == "ids":
        route = RouteSettings.of_ids("default", "/", "default", route.strategy, Game())
    elif kind == "openai":
        route = RouteSettings.of_openai("default", "/v1", "default")
    pool = _flagged_pool(flags) if flags.scenario is None else _scenario_pool(flags.scenario)
    return Settings({"default": replace(pool, seed=flags.seed or 0)}, (route,))


def _flagged_pool(flags: Flags) -> PoolSettings:
    urls = [server_url(server, "--server") for server in flags.server or ()]
    doubled = next((url for url in urls if urls.count(url) > 1), None)
    if doubled is not None:
        raise SettingsError(f"--server {doubled} is there twice")
    return PoolSettings(tuple(ServerSettings.at(url) for url in urls))


def _scenario_pool(name: str) -> PoolSettings:
    from flaky_load_balancer.simulation import scenarios

    found = scenarios.find(name)
    if found.port is None:
        raise SettingsError(
            f"--scenario {name} sets no first port; name its servers with --server URL"
        )
    ports = range(found.port, found.port + found.servers)
    servers = tuple(ServerSettings.at(f"http://127.0.0.1:{port}") for port in ports)
    return PoolSettings(servers, scenario=name)


def _with_flags(route: RouteSettings, flags: Flags) -> RouteSettings:
    """A route with what the flags say of every route."""
    timeouts = route.timeouts
    if flags.deadline is not None:
        timeouts = replace(timeouts, total=flags.deadline)
    if flags.attempt_timeout is not None:
        timeouts = replace(timeouts, first_byte=flags.attempt_timeout)
    game: Scoring = replace(route.game, **flags.given(GAME))
    route = replace(route, timeouts=timeouts, game=game)
    if flags.strategy is not None:
        check_strategy("--strategy", flags.strategy)
        route = replace(route, strategy=registry.canonical(flags.strategy), split=())
    return route


def _with_truth(settings: Settings, called: str) -> Settings:
    """With the truth about the servers of every pool that names its scenario and has none yet.

    Only this needs the lab, which takes seconds to load.
    """
    pools = {
        name: pool
        if pool.scenario is None or pool.truth is not None
        else _known(f"{called}{name}", pool, settings)
        for name, pool in settings.pools.items()
    }
    return replace(settings, pools=pools)


def _known(where: str, pool: PoolSettings, settings: Settings) -> PoolSettings:
    from flaky_load_balancer.simulation import scenarios
    from flaky_load_balancer.simulation.bounds.known import known

    try:
        scenario = scenarios.find(str(pool.scenario))
    except scenarios.ScenarioError as error:
        raise SettingsError(f"{where}.scenario: {error}") from None
    if scenario.servers != len(pool.servers):
        raise SettingsError(
            f"{where}: {len(pool.servers)} servers, but {pool.scenario} has {scenario.servers}"
        )
    fleet = known(scenario, pool.seed, _game(settings), settings.rate, settings.requests)
    return replace(
        pool,
        scenario=scenario.name,
        truth=fleet.success,
        bound=fleet.grid,
        pieces=fleet.truth(),
        faults=tuple(fleet.faults()),
    )


def _game(settings: Settings) -> Game:
    """The rules that bounds are computed for: those of the first route."""
    route = settings.routes[0]
    scoring, timeouts = route.game, route.timeouts
    return Game(
        scoring.free_attempts,
        scoring.max_attempts,
        scoring.penalty,
        timeouts.total,
        timeouts.first_byte,
    )
