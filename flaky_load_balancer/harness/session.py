"""A session of runs: requests sent to a balancer before flaky servers, and what came of them.

In a race every strategy plays at the same time against its own copy of each fleet; in sequence
one run follows the other on the same ports.  Either way the runs are the same: same seed, same
fleet, same ids, each request at its own time.
"""

import asyncio
import random
import re
import signal
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import numpy as np

from flaky_load_balancer.harness import membership
from flaky_load_balancer.harness.client import Client, Stream, request_ids
from flaky_load_balancer.harness.overload import Verdict, advice, capacity, judge
from flaky_load_balancer.harness.plan import Plan, Run, Session
from flaky_load_balancer.harness.stage import Stage
from flaky_load_balancer.lateness import Lateness, watch_loop
from flaky_load_balancer.records import Recorder
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.worlds.live import LiveWorld

WARM_UP = 0.3  # seconds from the last preparation to the first request
FRAME_PERIOD = 0.5  # seconds between two looks at the balancer
TROUBLE = re.compile(r" (WARNING|ERROR) ")  # as terminal.log_to_stderr writes it
NUMBERS = (
    *("strategy", "scenario", "requests", "delivered", "given_up", "attempts", "paid_attempts"),
    *("rate_limited", "score", "bound", "regret"),
)


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
    session = Session(plan, plan.runs())
    watcher.starting(session)
    session.id = recorder.start_session(
        "harness",
        seed=plan.seed,
        rate=plan.rate,
        settings={"sequential": plan.sequential, "requests": plan.requests},
    )
    async with Stage(session) as stage:
        if not plan.sequential:
            can_do = await capacity(f"{session.admin}/livez")
            session.advice = advice(can_do, plan.rate, len(session.runs))
        watcher.started(session)
        session.verdict = await _play(stage, watcher)
        await _collect(stage, recorder)
        yield session


async def _play(stage: Stage, watcher: Watcher) -> Verdict:
    """Send everything, and judge whether this machine kept up.

    Raises ChildDiedError if servers or balancer die meanwhile.
    """
    plan, lateness = stage.plan, Lateness()
    watching = asyncio.create_task(_watch(stage, watcher))
    keeping_time = asyncio.create_task(watch_loop(lateness.add))
    stage.servers.lateness, stage.balancer.lateness = Lateness(), Lateness()  # without the start
    try:
        async with Client.open(plan.rate, plan.game.deadline) as client:
            send = _in_sequence if plan.sequential else _at_once
            work = stage.servers.unless_it_dies(send(stage, client, watcher))
            await stage.balancer.unless_it_dies(work)
            await asyncio.sleep(_longest_delay(plan))
    finally:
        watching.cancel()
        keeping_time.cancel()
    loops = {
        "the clients": lateness,
        "the balancer": stage.balancer.lateness,
        "the servers": stage.servers.lateness,
    }
    sent = {run.route: run.sent for run in stage.session.runs if run.sent is not None}
    return judge(sent, loops, plan.tolerance)


async def _at_once(stage: Stage, client: Client, watcher: Watcher) -> None:
    """Send the requests of all runs at the same time."""
    plan, runs = stage.plan, stage.session.runs
    ids = request_ids(plan.seed, plan.requests)
    start = time.monotonic() + WARM_UP
    # Spread over one interval, so that the rate of the whole is even; the order is chance.
    gap = 1 / plan.rate / len(runs)
    places = random.sample(range(len(runs)), len(runs))
    streams = [
        Stream(stage.session.data + run.path, ids, start + place * gap, said_of(run, plan, ids))
        for run, place in zip(runs, places, strict=True)
    ]
    for run, stream in zip(runs, streams, strict=True):
        run.sent = stream.sent
    async with _membership(stage, zip(runs, streams, strict=True)):
        await client.run(streams, watcher.answered)


async def _in_sequence(stage: Stage, client: Client, watcher: Watcher) -> None:
    """Send the requests of one run after the other; each strategy begins with fresh fleets."""
    plan, runs = stage.plan, stage.session.runs
    ids = request_ids(plan.seed, plan.requests)
    playing = runs[0].strategy
    for run in runs:
        if run.strategy != playing and plan.server_binary is None:
            stage.servers.signal(signal.SIGHUP)  # the same fleets again, from t = 0
            await stage.servers.ready()
        playing = run.strategy
        start = time.monotonic() + WARM_UP
        stream = Stream(stage.session.data + run.path, ids, start, said_of(run, plan, ids))
        run.sent = stream.sent
        async with _membership(stage, [(run, stream)]):
            await client.run([stream], watcher.answered)


@asynccontextmanager
async def _membership(stage: Stage, streams: Iterable[tuple[Run, Stream]]) -> AsyncIterator[None]:
    """Let servers come and go while requests are sent; those that came last are there at once."""
    following = [
        asyncio.create_task(membership.follow(stage, run, stream.start)) for run, stream in streams
    ]
    try:
        await asyncio.sleep(0)
        yield
    finally:
        for task in following:
            task.cancel()


def _longest_delay(plan: Plan) -> float:
    """Seconds until it is known what the last answer was worth."""
    known = (s.contexts.reward_delay for _, s in plan.scenarios if s.contexts is not None)
    return max(known, default=0.0)


def said_of(run: Run, plan: Plan, ids: Sequence[str]) -> list[dict[str, str]] | None:
    """The headers of a run's requests, in order: tokens and features; None where they have none."""
    scenario = run.scenario
    if scenario.size is None and scenario.contexts is None:
        return None
    fleet = Fleet.draw(scenario, plan.seed, rate=plan.rate)
    said: list[dict[str, str]] = [{} for _ in ids]
    if scenario.size is not None:
        count = np.arange(1, len(ids) + 1)
        sizes = fleet.sizes(np.zeros(len(ids), dtype=np.intp), count)
        for headers, size in zip(said, sizes, strict=True):
            headers["X-FLB-Size"] = str(int(size))
    world = LiveWorld.of(scenario, fleet.seeds)
    if world is not None:
        for headers, each in zip(said, ids, strict=True):
            headers["X-FLB-Features"] = world.features(each.encode())
    return said


async def _watch(stage: Stage, watcher: Watcher) -> None:
    while True:
        await asyncio.sleep(FRAME_PERIOD)
        watcher.snapshot(await stage.snapshot())


async def _collect(stage: Stage, recorder: Recorder) -> None:
    """Each run's numbers: counted by the balancer, timed by the client.

    Only now are the runs and the session finished; until here they would be interrupted.
    """
    session = stage.session
    rows = {row["route"]: row for row in (await stage.snapshot())["routes"]}
    for run in session.runs:
        assert run.sent is not None  # all were played
        row, facts = rows[run.route], run.sent.facts()
        run.numbers = {key: row[key] for key in NUMBERS} | facts
        run.numbers["scenario"] = run.scenario.name  # also where the balancer knows only URLs
        number = stage.recorded.get(run.route)
        if number is not None:
            recorder.annotate(number, facts)
            recorder.finish_run(number)
    if session.id is not None and session.verdict is not None:
        recorder.validity(session.id, **session.verdict.result())
        recorder.finish_session(session.id)
    troubles = dict.fromkeys(line for line in stage.balancer.tail if TROUBLE.search(line))
    session.warnings += miscounts(session) + [f"the balancer: {line}" for line in troubles]


def miscounts(session: Session) -> list[str]:
    """One line if clients and balancer counted deliveries differently, though nothing was lost.

    Where the machine did not keep up they do: an answer that comes too late is counted by one.
    """
    if session.verdict is not None and not session.verdict.valid:
        return []
    found = [
        f"{run.route}: the clients saw {run.sent.delivered} deliveries,"
        f" the balancer counted {run.numbers['delivered']}"
        for run in session.runs
        if run.sent is not None and run.sent.delivered != run.numbers["delivered"]
    ]
    others = f" (and so in {len(found) - 1} other runs)" if len(found) > 1 else ""
    return [found[0] + others] if found else []
