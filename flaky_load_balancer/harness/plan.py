"""What a session is to play, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flaky_load_balancer.config import Game
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.client import Sent
from flaky_load_balancer.harness.overload import Verdict
from flaky_load_balancer.processes import START_TIMEOUT
from flaky_load_balancer.simulation.scenarios import Scenario


@dataclass(frozen=True)
class Plan:
    """What ``flb harness`` plays; ``data_dir`` None: nothing is recorded."""

    strategies: Sequence[str]  # canonical specs
    scenarios: Sequence[tuple[str, Scenario]]  # each with the name or path that it was given by
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
    binary_timeout: float = START_TIMEOUT  # seconds until all ports of a server binary are open

    @property
    def copies(self) -> int:
        """How many copies of each fleet are played on."""
        return 1 if self.sequential else len(self.strategies)

    def runs(self) -> "list[Run]":
        """Every strategy on every scenario; in a race each strategy has its copy of the fleets."""
        return [
            Run(strategy, source, scenario, copy % self.copies)
            for copy, strategy in enumerate(self.strategies)
            for source, scenario in self.scenarios
        ]


@dataclass
class Run:
    """One strategy on one scenario; ``copy`` says which copy of the fleet it plays on."""

    strategy: str
    source: str  # the scenario's name, or the path of its file
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
        """The session under the names of ``--json``."""
        plan = self.plan
        numbers = [run.numbers for run in self.runs]
        facts = {"session": self.id, "seed": plan.seed, "rate": plan.rate, "runs": numbers}
        return facts | (self.verdict.result() if self.verdict else {})
