"""The child processes of a session: servers and balancer, started, wired together and stopped."""

import asyncio
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from tempfile import gettempdir
from typing import IO, Any, Self
from urllib.parse import quote

import httpx

from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.plan import Run, Session
from flaky_load_balancer.processes import Child
from flaky_load_balancer.simulation.bounds.known import known
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.worlds.world import rules_of
from sandbox import Policy
from sandbox.handle import WARDEN, message

FLB = (sys.executable, "-m", "flaky_load_balancer")
SHORTEST_QUEUE = 1024  # requests in flight that a balancer always has room for


class Stage:
    """Servers and balancer of a session, as long as the context is entered."""

    servers: Child
    balancer: Child
    addresses: dict[str, list[str]]  # of servers, by pool

    def __init__(self, session: Session) -> None:
        self.session = session
        self.plan = session.plan
        self.recorded: dict[str, int | None] = {}  # the runs' numbers in the records, by route
        self._fleets: dict[str, str] = {}  # what is known of each, by scenario
        self._stack = AsyncExitStack()
        self._admin = httpx.AsyncClient(timeout=10.0, verify=False)  # on loopback, without TLS

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self._admin)
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def snapshot(self) -> Any:
        """What the balancer shows now."""
        response = await self._admin.get(f"{self.session.admin}/api/snapshot")
        return response.raise_for_status().json()

    async def membership(self, run: Run, server: int, *, there: bool) -> None:
        """Let a server of a run's pool take requests or not, as somebody who runs it would."""
        pool, name = (quote(each, safe="") for each in (run.pool, self.addresses[run.pool][server]))
        where = f"{self.session.admin}/api/pools/{pool}/servers/{name}/"
        answer = await self._admin.post(where + ("ready" if there else "drain"))
        answer.raise_for_status()

    async def _start(self) -> None:
        """Start both at once, the balancer first, which takes longest to load.

        The balancer's config file, with the addresses of the servers, is a pipe that is written
        when the servers listen.
        """
        with _pipe() as (config, writer):
            command = self._serve(f"/dev/fd/{config.fileno()}")
            balancer = await Child.start("the balancer", command, inherits=[config.fileno()])
            self.balancer = self._stopped_at_the_end(balancer)
            config.close()  # so that writing fails if the balancer is gone
            addresses = await self.balancer.unless_it_dies(self._start_servers())
            self.addresses = addresses
            await asyncio.to_thread(lambda: _write(writer, self._config(addresses)))
        ready = await self.servers.unless_it_dies(self.balancer.ready())
        self.session.data, self.session.admin = ready["data"], ready["admin"]
        self.recorded = ready["runs"]

    async def _start_servers(self) -> dict[str, list[str]]:
        """Start the servers, and wait until all of them listen: addresses by pool."""
        if self.plan.server_binary is not None:
            return await self._start_binary()
        plan, in_place = self.plan, self.plan.sandbox == isolation.IN_PLACE
        command = isolation.servers_command(
            plan.sandbox,
            plan.scenarios,
            seed=plan.seed,
            rate=plan.rate,
            copies=plan.copies,
            free_ports=plan.free_ports,
            confines_itself=in_place,
        )
        command += ["--json", "-", "--report"]
        if in_place or not isolation.is_confined(plan.sandbox):
            env = isolation.passed_on() | {"TMPDIR": gettempdir()} if in_place else None
            child = await Child.start("servers", [*command, "--child"], env)
            self.servers = self._stopped_at_the_end(child)
        else:
            isolation.compile_package()
            policy = isolation.servers_policy(
                command, plan.scenarios, copies=plan.copies, free_ports=plan.free_ports
            )
            self.servers = await self._confined("servers", policy)
        fleets = (await self.servers.ready())["fleets"]
        return {f"{fleet['scenario']}-{fleet['copy']}": fleet["servers"] for fleet in fleets}

    async def _start_binary(self) -> dict[str, list[str]]:
        """Start somebody's program as the servers of all scenarios."""
        plan = self.plan
        assert plan.server_binary is not None
        scenarios = [scenario for _, scenario in plan.scenarios]
        policy = isolation.program_policy(plan.server_binary, scenarios, plan.strict_hash)
        self.servers = await self._confined("the server binary", policy, stranger=True)
        pools = {run.pool: _addresses(run.scenario) for run in self.session.runs}
        everywhere = [server for servers in pools.values() for server in servers]
        await self.servers.ready(_accepting(everywhere), within=plan.binary_timeout)
        return pools

    async def _confined(self, name: str, policy: Policy, *, stranger: bool = False) -> Child:
        """The policy's program, in the sandbox if there is one.

        Without, a stranger's program still gets none of our environment.
        """
        backend = self.plan.sandbox
        if isolation.is_confined(backend):
            first = message(policy, backend)
            child = await Child.start(name, WARDEN, {}, stranger=stranger, first_input=first)
        else:
            env: dict[str, str] | None = {} if stranger else None
            child = await Child.start(name, policy.command, env, stranger=stranger)
        return self._stopped_at_the_end(child)

    def _stopped_at_the_end(self, child: Child) -> Child:
        self._stack.push_async_callback(child.stop)
        return child

    def _serve(self, config: str) -> list[str]:
        """The command that starts the balancer."""
        plan, game = self.plan, self.plan.game
        flags: dict[str, object] = {
            "--config": config,
            "--port": plan.port,
            "--admin-port": plan.admin_port,
            "--max-in-flight": self._max_in_flight(),
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

    def _max_in_flight(self) -> int:
        """More requests than can ever be in flight, even if all take until their deadline."""
        per_run = math.ceil(self.plan.rate * (self.plan.game.deadline + 1))
        return max(SHORTEST_QUEUE, len(self.session.runs) * min(self.plan.requests, per_run))

    def _config(self, addresses: dict[str, list[str]]) -> str:
        """The balancer's config file.  A JSON string or list is one in TOML, too."""
        pools = {run.pool: run for run in self.session.runs}
        parts = []
        for name, run in pools.items():
            parts.append(f"[pools.{json.dumps(name)}]\nservers = {json.dumps(addresses[name])}\n")
            if self.plan.server_binary is None:
                parts.append(self._known(run.scenario))
        parts += [
            f'[routes.{json.dumps(run.route)}]\nkind = "ids"\npath = {json.dumps(run.path)}\n'
            f"pool = {json.dumps(run.pool)}\nstrategy = {json.dumps(run.strategy)}\n"
            f"{self._contexts(run.scenario)}"
            for run in self.session.runs
        ]
        return "\n".join(parts)

    def _contexts(self, scenario: Scenario) -> str:
        """What requests are about, as a key of their route."""
        if scenario.contexts is None:
            return ""
        rules = rules_of(scenario, self.plan.game.rules(scenario.servers))
        names = "features", "tasks", "rewards", "usd", "seconds"
        return f"contexts = {_toml({name: getattr(rules, name) for name in names})}\n"

    def _known(self, scenario: Scenario) -> str:
        """The truth about a fleet, as keys of its pool: the balancer need not load the lab."""
        if scenario.name not in self._fleets:  # copies of a fleet are alike
            self._fleets[scenario.name] = self._told(scenario)
        return self._fleets[scenario.name]

    def _told(self, scenario: Scenario) -> str:
        plan = self.plan
        fleet = known(scenario, plan.seed, plan.game, plan.rate, plan.requests)
        keys = {
            "scenario": scenario.name,
            "seed": plan.seed,
            "truth": fleet.success,
            "bound": fleet.grid,
            "pieces": fleet.truth(),
            "faults": fleet.faults(),
        }
        return "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())


def _toml(value: Any) -> str:
    """A value as TOML has it in one line; what is None is left out."""
    if isinstance(value, dict):
        pairs = (f"{key} = {_toml(each)}" for key, each in value.items() if each is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


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


def _addresses(scenario: Scenario) -> list[str]:
    assert scenario.port is not None  # the command line refuses a scenario without
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
