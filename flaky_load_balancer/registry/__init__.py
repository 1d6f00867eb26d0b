"""Strategies by name: what ``--strategy`` accepts, and what it means.

    v6                          one of ours, or one that an installed package offers
    v6:cooldown=0.5,a=2         the same with other hyperparameters
    shop.routing:Cheapest       a class of your own, also from the working folder
    shop.routing:Cheapest:memory=10

Packages offer strategies as entry points of the group ``flaky_load_balancer.strategies``.
"""

import inspect
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.registry import values
from flaky_load_balancer.registry.conformance import BrokenRule, check
from flaky_load_balancer.registry.strangers import imported, offered, taken
from flaky_load_balancer.registry.values import UnknownStrategyError
from strategies import CONTEXTUAL, GAME, STRATEGIES

__all__ = ["BrokenRule", "UnknownStrategyError", "built_in", "canonical", "chosen", "describe"]
__all__ += ["family", "hyperparameters", "is_built_in", "kind", "load", "parse"]

ORACLE = "oracle"  # is told the fleet, so it can play only where the fleet is known


class Spec(NamedTuple):
    """A strategy's class, the name it was found by, and the hyperparameters asked for."""

    name: str
    kind: type[Strategy]
    asked: dict[str, Any]

    @property
    def stranger(self) -> bool:
        return STRATEGIES.get(self.name) is not self.kind


def parse(spec: str) -> Strategy:
    """The strategy of this spec; UnknownStrategyError says what is wrong and what there is."""
    return _made(_found(spec))


def load(spec: str) -> Strategy:
    """As ``parse``; one that is not ours must keep the rules first, or BrokenRule names one."""
    found = _found(spec)
    strategy = _made(found)
    if found.stranger:
        check(lambda: _made(found))
    return strategy


def built_in(spec: str) -> Strategy:
    """As ``parse``, of our own strategies only: nothing is imported because somebody asks."""
    name = spec.partition(":")[0].strip().lower()
    if name not in STRATEGIES:
        raise UnknownStrategyError(_unknown(spec, STRATEGIES))
    return parse(spec)


def kind(name: str) -> type[Strategy]:
    """The class of this name, which has no hyperparameters behind it."""
    return _found(name).kind


def family(spec: str) -> str:
    """The spec without its hyperparameters: ``v6`` of ``v6:cooldown=0.5``."""
    head, equals, _ = spec.partition("=")
    return head.rpartition(":")[0] if equals else spec


def hyperparameters(strategy: Strategy) -> dict[str, Any]:
    """What it was made with, for JSON, which has no infinity."""
    made = {one.name: getattr(strategy, one.name) for one in values.parameters(type(strategy))}
    return {name: values.plain(value) for name, value in made.items()}


def is_built_in(strategy: Strategy) -> bool:
    """Whether it is one of our own, which tests hold to the rules."""
    return type(strategy) in STRATEGIES.values()


def canonical(spec: str) -> str:
    """The spec as results show it: only the hyperparameters that differ from their defaults."""
    found = _found(spec)
    made = _made(found)
    changed = [
        f"{field.name}={values.shown(getattr(made, field.name))}"
        for field in values.parameters(found.kind)
        if getattr(made, field.name) != values.default(field)
    ]
    return ":".join([found.name, ",".join(changed)] if changed else [found.name])


def chosen(specs: Iterable[str], *, oracle: bool = False, contexts: bool = False) -> list[str]:
    """The canonical specs that these stand for, each once.

    ``all`` stands for the strategies of the game, with the oracle if asked; with ``contexts`` also
    for those that choose by what a request is about.  Those that are only ``PUBLISHED`` are named.
    """
    fitting = GAME | CONTEXTUAL if contexts else GAME
    every = [name for name in fitting if oracle or name != ORACLE]
    wanted = [each for spec in specs for each in (every if spec.lower() == "all" else [spec])]
    for spec in wanted:
        load(spec)
    return list(dict.fromkeys(map(canonical, wanted)))


def describe() -> list[dict[str, Any]]:
    """Name, summary, hyperparameters with defaults, and source of every strategy there is."""
    rows = [_described(name, kind) for name, kind in STRATEGIES.items()]
    for name, point in offered().items():
        try:
            rows.append(_described(name, taken(point)))
        except ValueError as error:  # somebody's broken package must not hide all the others
            rows.append({"name": name, "summary": str(error), "parameters": {}, "source": ""})
    return rows


def _described(name: str, kind: type[Any]) -> dict[str, Any]:
    text = inspect.getdoc(inspect.getmodule(kind)) or inspect.getdoc(kind) or ""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    source = next((part for part in paragraphs if part.startswith("Source: ")), "")
    return {
        "name": name,
        "summary": text.partition("\n")[0],
        "parameters": {one.name: values.default(one) for one in values.parameters(kind)},
        "source": source.removeprefix("Source: "),
    }


def _found(spec: str) -> Spec:
    """Who is meant.  A name has no second colon before its parameters, a class has one."""
    first, _, rest = spec.strip().partition(":")
    name = first.lower()
    if name in STRATEGIES:
        return Spec(name, STRATEGIES[name], values.read(STRATEGIES[name], rest, lower=True))
    if name in offered():
        kind = taken(offered()[name])
        return Spec(name, kind, values.read(kind, rest))
    attribute, _, asked = rest.partition(":")
    if not attribute or "=" in attribute:
        raise UnknownStrategyError(_unknown(spec, [*STRATEGIES, *offered()]))
    kind = imported(first, attribute)
    return Spec(f"{first}:{attribute}", kind, values.read(kind, asked))


def _made(found: Spec) -> Strategy:
    if inspect.isabstract(found.kind):
        missing = ", ".join(sorted(found.kind.__abstractmethods__))
        raise BrokenRule("it is a strategy", f"{found.name} does not define {missing}")
    try:
        return found.kind(**found.asked)
    except (Exception, SystemExit) as error:
        raise UnknownStrategyError(f"{found.name}: {error}") from error


def _unknown(spec: str, named: Collection[str]) -> str:
    name = spec.partition(":")[0]
    close = get_close_matches(name.lower(), named, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return (
        f"{name!r} is unknown; {hint}There are {', '.join(named)},"
        " and module:Class for one of your own"
    )
