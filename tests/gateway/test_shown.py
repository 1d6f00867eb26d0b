"""What people see of a gateway: models by task, money, and why a request went where it did."""

import pytest

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.config import Budget, Gateway, Provider
from tests.gateway.providers import CHAT, PRICES, gateway

CODE = {
    **CHAT,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "def f(x): fix this python"}],
}
ASKED = "/v1/chat/completions"


async def test_models_by_task_money_and_decisions() -> None:
    providers = [Provider(model="gpt-x", prices=PRICES), Provider(prices=PRICES)]
    how = Gateway(reward="feedback", usd=5.0, budget=Budget(1.0, 3600.0), features=("task",))
    async with gateway(["ok"], ["ok"], providers=providers, settings_of=how) as (served, _):
        for _ in range(4):
            answer = await served.http.post(ASKED, json={**CODE, "stream": True})
            rated = {"id": answer.headers["X-FLB-Decision"], "reward": 0.5}
            assert (await served.http.post("/v1/feedback", json=rated)).status_code == 202
        name = served.service.routes.shown[0].name
        found = await served.admin.get(f"/api/routes/{name}")
        detail = schemas.RouteDetail.model_validate_json(found.content)
        made = await served.admin.get(f"/api/routes/{name}/decisions")
        decisions = schemas.Decisions.model_validate_json(made.content)
    assert detail.models is not None
    rows = {(row.server, row.task): row for row in detail.models}
    whole, code = rows["a", None], rows["a", "code"]
    assert set(rows) == {("a", None), ("a", "code"), ("b", None), ("b", "code")}
    assert whole.model_dump(exclude={"task"}) == code.model_dump(exclude={"task"})
    assert (code.model, code.attempts, code.answers, code.quality) == ("gpt-x", 2, 2, 0.5)
    assert (code.input_tokens, code.output_tokens) == (2000, 1000)
    assert code.usd == pytest.approx(2 * 2000 / 1e6)
    assert code.first_token_ms.p50 is not None
    assert code.tokens_per_second is not None
    assert detail.money is not None
    assert (detail.money.usd, detail.money.per, detail.money.price) == (1.0, 3600.0, 5.0)
    assert detail.money.left == pytest.approx(1.0 - sum(row.usd for row in rows.values()) / 2)
    last = decisions.decisions[-1]
    assert last.features is not None
    shown = dict(zip(decisions.features, last.features, strict=True))
    assert (shown["bias"], shown["task=code"]) == (1, 1)
    assert last.most_usd is not None
    assert last.budget_usd is not None
    assert detail.money.left is not None
    assert detail.money.left < last.budget_usd <= 1.0
    assert last.price is None  # this strategy pays no price of its own


async def test_the_price_of_each_decision_of_a_strategy_that_holds_its_spending() -> None:
    providers = [Provider(model="gpt-x", prices=PRICES)] * 2
    async with gateway(["ok"], ["ok"], providers=providers, strategy="pacer:target=0.0001") as (
        served,
        _,
    ):
        for _ in range(3):
            await served.http.post(ASKED, json=CHAT)
        made = await served.admin.get("/api/routes/r/decisions")
    decisions = schemas.Decisions.model_validate_json(made.content).decisions
    prices = [each.price for each in decisions if each.price is not None]
    assert prices == sorted({0.0, *prices})
    assert len(prices) == 3
