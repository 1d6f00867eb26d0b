"""bootstrap-trees: Thompson sampling with regression trees, each grown from a bootstrap.

Source: Elmachtoub, McNellis, Oh and Petrik 2017 (UAI), "A practical method for solving contextual
bandit problems using decision trees"; the trees are scikit-learn's (``parts/trees``).

    index = what one tree of each server's, drawn for the request, foretells

Needs the extra ``learners``.  A server is tried ``first`` times before its trees are asked.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.types import Context, Floats, Rules
from strategies.parts.numbers import require
from strategies.parts.on_utility import OnUtility
from strategies.parts.trees import Trees, regressor


@dataclass
class BootstrapTrees(OnUtility):
    """Take the server with the largest utility that a tree, drawn for the request, foretells."""

    members: int = 10
    memory: int = 1000  # observations of a server that are kept
    leaf: int = 5  # observations, the fewest in a leaf
    first: int = 10  # observations of a server before its trees are asked

    def __post_init__(self) -> None:
        super().__post_init__()
        require("members", self.members, least=1, most=100, whole=True)
        require("memory", self.memory, least=10, most=100_000, whole=True)
        require("leaf", self.leaf, least=1, whole=True)
        require("first", self.first, least=1, whole=True)
        if self.decay < 1.0:
            raise ValueError("decay must be 1: trees forget what is beyond memory")
        regressor()

    def model(self, rules: Rules, replications: int) -> Trees:
        shape = replications, rules.arms, self.dimension(rules)
        return Trees(*shape, members=self.members, memory=self.memory, leaf=self.leaf, rng=self.rng)

    def index(self, context: Context, x: Floats) -> Floats:
        rows = context.rows
        member = self.rng.integers(self.members, size=len(rows))
        index = self.utility.quality.member(rows, x, member)
        if self.utility.cost is not None:
            index -= self.utility.cost.member(rows, x, member)
        new = self.utility.quality.pulls(rows) < self.first
        chance: Floats = 1e3 + self.rng.random(index.shape)
        return np.where(new, chance, index)
