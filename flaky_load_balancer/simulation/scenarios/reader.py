"""The reader of scenario files: every key, type and range is checked here and nowhere else.

A wrong file is a ``ScenarioError`` that names the file, the key and what was expected.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from flaky_load_balancer.simulation.scenarios.contexts import read_contexts
from flaky_load_balancer.simulation.scenarios.model import (
    Failure,
    Latency,
    Limit,
    Markov,
    Motion,
    PerServer,
    Scenario,
    Size,
    Stretch,
)
from flaky_load_balancer.simulation.scenarios.providers import (
    FAILING,
    FLAPPING,
    HARMLESS,
    MOST_FLAPS,
    read_providers,
)
from flaky_load_balancer.simulation.scenarios.table import ScenarioError, Table

LARGEST_FILE = 1 << 20  # bytes
MOST_SERVERS = 10_000
LIMITS = "token-bucket", "fixed-window", "sliding-window"
UNITS = "requests", "tokens"
MOST_ADMITTED = {"requests": 1e6, "tokens": 1e12}  # in a window
MOTIONS = "sinusoid", "steps", "walk"
FAULTS = "down", "hang", "reset", "garbage", "slow", "error", "quality", "price", "added", "removed"
LOOKS = *FAULTS, *FAILING, *HARMLESS, FLAPPING  # of providers
RATED = "error", FLAPPING, *FAILING
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read(path: Path) -> Scenario:
    """The scenario that a file describes."""
    try:
        if not path.is_file():
            raise ScenarioError(
                f"{path}: no such file" if not path.exists() else f"{path}: not a file"
            )
        if path.stat().st_size > LARGEST_FILE:
            raise ScenarioError(f"{path}: larger than a scenario can be ({LARGEST_FILE} bytes)")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not a TOML file: not UTF-8 (byte {error.start})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(f"{path}: cannot be read: {reason}") from None
    return parse(text, source=str(path))


def parse(text: str, *, source: str) -> Scenario:
    """The scenario that a TOML text describes; ``source`` names it in errors."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ScenarioError(f"{source}: not a TOML file: {reason}") from None
    return _scenario(Table(source, "", content))


def _scenario(top: Table) -> Scenario:
    servers = top.whole("servers", 1, MOST_SERVERS)
    latency, size = top.table("latency"), top.table("size")
    contexts = read_contexts(top, servers)
    openai = top.table("openai")
    models = None if openai is None else read_providers(openai, servers)
    scenario = Scenario(
        name=_label(top, "name"),
        description=top.text("description", ""),
        servers=servers,
        port=_port(top, servers),
        failure=_failures(top, servers, required=contexts is None),
        limits=_limits(top, servers, sized=size is not None),
        size=None if size is None else _size(size),
        latency=Latency() if latency is None else _latency(latency, servers),
        faults=_faults(top, servers, FAULTS if models is None else LOOKS),
        contexts=contexts,
        openai=models,
    )
    top.finish()
    return _priced(scenario)


def _priced(scenario: Scenario) -> Scenario:
    """Where a scenario says no costs, an attempt costs what the prices of its models say."""
    models, contexts = scenario.openai, scenario.contexts
    if models is None or contexts is None or contexts.tasks is None or contexts.cost is not None:
        return scenario
    tokens = 2 * models.answer if scenario.size is None else scenario.size.median
    cost = models.cost(max(0.0, tokens - models.answer), len(contexts.tasks.labels))
    return replace(scenario, contexts=replace(contexts, cost=cost))


def _label(table: Table, key: str) -> str:
    name = table.text(key)
    if not NAME.fullmatch(name):
        raise table.error(key, "letters, digits, '.', '_' and '-', at most 64 of them", name)
    return name


def _port(top: Table, servers: int) -> int | None:
    return top.whole("port", 1, 65536 - servers) if "port" in top else None


def _failures(top: Table, servers: int, *, required: bool) -> Failure:
    """Where answers have a quality, servers need not fail."""
    if not required and "failure" not in top:
        never = (0.0,) * servers
        return Failure(PerServer(never, never))
    return _failure(top.required_table("failure"), servers)


def _failure(table: Table, servers: int) -> Failure:
    rate = _per_server(table, servers, 0.0, 1.0)
    motion, markov = table.table("motion"), table.table("markov")
    if motion is not None and markov is not None:
        raise table.error("markov", "either [failure.motion] or [failure.markov]")
    table.finish()
    return Failure(
        rate,
        None if motion is None else _motion(motion),
        None if markov is None else _markov(markov),
    )


def _markov(table: Table) -> Markov:
    markov = Markov(
        up=table.number_or_pair("up", 0.01, 1e6),
        down=table.number_or_pair("down", 0.01, 1e6),
        rate=table.number("rate", 0.0, 1.0, default=1.0),
    )
    table.finish()
    return markov


def _limits(top: Table, servers: int, *, sized: bool) -> tuple[Limit, ...]:
    """``[limit]``, the same kind for all servers, or any number of ``[[limits]]``."""
    if "limit" in top and "limits" in top:
        raise top.error("limit", "[limit] or [[limits]], not both: write it as one of [[limits]]")
    if "limit" in top:
        table = top.required_table("limit")
        limit = _limit(table, servers)
        table.finish()
        return (limit,)
    tables = top.tables("limits")
    limits = tuple(_one_of_several(table, servers, sized=sized) for table in tables)
    _check_accounts(tables, limits)
    return limits


def _one_of_several(table: Table, servers: int, *, sized: bool) -> Limit:
    members = table.indices("servers", servers) if "servers" in table else None
    unit = table.choice("unit", UNITS) if "unit" in table else "requests"
    if unit == "tokens" and not sized:
        raise table.error("unit", 'a table [size] with the tokens of a request, for "tokens"')
    account = _label(table, "account") if "account" in table else None
    own = servers if members is None else len(members)
    limit = _limit(table, own if account is None else 1, unit=unit)
    table.finish()
    return replace(limit, servers=members, unit=unit, account=account)


def _limit(table: Table, limiters: int, *, unit: str = "requests") -> Limit:
    kind = table.choice("kind", LIMITS)
    bucket = kind == "token-bucket"
    motion = table.table("motion")
    return Limit(
        kind=kind,
        window=table.number("window", 1e-3, 1e6),
        admissions=_per_server(table, limiters, 0.0, MOST_ADMITTED[unit], whole=not bucket),
        burst=_burst(table, unit) if bucket else 1.0,
        retry_after=table.flag("retry_after", default=False),
        capacity=table.pair("capacity", 0.0, 1e9) if "capacity" in table else None,
        motion=None if motion is None else _motion(motion),
    )


def _burst(table: Table, unit: str) -> float | None:
    """Of tokens a bucket keeps what a window admits, if nothing else is said."""
    if unit == "tokens" and "burst" not in table:
        return None
    return table.number("burst", 1.0, MOST_ADMITTED[unit], default=1.0)


def _check_accounts(tables: list[Table], limits: tuple[Limit, ...]) -> None:
    """All limits of an account are of the same servers."""
    members: dict[str, tuple[int, ...] | None] = {}
    for table, limit in zip(tables, limits, strict=True):
        if limit.account is None:
            continue
        if members.setdefault(limit.account, limit.servers) != limit.servers:
            raise table.error(
                "servers", f"the same servers in all limits of the account {limit.account}"
            )


def _size(table: Table) -> Size:
    size = Size(table.number("median", 1.0, 1e9), table.number("sigma", 0.0, 3.0, default=0.0))
    table.finish()
    return size


def _motion(table: Table) -> Motion:
    motion = Motion(
        kind=table.choice("kind", MOTIONS),
        amplitude=table.number_or_pair("amplitude", 0.0, 1.0),
        period=table.number_or_pair("period", 0.1, 1e6),
    )
    table.finish()
    return motion


def _latency(table: Table, servers: int) -> Latency:
    usual, tail = Latency(), table.table("tail")
    if tail is not None and "sigma" in table:
        raise table.error("sigma", "either sigma (lognormal) or [latency.tail] (Pareto)")
    latency = Latency(
        table.number("median", 0.0, 60.0, default=usual.median),
        table.number("sigma", 0.0, 5.0, default=usual.sigma),
        None if tail is None else _per_server(tail, servers, 0.1, 100.0),
    )
    if tail is not None:
        tail.finish()
    table.finish()
    return latency


def _faults(top: Table, servers: int, kinds: Sequence[str]) -> tuple[Stretch, ...]:
    return tuple(
        stretch
        for table in top.tables("faults")
        for stretch in _flaps(table, _stretch(table, servers, kinds))
    )


def _flaps(table: Table, stretch: Stretch) -> list[Stretch]:
    """A stretch that comes and goes is many: unavailable for the first half of each period."""
    if stretch.kind != FLAPPING:
        return [stretch]
    period = stretch.delay
    count = (stretch.end - stretch.start) / period
    if not count <= MOST_FLAPS:
        raise table.error("to", f"an end after at most {MOST_FLAPS} periods", stretch.end)
    starts = [stretch.start + place * period for place in range(ceil(count))]
    return [
        replace(stretch, kind="unavailable", start=start, end=start + period / 2)
        for start in starts
    ]


def _stretch(table: Table, servers: int, kinds: Sequence[str]) -> Stretch:
    kind = table.choice("kind", kinds)
    start = table.number("from", 0.0, 1e9)
    end = table.number("to", 0.0, float("inf"))
    if not end > start:
        raise table.error("to", f"a time after from = {start:g}", end)
    stretch = Stretch(
        servers=table.indices("servers", servers),
        start=start,
        end=end,
        kind=kind,
        delay=_delay(table, kind),
        rate=table.number("rate", 0.0, 1.0, default=1.0) if kind in RATED else 1.0,
        factor=table.number("factor", 0.0, 1e6) if kind in {"quality", "price"} else 1.0,
    )
    table.finish()
    return stretch


def _delay(table: Table, kind: str) -> float:
    """Seconds that ``slow`` adds; of ``flapping`` the period, for the moment."""
    if kind == FLAPPING:
        return table.number("period", 1e-3, 1e6)
    return table.number("delay", 0.0, 1e6, default=1.0) if kind == "slow" else 1.0


def _per_server(
    table: Table, servers: int, low: float, high: float, *, whole: bool = False
) -> PerServer:
    """``uniform = [low, high]`` or ``values = [...]``, exactly one of them."""
    if ("uniform" in table) == ("values" in table):
        raise table.error("uniform", "either uniform = [low, high] or values = [...]")
    if "values" in table:
        values = table.numbers("values", servers, low, high)
        return PerServer(values, values)
    pair = table.pair("uniform", low, high, whole=whole)
    return PerServer((pair[0],) * servers, (pair[1],) * servers)
