"""``prior``: beginning with what people prefer, against beginning with nothing.

The prior is learnt from queries of another seed, and is of three kinds: useful (the better answer
wins), useless (either wins) and wrong (the worse answer wins).
"""

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.studies.parts import Game, Players, course
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.preferences import Preferences, fit_prior
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together
from strategies.parts.prior import Prior
from strategies.pilot import Pilot

QUESTION = "What do preferences save at the start, and what does a wrong prior cost?"
PAIRS = 600


def prior(setting: Setting, players: Players) -> Report:
    """PILOT with priors of three kinds, and without one."""
    given = {"none": None, **priors(setting)}
    played = players.utilities(
        {name: Game(setting, Pilot(prior=each)) for name, each in given.items()}
    )
    none, looks = played["none"], len(played)
    first, last = min(500, setting.queries), max(1, setting.queries // 5)
    rows: list[list[Cell]] = [
        [
            name,
            together(table[:, :first].mean(axis=1), looks),
            together((table - none)[:, :first].sum(axis=1), looks),
            together(table[:, -last:].mean(axis=1), looks),
            overcome(table, none),
        ]
        for name, table in played.items()
    ]
    head = [
        "prior",
        f"utility of {first}",
        "points over none",
        "last fifth",
        "level with none after",
    ]
    return Report(
        setting,
        "prior",
        QUESTION,
        [Table("PILOT by its prior", head, rows)],
        finding(played, first),
        [course("prior-course", "PILOT by its prior", "utility", played)],
    )


def priors(setting: Setting) -> dict[str, Prior]:
    """Learnt from pairs of answers to queries of another seed."""
    rng = np.random.default_rng(setting.seed)
    other = setting.but(seed=setting.seed + 1, runs=1, queries=PAIRS)
    x = other.world.features(np.zeros(PAIRS, dtype=np.intp), np.arange(1, PAIRS + 1))
    quality, arms = other.answers.quality[0], setting.scenario.servers
    one = rng.integers(arms, size=PAIRS)
    two = (one + rng.integers(1, max(2, arms), size=PAIRS)) % arms
    each = np.arange(PAIRS)
    better = np.where(quality[each, one] >= quality[each, two], one, two)
    worse = one + two - better
    coin = rng.random(PAIRS) < 0.5
    winners = {
        "useful": (better, worse),
        "useless": (np.where(coin, one, two), np.where(coin, two, one)),
        "wrong": (worse, better),
    }
    return {
        name: fit_prior(Preferences(x, *pair), arms, rng, source=name)
        for name, pair in winners.items()
    }


def overcome(table: Floats, none: Floats, window: int = 100) -> int | None:
    """After how many queries the next ``window`` are no worse than without a prior, for good."""
    behind = np.convolve((none - table).mean(axis=0), np.ones(window) / window, mode="valid")
    worse = np.flatnonzero(behind > 0.01)
    if not worse.size:
        return 0
    after = int(worse[-1]) + 1
    return after if after < len(behind) else None


def finding(played: dict[str, Floats], first: int) -> str:
    none = played["none"]
    useful = together((played["useful"] - none)[:, :first].sum(axis=1), 2)
    after = overcome(played["wrong"], none)
    wrong = f"is overcome after {after} queries" if after is not None else "is not overcome"
    return (
        f"Useful preferences bring {useful.mean:+.1f} points ({useful.low:+.1f} to"
        f" {useful.high:+.1f}) in {first} queries; a wrong prior {wrong}."
    )
