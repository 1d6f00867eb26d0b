"""Published numbers that take seconds; ``make reproduce`` does those that take minutes as well."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.reproduction import __main__ as command
from benchmarks.reproduction.bandits import one_better, pseudo_regret
from benchmarks.reproduction.chapelle_li import ChapelleLiUCB
from benchmarks.reproduction.claims import Claim, Play, Verdict, plays
from benchmarks.reproduction.mabwiser_ucb1 import ARMS, ROUNDS, SEEDS, record, recorded
from flaky_load_balancer.registry.conformance import check
from strategies.v2_ucb1 import UCB1
from tests.scripted import Scripted

LONG = "KL-UCB", "Thompson"  # of the quick ones, those that take seconds


def cases() -> list[Any]:
    named = [(play, play.claims[0].what) for play in plays() if play.quick]
    return [
        pytest.param(play, id=what, marks=pytest.mark.slow if what.startswith(LONG) else ())
        for play, what in named
    ]


@pytest.mark.parametrize("play", cases())
def test_a_published_number_is_reproduced(play: Play) -> None:
    for verdict in play.verdicts():
        assert verdict.holds, verdict


def test_long_claims_are_of_a_million_rounds_or_of_servers_that_change() -> None:
    slow = [claim for play in plays() if not play.quick for claim in play.claims]
    assert [claim.published for claim in slow][:4] == [1092, 358, 2558, 705]
    assert all("problem" in claim.what for claim in slow[4:])


def test_rates_of_segments_change_at_equal_distances() -> None:
    rates = np.array([[1.0, 0.0], [0.0, 1.0]])
    regret = pseudo_regret(Scripted([0] * 16), rates, (4, 8), replications=2)
    assert regret.tolist() == [[0.0, 0.0], [4.0, 4.0]]


def test_their_ucb_is_a_sound_strategy_with_their_bound() -> None:
    check(ChapelleLiUCB)
    bound = ChapelleLiUCB._bound(np.array([[0.25]]), np.array([[8.0]]), np.array([[32.0]]))
    assert bound.tolist() == [[0.25 + 0.25 + 0.25]]  # delta = e^-4


def test_regret_counts_the_gaps_of_what_was_played() -> None:
    regret = pseudo_regret(UCB1(), one_better(4, 0.25), (1, 4), replications=200)
    assert regret.shape == (2, 200)
    assert set(regret[0]) == {0.0, 0.25}  # the very first choice is uniform
    assert set(regret[1]) == {0.75}  # then each once


@pytest.mark.parametrize(("measured", "holds"), [(10.0, True), (10.9, True), (11.1, False)])
def test_numbers_may_be_three_standard_errors_apart(measured: float, holds: bool) -> None:
    assert Verdict(Claim("", 10.0, 0.3), measured, 0.2).holds is holds


@pytest.mark.parametrize(("published", "code"), [(0.5, 0), (0.6, 1)])
def test_the_exit_code_says_whether_a_number_is_off(
    published: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    claims = [Play(_halves, [Claim("half", published, 0.01)])]
    monkeypatch.setattr(command, "plays", lambda: claims)
    monkeypatch.setattr("sys.argv", ["reproduction", "--quick", "--jobs", "1"])
    assert command.main() == code
    assert ("OFF" in capsys.readouterr().out) is (code == 1)


def _halves() -> np.ndarray:
    return np.full(9, 0.5)


def test_the_recorded_histories_are_whole() -> None:
    histories = recorded()
    assert len(histories) == len(SEEDS)
    for history in histories:
        assert len(history["decisions"]) == ROUNDS
        assert len(history["arms"]) == len(history["rewards"]) == ROUNDS + ARMS
        assert history["arms"].startswith("0123456789")  # every server is attempted once
        assert _most(history["decisions"]) < 0.9  # there is something to decide


def _most(decisions: Sequence[str]) -> float:
    return max(decisions.count(digit) for digit in set(decisions)) / len(decisions)


def test_mabwiser_still_decides_as_recorded() -> None:
    pytest.importorskip("mabwiser")
    assert [record(seed) for seed in SEEDS] == recorded()
