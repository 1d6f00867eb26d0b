"""The strategies, scenarios and programs that flags name; errors name the flag."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.config.table import FromEnvironment

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.scenarios import Scenario


def strategies(specs: Sequence[str], *, oracle: bool = False, contexts: bool = False) -> list[str]:
    """The canonical specs of these strategies, each once; `all` stands for every one that fits.

    Only with ``oracle`` may a strategy be one that knows the fleet; with ``contexts`` those fit
    that choose by what a request is about.
    """
    from flaky_load_balancer import registry

    for spec in specs:
        if spec.lower() != "all":
            check_strategy("--strategy", spec, oracle=oracle)
    return registry.chosen(specs, oracle=oracle, contexts=contexts)


def sweeps(sweeps: Sequence[str]) -> list[str]:
    """The canonical specs of all strategies that these sweeps stand for."""
    from flaky_load_balancer.registry import UnknownStrategyError
    from flaky_load_balancer.registry.sweep import SweepError, expand

    found: list[str] = []
    for sweep in sweeps:
        try:
            specs = expand(sweep)
        except (SweepError, UnknownStrategyError) as error:
            raise SettingsError(f"--sweep {sweep}: {error}") from None
        for spec in specs:
            check_strategy(f"--sweep {sweep}", spec, oracle=True)
        found += specs
    return found


def check_strategy(where: str, spec: str, *, oracle: bool = False) -> None:
    """Refuse a strategy that does not exist, breaks a rule, or needs to know the fleet."""
    from flaky_load_balancer import registry
    from flaky_load_balancer.core.strategy import Informed

    hidden = isinstance(spec, FromEnvironment)
    shown = repr(spec) if hidden else spec
    try:
        strategy = registry.load(spec)
    except (registry.UnknownStrategyError, registry.BrokenRule) as error:
        why = f"{shown} cannot be loaded; see: flb strategies" if hidden else error
        raise SettingsError(f"{where}: {why}") from None
    if isinstance(strategy, Informed) and not oracle:
        raise SettingsError(
            f"{where}: {shown} has to be told the truth about the servers, which only"
            " flb compare knows; choose another strategy"
        )


def scenarios(names: Sequence[str]) -> "list[tuple[str, Scenario]]":
    """Each scenario once, with the name or path that it was given by; `all` stands for three.

    Two different scenarios of one name are refused.
    """
    from flaky_load_balancer.simulation.scenarios import ALL

    found: dict[str, tuple[str, Scenario]] = {}
    for name in names:
        for each in ALL if name == "all" else (name,):
            scenario = _scenario(each)
            before = found.setdefault(scenario.name, (each, scenario))
            if before[1] != scenario:
                raise SettingsError(
                    f"--scenario {each}: its name {scenario.name!r} is also that of"
                    f" {before[0]}; give one of them another name"
                )
    return list(found.values())


def _scenario(name: str) -> "Scenario":
    from flaky_load_balancer.simulation.scenarios import ScenarioError, find

    try:
        return find(name)
    except ScenarioError as error:
        raise SettingsError(f"--scenario: {error}") from None


def check_hash(path: Path, sha256: str | None) -> None:
    """Refuse any other file than the one with this SHA-256."""
    if sha256 is None:
        return
    if re.fullmatch("[0-9a-fA-F]{64}", sha256) is None:
        raise SettingsError(f"--strict-hash {sha256}: not a SHA-256, which has 64 hex digits")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise SettingsError(f"--strict-hash: {path} is another file, its SHA-256 is {found}")
