"""Language models as people see them: tokens, dollars, quality and speed, by server and task."""

from collections.abc import Iterator
from typing import Any

from flaky_load_balancer.core.tally import BILLION, TOKENS, ModelTally
from flaky_load_balancer.proxy.route import Paid, Route

MOST = 200  # servers


def models(route: Route, paid: Paid) -> list[dict[str, Any]]:
    """Of each server that answered, a row of all tasks and then one of each."""
    return list(_rows(route, paid))


def _rows(route: Route, paid: Paid) -> Iterator[dict[str, Any]]:
    called = {server.name: server.settings.provider.model for server in route.dispatcher.servers}
    for place, server in enumerate(route.recorded[:MOST]):
        whole = route.tally.models[place]
        if whole is None:
            continue
        names = {"server": server, "model": called.get(server)}
        yield {**names, "task": None, **_numbers(whole)}
        for task, name in enumerate(paid.tasks):
            if (place, task) in route.tally.tasks:
                yield {**names, "task": name, **_numbers(route.tally.tasks[place, task])}


def _numbers(model: ModelTally) -> dict[str, Any]:
    first = {f"p{q}": model.first_token.quantile(q / 100) for q in (50, 99)}
    pace = model.pace.quantile(0.5)
    return {
        "attempts": model.input.count,
        "answers": model.output.count,
        "input_tokens": round(model.input.sum * TOKENS),
        "output_tokens": round(model.output.sum * TOKENS),
        "usd": (model.cost + model.estimated) / BILLION,
        "estimated_usd": model.estimated / BILLION,
        "quality": model.reward / BILLION / model.rewards if model.rewards else None,
        "first_token_ms": {key: x and 1000 * x for key, x in first.items()},
        "tokens_per_second": 1 / pace if pace else None,
    }
