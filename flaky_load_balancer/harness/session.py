"""A session of runs: servers and balancer as child processes, clients here, one comparison.

In a race every strategy plays at the same time against its own copy of each fleet; in sequence
one run follows the other on the canonical ports.  Either way the runs are the same: same seed,
same fleet, same ids, each request at its own time.
"""

import asyncio
import json
import math
import os
import random
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any, Protocol

import httpx

from flaky_load_balancer.config import Game
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.client import Client, Sent, Stream, request_ids
from flaky_load_balancer.harness.overload import Verdict, advice, capacity, judge
from flaky_load_balancer.lateness import Lateness, watch_loop
from flaky_load_balancer.processes import START, Child
from flaky_load_balancer.records import Recorder
from flaky_load_balancer.simulation.scenarios import Scenario
from sandbox import Policy
from sandbox.handle import WARDEN, message

FLB = (sys.executable, "-m", "flaky_load_balancer")
WARM_UP = 0.3  # seconds from the last preparation to the first request
WATCH = 0.5  # seconds between two looks at the balancer
TROUBLE = re.compile(r" (WARNING|ERROR) ")  # as terminal.log_to_stderr writes it
NUMBERS = (
    *("strategy", "scenario", "requests", "delivered", "given_up", "attempts", "paid_attempts"),
    *("rate_limited", "score", "bound", "regret"),
)


@dataclass(frozen=True)
class Plan:
    """All that ``flb harness`` is told; ``data_dir`` None: nothing is recorded."""

    strategies: Sequence[str]  # canonical specs
    scenarios: Sequence[tuple[str, Scenario]]  # each as it was asked for, and itself
    game: Game
    requests: int = 100
    rate: float = 10.0
    seed: int = 0
    sequential: bool = False
    server_binary: Path | None = None
    strict_hash: str | None = None  # SHA-256 that the server binary must have
    sandbox: str = isolation.OFF  # what the servers run in: a backend, OFF or NONE
    port: int = 8000  # 0: any that is free
    admin_port: int = 8001
    free_ports: bool = False  # of the servers
    data_dir: Path | None = None
    keep: str | None = None
    tolerance: float = 1.0  # multiplies what may be late in a valid session
    patience: float = START  # seconds that a server binary has until all its ports are open


@dataclass
class Run:
    """One strategy on one scenario; ``copy`` says which copy of the fleet it has for itself."""

    strategy: str
    asked: str  # the scenario as it was asked for
    scenario: Scenario
    copy: int
    sent: Sent | None = None
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def route(self) -> str:
        return f"{self.strategy}-{self.scenario.name}"

    @property
    def path(self) -> str:
        return f"/{self.strategy}/{self.scenario.name}"

    @property
    def pool(self) -> str:
        return f"{self.scenario.name}-{self.copy}"


@dataclass
class Session:
    """A session that goes on or is over."""

    plan: Plan
    runs: list[Run]
    id: str | None = None
    data: str = ""  # address of the data plane
    admin: str = ""
    warnings: list[str] = field(default_factory=list)
    advice: str | None = None  # what to ask for instead, if this machine will not keep up
    verdict: Verdict | None = None  # None until all runs are over

    def result(self) -> dict[str, Any]:
        """The session under the names of the contract."""
        plan = self.plan
        numbers = [run.numbers for run in self.runs]
        facts = {"session": self.id, "seed": plan.seed, "rate": plan.rate, "runs": numbers}
        return facts | (self.verdict.result() if self.verdict else {})


class Watcher(Protocol):
    """Who shows a session while it goes on."""

    def starting(self, session: Session) -> None:
        """Nothing runs yet."""

    def started(self, session: Session) -> None:
        """Everything runs; the first request is about to be sent."""

    def answered(self) -> None:
        """One more request was answered."""

    def snapshot(self, frame: dict[str, Any]) -> None:
        """What the balancer shows, twice a second."""


@asynccontextmanager
async def played(plan: Plan, recorder: Recorder, watcher: Watcher) -> AsyncIterator[Session]:
    """Play the whole plan; inside the context the balancer and its dashboard still run.

    Raises ChildDiedError when a child ends that should not.
    """
    session = Session(plan, runs_of(plan))
    async with AsyncExitStack() as stack:
        stage = _Stage(session, recorder, stack)
        watcher.starting(session)
        await stage.set_up()
        await stage.probe()
        watcher.started(session)
        await stage.play(watcher)
        await stage.collect()
        yield session


def runs_of(plan: Plan) -> list[Run]:
    """Every strategy on every scenario; in a race each strategy has its copy of the fleets."""
    return [
        Run(strategy, asked, scenario, 0 if plan.sequential else copy)
        for copy, strategy in enumerate(plan.strategies)
        for asked, scenario in plan.scenarios
    ]


class _Stage:
    """The child processes of a session, and what is played on them."""

    servers: Child
    balancer: Child

    def __init__(self, session: Session, recorder: Recorder, stack: AsyncExitStack) -> None:
        self.session = session
        self.plan = session.plan
        self.recorder = recorder
        self.stack = stack
        self.recorded: dict[str, int | None] = {}  # the runs' numbers in the records, by route
        self.lateness = Lateness()  # of the clients' event loop
        self.admin = httpx.AsyncClient(timeout=10.0, verify=False)  # on loopback, without TLS

    async def set_up(self) -> None:
        """Start both at once, the balancer first, which takes longest to load.

        It is told where the servers listen as soon as they do: its config file is a pipe.
        """
        await self.stack.enter_async_context(self.admin)
        plan = self.plan
        self.session.id = self.recorder.start_session(
            "harness",
            seed=plan.seed,
            rate=plan.rate,
            settings={"sequential": plan.sequential, "requests": plan.requests},
        )
        with _pipe() as (config, told):
            command = self._serve(f"/dev/fd/{config.fileno()}")
            balancer = await Child.start("the balancer", command, reads=[config.fileno()])
            self.balancer = self._kept(balancer)
            config.close()  # so that writing fails if the balancer is gone
            addresses = await self.balancer.unless_it_dies(self._start_servers())
            await asyncio.to_thread(_write, told, self._config(addresses))
        said = await self.servers.unless_it_dies(self.balancer.ready())
        self.session.data, self.session.admin = said["data"], said["admin"]
        self.recorded = said["runs"]

    async def probe(self) -> None:
        """Compare what this machine can do now with what the session takes, and advise."""
        if not self.plan.sequential:
            can_do = await capacity(f"{self.session.admin}/livez")
            self.session.advice = advice(can_do, self.plan.rate, len(self.session.runs))

    async def play(self, watcher: Watcher) -> None:
        """Send everything; ChildDiedError if servers or balancer die meanwhile."""
        watching = asyncio.create_task(self._watch(watcher))
        keeping_time = asyncio.create_task(watch_loop(self.lateness.add))
        self.servers.lateness, self.balancer.lateness = Lateness(), Lateness()  # without the start
        try:
            async with Client.open(self.plan.rate, self.plan.game.deadline) as client:
                sending = self._in_sequence if self.plan.sequential else self._at_once
                work = self.servers.unless_it_dies(sending(client, watcher))
                await self.balancer.unless_it_dies(work)
        finally:
            watching.cancel()
            keeping_time.cancel()

    async def collect(self) -> None:
        """Each run's numbers: counted by the balancer, timed by the client.

        Only now are the runs and the session finished; until here they would be interrupted.
        """
        rows = {row["route"]: row for row in (await self._snapshot())["routes"]}
        for run in self.session.runs:
            assert run.sent is not None  # all were played
            row, facts = rows[run.route], run.sent.facts()
            run.numbers = {key: row[key] for key in NUMBERS} | facts
            run.numbers["scenario"] = run.scenario.name  # also where the balancer knows only URLs
            number = self.recorded.get(run.route)
            if number is not None:
                self.recorder.annotate(number, facts)
                self.recorder.finish_run(number)
        loops = {
            "the clients": self.lateness,
            "the balancer": self.balancer.lateness,
            "the servers": self.servers.lateness,
        }
        self.session.verdict = judge(
            {run.route: run.sent for run in self.session.runs if run.sent is not None},
            loops,
            self.plan.tolerance,
        )
        if self.session.id is not None:
            self.recorder.validity(self.session.id, **self.session.verdict.result())
            self.recorder.finish_session(self.session.id)
        self.session.warnings += complaints(self.session)
        self.session.warnings += [
            f"the balancer: {line}" for line in self.balancer.said if TROUBLE.search(line)
        ]

    async def _at_once(self, client: Client, watcher: Watcher) -> None:
        ids = request_ids(self.plan.seed, self.plan.requests)
        start = time.monotonic() + WARM_UP
        # Spread over one interval, so that the rate of the whole is even; the order is chance.
        gap = 1 / self.plan.rate / len(self.session.runs)
        places = random.sample(range(len(self.session.runs)), len(self.session.runs))
        streams = [
            Stream(self.session.data + run.path, ids, start + place * gap)
            for run, place in zip(self.session.runs, places, strict=True)
        ]
        for run, stream in zip(self.session.runs, streams, strict=True):
            run.sent = stream.sent
        await client.run(streams, watcher.answered)

    async def _in_sequence(self, client: Client, watcher: Watcher) -> None:
        ids = request_ids(self.plan.seed, self.plan.requests)
        playing = self.session.runs[0].strategy
        for run in self.session.runs:
            if run.strategy != playing and self.plan.server_binary is None:
                self.servers.signal(signal.SIGHUP)  # the same fleets again, from t = 0
                await self.servers.ready()
            playing = run.strategy
            stream = Stream(self.session.data + run.path, ids, time.monotonic() + WARM_UP)
            run.sent = stream.sent
            await client.run([stream], watcher.answered)

    async def _watch(self, watcher: Watcher) -> None:
        while True:
            await asyncio.sleep(WATCH)
            watcher.snapshot(await self._snapshot())

    async def _start_servers(self) -> dict[str, list[str]]:
        """Start the servers, and wait until all of them listen: addresses by pool."""
        plan = self.plan
        if plan.server_binary is not None:
            policy = isolation.of_stranger(
                plan.server_binary, [each for _, each in plan.scenarios], plan.strict_hash
            )
            self.servers = await self._servers("the server binary", policy, stranger=True)
            pools = {run.pool: _canonical(run.scenario) for run in self.session.runs}
            everywhere = [server for servers in pools.values() for server in servers]
            await self.servers.ready(_accepting(everywhere), within=plan.patience)
            return pools
        copies = 1 if plan.sequential else len(plan.strategies)
        free = plan.free_ports
        in_place = plan.sandbox == isolation.IN_PLACE
        command = isolation.ours(
            plan.sandbox,
            plan.scenarios,
            seed=plan.seed,
            rate=plan.rate,
            copies=copies,
            free_ports=free,
            confines_itself=in_place,
        )
        command += ["--json", "-", "--report"]
        if in_place or not isolation.is_confined(plan.sandbox):
            env = isolation.passed_on() | {"TMPDIR": gettempdir()} if in_place else None
            self.servers = self._kept(await Child.start("servers", [*command, "--child"], env))
        else:
            isolation.compile_ours()
            policy = isolation.of_ours(command, plan.scenarios, copies=copies, free_ports=free)
            self.servers = await self._servers("servers", policy)
        fleets = (await self.servers.ready())["fleets"]
        return {f"{fleet['scenario']}-{fleet['copy']}": fleet["servers"] for fleet in fleets}

    def _serve(self, config: str) -> list[str]:
        plan, game = self.plan, self.plan.game
        flags: dict[str, object] = {
            "--config": config,
            "--port": plan.port,
            "--admin-port": plan.admin_port,
            "--max-in-flight": self._room(),
            "--seed": plan.seed,
            "--rate": plan.rate,
            "--requests": plan.requests,
            "--free-attempts": game.free_attempts,
            "--max-attempts": game.max_attempts,
            "--penalty": game.penalty,
            "--deadline": game.deadline,
            "--attempt-timeout": game.attempt_timeout,
            "--json": "-",
        }
        if plan.data_dir is not None:
            flags |= {"--data-dir": plan.data_dir, "--session": self.session.id}
        if plan.keep is not None:
            flags["--keep"] = plan.keep
        command = [*FLB, "serve", "--child"]
        command += [] if plan.data_dir is not None else ["--no-records"]
        return command + [str(word) for pair in flags.items() for word in pair]

    def _room(self) -> int:
        """More requests than can ever be in flight: all of them take until their deadline."""
        per_run = math.ceil(self.plan.rate * (self.plan.game.deadline + 1))
        return max(1024, len(self.session.runs) * min(self.plan.requests, per_run))

    def _config(self, addresses: dict[str, list[str]]) -> str:
        """The balancer's config file.  A JSON string or list is one in TOML, too."""
        pools = {run.pool: run for run in self.session.runs}
        parts = []
        for name, run in pools.items():
            parts.append(f"[pools.{json.dumps(name)}]\nservers = {json.dumps(addresses[name])}\n")
            if self.plan.server_binary is None:
                parts.append(f"scenario = {json.dumps(run.asked)}\nseed = {self.plan.seed}\n")
        parts += [
            f'[routes.{json.dumps(run.route)}]\nkind = "ids"\npath = {json.dumps(run.path)}\n'
            f"pool = {json.dumps(run.pool)}\nstrategy = {json.dumps(run.strategy)}\n"
            for run in self.session.runs
        ]
        return "\n".join(parts)

    async def _snapshot(self) -> Any:
        """What the balancer shows now."""
        response = await self.admin.get(f"{self.session.admin}/api/snapshot")
        return response.raise_for_status().json()

    async def _servers(self, name: str, policy: Policy, *, stranger: bool = False) -> Child:
        """The policy's program, in the sandbox if there is one.

        Without, a stranger is still told nothing of our environment.
        """
        backend = self.plan.sandbox
        if isolation.is_confined(backend):
            told = message(policy, backend)
            child = await Child.start(name, WARDEN, {}, stranger=stranger, told=told)
            return self._kept(child)
        env: dict[str, str] | None = {} if stranger else None
        return self._kept(await Child.start(name, policy.command, env, stranger=stranger))

    def _kept(self, child: Child) -> Child:
        """A child that ends with the session."""
        self.stack.push_async_callback(child.stop)
        return child


@contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """What is written to the second file can be read from the first one."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as front, os.fdopen(writing, "wb") as back:
        yield front, back


def _write(file: IO[bytes], text: str) -> None:
    """Write everything and close; if nobody reads any more, its end will be reported as such."""
    with suppress(BrokenPipeError):
        file.write(text.encode())
        file.close()


def complaints(session: Session) -> list[str]:
    """What was not as it should be on this machine."""
    found = []
    sent = [(run, run.sent) for run in session.runs if run.sent is not None]
    for run, each in sent:
        if each.delivered != run.numbers["delivered"]:
            found.append(
                f"{run.route}: the clients saw {each.delivered} deliveries,"
                f" the balancer counted {run.numbers['delivered']}"
            )
    return found


def _canonical(scenario: Scenario) -> list[str]:
    assert scenario.port is not None  # the command line asks for one
    return [f"http://127.0.0.1:{scenario.port + arm}" for arm in range(scenario.servers)]


async def _accepting(servers: Sequence[str]) -> None:
    """Wait until every server's port accepts a connection."""
    for server in dict.fromkeys(servers):
        host, port = server.removeprefix("http://").rsplit(":", 1)
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                break
