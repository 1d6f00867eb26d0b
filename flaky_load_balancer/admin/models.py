"""Prometheus metrics of language models, with the names of OpenTelemetry's GenAI conventions."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.tally import BILLION, TOKENS, ModelTally
from flaky_load_balancer.proxy.route import Route

MOST_MODELS = 200  # of a route
SIZES = [float(4**power) for power in range(10)]  # tokens
FIRST = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
PACE = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]
DURATION = [0.01 * 2**power for power in range(14)]
LABELS = ["route", "server", "gen_ai_request_model"]


class Models(Collector):
    """Tokens, dollars and times of every server that is a language model."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    def collect(self) -> Iterable[Metric]:
        yield from self._tokens()
        yield from self._times()
        cost = CounterMetricFamily(
            "flb_cost_usd", "Dollars that attempts cost.", labels=[*LABELS, "estimated"]
        )
        for labels, _, _, model in self._models():
            cost.add_metric([*labels, "false"], model.cost / BILLION)
            cost.add_metric([*labels, "true"], model.estimated / BILLION)
        yield cost

    def _tokens(self) -> Iterator[Metric]:
        usage = HistogramMetricFamily(
            "gen_ai_client_token_usage",
            "Tokens of an attempt.",
            labels=[*LABELS, "gen_ai_token_type"],
        )
        for labels, _, _, model in self._models():
            for kind, histogram in (("input", model.input), ("output", model.output)):
                _add(usage, [*labels, kind], histogram, SIZES, TOKENS)
        yield usage

    def _times(self) -> Iterator[Metric]:
        first, pace, duration = (
            HistogramMetricFamily(f"gen_ai_server_{name}_seconds", text, labels=LABELS)
            for name, text in (
                ("time_to_first_token", "From sending to the first token."),
                ("time_per_output_token", "For each token after the first."),
                ("request_duration", "From sending to the end of the answer."),
            )
        )
        for labels, route, place, model in self._models():
            _add(first, labels, model.first_token, FIRST)
            _add(pace, labels, model.pace, PACE)
            _add(duration, labels, route.tally.attempt_latency[place], DURATION)
        yield from (first, pace, duration)

    def _models(self) -> Iterator[tuple[list[str], Route, int, ModelTally]]:
        for route in self._routes:
            called = {
                server.name: server.settings.provider.model for server in route.dispatcher.servers
            }
            for place, model in enumerate(route.tally.models[:MOST_MODELS]):
                if model is not None:
                    name = route.recorded[place]
                    yield [route.name, name, called.get(name) or name], route, place, model


def _add(
    family: HistogramMetricFamily,
    labels: list[str],
    histogram: Histogram,
    edges: list[float],
    unit: float = 1.0,
) -> None:
    below = histogram.at_most([edge / unit for edge in edges])
    buckets = [(str(edge), float(count)) for edge, count in zip(edges, below, strict=True)]
    family.add_metric(labels, [*buckets, ("+Inf", float(histogram.count))], histogram.sum * unit)
