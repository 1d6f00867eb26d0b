"""What a user asked for that ``flb servers`` has to know: the scenarios, and what confines them.

A module apart from ``choices``, which takes all strategies to load: servers start in half the time.
"""

from collections.abc import Sequence
from pathlib import Path

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.scenarios import Scenario
from sandbox import SandboxError, choose
from sandbox.backends import BY_NAME as KINDS


def chosen_scenarios(asked: Sequence[str]) -> list[tuple[str, Scenario]]:
    """Each scenario once, with what it was asked for as; two of one name are refused."""
    found: dict[str, tuple[str, Scenario]] = {}
    for name in asked:
        for each in scenarios.ALL if name == "all" else (name,):
            scenario = _scenario(each)
            before = found.setdefault(scenario.name, (each, scenario))
            if before[1] != scenario:
                raise SettingsError(
                    f"--scenario {each}: its name {scenario.name!r} is also that of"
                    f" {before[0]}; give one of them another name"
                )
    return list(found.values())


def _scenario(asked: str) -> Scenario:
    try:
        return scenarios.find(asked)
    except scenarios.ScenarioError as error:
        raise SettingsError(f"--scenario: {error}") from None


def sandbox_backend(asked: str, path: Path | None) -> str:
    """What servers run in: a backend, OFF or NONE.

    Ours, by preference, in one that can confine them where they are: the others start a program
    anew, which takes longer.  A stranger's run in none only if the user says so.
    """
    if asked == isolation.OFF:
        return isolation.OFF
    if path is None and asked == "auto" and KINDS[isolation.IN_PLACE].problem() is None:
        return isolation.IN_PLACE
    try:
        return choose(asked)
    except SandboxError as error:
        if asked != "auto":
            hint = "" if asked in KINDS else " or off"
            raise SettingsError(f"--sandbox {asked}: {error}{hint}") from None
        if path is not None:
            raise SettingsError(
                f"--server-binary {path}: {error}. Install one of them (see: flb sandbox), or if"
                " you trust the program, add --sandbox off"
            ) from None
        return isolation.NONE
