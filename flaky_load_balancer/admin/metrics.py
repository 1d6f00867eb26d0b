"""Prometheus metrics, read from the tallies when somebody scrapes: a request pays nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.route import Route

EDGES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]  # seconds


def registry(routes: Sequence[Route], records_lost: Callable[[], int]) -> CollectorRegistry:
    """Everything this process measures, with labels only from its configuration."""
    collected = CollectorRegistry()
    collected.register(Routes(routes, records_lost))
    ProcessCollector(registry=collected)
    PlatformCollector(registry=collected)
    GCCollector(registry=collected)
    return collected


class Routes(Collector):
    """The tallies of all routes as metric families."""

    def __init__(self, routes: Sequence[Route], records_lost: Callable[[], int]) -> None:
        self._routes = routes
        self._records_lost = records_lost

    def collect(self) -> Iterable[Metric]:
        yield from self._per_route()
        yield from self._per_server()
        yield CounterMetricFamily(
            "flb_records_lost", "Events that could not be recorded.", self._records_lost()
        )

    def _per_route(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "flb_requests", "Requests that ended.", labels=["route", "ending"]
        )
        paid = CounterMetricFamily(
            "flb_paid_attempts", "Attempts beyond the free ones.", labels=["route"]
        )
        twice = CounterMetricFamily(
            "flb_possibly_twice", "Deliveries that may have happened twice.", labels=["route"]
        )
        flying = GaugeMetricFamily("flb_requests_in_flight", "Requests now.", labels=["route"])
        score = GaugeMetricFamily(
            "flb_score", "Delivered, less the penalty of paid attempts.", labels=["route"]
        )
        latency = HistogramMetricFamily(
            "flb_request_duration_seconds", "From arrival to the answer.", labels=["route"]
        )
        for route in self._routes:
            tally, name = route.tally, [route.name]
            for ending, count in tally.endings.items():
                requests.add_metric([*name, str(ending)], count)
            paid.add_metric(name, tally.paid_attempts)
            twice.add_metric(name, tally.possibly_twice)
            flying.add_metric(name, route.dispatcher.in_flight)
            score.add_metric(name, tally.score)
            latency.add_metric(name, _buckets(tally.latency), tally.latency.sum)
        yield from (requests, paid, twice, flying, score, latency)

    def _per_server(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "flb_attempts", "Attempts that ended.", labels=["route", "server", "outcome"]
        )
        latency = HistogramMetricFamily(
            "flb_attempt_duration_seconds", "From sending to the end.", labels=["route", "server"]
        )
        for route in self._routes:
            for arm, server in enumerate(route.servers):
                for outcome in Outcome:
                    count = route.tally.outcomes[outcome][arm]
                    attempts.add_metric([route.name, server, outcome.label], count)
                histogram = route.tally.attempt_latency[arm]
                latency.add_metric([route.name, server], _buckets(histogram), histogram.sum)
        yield from (attempts, latency)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    below = zip(EDGES, histogram.at_most(EDGES), strict=True)
    return [*((str(edge), float(count)) for edge, count in below), ("+Inf", float(histogram.count))]
