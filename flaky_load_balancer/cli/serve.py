"""``flb serve``: the balancer before servers that already run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.config import Game, PoolSettings, RouteSettings
    from flaky_load_balancer.service import Addresses


@click.command(
    epilog="Example: flb serve --strategy v6 --server http://127.0.0.1:4000"
    " --server http://127.0.0.1:4001"
)
@click.option("--server", "servers", multiple=True, metavar="URL", help="A server; repeatable.")
@click.option(
    "--scenario",
    default=None,
    metavar="NAME|FILE.toml",
    help="The ports of this scenario's servers.",
)
@click.option("--strategy", default="v4", metavar="NAME[:param=value,...]", help="What chooses.")
@click.option(
    "--config",
    type=options.PATH,
    default=None,
    metavar="flb.toml",
    help="Pools and routes from a file.",
)
@click.option("--host", default="127.0.0.1", help="Where the data plane listens.")
@click.option("--port", type=options.PORT, default=8000, help="Of the data plane.")
@click.option("--admin-port", type=options.PORT, default=8001, help="Of the admin plane.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 100_000),
    default=1024,
    help="More requests than this get a 503.",
)
@options.seed
@click.option("--rate", type=options.Number(0.001, 100_000), default=10.0, hidden=True)
@click.option("--requests", type=click.IntRange(1), default=100, hidden=True)
@options.game
@options.records
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How the log is written.",
)
@click.option("--session", default=None, hidden=True)
@options.json
@options.child
def main(
    servers: tuple[str, ...],
    scenario: str | None,
    strategy: str,
    config: Path | None,
    host: str,
    port: int,
    admin_port: int,
    max_in_flight: int,
    seed: int,
    rate: float,
    requests: int,
    game: "Game",
    data_dir: Path | None,
    keep: str,
    log_format: str,
    session: str | None,
    json: str | None,
    child: bool,
) -> None:
    """Put the balancer in front of servers that already run."""
    from flaky_load_balancer.processes import end_with_parent

    if child:
        end_with_parent()
    from dataclasses import asdict

    from flaky_load_balancer import service
    from flaky_load_balancer.admin import page
    from flaky_load_balancer.config import Settings
    from flaky_load_balancer.terminal import Output, log_to_stderr, run

    out = Output(json)
    pools, found = routes(servers, scenario, strategy, config, seed)
    settings = Settings(
        pools=pools,
        routes=found,
        game=game,
        host=host,
        port=port,
        admin_port=admin_port,
        max_in_flight=max_in_flight,
        seed=seed,
        rate=rate,
        requests=requests,
        data_dir=data_dir,
        keep=keep,
        session=session,
    )
    log_to_stderr(log_format)

    def ready(addresses: "Addresses") -> None:
        for route in found:
            out.console.print(f"{addresses.data}{route.path}  {route.strategy}", soft_wrap=True)
        out.console.print(page.address(addresses.admin), soft_wrap=True)
        out.write(asdict(addresses))

    run(service.serve(settings, ready, child=child))


def routes(
    servers: Sequence[str],
    scenario: str | None,
    strategy: str,
    config: Path | None,
    seed: int,
) -> "tuple[dict[str, PoolSettings], tuple[RouteSettings, ...]]":
    """The pools and routes: from a file, or one route ``/`` from flags."""
    from flaky_load_balancer import registry
    from flaky_load_balancer.cli.selection import check_strategy
    from flaky_load_balancer.config import RouteSettings, SettingsError, read_config

    sources = {"--server": servers, "--scenario": scenario, "--config": config}
    given = [flag for flag, value in sources.items() if value]
    if len(given) != 1:
        raise SettingsError(
            "flb serve needs exactly one of --server URL, --scenario and --config;"
            f" got {' and '.join(given) or 'none of them'}"
        )
    if config is not None:
        pools, found = read_config(config)
        for route in found:
            check_strategy(f"--config {config}: routes.{route.name}.strategy", route.strategy)
        for name, pool in pools.items():
            _check_pool(f"--config {config}: pools.{name}", pool)
        return pools, found
    check_strategy("--strategy", strategy)
    pool = _pool(servers, scenario, seed)
    return {"default": pool}, (
        RouteSettings("default", "/", "default", registry.canonical(strategy)),
    )


def _pool(servers: Sequence[str], scenario: str | None, seed: int) -> "PoolSettings":
    from flaky_load_balancer.config import PoolSettings, SettingsError, server_url

    if scenario is None:
        urls = [server_url(server, "--server") for server in servers]
        doubled = next((url for url in urls if urls.count(url) > 1), None)
        if doubled is not None:
            raise SettingsError(f"--server {doubled} is there twice")
        return PoolSettings(tuple(urls))
    from flaky_load_balancer.simulation import scenarios

    found = scenarios.find(scenario)
    if found.port is None:
        raise SettingsError(
            f"--scenario {scenario} sets no first port; name its servers with --server URL"
        )
    ports = range(found.port, found.port + found.servers)
    return PoolSettings(tuple(f"http://127.0.0.1:{port}" for port in ports), scenario, seed)


def _check_pool(where: str, pool: "PoolSettings") -> None:
    if pool.scenario is None:
        return
    from flaky_load_balancer.config import SettingsError
    from flaky_load_balancer.simulation import scenarios

    try:
        scenario = scenarios.find(pool.scenario)
    except scenarios.ScenarioError as error:
        raise SettingsError(f"{where}.scenario: {error}") from None
    if scenario.servers != len(pool.servers):
        raise SettingsError(
            f"{where}: {len(pool.servers)} servers, but {pool.scenario} has {scenario.servers}"
        )
