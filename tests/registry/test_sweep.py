"""Sweeps: what they stand for, and what a refusal says."""

import pytest

from flaky_load_balancer.registry import UnknownStrategyError, family, values
from flaky_load_balancer.registry.sweep import SweepError, expand


@pytest.mark.parametrize(
    ("sweep", "specs"),
    [
        ("v6:cooldown=0.2..5:log3", ["v6:cooldown=0.2", "v6", "v6:cooldown=5"]),
        ("V6:cooldown=0.5|1|2", ["v6:cooldown=0.5", "v6", "v6:cooldown=2"]),
        ("v6:cooldown=2..3:3", ["v6:cooldown=2", "v6:cooldown=2.5", "v6:cooldown=3"]),
        ("v6:fallback=published|untried", ["v6", "v6:fallback=untried"]),
        # Whole numbers stay whole, each once.
        ("v7:memory=1..4:log8", [f"v7:memory={n}" for n in (1, 2, 3, 4)]),
        # Several parameters: every combination; one with a single value is the same for all.
        (
            "v7:memory=10|20, cooldown=1|2, a=3",
            [
                *("v7:memory=10,a=3", "v7:memory=10,cooldown=2,a=3"),
                *("v7:memory=20,a=3", "v7:memory=20,cooldown=2,a=3"),
            ],
        ),
        (
            "strategies.v6_thompson_masked:ThompsonMasked:cooldown=2|3",
            [f"strategies.v6_thompson_masked:ThompsonMasked:cooldown={n}" for n in (2, 3)],
        ),
    ],
)
def test_what_a_sweep_stands_for(sweep: str, specs: list[str]) -> None:
    found = expand(sweep)
    assert found == specs
    assert {family(spec) for spec in found} == {family(specs[0])}


def test_values_are_as_exact_as_it_takes_to_tell_neighbours_apart() -> None:
    found = [float(spec.partition("=")[2] or 1) for spec in expand("v6:cooldown=0.2..5:log8")]
    assert found == [0.2, 0.32, 0.5, 0.79, 1.26, 1.99, 3.2, 5.0]
    close = expand("v6:cooldown=1000..1000.02:3")
    assert close == [f"v6:cooldown={value}" for value in ("1000", "1000.01", "1000.02")]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ("v6", "no parameter has values to sweep, as in v6:cooldown=0.2..5:log8"),
        ("v6:cooldown=1|1.0", "stands for v6 alone"),
        ("v6:cooldown=5..2:3", "5..2 is no range"),
        ("v6:cooldown=1..nan:3", "1..nan is no range"),
        ("v6:cooldown=1..x:3", "1..x is no range"),
        ("v6:cooldown=0.2..5", "say how many values, 2 to 500, in equal steps (0.2..5:8)"),
        ("v6:cooldown=0.2..5:log", "by equal factors (0.2..5:log8)"),
        ("v6:cooldown=0.2..5:1", "say how many values"),
        ("v6:cooldown=0..5:log8", "need a range above 0; try 0..5:8"),
        ("v6:a=1..9:30,b=1..9:30", "more than 500 combinations"),
    ],
)
def test_what_is_no_sweep_is_refused(sweep: str, words: str) -> None:
    with pytest.raises(SweepError) as refused:
        expand(sweep)
    assert words in str(refused.value)


@pytest.mark.parametrize("sweep", ["v6:colour=1|2", "v9:a=1|2", "v6:cooldown=1|fast"])
def test_strategies_parameters_and_values_have_to_exist(sweep: str) -> None:
    with pytest.raises(UnknownStrategyError):
        expand(sweep)


def test_hyperparameters_are_written_as_json_has_them() -> None:
    assert [values.plain(v) for v in (1, 0.5, True, None, "x")] == [1, 0.5, True, None, "x"]
    assert [values.plain(v) for v in (float("inf"), (1, 2))] == ["inf", "(1, 2)"]
