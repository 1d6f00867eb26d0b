"""The examples run, and say what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
SAID = {
    "own_strategy.py": ["Optimist(step=0.1)", "Optimist(step=0.3)", "p2c-ewma", "T2", "group"],
    "route_queries.py": ["linucb", "task oracle", "best single", "for 1,000 queries"],
    "frames.py": ["Regret, points per 100 requests", "outage", "fleet by fleet", "outlier"],
}


def test_every_example_is_known() -> None:
    assert {path.name for path in EXAMPLES} == set(SAID)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.name))
def test_an_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [word for word in SAID[path.name] if word not in done.stdout] == []


@pytest.mark.slow
def test_ones_own_strategy_keeps_every_rule_and_takes_thirty_lines() -> None:
    text = next(path for path in EXAMPLES if path.name == "own_strategy.py").read_text()
    assert len([line for line in text.splitlines() if line]) <= 30
    listed = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=EXAMPLES[0].parent, timeout=120, check=False
    )
    assert listed.returncode == 0


CHECK = (
    "from flaky_load_balancer.registry.conformance import check; "
    "from own_strategy import Optimist; check(Optimist)"
)
