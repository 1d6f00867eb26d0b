"""Several limits at once: accounts, tokens, and what a refusal uses."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.limits import SlidingTokens
from flaky_load_balancer.simulation.fleets.motions import Still
from flaky_load_balancer.simulation.fleets.servers import Servers

HEAD = 'name = "joint"\nservers = 3\nfailure.values = [0, 0, 0]\nsize.median = 100\n'
ROW = np.zeros(1, dtype=np.intp)
REFUSED = Outcome.RATE_LIMITED


def servers(limits: str) -> Servers:
    return Servers(Fleet.draw(scenarios.parse(HEAD + limits, source="test"), 0))


def ask(of: Servers, arm: int, now: float, size: float = 100.0) -> tuple[bool, float]:
    """Whether it was admitted, and what Retry-After said."""
    response = of.respond(ROW, np.array([arm]), np.array([now]), np.array([size]))
    return response.outcome[0] != REFUSED, float(response.retry_after[0])


ACCOUNT = """
[[limits]]
servers = [0, 1]
account = "a"
kind = "fixed-window"
window = 10
values = [3]
"""


def test_servers_of_an_account_share_one_limit() -> None:
    of = servers(ACCOUNT)
    assert [ask(of, arm, 0.0)[0] for arm in (0, 1, 1, 0, 1)] == [True, True, True, False, False]
    assert all(ask(of, 2, 1.0)[0] for _ in range(20))  # in no account
    np.testing.assert_array_equal(of.remaining(1.0), [[0, 0, np.inf]])
    assert ask(of, 1, 10.0)[0]


TOKENS = """
[[limits]]
unit = "tokens"
kind = "%s"
window = 10
values = [1000, 1000, 1000]
retry_after = true
"""


@pytest.mark.parametrize("kind", ["fixed-window", "sliding-window", "token-bucket"])
def test_an_attempt_takes_its_size(kind: str) -> None:
    of = servers(TOKENS % kind)
    assert ask(of, 0, 0.0, 600)[0]
    assert not ask(of, 0, 0.0, 500)[0]
    assert ask(of, 0, 0.0, 400)[0]  # what was refused took nothing
    wait = {"fixed-window": 9, "sliding-window": 9, "token-bucket": 1}[kind]
    admitted, retry_after = ask(of, 0, 1.0, 200)
    assert not admitted
    assert retry_after == wait
    assert ask(of, 0, 1.0 + wait, 200)[0]
    assert not ask(of, 1, 1.0, 1001)[0]  # larger than the limit: never


def test_a_server_admits_only_if_all_its_limits_do_and_refusals_use_nothing() -> None:
    of = servers(ACCOUNT + TOKENS % "fixed-window")
    assert not ask(of, 0, 0.0, 2000)[0]
    assert of.remaining(0.0)[0, 0] == 3  # of the account, though another limit refused
    assert [ask(of, 0, 0.0, 10)[0] for _ in range(4)] == [True, True, True, False]
    assert of.limiters[1].remaining(np.array([0]), np.zeros(1))[0] == 970


def test_retry_after_is_the_latest_of_those_that_refuse_and_say_so() -> None:
    both = (TOKENS % "token-bucket") + (TOKENS % "fixed-window").replace("= 10\n", "= 60\n")
    of = servers(both)
    ask(of, 0, 0.0, 1000)
    assert ask(of, 0, 5.0, 900) == (False, 55)
    silent = servers(ACCOUNT + TOKENS % "fixed-window")
    for _ in range(3):
        ask(silent, 0, 0.0, 10)
    admitted, retry_after = ask(silent, 0, 0.0, 10)
    assert not admitted
    assert np.isnan(retry_after)


def test_sizes_are_lognormal_whole_and_a_function_of_the_number() -> None:
    text = HEAD.replace("median = 100", "median = 100\nsize.sigma = 0.5")
    fleet = Fleet.draw(scenarios.parse(text, source="test"), 3, replications=2)
    count = np.arange(1, 4001)
    sizes = fleet.sizes(np.ones(4000, dtype=np.intp), count)
    assert np.array_equal(sizes, np.rint(sizes))
    assert np.log(sizes).mean() == pytest.approx(np.log(100), abs=0.03)
    assert np.log(sizes).std() == pytest.approx(0.5, abs=0.03)
    again = Fleet.draw(fleet.scenario, 3, first=1)
    np.testing.assert_array_equal(again.sizes(np.zeros(9, dtype=np.intp), count[:9]), sizes[:9])


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 60)), max_size=60))
def test_no_window_ever_holds_more_tokens_than_its_limit(steps: list[tuple[float, int]]) -> None:
    limiter, lane, t = SlidingTokens(np.array([100.0]), 5.0, Still()), np.zeros(1, np.intp), 0.0
    admitted: list[tuple[float, int]] = []
    for gap, size in steps:
        t += gap
        if limiter.admit(lane, np.array([t]), np.array([float(size)]))[0]:
            admitted.append((t, size))
        else:
            wait = limiter.wait(lane, np.array([t]), np.array([float(size)]))[0]
            later = np.array([t + wait + 1e-9])
            assert wait > 0
            assert limiter.remaining(lane, later)[0] >= size
    for end, _ in admitted:
        assert sum(size for time, size in admitted if end - 5.0 < time <= end) <= 100


def test_accounts_move_together() -> None:
    """One drawn limit with one motion, whatever server is asked."""
    moving = ACCOUNT.replace("values = [3]", "uniform = [5, 50]") + (
        '[limits.motion]\nkind = "walk"\namplitude = 0.8\nperiod = 20\n'
    )
    of = servers(moving)
    ask(of, 2, 0.0)  # time begins
    rates = [of.rate(t)[0, :2] for t in (0.0, 10.0, 30.0, 70.0)]
    assert all(first == second for first, second in rates)
    assert any(first[0] != second[0] for first, second in pairwise(rates))
