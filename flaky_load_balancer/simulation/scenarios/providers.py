"""What a scenario says of providers of language models: the table ``[openai]``.

Its servers then speak the OpenAI protocol on their ports, each with one model.
"""

from dataclasses import dataclass

from flaky_load_balancer.simulation.scenarios.contexts import Cost
from flaky_load_balancer.simulation.scenarios.table import Table

# How failed answers of a provider look, beside an error 500; and what no answer fails by.
FAILING = "unavailable", "cut", "stall", "malformed", "early", "filter"
HARMLESS = "undone", "uncounted"
FLAPPING = "flapping"
MOST_FLAPS = 1000
MTOK = 1e6  # tokens that prices are given for


@dataclass(frozen=True, slots=True)
class Providers:
    """K models; every tuple has an entry for each server."""

    models: tuple[str, ...]
    usd_input: tuple[float, ...]  # dollars for a million tokens
    usd_output: tuple[float, ...]
    first_token: tuple[float, ...]  # seconds: the median; spread as ``[latency]`` says
    speed: tuple[float, ...]  # tokens per second after it
    context: tuple[int, ...]  # tokens of prompt and answer
    prefill: tuple[bool, ...]  # whether a conversation may end with the model's own words
    answer: float = 60.0  # tokens: the median
    sigma: float = 0.0  # of their logarithm

    def cost(self, prompt: float, tasks: int) -> Cost:
        """What an attempt costs, in virtual time: a prompt of so many tokens and its answer."""
        each = [
            (prompt * given + self.answer * made) / MTOK
            for given, made in zip(self.usd_input, self.usd_output, strict=True)
        ]
        return Cost((tuple(each),) * tasks, self.sigma)


def read_providers(table: Table, servers: int) -> Providers:
    """``[openai]``: one entry in each list for every server."""
    prices = table.required_table("usd_per_mtok")
    answer = table.table("answer")
    providers = Providers(
        models=table.texts("models", servers),
        usd_input=prices.numbers("input", servers, 0.0, 1e6),
        usd_output=prices.numbers("output", servers, 0.0, 1e6),
        first_token=table.numbers("first_token", servers, 0.0, 600.0),
        speed=table.numbers("tokens_per_second", servers, 0.1, 1e9),
        context=_contexts(table, servers),
        prefill=_prefill(table, servers),
        answer=60.0 if answer is None else answer.number("median", 1.0, 1e6),
        sigma=0.0 if answer is None else answer.number("sigma", 0.0, 3.0, default=0.0),
    )
    for each in (prices, answer, table):
        if each is not None:
            each.finish()
    return providers


def _contexts(table: Table, servers: int) -> tuple[int, ...]:
    if "context" not in table:
        return (128_000,) * servers
    return tuple(int(each) for each in table.numbers("context", servers, 1.0, 1e9))


def _prefill(table: Table, servers: int) -> tuple[bool, ...]:
    value = table.content["prefill"] if "prefill" in table else [True] * servers
    expected = f"a list of {servers} times true or false, one for each server"
    if not isinstance(value, list) or len(value) != servers:
        raise table.error("prefill", expected, value)
    if not all(isinstance(each, bool) for each in value):
        raise table.error("prefill", expected, value)
    return tuple(value)
