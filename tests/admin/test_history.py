"""How a route came to where it is: bounded, in order, and with the newest sample."""

import asyncio
from itertools import pairwise

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.history import History
from flaky_load_balancer.admin.stream import EVERY, Live
from flaky_load_balancer.admin.views import View
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.records import NoRecorder
from flaky_load_balancer.registry import built_in
from tests.clock import run_in_virtual_time
from tests.routes import answering, deliver, route


def filled(samples: int, most: int = 16) -> History:
    frame = View(route(answering())).frame(0.0)
    history = History(most)
    for time in range(1, samples + 1):
        history.add(float(time), {**frame, "requests": time})
    return history


def test_a_few_samples_are_all_kept() -> None:
    numbers = filled(5).numbers()
    assert numbers["time"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert numbers["requests"] == [1, 2, 3, 4, 5]


def test_many_samples_take_no_more_room_and_the_newest_is_there() -> None:
    for samples in (16, 17, 100, 10_000):
        times = filled(samples).numbers()["time"]
        assert 8 <= len(times) <= 17
        assert (times[0], times[-1]) == (1.0, float(samples))
        steps = {b - a for a, b in pairwise(times[:-1])}
        assert len(steps) == 1


def test_only_what_is_behind_a_time() -> None:
    history = filled(10)
    assert history.numbers(after=8.0)["time"] == [9.0, 10.0]
    assert len(history.shares(after=8.0)["share"]) == 2
    assert history.numbers(after=10.0)["time"] == []


async def test_limits_are_remembered_beside_attempts_and_refusals() -> None:
    answers = answering(Outcome.SUCCEEDED, Outcome.RATE_LIMITED, *[Outcome.SUCCEEDED] * 6)
    view = View(route(answers, built_in("cascade")))
    for time in range(1, 5):
        await deliver(view.route)
        frame = view.frame(float(time))
        view.history.add(float(time), frame)
    told = view.history.shares()
    assert [len(row) for row in told["limits"]] == [len(told["servers"])] * 4
    columns = frame["servers"]
    last = list(zip(*told["limits"][-1], strict=True))
    assert list(last[3]) == columns["attempts"]
    assert list(last[4]) == columns["rate_limited"]
    assert sum(columns["rate_limited"]) == 1
    for low, middle, high, _, refused in told["limits"][-1]:
        assert (middle is None) == (refused == 0)
        assert middle is None or low < middle < high


def test_nothing_yet() -> None:
    assert History().numbers()["score"] == []
    assert History().shares() == {"servers": [], "share": [], "limits": []}


def test_the_live_frames_are_its_samples() -> None:
    async def play() -> None:
        served = route(answering(*[Outcome.SUCCEEDED] * 10), (0, 1, 2, 0, 1, 2))
        live = Live([served], asyncio.get_running_loop().time, NoRecorder(), session="s")
        making = asyncio.create_task(live.run())
        for _ in range(3):
            await deliver(served)
            await asyncio.sleep(EVERY)
        making.cancel()
        histories = schemas.Histories.model_validate_json(await live.history(0.0))
        (row,) = histories.routes
        assert row.requests == [1, 2, 3]
        assert row.score == [1.0, 2.0, 3.0]
        assert (histories.session, histories.kind) == ("s", "serve")

    run_in_virtual_time(play())
