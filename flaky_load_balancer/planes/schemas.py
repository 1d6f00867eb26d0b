"""The shapes of the admin plane's JSON, for its OpenAPI description.

Most answers are encoded straight from the tallies and the records; these models describe them,
and the tests hold every answer against its model.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Chance = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    """A described answer has just these members."""

    model_config = ConfigDict(extra="forbid")


class Percentiles(Shape):
    p50: float | None
    p99: float | None


class RunNumbers(Shape):
    """What a run came to."""

    strategy: str
    scenario: str | None
    requests: int
    delivered: int
    given_up: int
    attempts: int
    paid_attempts: int
    rate_limited: int
    score: float
    bound: float | None
    regret: float | None
    latency_ms: Percentiles
    offered_rate: float | None
    seconds: float


class ServerColumns(Shape):
    """One entry per server in every column.

    ``until`` is when a cooldown, block or ejection ends, in seconds since the epoch, 0 where there
    is none; ``share`` is of the attempts of the last ten seconds.
    """

    server: list[str]
    attempts: list[int]
    succeeded: list[int]
    failed: list[int]
    rate_limited: list[int]
    cancelled: list[int]
    mean: list[Chance | None]
    low: list[Chance | None]
    high: list[Chance | None]
    share: list[Chance]
    until: list[float]


class RouteFrame(RunNumbers):
    """A route at one moment."""

    route: str
    path: str
    in_flight: int
    possibly_twice: int
    servers: ServerColumns


class Frame(Shape):
    """All routes at one moment, in seconds since the epoch: snapshot, event and replay."""

    time: float
    routes: list[RouteFrame]


class RulesOfTheGame(Shape):
    free_attempts: int
    max_attempts: int
    penalty: float


class RouteDetail(RouteFrame):
    """A route in full.  Bucket i of the histogram ends at 1e-5 x 2^(i/16) seconds."""

    run: int | None
    rules: RulesOfTheGame
    truth: list[Chance] | None
    endings: dict[str, int]
    latency_histogram: list[int]
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
    outcome: str | None
    latency_ms: float | None


class Decisions(Shape):
    """The last decisions, oldest first; ``servers`` names the entries of every index."""

    servers: list[str]
    decisions: list[DecisionMade]


class StrategyRow(BaseModel):
    """A strategy of the catalogue."""

    name: str
    summary: str
    parameters: dict[str, Any]


class Told(Shape):
    """An attempt that a strategy is told of before it plays."""

    server: Annotated[int, Field(ge=0)]
    outcome: Literal["succeeded", "failed", "rate-limited"]


class PlayRequest(Shape):
    """A small fleet of given success rates, and how many requests to play on it."""

    strategy: Annotated[str, Field(max_length=200)]
    rates: Annotated[list[Chance], Field(min_length=1, max_length=20)]
    history: Annotated[list[Told], Field(max_length=10_000)] = []
    rounds: Annotated[int, Field(ge=0, le=200)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Move(Shape):
    attempt: int
    server: int
    outcome: str
    index: list[float | None] | None
    eligible: list[bool] | None


class Played(Shape):
    moves: list[Move]
    beliefs: dict[str, list[float | None]]


class Health(Shape):
    status: str
