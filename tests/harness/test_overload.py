"""Whether a machine kept up: told by what is late and what is missing, and what to do about it."""

import asyncio

import pytest
from aiohttp import web

from flaky_load_balancer.harness.client import Sent
from flaky_load_balancer.harness.overload import LATE_MAX, LATE_P99, advice, capacity, judge
from flaky_load_balancer.lateness import Lateness


def sent(delays: list[float], unanswered: int = 0, turned_away: int = 0) -> Sent:
    return Sent(
        len(delays),
        unanswered=unanswered,
        turned_away=turned_away,
        lateness=Lateness(delays),
    )


def test_a_quiet_machine_is_valid() -> None:
    """As measured: one in a hundred 6 ms late, and a single stall of 90 ms."""
    delays = 9_800 * [0.001] + 199 * [0.006] + [0.09]
    verdict = judge({"v4-T1": sent(delays)}, {"the balancer": Lateness(delays)})
    assert verdict.valid
    assert verdict.late_ms == {
        "p50": pytest.approx(1, rel=0.05),
        "p99": pytest.approx(6, rel=0.05),
        "max": 90.0,
    }
    assert verdict.result() == {"valid": True, "why": [], "late_ms": verdict.late_ms}


@pytest.mark.parametrize("late", [50 * [0.0] + 50 * [1.5 * LATE_P99], [*999 * [0.0], 2 * LATE_MAX]])
def test_what_is_late_makes_a_session_invalid_and_is_named(late: list[float]) -> None:
    (why,) = judge({"v4-T1": sent(late), "v6-T1": sent([0.0])}, {}).why
    assert "requests were sent late" in why
    quiet = {"the clients": Lateness([0.001])}
    (why,) = judge({"v4-T1": sent([0.0])}, quiet | {"the servers": Lateness(late)}).why
    assert "the event loop of the servers" in why


def test_of_a_few_requests_one_that_is_a_little_late_is_no_overload() -> None:
    assert judge({"v4-T1": sent([0.0, 0.0, 2 * LATE_P99])}, {}).valid


def test_tolerance_multiplies_what_may_be_late() -> None:
    late = sent(200 * [1.5 * LATE_P99])
    assert judge({"v4-T1": late}, {}, tolerance=2.0).valid
    assert not judge({"v4-T1": late}, {}, tolerance=0.0).valid


def test_answers_that_are_missing_make_a_session_invalid() -> None:
    runs = {"v4-T1": sent(100 * [0.0], unanswered=1), "v6-T1": sent(100 * [0.0], turned_away=20)}
    (why,) = judge(runs, {}).why
    assert "21 of 200 requests were not answered" in why
    assert "v6-T1: 20 of 100" in why


def test_advice_is_what_the_machine_can_do() -> None:
    assert advice(600.0, rate=10.0, runs=51) is None
    text = advice(190.0, rate=10.0, runs=51)
    assert text is not None
    assert all(words in text for words in ("--rate 4", "at most 19 runs", "--sequential", "510"))
    text = advice(8.0, rate=10.0, runs=51)
    assert text is not None
    assert "--rate 0.2" in text
    assert "--sequential" not in text  # one run alone is too much, too


async def test_what_a_machine_can_do_is_asked_of_the_balancer() -> None:
    asked = 0

    async def answer(_: web.BaseRequest) -> web.Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return web.Response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert await capacity(f"http://127.0.0.1:{runner.addresses[0][1]}/livez") > 0
    finally:
        await runner.cleanup()
    assert asked > 0
