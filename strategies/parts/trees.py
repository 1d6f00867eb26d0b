"""An ensemble of regression trees for each server, each grown from a bootstrap of what was seen.

Source: Elmachtoub, McNellis, Oh and Petrik 2017 (UAI), "A practical method for solving contextual
bandit problems using decision trees" (TreeBootstrap); the bootstrap is drawn as observations come,
each is in a tree Poisson(1) times (Oza and Russell 2001, "Online bagging and boosting").

scikit-learn grows the trees.  They are kept as arrays, so that they are saved, resized and copied
like everything else that is learnt.  An observation makes one tree grow at most: the one of its
server that has missed most, once it has missed a tenth of what the server was seen to be worth.
"""

from typing import Any

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

LEAVES = 16  # of a tree
NODES = 2 * LEAVES - 1
LUCK, FAR = 4999, 1237  # primes: how many draws there are, and how far apart servers begin
LOOKED_AT = 0.5  # of the features at each split (Breiman 2001): the best alone are blind to pairs
MISSED = 0.1  # of the observations, before a tree is grown anew


def regressor() -> Any:
    """scikit-learn's regression tree; ValueError says how to install it."""
    try:
        from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ValueError(
            "it needs scikit-learn: pip install 'flaky-load-balancer[learners]'"
        ) from None
    return DecisionTreeRegressor


class Trees:
    """``members`` trees for each of R x K servers; lane = row x K + arm, d features."""

    def __init__(
        self,
        replications: int,
        arms: int,
        d: int,
        *,
        members: int,
        memory: int,
        leaf: int,
        rng: np.random.Generator,
    ) -> None:
        """``memory``: observations of a server that are kept; ``leaf``: the fewest in a leaf."""
        self.arms, self.memory, self.leaf = arms, memory, leaf
        self.luck = rng.poisson(1.0, (LUCK, members))  # used in turn, by each server from elsewhere
        lanes = replications * arms
        self.x: Floats = np.zeros((lanes, memory, d))
        self.value: Floats = np.zeros((lanes, memory))
        self.times = np.zeros((lanes, memory, members), dtype=np.int64)  # in each tree's bootstrap
        self.count = np.zeros(lanes, dtype=np.int64)
        self.grown = np.zeros((lanes, members), dtype=np.int64)  # the count when it was
        # Of every node: the feature that it asks for, -1 in leaves; up to which value it goes
        # left; where left and right are; and the mean of what is in it.
        self.feature = np.full((lanes, members, NODES), -1, dtype=np.int64)
        self.most: Floats = np.zeros((lanes, members, NODES))
        self.left = np.zeros((lanes, members, NODES), dtype=np.int64)
        self.right = np.zeros((lanes, members, NODES), dtype=np.int64)
        self.mean_of: Floats = np.zeros((lanes, members, NODES))

    def member(self, rows: Ints, x: Floats, member: Ints) -> Floats:
        """(n, K) what one tree (n,) of every server's foretells."""
        lanes = rows[:, None] * self.arms + np.arange(self.arms)
        tree = member[:, None]
        node = np.zeros(lanes.shape, dtype=np.intp)
        who = np.arange(len(rows))[:, None]
        while True:
            feature = self.feature[lanes, tree, node]
            inner = feature >= 0
            if not np.count_nonzero(inner):
                mean: Floats = self.mean_of[lanes, tree, node]
                return mean
            goes = x[who, np.maximum(feature, 0)] <= self.most[lanes, tree, node]
            next_ = np.where(goes, self.left[lanes, tree, node], self.right[lanes, tree, node])
            node = np.where(inner, next_, node)

    def mean(self, rows: Ints, x: Floats) -> Floats:
        """(n, K) the mean over trees."""
        members = self.grown.shape[1]
        each = [self.member(rows, x, np.full(len(rows), one)) for one in range(members)]
        mean: Floats = np.mean(each, axis=0)
        return mean

    def pulls(self, rows: Ints) -> Floats:
        """(n, K) how many values each server has been learnt from."""
        pulls: Floats = self.count.reshape(-1, self.arms).take(rows, 0).astype(float)
        return pulls

    def learn(self, rows: Ints, arm: Ints, x: Floats, value: Floats) -> None:
        """Servers ``arm`` (n,) were worth ``value`` (n,) for features ``x`` (n, d)."""
        lanes = rows * self.arms + arm
        place = self.count[lanes] % self.memory
        self.x[lanes, place], self.value[lanes, place] = x, value
        self.times[lanes, place] = self.luck[(lanes * FAR + self.count[lanes]) % LUCK]
        self.count[lanes] += 1
        for lane in lanes.tolist():
            self._grow(lane)

    def correct(self, rows: Ints, arm: Ints, x: Floats, change: Floats) -> None:
        """Values that were learnt turned out to be larger by ``change`` (n,): if still known."""
        lanes = rows * self.arms + arm
        for lane, features, more in zip(lanes.tolist(), x, change, strict=True):
            known = min(self.count[lane], self.memory)
            same = np.flatnonzero((self.x[lane, :known] == features).all(axis=1))
            if same.size:
                self.value[lane, same[-1]] += more

    def _grow(self, lane: int) -> None:
        """Grow the tree anew that has missed most, if it has missed enough."""
        count = self.count.item(lane)
        tree = int(self.grown[lane].argmin())
        if count - self.grown.item(lane, tree) < MISSED * count:
            return
        self.grown[lane, tree] = count
        known = min(count, self.memory)
        times = self.times[lane, :known, tree]
        if not times.any():
            times = np.ones_like(times)
        made = regressor()(
            max_leaf_nodes=LEAVES,
            min_samples_leaf=self.leaf,
            max_features=LOOKED_AT,
            random_state=lane + count,
        )
        made.fit(self.x[lane, :known], self.value[lane, :known], sample_weight=times)
        grown, inner = made.tree_, made.tree_.children_left >= 0
        nodes = slice(0, grown.node_count)
        self.feature[lane, tree, nodes] = np.where(inner, grown.feature, -1)
        self.most[lane, tree, nodes] = grown.threshold
        self.left[lane, tree, nodes] = np.maximum(grown.children_left, 0)
        self.right[lane, tree, nodes] = np.maximum(grown.children_right, 0)
        self.mean_of[lane, tree, nodes] = grown.value[:, 0, 0]
