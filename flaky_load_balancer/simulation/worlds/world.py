"""Requests and answers of R replications: tasks, features, qualities and costs.

Everything is a function of (seed, replication, scenario, request, server): the same for every
strategy, whatever was asked before.
"""

from dataclasses import replace

import numpy as np
from scipy.special import betaincinv

from flaky_load_balancer.core.types import Bools, Floats, Ints, Rules
from flaky_load_balancer.simulation.fleets import chance
from flaky_load_balancer.simulation.fleets.chance import Words
from flaky_load_balancer.simulation.scenarios.contexts import Contexts, Quality, Tasks
from flaky_load_balancer.simulation.scenarios.model import Scenario, Stretch
from flaky_load_balancer.simulation.worlds.paired import Paired
from flaky_load_balancer.simulation.worlds.protocol import World
from flaky_load_balancer.simulation.worlds.table import Answers, read_answers

FARTHEST = 3.0  # standard deviations: no logarithm of a cost is farther from its median


def world_of(scenario: Scenario, seeds: Words) -> World | None:
    """The world of these replications; None where a scenario says nothing of contexts."""
    contexts = scenario.contexts
    if contexts is None:
        return None
    world = _world(scenario, contexts, seeds)
    if contexts.preferences is None:
        return world
    return Paired(world, scenario, contexts.preferences.sharpness, seeds)


def _world(scenario: Scenario, contexts: Contexts, seeds: Words) -> World:
    if contexts.recorded is not None:
        answers = read_answers(contexts.recorded.file)
        return Replayed(scenario, answers, seeds, contexts.recorded.features)
    assert contexts.tasks is not None
    return Drawn(scenario, contexts, contexts.tasks, seeds)


def rules_of(scenario: Scenario, rules: Rules) -> Rules:
    """The rules of a game on a scenario: with what is known of its requests."""
    if scenario.contexts is None:
        return rules
    usd, seconds = scenario.contexts.usd, scenario.contexts.seconds
    rules = replace(rules, usd=usd or rules.usd, seconds=seconds or rules.seconds)
    if scenario.contexts.recorded is not None:
        recorded = scenario.contexts.recorded
        features, marks = read_answers(recorded.file).features(recorded.features)
        return replace(rules, features=features.shape[1], tasks=marks, rewards=True)
    tasks = scenario.contexts.tasks
    assert tasks is not None
    rewards = scenario.contexts.quality is not None or scenario.contexts.preferences is not None
    return replace(rules, features=tasks.d, tasks=tasks.marks, rewards=rewards)


class Drawn:
    """A world that chance makes of a scenario's tables."""

    def __init__(self, scenario: Scenario, contexts: Contexts, tasks: Tasks, seeds: Words) -> None:
        self.scenario, self.contexts, self.spec, self.seeds = scenario, contexts, tasks, seeds
        self.labels, self.d, self.marks = tasks.labels, tasks.d, tasks.marks
        self._code = tasks.code
        shape = len(tasks.labels), scenario.servers
        quality, cost = contexts.quality, contexts.cost
        self._quality = np.ones(shape) if quality is None else np.array(quality.mean)
        self._cost = np.zeros(shape) if cost is None else np.array(cost.median)
        self._sigma = 0.0 if cost is None else cost.sigma
        self._changes = Changes(scenario)
        self._until = np.cumsum(tasks.weights)

    def weights(self) -> Floats:
        return np.array(self.spec.weights)

    def tasks(self, rows: Ints, count: Ints) -> Ints:
        luck = chance.uniform(self._key(rows, 0, "task"), count)
        task: Ints = np.searchsorted(self._until[:-1], luck, side="right").astype(np.intp)
        return task

    def features(self, rows: Ints, count: Ints) -> Floats:
        said = self._code.shape[1]
        features = np.zeros((len(rows), self.d))
        features[:, :said] = self._code[self.tasks(rows, count)]
        places = np.arange(self.d)
        key = chance.key(self.seeds[rows, None], self.scenario.name, places, "feature")
        noise = chance.normal(chance.uniform(key, np.asarray(count)[:, None]))
        scale = np.where(places < said, self.spec.noise, 1.0)
        return features + scale * noise

    def quality(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        mean = self._quality[self.tasks(rows, count), arm] * self._changes.quality(arm, t)
        return worth(mean, self.contexts.quality, self._luck(rows, count, arm, "quality"))

    def cost(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        median = self._cost[self.tasks(rows, count), arm] * self._changes.price(arm, t)
        if not self._sigma:
            return median
        luck = chance.normal(self._luck(rows, count, arm, "cost")).clip(-FARTHEST, FARTHEST)
        cost: Floats = median * np.exp(self._sigma * luck)
        return cost

    def most(self, rows: Ints, count: Ints, t: Floats) -> Floats:
        median = self._cost[self.tasks(rows, count)] * self._changes.prices(t)
        most: Floats = median * np.exp(FARTHEST * self._sigma)
        return most

    def present(self, t: Floats) -> Bools | None:
        return self._changes.present(t) if self._changes.membership else None

    def worth(self, t: float) -> tuple[Floats, Floats]:
        arms, when = np.arange(self.scenario.servers), np.full(self.scenario.servers, t)
        mean = self._cost * np.exp(0.5 * self._sigma**2)
        return (
            self._quality * self._changes.quality(arms, when),
            mean * self._changes.price(arms, when),
        )

    def _luck(self, rows: Ints, count: Ints, arm: Ints, purpose: str) -> Floats:
        return chance.uniform(self._key(rows, arm, purpose), count)

    def _key(self, rows: Ints, server: Ints | int, purpose: str) -> Words:
        return chance.key(self.seeds[rows], self.scenario.name, server, purpose)


class Replayed:
    """A table of real answers, in an order of its own for every replication."""

    def __init__(
        self, scenario: Scenario, answers: Answers, seeds: Words, specification: tuple[str, ...]
    ) -> None:
        self.answers = answers
        self.labels = answers.labels
        self._features, self.marks = answers.features(specification)
        self.d = self._features.shape[1]
        self._changes = Changes(scenario)
        place = np.arange(len(answers))
        key = chance.key(seeds[:, None], scenario.name, 0, "order")
        self._order = chance.uniform(key, place[None, :]).argsort(axis=1)  # (R, Q)

    def weights(self) -> Floats:
        counts = np.bincount(self.answers.task, minlength=len(self.labels))
        return counts / len(self.answers)

    def query(self, rows: Ints, count: Ints) -> Ints:
        """(n,) which line of the table a request is; after the last one they begin again."""
        query: Ints = self._order[rows, (count - 1) % len(self.answers)]
        return query

    def tasks(self, rows: Ints, count: Ints) -> Ints:
        return self.answers.task[self.query(rows, count)]

    def features(self, rows: Ints, count: Ints) -> Floats:
        return self._features[self.query(rows, count)]

    def quality(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        return self.answers.quality[self.query(rows, count), arm] * self._changes.quality(arm, t)

    def cost(self, rows: Ints, count: Ints, arm: Ints, t: Floats) -> Floats:
        return self.answers.cost[self.query(rows, count), arm] * self._changes.price(arm, t)

    def most(self, rows: Ints, count: Ints, t: Floats) -> Floats:  # noqa: ARG002
        most: Floats = self.answers.cost.max(axis=0) * self._changes.prices(t)
        return most

    def present(self, t: Floats) -> Bools | None:
        return self._changes.present(t) if self._changes.membership else None

    def worth(self, t: float) -> tuple[Floats, Floats]:
        arms = np.arange(len(self.answers.models))
        when = np.full(len(arms), t)
        quality, cost = (
            np.array(
                [table[self.answers.task == task].mean(axis=0) for task in range(len(self.labels))]
            )
            for table in (self.answers.quality, self.answers.cost)
        )
        return quality * self._changes.quality(arms, when), cost * self._changes.price(arms, when)


class Changes:
    """What faults of the kinds ``quality``, ``price``, ``added`` and ``removed`` do over time."""

    def __init__(self, scenario: Scenario) -> None:
        self.servers = scenario.servers
        self._of = {
            kind: [fault for fault in scenario.faults if fault.kind == kind]
            for kind in ("quality", "price", "added", "removed")
        }

    @property
    def membership(self) -> bool:
        """Whether servers come or go at all."""
        return bool(self._of["added"] or self._of["removed"])

    def quality(self, arm: Ints, t: Floats) -> Floats:
        """(n,) what the quality of these servers is multiplied by."""
        return self._factor("quality", arm, t)

    def price(self, arm: Ints, t: Floats) -> Floats:
        """(n,) what the cost of these servers is multiplied by."""
        return self._factor("price", arm, t)

    def prices(self, t: Floats) -> Floats:
        """(n, K) what the cost of every server is multiplied by at times (n,)."""
        arms = np.arange(self.servers)
        every = np.repeat(t, self.servers)
        return self.price(np.tile(arms, len(t)), every).reshape(len(t), self.servers)

    def present(self, t: Floats) -> Bools:
        """(n, K) which servers are there at times (n,)."""
        present = np.ones((len(t), self.servers), dtype=bool)
        for fault in self._of["added"]:
            present[:, list(fault.servers)] &= _during(fault, t)[:, None]
        for fault in self._of["removed"]:
            present[:, list(fault.servers)] &= ~_during(fault, t)[:, None]
        return present

    def _factor(self, kind: str, arm: Ints, t: Floats) -> Floats:
        factor = np.ones(len(arm))
        for fault in self._of[kind]:
            hit = np.isin(arm, fault.servers) & _during(fault, t)
            factor[hit] *= fault.factor
        return factor


def _during(fault: Stretch, t: Floats) -> Bools:
    during: Bools = (fault.start <= t) & (t < fault.end)
    return during


def worth(mean: Floats, quality: Quality | None, luck: Floats) -> Floats:
    """(n,) rewards of these means, from uniform numbers."""
    if quality is None or quality.spread is None:
        drawn: Floats = (luck < mean).astype(float)
        return np.where((mean <= 0) | (mean >= 1), mean.clip(0, 1), drawn)
    inside = np.clip(mean, 1e-6, 1 - 1e-6)
    worth = betaincinv(quality.spread * inside, quality.spread * (1 - inside), luck)
    return np.asarray(worth, dtype=float)
