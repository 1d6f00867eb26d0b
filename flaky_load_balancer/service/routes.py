"""All routes and pools that are served: made of settings, and changed by a reload."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np

from flaky_load_balancer import registry
from flaky_load_balancer.config import Health, PoolSettings, Retry, RouteSettings, Settings
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.events import Changed, Event, Preferred, Rewarded
from flaky_load_balancer.core.state import StateError, matched, transfer
from flaky_load_balancer.core.tally import Tally, interpolated
from flaky_load_balancer.gateway.api import Api
from flaky_load_balancer.gateway.budget import RollingBudget
from flaky_load_balancer.gateway.feedback import Feedback
from flaky_load_balancer.gateway.route import GatewayRoute
from flaky_load_balancer.gateway.route import rules as rules_of
from flaky_load_balancer.proxy.counts import Counts, OwnCounts
from flaky_load_balancer.proxy.dispatcher import Dispatcher
from flaky_load_balancer.proxy.health import HealthChecks
from flaky_load_balancer.proxy.hedging import Hedging
from flaky_load_balancer.proxy.http import HttpRoute
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.pool import Pool, Server
from flaky_load_balancer.proxy.request import Policy
from flaky_load_balancer.proxy.retry import RetryBudget
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.proxy.split import Split
from flaky_load_balancer.records import Recorder, Records

RESTART = (
    *("host", "port", "admin_host", "admin_port", "admin_token", "admin_names"),
    *("tls", "workers", "data_dir", "records", "share"),
)
AT_ONCE = ("max_in_flight", "trust_forwarded", "drain")
WITHOUT_SLOW_START = "cascade"  # it feels its way to what a server can take by itself
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Strand:
    """One strategy on one pool: a route, or a part of it that has beliefs and a run of its own."""

    name: str
    strategy: str
    pool: str
    settings: RouteSettings
    mirror: bool = False


def strands(settings: RouteSettings) -> Iterator[Strand]:
    """The parts of a route; its mirror is the last one."""
    if settings.split:
        for part in settings.split:
            spec = registry.canonical(part.strategy)
            yield Strand(f"{settings.name}~{spec}", spec, settings.pool, settings)
    else:
        yield Strand(settings.name, registry.canonical(settings.strategy), settings.pool, settings)
    if settings.mirror is not None:
        spec = registry.canonical(settings.strategy)
        yield Strand(f"{settings.name}~mirror", spec, settings.mirror.pool, settings, mirror=True)


class Routes:
    """What is served now.  ``shown`` and ``splits`` are one list each as long as it runs."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        recorder: Recorder,
        session: str,
        clock: Callable[[], float],
        *,
        counts: Counts | None = None,
        records: Records | None = None,
    ) -> None:
        self.settings = settings
        self.counts = counts or OwnCounts()
        self.told: Callable[[Server], None] = _nobody  # that a server is in another state
        self._records = records  # what was recorded before, for answers that are rated later
        self.pools: dict[str, Pool] = {}
        self.shown: list[Route] = []
        self.splits: list[Split] = []
        self.https: list[HttpRoute] = []
        self.gateways: list[Api] = []
        self.games: list[Route] = []
        self._strands: dict[str, Strand] = {}
        self._checks: dict[str, HealthChecks] = {}
        self._client = client
        self._recorder = recorder
        self._session = session
        self._clock = clock
        self._load(settings, settings.pools)

    def reload(self, settings: Settings) -> tuple[list[str], list[str]]:
        """Serve by these settings from now on: what changed, and what would need a restart."""
        before = self.settings
        changed = [*_changed(before, settings)]
        restart = [
            f"server.{name}" for name in RESTART if getattr(before, name) != getattr(settings, name)
        ]
        pools = {
            name: pool for name, pool in settings.pools.items() if before.pools.get(name) != pool
        }
        kept = {name: getattr(before, name) for name in RESTART}
        self.settings = replace(settings, **kept)
        self._load(self.settings, pools)
        return changed, restart

    @property
    def proxied(self) -> list[HttpRoute | Api]:
        """The routes of all kinds but ids."""
        return [*self.https, *self.gateways]

    def server(self, pool: str, name: str) -> Server | None:
        found = self.pools.get(pool)
        return None if found is None else found.find(name)

    def fresh(self, name: str) -> bool:
        """Forget what a route has learnt, with all its parts; False if there is no such route."""
        found = [route for route in self.shown if route.name == name or _base(route.name) == name]
        for route in found:
            route.dispatcher.forget(np.random.default_rng())
            self.record(route, Changed(self._clock(), "fresh"))
        return bool(found)

    def changed(self, server: Server, state: str, reason: str | None = None) -> None:
        """Tell of a server's new state, and record it in the runs of all its routes."""
        self.told(server)
        for route in self.shown:
            if server in route.dispatcher.servers:
                arm = route.dispatcher.servers.index(server)
                index = route.dispatcher.indices[arm]
                self.record(route, Changed(self._clock(), state, index, reason))

    def finish(self) -> None:
        """The end of all runs."""
        for route in self.shown:
            self._finish(route)

    def stop(self) -> None:
        for checks in self._checks.values():
            checks.stop()

    # Loading.

    def _load(self, settings: Settings, pools: dict[str, PoolSettings]) -> None:
        self._load_pools(pools)
        wanted = {each.name: each for route in settings.routes for each in strands(route)}
        there = {route.name: route for route in self.shown}
        routes = {name: self._route(each, there.get(name)) for name, each in wanted.items()}
        for name, route in there.items():
            if routes.get(name) is not route:
                self._finish(route)
        self._strands = wanted
        self.shown[:] = routes.values()
        self.splits[:] = [self._split(each, routes) for each in settings.routes if each.split]
        self.games = [routes[route.name] for route in settings.routes if route.kind == "ids"]
        self.https = [
            self._http(route, routes) for route in settings.routes if route.kind == "http"
        ]
        before = {api.settings.name: api.route for api in self.gateways}
        self.gateways = [
            self._openai(route, routes, before)
            for route in settings.routes
            if route.kind == "openai"
        ]
        self._drop_pools(settings)

    def _load_pools(self, pools: dict[str, PoolSettings]) -> None:
        for pool in self.pools.values():
            pool.take_back()
        for name, each in pools.items():
            if name in self._checks:
                self._checks.pop(name).stop()
            if name in self.pools:
                self.pools[name].reload(each)
            else:
                self.pools[name] = self._pool(name, each)
            if each.health is not None:
                self._watch(self.pools[name], each.health)

    def _pool(self, name: str, settings: PoolSettings) -> Pool:
        return Pool(name, settings, self._client, counts=self.counts)

    def _watch(self, pool: Pool, health: Health) -> None:
        """Check the health of a pool's servers."""
        self._checks[pool.name] = HealthChecks(pool, health, self.changed)

    def _drop_pools(self, settings: Settings) -> None:
        for name in self.pools.keys() - settings.pools.keys():
            if name in self._checks:
                self._checks.pop(name).stop()
            del self.pools[name]

    def _split(self, settings: RouteSettings, routes: dict[str, Route]) -> Split:
        """The A/B test that goes on, or a new one."""
        parts = _parts(settings, routes)
        for split in self.splits:
            if split.name == settings.name and split.is_of(parts):
                return split
        return Split.begin(settings.name, parts, self._clock())

    def _openai(
        self,
        settings: RouteSettings,
        routes: dict[str, Route],
        before: dict[str, GatewayRoute],
    ) -> Api:
        parts, pool = _parts(settings, routes), self.pools[settings.pool]
        known = before.get(settings.name)
        route = GatewayRoute(settings, parts, pool, known, counts=self.counts)
        if route.budget is not None and (known is None or route.budget is not known.budget):
            self._begin(route.budget, settings.name)
        return Api(route, Feedback(route, self._records, self._judged))

    def _begin(self, budget: RollingBudget, route: str) -> None:
        """Count what was spent before: by the first of all processes, before there are others."""
        now = self._clock()
        budget.inherit(now)
        if self._records is not None and not budget.begun:
            for time, cost in self._records.costs(route, now - budget.per):
                budget.spend(cost, time)
            budget.spend(0.0, now)

    def _judged(self, run: int, event: Rewarded | Preferred) -> None:
        """Record what was said of an answer in the run that its request belongs to."""
        for route in self.shown:
            if route.run == run:
                self._recording(route.tally, run)(event)
                return
        self._recorder.record(run, event)

    def _http(self, settings: RouteSettings, routes: dict[str, Route]) -> HttpRoute:
        mirror = routes.get(f"{settings.name}~mirror") if settings.mirror else None
        share = settings.mirror.percent / 100 if settings.mirror else 0.0
        return HttpRoute(settings, _parts(settings, routes), mirror, share)

    def _route(self, strand: Strand, before: Route | None) -> Route:
        """The route as it was with what has changed, or a new one."""
        old = self._strands.get(strand.name)
        pool = self.pools[strand.pool]
        if before is not None and old is not None and _same_game(old, strand):
            self._resize(before, pool)
            before.pool = strand.pool
            if old.settings != strand.settings:
                before.path = strand.settings.path
                before.dispatcher.policy = self._policy(strand, old, before.dispatcher.policy)
            before.dispatcher.grow(self.settings.max_in_flight)
            return before
        route = self._new(strand, pool)
        if before is not None and before.strategy == route.strategy:
            _inherit(route, before)
        return route

    def _resize(self, route: Route, pool: Pool) -> None:
        """Servers have come or gone; a run's list of servers only grows."""
        names, before = [server.name for server in pool.servers], list(route.servers)
        route.dispatcher.pool = pool
        if names == before:
            route.dispatcher.servers = pool.servers
            return
        new = [
            name
            for name, place in zip(names, matched(route.recorded, names).tolist(), strict=True)
            if place < 0
        ]
        route.recorded += new
        route.tally.grow(len(route.recorded))
        if new and route.run is not None:
            self._recorder.extend_run(route.run, route.recorded)
        indices = matched(route.recorded, names).tolist()
        route.dispatcher.resize(matched(before, names), pool.servers, indices)
        route.servers = names
        self.record(route, Changed(self._clock(), "reloaded"))

    def _new(self, strand: Strand, pool: Pool) -> Route:
        settings, of_pool = self.settings, pool.settings
        names = [server.name for server in pool.servers]
        rules = rules_of(strand.settings, len(names))
        tally = Tally(rules, None if of_pool.bound is None else interpolated(of_pool.bound))
        run = self._recorder.start_run(
            self._session,
            route=strand.name,
            path=strand.settings.path,
            strategy=strand.strategy,
            scenario=of_pool.scenario,
            servers=names,
            rules=rules,
            truth=of_pool.truth,
            bound=of_pool.bound,
            pieces=of_pool.pieces,
            faults=of_pool.faults,
            seed=settings.seed,
            rate=settings.rate,
        )
        balancer = Balancer(
            registry.load(strand.strategy),
            rules,
            np.random.default_rng([settings.seed, self._number(strand), *self._mark()]),
            slots=settings.max_in_flight,
            names=names,
        )
        dispatcher = Dispatcher(
            balancer,
            self._clock,
            self._recording(tally, run),
            self._policy(strand),
            pool=pool,
            arrivals=self.counts.count(f"run {run}: arrivals"),
            flying=self.counts.count(f"run {run}: in flight", passing=True),
        )
        return Route(
            strand.name,
            strand.settings.path,
            strand.strategy,
            of_pool.scenario,
            names,
            balancer,
            dispatcher,
            tally,
            of_pool.truth,
            run,
            pool=strand.pool,
            pieces=of_pool.pieces,
            faults=of_pool.faults,
        )

    def _number(self, strand: Strand) -> int:
        """Of the route, so that each has chance of its own."""
        names = [route.name for route in self.settings.routes]
        return names.index(strand.settings.name)

    def _policy(
        self, strand: Strand, old: Strand | None = None, before: Policy | None = None
    ) -> Policy:
        """What the settings of a route allow; budgets and times that still hold go on."""
        policy = self._new_policy(strand)
        if old is None or before is None:
            return policy
        if old.settings.hedge == strand.settings.hedge:
            policy.hedging = before.hedging
        if old.settings.retry == strand.settings.retry:
            policy.budget = before.budget
        return policy

    def _new_policy(self, strand: Strand) -> Policy:
        settings, timeouts = strand.settings, strand.settings.timeouts
        if settings.kind == "ids":
            return Policy(timeouts.total, timeouts.first_byte)
        if strand.mirror:
            return Policy(timeouts.total, max_attempts=1)
        name, hedge = f"route {strand.name}", settings.hedge
        balance = self.counts.balance(f"{name}: hedges")
        return Policy(
            timeouts.total,
            budget=self._budget(name, settings.retry),
            hedging=None if hedge is None else Hedging(hedge, balance),
            slow_start=strand.strategy.partition(":")[0] != WITHOUT_SLOW_START,
        )

    def _budget(self, name: str, retry: Retry) -> RetryBudget:
        return RetryBudget(
            retry.budget_percent,
            retry.budget_per_second,
            self.counts.balance(f"{name}: retries"),
            self.counts.count(f"{name}: ends for want of a retry"),
        )

    def _mark(self) -> tuple[int, ...]:
        """What the chance of this process has in it, so that no other has the same."""
        return ()

    def _recording(self, tally: Tally, run: int) -> Callable[[Event], None]:
        """What is done with each event of a run."""
        return partial(_record, tally, self._recorder, run)

    def record(self, route: Route, event: Event) -> None:
        if route.run is not None:
            _record(route.tally, self._recorder, route.run, event)

    def _finish(self, route: Route) -> None:
        if route.run is not None:
            self._recorder.finish_run(route.run)


def _parts(settings: RouteSettings, routes: dict[str, Route]) -> list[tuple[float, Route]]:
    """The parts of a route's A/B test, each with its share of the requests."""
    parts = [routes[each.name] for each in strands(settings) if not each.mirror]
    shares = [part.percent / 100 for part in settings.split] or [1.0]
    return list(zip(shares, parts, strict=True))


def _same_game(old: Strand, new: Strand) -> bool:
    """Whether the same strategy plays by the same rules."""
    return (old.strategy, rules_of(old.settings, 1), old.settings.kind, old.mirror) == (
        *(new.strategy, rules_of(new.settings, 1), new.settings.kind, new.mirror),
    )


def _inherit(route: Route, before: Route) -> None:
    """Let the same strategy under other rules know what it has learnt."""
    mine, its = route.balancer, before.balancer
    try:
        transfer(its.strategy.state(), before.servers, mine.strategy, mine.rules, route.servers)
    except StateError as error:
        log.warning("route %s begins anew: %s", route.name, error)


def _changed(before: Settings, after: Settings) -> Iterator[str]:
    """The keys of what is not as it was."""
    for name in (field.name for field in fields(Settings)):
        if name in AT_ONCE and getattr(before, name) != getattr(after, name):
            yield f"server.{name}"
    if before.alerts != after.alerts:
        yield "alerts"
    for name in sorted(before.pools.keys() | after.pools.keys()):
        if before.pools.get(name) != after.pools.get(name):
            yield f"pools.{name}"
    old, new = ({route.name: route for route in each.routes} for each in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"routes.{name}"


def _nobody(server: Server) -> None: ...


def _base(name: str) -> str:
    return name.partition("~")[0]


def _record(tally: Tally, recorder: Recorder, run: int, event: Event) -> None:
    tally.add(event)
    recorder.record(run, event)
