"""What the original said of its strategies, held against what was measured.

Its ranking rests on single runs of 100 requests.  A claim holds if what it names beats each of
the other seven with 95 % confidence, fleet by fleet; it does not hold if one of these beats what it
names; in between nobody can tell.
"""

from typing import Any, NamedTuple

import numpy as np

from flaky_load_balancer.simulation.comparison.comparison import Comparison
from flaky_load_balancer.simulation.comparison.intervals import Estimate

ORIGINAL = tuple(f"v{number}" for number in range(1, 9))


class Claim(NamedTuple):
    """On this scenario, one of the named strategies is the best of V1-V8."""

    scenario: str
    named: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' or '.join(self.named)} is the best of V1-V8 on {self.scenario}".replace(
            "v", "V"
        )


CLAIMS = Claim("T1", ("v5",)), Claim("T2", ("v7",)), Claim("T3", ("v8", "v6"))


def measured(claim: Claim, comparison: Comparison) -> dict[str, Any]:
    """How far the better one of the named is ahead of each of the others; and single runs."""
    scores = {cell.strategy: cell.run.score for cell in comparison.on(claim.scenario)}
    champion = max(claim.named, key=lambda name: float(scores[name].mean()))
    others = [name for name in ORIGINAL if name not in claim.named]
    ahead = {name: Estimate.of(scores[champion] - scores[name]).json() for name in others}
    table = np.array([scores[name] for name in ORIGINAL])
    winners = table == table.max(axis=0)
    mine = np.isin(ORIGINAL, claim.named)
    won = winners[mine].sum(axis=0) / winners.sum(axis=0)  # shared where several are first
    return {"champion": champion, "ahead": ahead, "won": float(won.mean())}


def verdict(numbers: dict[str, Any]) -> str:
    """Holds, does not hold, or cannot be told; and by how much."""
    champion, ahead = numbers["champion"], numbers["ahead"]
    beaten_by = [name for name, each in ahead.items() if each["ci95"][1] < 0]
    rival = min(beaten_by or ahead, key=lambda name: float(ahead[name]["mean"]))
    if beaten_by:
        return f"does not hold: {_lead(rival, champion, ahead[rival], -1)}"
    said = _lead(champion, rival, ahead[rival], 1)
    if all(each["ci95"][0] > 0 for each in ahead.values()):
        return f"holds: {said}, the next"
    if ahead[rival]["mean"] < 0:
        said = _lead(rival, champion, ahead[rival], -1)
    return f"cannot be told: {said}, an interval with 0 in it"


def _lead(leader: str, other: str, ahead: dict[str, Any], sign: int) -> str:
    low, high = sorted(sign * end for end in ahead["ci95"])
    points = f"{sign * ahead['mean']:z.2f} ({low:z.2f} to {high:z.2f})"
    return f"{leader} is {points} points ahead of {other}"
