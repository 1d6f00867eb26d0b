"""Flags that mean the same in every command that has them."""

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

KEEP = "10GB"  # of records in a folder, where --keep does not say
NEVER = "never"
ATTEMPTS = 1_000_000  # the most attempts of a request that can be asked for
PATH = click.Path(path_type=Path)
PORT = click.IntRange(0, 65535)
WORKERS = click.IntRange(1, 256)


class Number(click.FloatRange):
    """A number in a range; `nan`, which compares with nothing, is outside of every range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number that can be used", param, ctx)
        return number


class Delay(Number):
    """Seconds, or ``never``: infinitely many."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if value == NEVER:
            return math.inf
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value} is neither seconds, such as 0.05, nor {NEVER!r}", param, ctx)


def _together(*options: Decorator) -> Decorator:
    """Several options as one decorator; the first is listed first."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


strategies = click.option(
    "--strategy",
    "strategies",
    multiple=True,
    default=["all"],
    metavar="NAME[:param=value,...]",
    help="Repeatable; 'all', or module:Class for one of your own. See: flb strategies",
)
scenarios = click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    default=["all"],
    metavar="NAME|FILE.toml",
    help="Repeatable; 'all' is T1, T2 and T3. See: flb scenarios",
)
requests = click.option(
    "--requests", type=click.IntRange(1, 10_000_000), default=100, help="Requests for each run."
)
rate = click.option(
    "--rate", type=Number(0.001, 100_000), default=10.0, help="Requests per second, open loop."
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    help="Same seed, same fleet for every strategy.",
)
data_dir = click.option(
    "--data-dir",
    type=PATH,
    default=Path(".flb"),
    envvar="FLB_DATA_DIR",
    help="Folder of the records.",
)


def _address(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    from flaky_load_balancer.config.table import from_environment

    return None if text is None else from_environment(text, "--records")


database = click.option(
    "--records",
    metavar="URL",
    default=None,
    callback=_address,
    help="A PostgreSQL database instead: postgresql://..., or env:NAME to keep it out of sight.",
)


def _redis(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    from flaky_load_balancer.config import redis_url
    from flaky_load_balancer.config.table import from_environment

    return None if text is None else redis_url(from_environment(text, "--share"), "--share")


share = click.option(
    "--share",
    metavar="URL",
    default=None,
    callback=_redis,
    help="Learn together with replicas, over Redis: redis://HOST:PORT/DB, or env:NAME.",
)


def recorded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where records are, ``where``: a folder, or the address of a database."""

    @wraps(command)
    def with_place(*, data_dir: Path, records: str | None, **others: Any) -> Any:
        return command(where=records or data_dir, **others)

    return _together(data_dir, database)(with_place)


json = click.option(
    "--json", metavar="FILE", default=None, help="Write the result as JSON; '-' for stdout."
)
sandbox = click.option(
    "--sandbox",
    default="auto",
    metavar="auto|bubblewrap|landlock|seatbelt|off",
    help="What confines the servers; auto: the strongest there is. See: flb sandbox",
)
strict_hash = click.option(
    "--strict-hash", metavar="SHA256", default=None, help="The program must be this very file."
)
free_ports = click.option(
    "--free-ports", is_flag=True, help="Choose every port that is not given, and print it."
)
# A child process ends when the program that began it does.
child = click.option("--child", is_flag=True, hidden=True)


def sharing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Replicas in virtual time, given to the command as one checked ``sharing``."""

    @wraps(command)
    def with_sharing(
        *, replicas: int, share_delay: float | None, share_loss: float | None, **others: Any
    ) -> Any:
        from flaky_load_balancer.simulation.engine.replicas import Sharing

        given = {"delay": share_delay, "loss": share_loss}
        said: dict[str, Any] = {name: each for name, each in given.items() if each is not None}
        if said and replicas == 1:
            raise click.UsageError(
                f"--share-{next(iter(said))}: one balancer alone has nobody to share with; add"
                " --replicas 4"
            )
        return command(sharing=Sharing(replicas, **said), **others)

    return _replicas(with_sharing)


_replicas = _together(
    click.option(
        "--replicas",
        type=click.IntRange(1, 64),
        default=1,
        help="Balancers that share the requests, each with a copy of the strategy.",
    ),
    click.option(
        "--share-delay",
        type=Delay(0.0),
        default=None,
        show_default="0.05",
        metavar="SECONDS|never",
        help="Until a replica learns what another one did.",
    ),
    click.option(
        "--share-loss",
        type=Number(0.0, 1.0),
        default=None,
        show_default="0",
        help="Share of what they tell that is lost.",
    ),
)


def executor(command: Callable[..., Any]) -> Callable[..., Any]:
    """Who does the work, given to the command as one checked ``executor``."""

    @wraps(command)
    def with_executor(*, kind: str, jobs: int | None, address: str | None, **others: Any) -> Any:
        from flaky_load_balancer.simulation.comparison.workers import Executor

        if address is not None and kind != "ray":
            raise click.UsageError("--address: processes have none; add --executor ray")
        if address is not None and jobs is not None:
            raise click.UsageError("--jobs: the cluster at --address has as many as it has")
        return command(executor=Executor(kind, jobs, address), **others)  # type: ignore[arg-type]

    return _executor(with_executor)


_executor = _together(
    click.option(
        "--executor",
        "kind",
        type=click.Choice(["processes", "ray"]),
        default="processes",
        help="Who does the work: processes here, or a Ray cluster; no matter for the results.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 1024),
        default=None,
        help="Processes (default: one per core).",
    ),
    click.option(
        "--address",
        default=None,
        metavar="HOST:PORT|auto",
        help="A Ray cluster that is there (default: one of this machine, for as long as needed).",
    ),
)


def game(command: Callable[..., Any]) -> Callable[..., Any]:
    """The rules of the game, given to the command as one checked ``game``."""

    @wraps(command)
    def with_game(
        *,
        free_attempts: int,
        max_attempts: int,
        penalty: float,
        deadline: float,
        attempt_timeout: float,
        **others: Any,
    ) -> Any:
        from flaky_load_balancer.config import Game

        rules = Game(free_attempts, max_attempts, penalty, deadline, attempt_timeout)
        return command(game=rules.checked(), **others)

    return _rules(with_game)


_rules = _together(
    click.option(
        "--free-attempts",
        type=click.IntRange(0, ATTEMPTS),
        default=3,
        help="Attempts of a request that cost nothing.",
    ),
    click.option(
        "--max-attempts",
        type=click.IntRange(1, ATTEMPTS),
        default=10,
        help="Attempts of a request at most.",
    ),
    click.option(
        "--penalty", type=Number(0), default=0.5, help="Points for each attempt that is not free."
    ),
    click.option(
        "--deadline",
        type=Number(0.001),
        default=10.0,
        help="Seconds for a request, holds included.",
    ),
    click.option(
        "--attempt-timeout", type=Number(0.001), default=2.0, help="Seconds for one attempt."
    ),
)


def _kept(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    from flaky_load_balancer.config import SettingsError
    from flaky_load_balancer.records import Keep

    if text is None:
        return None
    try:
        Keep.parse(text)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return text


def records(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where records go: ``data_dir``, None with --no-records, and how much is kept, ``keep``."""

    @wraps(command)
    def with_records(*, data_dir: Path, no_records: bool, keep: str | None, **others: Any) -> Any:
        return command(data_dir=None if no_records else data_dir, keep=keep or KEEP, **others)

    return _records(with_records)


keep = click.option(
    "--keep",
    default=None,
    show_default=f"{KEEP}; of a database nothing is",
    metavar="7d|10GB",
    callback=_kept,
    help="Records older or larger than this are deleted.",
)
no_records = click.option("--no-records", is_flag=True, help="Record nothing.")
_records = _together(data_dir, keep, no_records)
