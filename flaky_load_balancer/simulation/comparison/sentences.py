"""What a comparison comes to, in a sentence: who is best, by how much, and how sure that is."""

from collections.abc import Mapping, Sequence

from flaky_load_balancer.simulation.comparison.intervals import Standing

NAMED = 6  # strategies that are named one by one; a sweep may have hundreds that are alike
SURE = "95 % sure of all pairs at once, by Holm's procedure"


def sentence(
    standings: Sequence[Standing],
    replications: int,
    p99_ms: Mapping[str, float | None] | None = None,
) -> str:
    """Which is best, by how much, and how sure that is; with the p99 of latency where known."""
    standings = [each for each in standings if each.group > 0]  # references are no rivals
    named = {each.name: _with_latency(each.name, p99_ms or {}) for each in standings}
    leaders = [named[each.name] for each in standings if each.group == 1]
    others = [each for each in standings if each.group > 1]
    if replications < 2:
        return "One replication: nothing can be said about chance."
    if len(standings) == 1:
        return f"{leaders[0]} played alone."
    if len(leaders) > 1:
        verdict = f"{_listed(leaders)} cannot be told apart with {replications} replications"
    else:
        verdict = f"{leaders[0]} is best"
    if not others:
        return f"{verdict}."
    behind = others[0].jointly
    return (
        f"{verdict}; {named[others[0].name]} comes next, {_named(behind.mean)} behind"
        f"{' ' + standings[0].name if len(leaders) > 1 else ''}"
        f" ({_points(behind.low)} to {_points(behind.high)}; {SURE})."
    )


def _with_latency(name: str, p99_ms: Mapping[str, float | None]) -> str:
    value = p99_ms.get(name)
    return name if value is None else f"{name} (p99 {_milliseconds(value)} ms)"


def _milliseconds(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"


def _named(value: float) -> str:
    text = _points(value)
    return f"{text} point{'' if text == '1' else 's'}"


def _points(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return f"{', '.join(names[:-1])} and {names[-1]}"
