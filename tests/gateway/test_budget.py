"""Hard budgets: reserved before, settled after, never more within any window."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.config import Budget, Gateway, Prices, Provider
from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.service.workers import Ledger
from tests.gateway.providers import CHAT, FakeProvider, gateway, settings
from tests.service.origins import listening, serving

DEAR, CHEAP = Provider(prices=Prices(1.0, 2.0, 1.0)), Provider(prices=Prices(0.1, 0.2, 0.1))
LONG = [{"role": "user", "content": "four" * 1000}]  # of 1000 tokens, as the providers count
LIMITED = {**CHAT, "messages": LONG, "max_tokens": 500}
MOST = (len(json.dumps(LIMITED)) + 2 * 500) / 1e6  # dollars that are reserved for one
SPENT = (1000 + 2 * 500) / 1e6  # dollars of an answer of the dear one


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 5), st.floats(0, 1)), max_size=60))
def test_no_window_ever_holds_more_than_the_budget(asked: list[tuple[float, float, float]]) -> None:
    budget, now, paid = RollingBudget(10.0, 100.0), 0.0, []
    for wait, most, part in asked:
        now += wait
        if most > budget.left(now):
            continue
        assert budget.reserve(most, now)
        budget.settle(most, most * part, now)
        paid.append((now, most * part))
        assert sum(cost for time, cost in paid if time > now - 100) <= 10.0 + 1e-9
    now += 102.0
    assert budget.left(now) == pytest.approx(10.0)


@pytest.fixture
def processes() -> Iterator[list[Ledger]]:
    """What the parent and two workers see of the counts that they share."""
    parent = Ledger.new(2)
    RollingBudget(1.0, 100.0, parent, "r")
    yield [parent, *(Ledger(parent.file, 2, parent.places, worker) for worker in range(2))]
    parent.close()


def test_two_workers_spend_of_one_budget_whoever_is_asked(processes: list[Ledger]) -> None:
    one, other = (RollingBudget(1.0, 100.0, each, "r") for each in processes[1:])
    assert one.reserve(0.9, 50.0)
    assert not other.reserve(0.2, 50.0)
    assert one.reserved == other.reserved == pytest.approx(0.9)
    one.settle(0.9, 0.5, 51.0)
    assert other.left(51.0) == pytest.approx(0.5)
    assert other.reserve(0.5, 51.0)
    other.settle(0.5, 0.5, 52.0)
    assert not one.reserve(0.1, 140.0)
    assert one.reserve(1.0, 160.0)  # though the other has not looked since


def test_what_a_dead_worker_had_reserved_may_be_spent(processes: list[Ledger]) -> None:
    parent, one, two = processes
    dead, other = (RollingBudget(1.0, 100.0, each, "r") for each in (one, two))
    dead.spend(0.25, 10.0)
    assert dead.reserve(0.5, 50.0)
    parent.clear(0)
    again = RollingBudget(1.0, 100.0, Ledger(parent.file, 2, parent.places, 0), "r")
    again.inherit(60.0)
    assert again.reserved == 0.0
    assert other.left(60.0) == pytest.approx(0.25)
    assert again.left(115.0) == pytest.approx(0.5)


def test_what_was_spent_before_is_counted_by_the_first_process_only(
    processes: list[Ledger],
) -> None:
    first, *others = (RollingBudget(1.0, 100.0, each, "r") for each in processes)
    assert not first.begun
    first.spend(0.25, 20.0)
    assert all(each.begun and each.left(30.0) == pytest.approx(0.75) for each in others)


@pytest.mark.slow
async def test_a_worker_that_is_asked_alone_may_spend_the_whole_budget() -> None:
    gateway_of = Gateway(budget=Budget(MOST + 2.2 * SPENT, 3600.0))
    async with listening([FakeProvider(["ok"])]) as found:
        workers = replace(settings(found, [DEAR], gateway_of), workers=2)
        async with serving(workers) as served:
            chat = partial(served.http.post, "/v1/chat/completions", json=LIMITED)
            codes = [(await chat()).status_code for _ in range(5)]  # on one connection
            assert codes == [200, 200, 200, 429, 429]
            again = {"Connection": "close"}
            assert {(await chat(headers=again)).status_code for _ in range(10)} == {429}
    assert len(found[0].seen) == 3


async def test_what_is_left_pays_for_the_cheap_one_only_and_then_for_none() -> None:
    gateway_of = Gateway(budget=Budget(MOST + 2.2 * SPENT, 3600.0))
    async with gateway(["ok"], ["ok"], providers=[DEAR, CHEAP], settings_of=gateway_of) as (
        served,
        found,
    ):
        answers = [await served.http.post("/v1/chat/completions", json=LIMITED) for _ in range(60)]
        cost = served.route().tally.run()["cost"]
    codes = [answer.status_code for answer in answers]
    assert codes == sorted(codes)
    assert set(codes) == {200, 429}
    assert answers[-1].json()["error"]["code"] == "insufficient_quota"
    assert cost <= MOST + 2.2 * SPENT
    assert 1 <= len(found[0].seen) <= 3
    assert len(found[1].seen) > len(found[0].seen)


async def test_many_at_once_spend_no_more_than_there_is() -> None:
    gateway_of = Gateway(budget=Budget(4.5 * MOST, 3600.0))
    async with gateway(["ok"], providers=[DEAR], settings_of=gateway_of) as (served, (dear,)):
        await asyncio.gather(
            *(served.http.post("/v1/chat/completions", json=LIMITED) for _ in range(20))
        )
        assert served.route().tally.run()["cost"] <= 4.5 * MOST
    assert 4 <= len(dear.seen) <= 20


async def test_a_provider_that_counts_more_tokens_than_can_be_is_reckoned_with() -> None:
    short = {**CHAT, "max_tokens": 500}
    gateway_of = Gateway(budget=Budget(4.5 * SPENT, 3600.0))
    async with gateway(["ok"], providers=[DEAR], settings_of=gateway_of) as (served, (dear,)):
        for _ in range(20):
            await served.http.post("/v1/chat/completions", json=short)
        assert served.route().tally.run()["cost"] <= 4.5 * SPENT
    assert len(dear.seen) == 4


async def test_a_budget_needs_a_limit_on_the_answer() -> None:
    gateway_of = Gateway(budget=Budget(1.0, 3600.0))
    async with gateway(["ok"], providers=[DEAR], settings_of=gateway_of) as (served, (dear,)):
        answer = await served.http.post("/v1/chat/completions", json=CHAT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "max_tokens_required")
        embedded = await served.http.post("/v1/embeddings", json={"model": "m", "input": "x"})
        assert embedded.status_code == 200
    assert len(dear.seen) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["500", "429", "reset", "hang", "cut"])
async def test_nothing_stays_reserved(fault: str) -> None:
    gateway_of = Gateway(budget=Budget(1.0, 3600.0))
    for stream in (False, True):
        async with gateway([fault], providers=[DEAR], settings_of=gateway_of) as (served, _):
            await served.http.post("/v1/chat/completions", json={**LIMITED, "stream": stream})
            (api,) = served.service.routes.gateways
            assert api.route.budget is not None
            assert api.route.budget.reserved == pytest.approx(0, abs=1e-12)
