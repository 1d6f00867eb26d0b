"""Draws from Beta posteriors: one replication and many draw the same numbers."""

import numpy as np
from scipy import stats

from strategies.parts.beta import BetaPosterior, beliefs, draw
from strategies.parts.counts import Counts

REPLICATIONS, ARMS = 3, 5


def posterior() -> BetaPosterior:
    counts = Counts(REPLICATIONS, ARMS)
    counts.ended[:] = np.random.default_rng(1).integers(0, 50, counts.ended.shape)
    return BetaPosterior(counts, 2.0, 1.0, refusals_fail=True)


def test_a_batch_draws_what_its_rows_draw_one_after_the_other() -> None:
    shapes = posterior().shapes(np.arange(REPLICATIONS))
    rng = np.random.default_rng(2)
    alone = np.concatenate([draw(each[None], rng) for each in shapes])
    np.testing.assert_array_equal(draw(shapes, np.random.default_rng(2)), alone)


def test_the_posterior_of_one_replication_is_its_row_of_all() -> None:
    read = posterior()
    before = read.counts.ended.copy()
    every = read.shapes(np.arange(REPLICATIONS))
    for row in range(REPLICATIONS):
        np.testing.assert_array_equal(read.shapes(np.array([row]))[0], every[row])
    np.testing.assert_array_equal(read.counts.ended, before)
    np.testing.assert_array_equal(every[:, 0], 2.0 + before[:, 0])
    np.testing.assert_array_equal(every[:, 1], 1.0 + before[:, 1] + before[:, 2])


def test_intervals_are_those_of_each_server_also_where_many_are_alike() -> None:
    shapes = np.random.default_rng(3).integers(1, 4, (REPLICATIONS, 2, 50)).astype(float)
    said = beliefs(shapes)
    for level, key in ((0.025, "low"), (0.975, "high")):
        np.testing.assert_allclose(said[key], stats.beta.ppf(level, shapes[:, 0], shapes[:, 1]))
