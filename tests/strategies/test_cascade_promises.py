"""cascade keeps its promises only to requests that are still there."""

import numpy as np
import pytest

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import GIVE_UP, HOLD, Floats, Ints, Outcome, Rules, Sent
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from strategies.cascade import Cascade

ROW = np.zeros(1, dtype=np.intp)
SLOT = ROW
UNSAID = np.full(1, np.nan)
CROWD = 20

ONE_A_SECOND = """
name = "one-a-second"
servers = 2
failure.values = [0.05, 0.05]
limit = {{ kind = "{kind}", window = 1.0, values = [1, 1] }}
"""


def at(time: float) -> Floats:
    return np.array([time])


class Game:
    """cascade, alone with two servers that admit an attempt per second each."""

    def __init__(self, kind: str, seed: int) -> None:
        scenario = scenarios.parse(ONE_A_SECOND.format(kind=kind), source="test")
        self.servers = Servers(Fleet.draw(scenario, seed, rate=1.0))
        self.strategy = Cascade()
        self.balancer = Balancer(self.strategy, Rules(2), np.random.default_rng(seed))
        self.now = 0.0
        for k in range(80):
            self.deliver()
            self.now += 0.3 * (1 + k % 3)
        self.now += 30.0

    def deliver(self) -> float:
        """A request, from its arrival to its end; how long that took."""
        now = self.now
        self.balancer.arrive(ROW, SLOT, at(now + 10.0))
        while True:
            action = self.balancer.decide(ROW, SLOT, at(now))
            if action.arm[0] == GIVE_UP:
                return now - self.now
            if action.arm[0] == HOLD:
                assert action.until is not None
                now = float(action.until[0])
            elif self.attempt(action.arm, now) is Outcome.SUCCEEDED:
                self.balancer.leave(ROW, SLOT)
                return now - self.now

    def attempt(self, arm: Ints, now: float) -> Outcome:
        outcome, latency, retry_after, _ = self.servers.respond(ROW, arm, at(now))
        self.balancer.complete(ROW, SLOT, outcome, now + latency, retry_after)
        return Outcome(outcome[0])

    def crowd(self) -> Ints:
        """Many requests come at once: the slots of those that are held; others are answered."""
        slots = np.arange(1, 1 + CROWD)
        held = []
        for slot in slots:
            here = np.array([slot])
            self.balancer.arrive(ROW, here, at(self.now + 10.0))
            arm = self.balancer.decide(ROW, here, at(self.now)).arm[0]
            if arm >= 0:
                done = np.array([Outcome.SUCCEEDED])
                self.balancer.complete(ROW, here, done, at(self.now + 0.001), UNSAID)
            elif arm == HOLD:
                held.append(slot)
        return np.array(held, dtype=np.intp)


@pytest.mark.parametrize("kind", ["token-bucket", "sliding-window", "fixed-window"])
@pytest.mark.parametrize("seed", [1, 3])
def test_who_hangs_up_leaves_no_promise_behind(kind: str, seed: int) -> None:
    game = Game(kind, seed)
    held = game.crowd()
    assert held.size >= CROWD // 2
    for slot in held:
        game.balancer.leave(ROW, np.array([slot]))
    assert not game.strategy.promises.open()[0].size
    game.now += 2.0
    assert game.deliver() < 0.01


def test_a_promised_server_that_is_not_available_is_not_sent_to() -> None:
    game = Game("token-bucket", 3)
    held = game.crowd()
    here = held[:1]
    promised = int(game.strategy.promises.arm[0, 0])
    available = np.ones((1, 2), dtype=bool)
    available[0, promised] = False
    arm = game.balancer.decide(ROW, here, at(game.now + 5.0), available=available).arm[0]
    assert arm != promised


def test_what_replicas_promise_is_waited_for_until_they_withdraw_it() -> None:
    game = Game("token-bucket", 3)
    fresh = game.strategy.state().arrays
    for k in range(2):
        theirs = Sent(
            rows=ROW,
            now=at(game.now),
            request=np.array([1_000_000 + k]),
            arm=np.array([k % 2]),
            time=at(game.now + 0.5),
            promised=np.array([True]),
            size=UNSAID,
        )
        game.strategy.note(theirs)
    game.balancer.arrive(ROW, SLOT, at(game.now + 10.0))
    action = game.balancer.decide(ROW, SLOT, at(game.now))
    assert action.arm[0] == HOLD
    assert action.until is not None
    assert action.until[0] >= game.now + 0.5
    game.balancer.leave(ROW, SLOT)
    kept = game.strategy.state().arrays  # promises are no state
    for k in range(2):
        game.strategy.withdraw(ROW, np.array([1_000_000 + k]))
    assert game.deliver() < 0.01
    assert np.array_equal(
        kept["capacity.model.admissions.times"], fresh["capacity.model.admissions.times"]
    )


def test_promises_follow_servers_that_stay() -> None:
    game = Game("token-bucket", 3)
    held = game.crowd()
    arms = game.strategy.promises.arm[0, : held.size].copy()
    game.strategy.resize(np.array([-1, 1]))
    rows, requests = game.strategy.promises.open()
    assert len(rows) == np.count_nonzero(arms == 1)
    _, arm, _, _ = game.strategy.promises.take(ROW, requests[:1])
    assert arm.tolist() == [1]
