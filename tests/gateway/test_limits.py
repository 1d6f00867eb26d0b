"""What providers say of their limits, in every shape in which they say it."""

import math
from email.utils import formatdate

import pytest

from flaky_load_balancer.gateway.limits import Allowance, Remaining, allowances, wait
from flaky_load_balancer.proxy.http1 import Headers
from tests.gateway.providers import CHAT, gateway

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def headers(**values: str) -> Headers:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": formatdate(NOW + 9, usegmt=True)}, 9),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"x_ms_retry_after_ms": "250", "Retry_After": "1"}, 1),
        ({"Retry_After": "0"}, 0),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1m30.5s"}, 90.5),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "12ms"}, 0.012),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "1h2m"}, 3600),
        ({"x_ratelimit_remaining_tokens": "5", "x_ratelimit_reset_tokens": "6s"}, math.nan),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "17"}, 17),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(NOW) + 30)}, 30),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": f"{int(NOW) + 30}000"}, 30),
        (
            {
                "anthropic_ratelimit_tokens_remaining": "0",
                "anthropic_ratelimit_tokens_reset": "2027-01-15T08:00:20Z",
            },
            20,
        ),
        ({"RateLimit": "limit=100, remaining=0, reset=5"}, 5),
        ({"RateLimit": '"default";r=0;t=6'}, 6),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_limit_requests": "0"}, math.nan),
        ({"Retry_After": "soon", "retry_after_ms": "x", "RateLimit": "?"}, math.nan),
    ],
)
def test_a_wait(said: dict[str, str], seconds: float) -> None:
    assert wait(headers(**said), NOW) == pytest.approx(seconds, nan_ok=True)


def test_minus_one_means_unknown() -> None:
    said = headers(x_ratelimit_remaining_tokens="-1", x_ratelimit_limit_tokens="-1")
    assert allowances(said, NOW) == []
    assert allowances(headers(x_other="1"), NOW) == []


def test_what_is_left_is_counted_down_and_forgotten_when_it_is_filled_up() -> None:
    left = Remaining()
    left.told([Allowance("requests", 3, 10.0), Allowance("tokens", 900, 5.0)], 0.0, 1, 300.0)
    assert left.allows(600, 1.0)
    left.sent(300)
    assert left.allows(300, 1.0)
    assert not left.allows(301, 1.0)  # tokens
    left.sent(300)
    assert not left.allows(1, 6.0)  # requests
    assert left.allows(1, 10.0)


async def test_a_server_that_says_it_is_at_its_limit_is_left_alone_before_it_refuses() -> None:
    extra = "\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 30s"
    async with gateway(["ok"], ["ok"], extra=extra) as (served, (first, second)):
        for _ in range(2):
            await served.http.post("/v1/chat/completions", json=CHAT)
        second.extra = ""
        (api,) = served.service.routes.gateways
        del api.route.remaining["b"]
        for _ in range(4):
            answer = await served.http.post("/v1/chat/completions", json=CHAT)
            assert answer.headers["X-FLB-Server"] == "b"
    assert (len(first.seen), len(second.seen)) == (1, 5)
