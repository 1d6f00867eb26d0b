"""The bill of one request: reserved, charged, settled."""

from types import SimpleNamespace
from typing import Any

import pytest

from flaky_load_balancer.config import Prices
from flaky_load_balancer.gateway.bill import Bill
from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.gateway.usage import Usage
from flaky_load_balancer.proxy.attempt import Attempt

DOLLAR_A_TOKEN = Prices(1e6, 1e6, 1e6)


def attempt(number: int, prices: Prices | None = DOLLAR_A_TOKEN) -> Attempt:
    provider = SimpleNamespace(prices=prices)
    server: Any = SimpleNamespace(settings=SimpleNamespace(provider=provider))
    decision: Any = None
    return Attempt(number, 0, 0, 0.0, decision, server=server)


def bill(usd: float = 10.0) -> tuple[Bill, RollingBudget]:
    budget = RollingBudget(usd, 100.0)
    return Bill(budget, lambda: 1.0), budget


def test_what_is_reserved_is_given_back_less_what_it_cost() -> None:
    told, budget = bill()
    first = attempt(1)
    assert told.reserve(first, 6.0)
    assert not told.reserve(attempt(2), 5.0)
    told.charge(first, Usage(1, 0, estimated=True))
    told.charge(first, Usage(2, 1))
    told.settle(first)
    assert budget.reserved == 0.0
    assert budget.left(1.0) == pytest.approx(7.0)
    assert told.marks() == [(b"X-FLB-Cost-USD", b"3.000000000")]


def test_the_end_gives_back_what_is_under_way() -> None:
    told, budget = bill()
    assert told.reserve(attempt(1), 6.0)
    told.close()
    assert (budget.reserved, budget.left(1.0)) == (0.0, 10.0)


def test_an_estimate_is_said_to_be_one() -> None:
    told, _ = bill()
    first = attempt(1)
    told.reserve(first, 6.0)
    told.charge(first, Usage(1, 0, estimated=True))
    told.settle(first)
    assert (b"X-FLB-Cost-Estimated", b"true") in told.marks()


def test_where_nothing_has_a_price_nothing_is_said() -> None:
    told = Bill(None, lambda: 1.0)
    free = attempt(1, prices=None)
    assert told.reserve(free, None)
    told.charge(free, Usage(5, 5))
    told.settle(free)
    assert free.cost is None
    assert told.marks() == []
