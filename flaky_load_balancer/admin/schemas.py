"""The shapes of the admin plane's JSON, for its OpenAPI description.

Most answers are encoded straight from the tallies and the records; these models describe them,
and the tests hold every answer against its model.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

Chance = Annotated[float, Field(ge=0, le=1)]


def _without_default(schema: dict[str, Any]) -> None:
    """A generated type then says that the member may be missing."""
    schema.pop("default")


def _absent(default: Any = None) -> Any:
    """A member that may be missing, and then is this."""
    return Field(default, json_schema_extra=_without_default)


AT_REST = _absent(0)


class Shape(BaseModel):
    """A described answer has just these members."""

    model_config = ConfigDict(extra="forbid")


class Percentiles(Shape):
    p50: float | None
    p99: float | None


class RunNumbers(Shape):
    """What a run came to.

    Hedges are among the attempts; ``cost`` is in dollars; ``reward`` is the mean of what answers
    were worth, where that is known.
    """

    strategy: str
    scenario: str | None
    requests: int
    delivered: int
    given_up: int
    attempts: int
    paid_attempts: int
    effort: float | None
    rate_limited: int
    hedges: int
    cost: float
    reward: float | None
    score: float
    bound: float | None
    regret: float | None
    latency_ms: Percentiles
    offered_rate: float | None
    seconds: float


ServerState = Literal["up", "cooling", "ejected", "draining", "full", "down"]


class ServerColumns(Shape):
    """One entry per server in every column; ``cancelled`` and ``until`` are left out if all are 0.

    ``until`` is when a cooldown, block or ejection ends, in seconds since the epoch, 0 where there
    is none; ``share`` is of the attempts of the last ten seconds.  ``capacity`` is the admissions
    per second that a server is believed to allow, null where it met no limit, with the ends of a
    95 % interval; strategies that learn no limits leave them out.  ``state``, the last ``reason``
    why an attempt failed and its time (0: none did) are left out of the frames of scenarios.
    """

    server: list[str]
    attempts: list[int]
    succeeded: list[int]
    failed: list[int]
    rate_limited: list[int]
    cancelled: list[int] = _absent([])
    mean: list[Chance | None]
    low: list[Chance | None]
    high: list[Chance | None]
    share: list[Chance]
    until: list[float] = _absent([])
    capacity: list[float | None] = _absent([])
    capacity_low: list[float | None] = _absent([])
    capacity_high: list[float | None] = _absent([])
    state: list[ServerState] = _absent([])
    reason: list[str | None] = _absent([])
    reason_time: list[float] = _absent([])


class Others(Shape):
    """The sum of the servers of a large pool that a frame does not show one by one."""

    servers: int
    attempts: int
    succeeded: int
    failed: int
    rate_limited: int
    cancelled: int
    share: Chance


class Sharing(Shape):
    """Whether a route shares what it learns, with how many others, and how much it missed."""

    connected: bool
    replicas: int
    missed: int


class Alert(Shape):
    """A threshold of ``[alerts]`` that is crossed, since so many seconds after the epoch."""

    measure: str
    since: float


class RouteFrame(RunNumbers):
    """A route at one moment; what is 0 or null may be left out where it has a default.

    ``exploration`` is the share of its last attempts that went to another server than the one with
    the highest believed success rate, ``width`` the mean width of the 95 % intervals of that rate.
    ``alarms`` of change detectors and ``violations`` of constraints count since the start;
    ``changed`` is when a change was last seen, in seconds since the epoch.
    """

    hedges: int = AT_REST
    cost: float = AT_REST
    reward: float | None = _absent()
    route: str
    path: str
    in_flight: int
    possibly_twice: int = AT_REST
    servers: ServerColumns
    others: Others | None = _absent()
    sharing: Sharing | None = _absent()
    exploration: Chance | None = _absent()
    width: float | None = _absent()
    alarms: int = AT_REST
    changed: float | None = _absent()
    violations: dict[str, int] = _absent({})
    alerts: list[Alert] = _absent([])


class Frame(Shape):
    """All routes at one moment, in seconds since the epoch: snapshot, event and replay."""

    time: float
    routes: list[RouteFrame]


class Connected(Shape):
    """Who answers; ``runs`` has the number in the records of each route's run.

    ``data`` is the address of the data plane; where only records are shown, there is none.
    ``boot`` is another one whenever the balancer was started anew.
    """

    boot: str
    session: str | None
    kind: Literal["harness", "serve", "records"]
    data: str | None
    runs: dict[str, int | None]


class HistoryColumns(Shape):
    """Samples of a route's numbers, oldest first, one entry per sample in every column."""

    time: list[float]
    requests: list[int]
    delivered: list[int]
    given_up: list[int]
    attempts: list[int]
    paid_attempts: list[int]
    rate_limited: list[int]
    effort: list[float | None]
    score: list[float]
    bound: list[float | None]
    regret: list[float | None]
    p50: list[float | None]
    p99: list[float | None]


class RouteHistory(HistoryColumns):
    """How a route came to where it is."""

    route: str


class Histories(Connected):
    """How all routes came to where they are."""

    routes: list[RouteHistory]


Limit = tuple[float | None, float | None, float | None, int, int]


class SharesHistory(RouteHistory):
    """With the share of the attempts of the last ten seconds: of each sample, of each server.

    ``limits`` are, in the same way: low end, middle and high end of the limit that it is believed
    to have, its attempts and its refusals; null where a strategy learns no limits.
    """

    servers: list[str]
    share: list[list[Chance]]
    limits: list[list[Limit | None]]


class RulesOfTheGame(Shape):
    free_attempts: int
    max_attempts: int
    penalty: float


class LatencyHistogram(Shape):
    """Requests by latency: ``count[i]`` between ``edges_ms[i]`` and ``edges_ms[i + 1]``."""

    edges_ms: list[float]
    count: list[int]


class Pieces(Shape):
    """The truth over time: ``success[n]`` holds from ``from[n]`` on, seconds since the epoch."""

    start: list[float] = Field(alias="from")
    success: list[list[Chance]]


class FaultStretch(Shape):
    """A stretch of trouble on some servers, by index; seconds since the epoch, null without end."""

    servers: list[int]
    start: float = Field(alias="from")
    end: float | None = Field(alias="to")
    kind: str


class ModelRow(Shape):
    """A language model and a task (null: all), of its attempts; times are of streamed answers.

    ``usd`` with what is estimated, ``quality`` the mean of what answers were worth.
    """

    server: str
    model: str | None
    task: str | None
    attempts: int
    answers: int
    input_tokens: int
    output_tokens: int
    usd: float
    estimated_usd: float
    quality: float | None
    first_token_ms: Percentiles
    tokens_per_second: float | None


class Money(Shape):
    """``left`` of the ``usd`` that may be spent within ``per`` seconds, null without a budget.

    ``price`` is what a dollar costs in units of quality: the objective.
    """

    price: float
    usd: float | None
    per: float | None
    left: float | None


class RouteDetail(RouteFrame):
    """A route in full; ``beliefs`` is what its strategy believes of each server.

    ``truth`` is what holds without faults, ``pieces`` with them.  ``held`` are requests that wait
    now for a server to wake, ``budget`` the retries that may still be made, null without a limit.
    """

    run: int | None
    pool: str
    retries: int
    held: int
    budget: int | None
    rules: RulesOfTheGame
    truth: list[Chance] | None
    pieces: Pieces | None
    faults: list[FaultStretch]
    endings: dict[str, int]
    latency_histogram: LatencyHistogram
    models: list[ModelRow] | None
    money: Money | None
    beliefs: dict[str, list[float | None]]


class DecisionMade(Shape):
    """What a strategy said about one attempt, why, and what came of it."""

    cursor: int
    time: float
    request: int
    id: str
    attempt: int
    move: Literal["send", "hold", "give-up"]
    server: str | None
    until: float | None
    index: list[float | None] | None
    eligible: list[bool] | None
    features: list[float | None] | None
    most_usd: list[float | None] | None
    budget_usd: float | None
    price: float | None
    outcome: str | None
    latency_ms: float | None


class Decisions(Shape):
    """The last decisions, oldest first; ``servers`` names the entries of every index.

    ``features`` names those of what a strategy sees of a request; ``most_usd`` is what an attempt
    on each server can cost at most, ``budget_usd`` what was left of the budget, and ``price`` what
    a strategy that holds its spending took from the index of the dearest server.
    """

    servers: list[str]
    features: list[str]
    decisions: list[DecisionMade]


State = Literal["running", "finished", "interrupted"]


class SessionFacts(Shape):
    """``valid`` is false where the machine did not keep up: ``why``, and how late requests were."""

    session: str
    name: str | None
    note: str | None
    tags: list[str]
    pinned: bool
    valid: bool | None
    why: list[str]
    late_ms: dict[str, float | None] | None
    kind: Literal["harness", "serve", "compare"]
    started: float
    ended: float | None
    seed: int | None
    rate: float | None
    state: State
    settings: dict[str, Any]


Tag = Annotated[str, Field(min_length=1, max_length=50)]


class SessionChanges(Shape):
    """What is to be changed of a session; what is left out stays.  Null takes a name away."""

    name: Annotated[str, Field(max_length=200)] | None = None
    note: Annotated[str, Field(max_length=10_000)] | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] = []
    pinned: bool = False


class SessionRow(SessionFacts):
    """A recorded session; ``runs`` counts its runs, simulated ones have none."""

    runs: int
    strategies: list[str]
    scenarios: list[str]


class RunRow(RunNumbers):
    """A recorded run with its numbers."""

    run: int
    session: str
    route: str
    path: str
    seed: int | None
    rate: float | None
    started: float
    ended: float | None
    state: State


class RunDetail(RunRow):
    """A recorded run in full; what is older than ``kept_from`` was deleted to save space."""

    servers: list[str]
    rules: dict[str, float | list[int]]
    truth: list[Chance] | None
    pieces: Pieces | None
    faults: list[FaultStretch]
    client: dict[str, Any] | None
    kept_from: float | None


class Mean(Shape):
    mean: float | None


class Interval(Mean):
    ci95: tuple[float | None, float | None]


class SplitArm(Shape):
    """What one strategy of an A/B test came to; ``success`` is null before the first request."""

    route: str
    strategy: str
    percent: float
    requests: int
    delivered: int
    success: Interval | None
    latency_ms: Percentiles


class SplitDifference(Shape):
    """By how much the rate of success of ``more`` is higher than that of ``less``, up to 1."""

    more: str
    less: str
    success: Interval


class Split(Shape):
    """An A/B test since it began; intervals hold at every moment and for all pairs at once."""

    route: str
    began: float
    arms: list[SplitArm]
    differences: list[SplitDifference]
    verdict: str
    method: str


class CellNumbers(Shape):
    """What one strategy came to on one scenario, null: on all of them; means per run.

    ``behind`` is its distance to the best of that scenario; ``steady_score`` the score if all
    requests had gone as those of the last half, missing where that was not recorded;
    ``shared_bytes`` what replicas told each other for each request.
    """

    strategy: str
    scenario: str | None
    score: Interval
    steady_score: Interval | None = _absent()
    regret: Interval
    bound: Mean
    delivered: Mean
    given_up: Mean
    attempts: Mean
    paid_attempts: Mean
    rate_limited: Mean
    shared_bytes: Mean | None = _absent()
    latency_ms: Percentiles
    behind: Interval


class SimulatedCell(CellNumbers):
    """In virtual time, on many fleets.

    Strategies of one ``group`` do not differ by more than chance; those of group 0 are references
    such as the oracle.
    """

    group: int


class Verdict(Shape):
    """Who is best on a scenario (null: on all of them), and how sure that is, in words."""

    scenario: str | None
    verdict: str


Parameter = bool | float | str | None


class Simulated(Shape):
    """What ``flb compare --save`` recorded; ``parameters`` are those of each strategy."""

    seed: int
    replications: int
    requests: int
    feedback_delay: float = _absent(0.0)
    feedback_batch: int = _absent(1)
    replicas: int = _absent(1)
    share_delay: float | None = _absent()
    share_loss: float = _absent(0.0)
    seconds: float
    bound_seconds: float
    parameters: dict[str, dict[str, Parameter]] = _absent({})
    cells: list[SimulatedCell]
    overall: list[SimulatedCell] = []
    verdicts: list[Verdict] = []


class ComparedCell(CellNumbers):
    """Simulated, or a single ``run``, of which nothing is known of chance: ``group`` is null."""

    requests: Mean
    group: int | None
    run: int | None


class Sweep(Shape):
    """Strategies that differ in hyperparameters only: of each that differs, the value in each."""

    family: str
    strategies: list[str]
    parameters: dict[str, list[Parameter]]


class Compared(Shape):
    """Strategies by scenarios, simulated or run; each number a mean per run."""

    replications: int
    requests: int
    strategies: list[str]
    scenarios: list[str]
    cells: list[ComparedCell]
    overall: list[ComparedCell]
    verdicts: list[Verdict]
    sweeps: list[Sweep]


class SessionDetail(SessionFacts):
    """A session with its runs and their numbers; of a simulated one the result instead.

    ``comparison`` has one shape for both, null where there is nothing to compare yet.
    """

    runs: list[RunRow]
    result: Simulated | None
    comparison: Compared | None


class AttemptMade(Shape):
    cursor: int
    request: int
    id: str | None
    number: int
    server: str
    outcome: str
    sent: float
    latency_ms: float


class Attempts(Shape):
    """A page of attempts; ``next`` is the cursor to go on with."""

    attempts: list[AttemptMade]
    next: int | None


class StrategyRow(BaseModel):
    """A strategy of the catalogue."""

    name: str
    summary: str
    parameters: dict[str, Any]
    source: str


class Told(Shape):
    """An attempt that a strategy is told of."""

    server: Annotated[int, Field(ge=0)]
    outcome: Literal["succeeded", "failed", "rate-limited"]


class Round(Shape):
    """A request that a strategy plays, on servers with these chances of success."""

    rates: Annotated[list[Chance], Field(min_length=1, max_length=20), FailFast()]


class PlayRequest(Shape):
    """A strategy and its story on a small fleet: observations and rounds, oldest first.

    ``limits`` are admissions per second of each server, null or left out for none; ``limiter``
    says what kind of limit that is.
    """

    strategy: Annotated[str, Field(max_length=200)]
    servers: Annotated[int, Field(ge=1, le=20)]
    story: Annotated[list[Told | Round], Field(max_length=1000), FailFast()] = []
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limits: Annotated[
        list[Annotated[float, Field(ge=1, le=1000)] | None], Field(max_length=20)
    ] = []
    limiter: Literal["token-bucket", "fixed-window"] = "token-bucket"


class Move(Shape):
    attempt: int
    server: int
    outcome: str
    index: list[float | None] | None
    eligible: list[bool] | None


class PlayedNumbers(Shape):
    requests: int
    delivered: int
    given_up: int
    paid_attempts: int
    effort: float | None
    score: float


class Played(Shape):
    """What came of a story: the moves of its last round, and the numbers of all of it.

    ``now`` is the clock of ``beliefs``; ``observed`` counts each server's attempts by outcome;
    ``density`` is, for each server, that of its rate at the points of ``grid``: Beta, from a flat
    prior.
    """

    moves: list[Move]
    now: float
    beliefs: dict[str, list[float | None]]
    observed: dict[str, list[int]]
    played: PlayedNumbers
    grid: list[float]
    density: list[list[float]]


class Health(Shape):
    status: str


class Reloaded(Shape):
    """The keys that are other than before; those in ``restart`` only a restart changes."""

    changed: list[str]
    restart: list[str]
