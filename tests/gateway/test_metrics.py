"""Tokens, dollars and times in /metrics."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flaky_load_balancer.config import Provider
from tests.gateway.providers import CHAT, PRICES, gateway


async def test_tokens_dollars_and_times_of_each_model() -> None:
    providers = [Provider(model="gpt-x", prices=PRICES), Provider(prices=PRICES, ask_usage=False)]
    async with gateway(["ok"], ["ok"], providers=providers) as (served, _):
        for _ in range(4):
            await served.http.post("/v1/chat/completions", json={**CHAT, "stream": True})
        text = (await served.admin.get("/metrics")).text
    found = {
        (sample.name, sample.labels["server"], sample.labels.get("gen_ai_token_type")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.startswith("gen_ai") and not sample.name.endswith("bucket")
    }
    usage = "gen_ai_client_token_usage"
    assert found[f"{usage}_sum", "a", "input"].value == pytest.approx(2000)
    assert found[f"{usage}_sum", "a", "output"].value == pytest.approx(1000)
    assert found[f"{usage}_count", "a", "output"].value == 2
    assert found[f"{usage}_sum", "a", "input"].labels["gen_ai_request_model"] == "gpt-x"
    for name in ("time_to_first_token", "time_per_output_token", "request_duration"):
        assert found[f"gen_ai_server_{name}_seconds_count", "a", None].value == 2
    cost = {
        (sample.labels["server"], sample.labels["estimated"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "flb_cost_usd_total"
    }
    assert cost["a", "false"] == pytest.approx(2 * 2000 / 1e6)
    assert cost["a", "true"] == cost["b", "false"] == 0
    assert cost["b", "true"] > 0
