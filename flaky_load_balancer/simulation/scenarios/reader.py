"""The reader of scenario files: every key, type and range is checked here and nowhere else.

A wrong file is a ``ScenarioError`` that names the file, the key and what was expected.
"""

import re
import tomllib
from pathlib import Path

from flaky_load_balancer.simulation.scenarios.contexts import read_contexts
from flaky_load_balancer.simulation.scenarios.model import (
    Failure,
    Latency,
    Limit,
    Motion,
    PerServer,
    Scenario,
    Stretch,
)
from flaky_load_balancer.simulation.scenarios.table import ScenarioError, Table

LARGEST_FILE = 1 << 20  # bytes
MOST_SERVERS = 1000
LIMITS = "token-bucket", "fixed-window", "sliding-window"
MOTIONS = "sinusoid", "steps", "walk"
FAULTS = "down", "hang", "reset", "garbage", "slow", "error", "quality", "price", "added", "removed"
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
    limit, latency = top.table("limit"), top.table("latency")
    contexts = read_contexts(top, servers)
    scenario = Scenario(
        name=_name(top),
        description=top.text("description", ""),
        servers=servers,
        port=_port(top, servers),
        failure=_failures(top, servers, required=contexts is None),
        limit=None if limit is None else _limit(limit, servers),
        latency=Latency() if latency is None else _latency(latency),
        faults=tuple(_stretch(table, servers) for table in top.tables("faults")),
        contexts=contexts,
    )
    top.finish()
    return scenario


def _name(top: Table) -> str:
    name = top.text("name")
    if not NAME.fullmatch(name):
        raise top.error("name", "letters, digits, '.', '_' and '-', at most 64 of them", name)
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
    table.finish()
    return Failure(rate)


def _limit(table: Table, servers: int) -> Limit:
    kind = table.choice("kind", LIMITS)
    bucket = kind == "token-bucket"
    motion = table.table("motion")
    limit = Limit(
        kind=kind,
        window=table.number("window", 1e-3, 1e6),
        admissions=_per_server(table, servers, 0.0, 1e6, whole=not bucket),
        burst=table.number("burst", 1.0, 1e6, default=1.0) if bucket else 1.0,
        retry_after=table.flag("retry_after", default=False),
        capacity=table.pair("capacity", 0.0, 1e9) if "capacity" in table else None,
        motion=None if motion is None else _motion(motion),
    )
    table.finish()
    return limit


def _motion(table: Table) -> Motion:
    motion = Motion(
        kind=table.choice("kind", MOTIONS),
        amplitude=table.number_or_pair("amplitude", 0.0, 1.0),
        period=table.number_or_pair("period", 0.1, 1e6),
    )
    table.finish()
    return motion


def _latency(table: Table) -> Latency:
    usual = Latency()
    latency = Latency(
        table.number("median", 0.0, 60.0, default=usual.median),
        table.number("sigma", 0.0, 5.0, default=usual.sigma),
    )
    table.finish()
    return latency


def _stretch(table: Table, servers: int) -> Stretch:
    kind = table.choice("kind", FAULTS)
    start = table.number("from", 0.0, 1e9)
    end = table.number("to", 0.0, float("inf"))
    if not end > start:
        raise table.error("to", f"a time after from = {start:g}", end)
    stretch = Stretch(
        servers=table.indices("servers", servers),
        start=start,
        end=end,
        kind=kind,
        delay=table.number("delay", 0.0, 1e6, default=1.0) if kind == "slow" else 1.0,
        rate=table.number("rate", 0.0, 1.0, default=1.0) if kind == "error" else 1.0,
        factor=table.number("factor", 0.0, 1e6) if kind in {"quality", "price"} else 1.0,
    )
    table.finish()
    return stretch


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
