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
from strategies.constrained import Constrained
from strategies.parts.constraints import NAMES as CONSTRAINTS

__all__ = ["BrokenRule", "UnknownStrategyError", "built_in", "canonical", "chosen", "describe"]
__all__ += ["family", "hyperparameters", "is_built_in", "kind", "load", "parse"]

ORACLE = "oracle"  # is told the fleet, so it can play only where the fleet is known


class Spec(NamedTuple):
    """A strategy's class, the name it was found by, and the hyperparameters asked for."""

    name: str
    kind: type[Strategy]
    asked: dict[str, Any]
    worn: dict[str, Any]  # constraints, which any strategy can wear

    @classmethod
    def read(cls, name: str, kind: type[Strategy], text: str, *, lower: bool = False) -> "Spec":
        own, worn = values.parted(text, CONSTRAINTS)
        asked = values.read(kind, own, lower=lower, others=CONSTRAINTS)
        return cls(name, kind, asked, values.read(Constrained, worn, lower=lower))

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
        check(lambda: _bare(found))
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
    if isinstance(strategy, Constrained):
        return hyperparameters(strategy.strategy) | _plain(strategy, CONSTRAINTS)
    return _plain(strategy, [one.name for one in values.parameters(type(strategy))])


def is_built_in(strategy: Strategy) -> bool:
    """Whether it is one of our own, which tests hold to the rules."""
    bare = strategy.strategy if isinstance(strategy, Constrained) else strategy
    return type(bare) in STRATEGIES.values()


def canonical(spec: str) -> str:
    """The spec as results show it: only the hyperparameters that differ from their defaults."""
    found = _found(spec)
    made = _made(found)
    bare = made.strategy if isinstance(made, Constrained) else made
    changed = _changed(bare)
    if bare is not made:
        changed += [pair for pair in _changed(made) if pair.partition("=")[0] in CONSTRAINTS]
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
        return Spec.read(name, STRATEGIES[name], rest, lower=True)
    if name in offered():
        kind = taken(offered()[name])
        return Spec.read(name, kind, rest)
    attribute, _, asked = rest.partition(":")
    if not attribute or "=" in attribute:
        raise UnknownStrategyError(_unknown(spec, [*STRATEGIES, *offered()]))
    kind = imported(first, attribute)
    return Spec.read(f"{first}:{attribute}", kind, asked)


def _changed(strategy: Strategy) -> list[str]:
    """The hyperparameters that are not as usual, as a spec has them."""
    return [
        f"{field.name}={values.shown(getattr(strategy, field.name))}"
        for field in values.parameters(type(strategy))
        if getattr(strategy, field.name) != values.default(field)
    ]


def _plain(strategy: Strategy, names: Iterable[str]) -> dict[str, Any]:
    return {name: values.plain(getattr(strategy, name)) for name in names}


def _made(found: Spec) -> Strategy:
    """The strategy, within constraints if it wears any."""
    bare = _bare(found)
    if not found.worn:
        return bare
    try:
        made = Constrained(bare, **found.worn)
    except ValueError as error:
        raise UnknownStrategyError(f"{found.name}: {error}") from error
    return made if made != Constrained(bare) else bare


def _bare(found: Spec) -> Strategy:
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
