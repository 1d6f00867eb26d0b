"""Prometheus metrics, read from the tallies when somebody scrapes: a request pays nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from flaky_load_balancer.admin.models import Models
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.pool import Pool
from flaky_load_balancer.proxy.route import Route

EDGES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]  # seconds
MOST_SERVERS = 200  # of a route with labels of their own
OTHER = "other"  # the label of all the rest


class Staff(Protocol):
    """The processes that serve."""

    @property
    def workers(self) -> int:
        """How many there are now."""

    @property
    def restarts(self) -> int:
        """How many were started in place of others."""


def registry(
    routes: Sequence[Route],
    records_lost: Callable[[], int],
    pools: Mapping[str, Pool],
    staff: Staff | None = None,
) -> CollectorRegistry:
    """Everything this process measures, with labels only from its configuration."""
    collected = CollectorRegistry()
    collected.register(Routes(routes, records_lost, pools))
    collected.register(Models(routes))
    if staff is not None:
        collected.register(Workers(staff))
    ProcessCollector(registry=collected)
    PlatformCollector(registry=collected)
    GCCollector(registry=collected)
    return collected


class Workers(Collector):
    """Processes, where there are several."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("flb_workers", "Processes that serve.", self._staff.workers)
        yield CounterMetricFamily(
            "flb_worker_restarts", "Workers started in place of dead ones.", self._staff.restarts
        )


class Routes(Collector):
    """The tallies of all routes, and the pools, as metric families."""

    def __init__(
        self, routes: Sequence[Route], records_lost: Callable[[], int], pools: Mapping[str, Pool]
    ) -> None:
        self._routes = routes
        self._records_lost = records_lost
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        yield from self._per_route()
        yield from self._learning()
        yield from self._per_server()
        yield from self._per_pool()
        yield from self._shared()
        yield CounterMetricFamily(
            "flb_records_lost", "Events that could not be recorded.", self._records_lost()
        )

    def _per_route(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "flb_requests", "Requests by the status of the answer.", labels=["route", "code"]
        )
        counters = {
            "paid_attempts": "Attempts beyond the free ones.",
            "possibly_twice": "Deliveries that may have happened twice.",
            "retries": "Further attempts of requests.",
            "hedges": "Attempts beside one that had not answered.",
            "retry_budget_exhausted": "Requests that ended because the retry budget was empty.",
        }
        families = {
            name: CounterMetricFamily(f"flb_{name}", text, labels=["route"])
            for name, text in counters.items()
        }
        flying = GaugeMetricFamily("flb_in_flight", "Requests now.", labels=["route"])
        score = GaugeMetricFamily(
            "flb_score", "Delivered, less the penalty of paid attempts.", labels=["route"]
        )
        latency = HistogramMetricFamily(
            "flb_request_seconds", "From arrival to the end of the answer.", labels=["route"]
        )
        for route in self._routes:
            tally, name = route.tally, [route.name]
            for code, count in sorted(tally.codes.items()):
                requests.add_metric([*name, str(code)], count)
            budget = route.dispatcher.policy.budget
            exhausted = 0 if budget is None else budget.exhausted
            for key, family in families.items():
                family.add_metric(name, getattr(tally, key, exhausted))
            flying.add_metric(name, route.dispatcher.in_flight)
            score.add_metric(name, tally.score)
            latency.add_metric(name, _buckets(tally.latency), tally.latency.sum)
        yield from (requests, *families.values(), flying, score, latency)

    def _learning(self) -> Iterator[Metric]:
        """How far strategies have come; none of what a strategy has no notion of."""
        violated = CounterMetricFamily(
            "flb_constraint_violations",
            "Attempts sent while a constraint of the strategy was not held.",
            labels=["route", "constraint"],
        )
        firing = GaugeMetricFamily(
            "flb_alert_firing", "1 while an alert is on.", labels=["route", "measure"]
        )
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            "exploration": GaugeMetricFamily(
                "flb_exploration_ratio",
                "Share of the last attempts that did not go to the server believed best.",
                labels=["route"],
            ),
            "width": GaugeMetricFamily(
                "flb_posterior_width",
                "Mean width of the 95 % intervals of success rates, of servers in use.",
                labels=["route"],
            ),
            "alarms": CounterMetricFamily(
                "flb_change_alarms", "Changes of servers that were detected.", labels=["route"]
            ),
            "changed": GaugeMetricFamily(
                "flb_last_change_timestamp_seconds",
                "When a change was last detected, since the epoch.",
                labels=["route"],
            ),
        }
        for route in self._routes:
            learning = route.learnt  # this is another thread
            for key, family in families.items():
                value = getattr(learning, key)
                if value is not None:
                    family.add_metric([route.name], value)
            for constraint, count in learning.violations.items():
                violated.add_metric([route.name, constraint], count)
            for measure in route.firing:
                firing.add_metric([route.name, measure], 1)
        yield from (violated, *families.values(), firing)

    def _per_server(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "flb_attempts", "Attempts that ended.", labels=["route", "server", "outcome"]
        )
        latency = HistogramMetricFamily(
            "flb_attempt_seconds", "From sending to the end.", labels=["route", "server"]
        )
        for route in self._routes:
            tally = route.tally
            for server, places in _labelled(route):
                for outcome in Outcome:
                    count = sum(tally.outcomes[outcome][place] for place in places)
                    attempts.add_metric([route.name, server, outcome.label], count)
                histogram = Histogram()
                for place in places:
                    histogram.merge(tally.attempt_latency[place])
                latency.add_metric([route.name, server], _buckets(histogram), histogram.sum)
        yield from (attempts, latency)

    def _per_pool(self) -> Iterator[Metric]:
        there = GaugeMetricFamily(
            "flb_server_available",
            "1 if the server may be sent to, else 0 and why.",
            labels=["pool", "server", "reason"],
        )
        panics = CounterMetricFamily(
            "flb_panics", "Decisions for which health was ignored.", labels=["pool"]
        )
        for name, pool in self._pools.items():
            panics.add_metric([name], pool.panics)
            for server in pool.servers[:MOST_SERVERS]:
                state = server.state
                there.add_metric([name, server.name, state or ""], state is None)
            others = pool.servers[MOST_SERVERS:]
            if others:
                there.add_metric([name, OTHER, ""], sum(each.state is None for each in others))
        yield from (there, panics)

    def _shared(self) -> Iterator[Metric]:
        """Of routes that share; none where nothing is shared."""
        for name, kind, text in (
            ("connected", GaugeMetricFamily, "1 while what is learnt is shared, else 0."),
            ("replicas", GaugeMetricFamily, "Other replicas that were heard of lately."),
            ("lag_seconds", GaugeMetricFamily, "How late what they told last came, at most."),
            ("applied", CounterMetricFamily, "Facts of replicas that were learnt from."),
            ("missed", CounterMetricFamily, "Facts that never came or could not be used."),
            ("dropped", CounterMetricFamily, "Batches that nobody was told for want of room."),
        ):
            family = kind(f"flb_share_{name}", text, labels=["route"])
            for route in self._routes:
                if route.sharing is not None:
                    value = getattr(route.sharing, name.removesuffix("_seconds"))
                    family.add_metric([route.name], float(value))
            yield family


def _labelled(route: Route) -> Iterator[tuple[str, list[int]]]:
    """Labels, and of which servers each is, by their places in the run."""
    for place, server in enumerate(route.recorded[:MOST_SERVERS]):
        yield server, [place]
    if len(route.recorded) > MOST_SERVERS:
        yield OTHER, list(range(MOST_SERVERS, len(route.recorded)))


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    below = zip(EDGES, histogram.at_most(EDGES), strict=True)
    return [*((str(edge), float(count)) for edge, count in below), ("+Inf", float(histogram.count))]
