"""round-robin by hand."""

import numpy as np

from flaky_load_balancer.core.types import Context, Rules
from strategies.round_robin import RoundRobin
from tests.strategies.table import Table


def test_servers_take_turns() -> None:
    played = Table(RoundRobin())
    assert [played.arm() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_tried_servers_are_skipped() -> None:
    played = Table(RoundRobin(), 4)
    assert played.arm() == 0
    assert played.arm(2, tried=(0, 1)) == 2
    assert played.arm(3, tried=(0, 1, 2)) == 3
    assert played.arm(3, tried=(0, 1, 2)) == 3
    assert played.arm() == 0


def test_with_all_tried_it_is_whoever_is_next() -> None:
    played = Table(RoundRobin())
    played.arm()
    assert played.arm(8, tried=(0, 1, 2)) == 1


def test_the_index_is_how_near_a_turn_is() -> None:
    played = Table(RoundRobin(), 4)
    assert played.index() == [0, -1, -2, -3]
    assert played.index() == [-3, 0, -1, -2]
    assert played.eligible(2, tried=(2,)) == [0, 1, 3]


def test_each_replication_has_its_own_turn() -> None:
    strategy = RoundRobin()
    strategy.reset(Rules(3), 2, np.random.default_rng(0))

    def arms(*rows: int) -> list[int]:
        n = len(rows)
        blank = np.zeros((n, 3), dtype=bool)
        asked = Context.of(np.array(rows), np.zeros(n), np.ones(n, dtype=int), blank, np.ones(n))
        return [int(arm) for arm in strategy.select(asked).arm]

    assert [arms(1), arms(1), arms(1, 0), arms(0, 1)] == [[0], [1], [2, 0], [1, 0]]
