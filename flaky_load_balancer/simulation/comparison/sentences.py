"""What a comparison comes to, in a sentence: who is best, by how much, and how sure that is."""

from collections.abc import Sequence

from flaky_load_balancer.simulation.comparison.intervals import Standing


def sentence(standings: Sequence[Standing], replications: int) -> str:
    """Which is best, by how much, and how sure that is."""
    standings = [each for each in standings if each.group > 0]  # references are no rivals
    leaders = [each.name for each in standings if each.group == 1]
    others = [each for each in standings if each.group > 1]
    if replications < 2:
        return "One replication: nothing can be said about chance."
    if len(standings) == 1:
        return f"{leaders[0]} played alone."
    if len(leaders) > 1:
        said = f"{_listed(leaders)} cannot be told apart with {replications} replications"
    else:
        said = f"{leaders[0]} is best"
    if not others:
        return f"{said}."
    low, high = others[0].behind.low, others[0].behind.high
    return (
        f"{said}; {others[0].name} comes next, {_named(others[0].behind.mean)} behind"
        f"{' ' + leaders[0] if len(leaders) > 1 else ''}"
        f" (95 % sure: {_points(low)} to {_points(high)})."
    )


def _named(value: float) -> str:
    text = _points(value)
    return f"{text} point{'' if text == '1' else 's'}"


def _points(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
