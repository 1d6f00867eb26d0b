"""``flb harness``: flaky servers, balancer and clients together, and who did best."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.config import Game
    from flaky_load_balancer.harness.plan import Plan
    from flaky_load_balancer.simulation.scenarios import Scenario


@click.command(
    epilog="Example: flb harness --strategy v4 --strategy v6 --requests 50 --json r.json"
)
@options.strategies
@options.scenarios
@options.requests
@options.rate
@options.seed
@options.game
@click.option(
    "--sequential/--race", default=False, help="One run after another, or all at once (default)."
)
@click.option(
    "--server-binary",
    type=options.PATH,
    default=None,
    help="Somebody's own servers instead of the built-in ones.",
)
@options.strict_hash
@options.sandbox
@click.option("--dashboard/--no-dashboard", default=True, help="Say where it can be watched.")
@click.option(
    "--stay/--no-stay",
    default=None,
    help="Keep the dashboard up after the last run (default: on a terminal).",
)
@click.option(
    "--port", type=options.PORT, default=None, show_default="8000", help="Of the data plane."
)
@click.option(
    "--admin-port", type=options.PORT, default=None, show_default="8001", help="Of the admin plane."
)
@options.free_ports
# For tests, which share their machine: multiplies how late requests and event loops may be.
@click.option(
    "--tolerance", type=options.Number(0), default=1.0, envvar="FLB_TOLERANCE", hidden=True
)
@options.records
@options.json
def main(
    strategies: tuple[str, ...],
    scenarios: tuple[str, ...],
    requests: int,
    rate: float,
    seed: int,
    game: "Game",
    sequential: bool,
    server_binary: Path | None,
    strict_hash: str | None,
    sandbox: str,
    dashboard: bool,
    stay: bool | None,
    port: int | None,
    admin_port: int | None,
    free_ports: bool,
    tolerance: float,
    data_dir: Path | None,
    keep: str,
    json: str | None,
) -> None:
    """Start flaky servers, balancer and dashboard; send requests; compare strategies."""
    from flaky_load_balancer.cli import selection
    from flaky_load_balancer.harness import isolation
    from flaky_load_balancer.harness.plan import Plan
    from flaky_load_balancer.harness.report import play
    from flaky_load_balancer.terminal import FAILED, Output, run

    chosen = selection.scenarios(scenarios)
    contexts = any(scenario.contexts is not None for _, scenario in chosen)
    plan = Plan(
        strategies=selection.strategies(strategies, contexts=contexts),
        scenarios=chosen,
        game=game,
        requests=requests,
        rate=rate,
        seed=seed,
        sequential=sequential or server_binary is not None,
        server_binary=program(server_binary, strict_hash),
        strict_hash=strict_hash,
        sandbox=isolation.choose_backend(sandbox, server_binary),
        port=plane_port(port, 8000, free_ports),
        admin_port=plane_port(admin_port, 8001, free_ports),
        free_ports=free_ports,
        data_dir=data_dir,
        keep=keep,
        tolerance=tolerance,
    )
    check(plan)
    out = Output(json)
    stays = out.console.is_terminal if stay is None else stay
    if not run(play(plan, out, stay=stays, dashboard=dashboard)):
        raise click.exceptions.Exit(FAILED)


def program(path: Path | None, sha256: str | None = None) -> Path | None:
    """The server binary, if it can be run and is the one that --strict-hash means."""
    from flaky_load_balancer.cli.selection import check_hash
    from flaky_load_balancer.config import SettingsError

    if path is None:
        if sha256 is not None:
            raise SettingsError("--strict-hash: it says which --server-binary is meant; add that")
        return None
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SettingsError(f"--server-binary {path}: not a program that can be run")
    check_hash(path, sha256)
    return path.resolve()


def plane_port(given: int | None, usual: int, free_ports: bool) -> int:
    """The port of a plane: the one that was given, or the usual one, or 0 for any that is free."""
    if given is not None:
        return given
    return 0 if free_ports else usual


def check(plan: "Plan") -> None:
    """Refuse what could not be played: ports that collide, are missing or are taken."""
    check_planes(plan.port, plan.admin_port)
    if plan.server_binary is not None:
        _check_binary_ports(plan)
    for name, scenario in plan.scenarios:
        _check_game(name, scenario)


def _check_game(name: str, scenario: "Scenario") -> None:
    """Refuse a scenario that servers of the game cannot play."""
    from flaky_load_balancer.config import SettingsError

    if scenario.openai is not None:
        raise SettingsError(
            f"--scenario {name}: its servers speak the OpenAI protocol ([openai]): see flb gateway"
        )
    if scenario.contexts is not None and scenario.contexts.preferences is not None:
        raise SettingsError(
            f"--scenario {name}: who prefers what ([preferences]) is known to flb compare only"
        )


def check_planes(port: int, admin_port: int) -> None:
    """Refuse ports of the planes that are the same, or taken; 0 is any that is free."""
    from flaky_load_balancer.config import SettingsError

    if port == admin_port != 0:
        raise SettingsError(f"--port and --admin-port are both {port}: choose two")
    _check_port(port, "--port")
    _check_port(admin_port, "--admin-port")


def _check_binary_ports(plan: "Plan") -> None:
    """A server binary has to find the ports of its scenarios free: nothing else would say so."""
    from flaky_load_balancer.config import SettingsError

    if plan.free_ports:
        raise SettingsError("--free-ports: a --server-binary listens on the scenario's ports")
    for name, scenario in plan.scenarios:
        if scenario.port is None:
            raise SettingsError(
                f"--scenario {name}: --server-binary needs a scenario that sets its first port"
            )
        for port in range(scenario.port, scenario.port + scenario.servers):
            _check_port(port, f"--scenario {name}", "use a scenario with another first port")


def _check_port(port: int, flag: str, fix: str = "choose another port") -> None:
    from flaky_load_balancer.config import SettingsError
    from flaky_load_balancer.simulation.fleets import ports

    try:
        for sock in ports.take("127.0.0.1", [port], flag):
            sock.close()
    except ports.PortError:
        raise SettingsError(
            f"{flag}: port {port} is taken or not for us; stop what listens there, or {fix}"
        ) from None
