"""Documents that fail when they lie."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from benchmarks.results.plans import AWAITED_SCENARIOS
from flaky_load_balancer.cli import selection
from flaky_load_balancer.cli.main import flb
from flaky_load_balancer.simulation import scenarios
from strategies import STRATEGIES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def table(heading: str) -> list[str]:
    """The names, in backquotes, of the first column of the table under a heading."""
    part = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("|")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_readme_names_every_strategy_and_no_other() -> None:
    assert sorted(table("Strategies")) == sorted(STRATEGIES)


def test_the_readme_names_every_scenario_and_no_other() -> None:
    assert sorted(table("Scenarios")) == sorted(scenarios.builtin())


def test_cascade_is_as_good_as_the_readme_says() -> None:
    claim = re.search(
        r"is the best on every scenario in runs of 1,000 requests but `(\w+)`", README
    )
    assert claim
    record = json.loads((ROOT / "docs/results/simulated-1000.json").read_text(encoding="utf-8"))
    verdicts = record["sentences"]
    assert set(verdicts) >= set(scenarios.builtin()) - AWAITED_SCENARIOS
    best = re.compile(r"cascade \(p99 [\d,.]+ ms\) is best;")
    assert [name for name, verdict in verdicts.items() if not best.match(verdict)] == [claim[1]]
    assert re.match(r"cascade \(.*\) and \S+ \(.*\) cannot be told apart", verdicts[claim[1]])


def shown_commands() -> list[str]:
    """Every call of flb and make harness in the README's blocks, as a command line of flb."""
    blocks = re.findall(r"^    (\.venv/bin/flb .*|make harness ARGS=.*)$", README, re.MULTILINE)
    return [block.split("  #")[0] for block in blocks]


@pytest.mark.parametrize("line", shown_commands())
def test_every_command_in_the_readme_has_only_flags_that_exist(line: str) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        words = ["flb", "harness", *shlex.split(words[2].removeprefix("ARGS="))]
    command = flb.get_command(click.Context(flb), words[1])
    assert command is not None
    command = getattr(command, "commands", {}).get(words[2], command)  # flb sandbox inspect
    flags = {name for option in command.params for name in [*option.opts, *option.secondary_opts]}
    used = {word for word in words[2:] if word.startswith("--")}
    assert used <= flags


def test_every_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", README)) <= targets


def test_the_pictures_show_every_strategy() -> None:
    made = json.loads((ROOT / "docs/pictures/made.json").read_text(encoding="utf-8"))
    assert made["strategies"] == selection.strategies(["all"]), "make pictures"
    terminal = (ROOT / "docs/terminal.svg").read_text(encoding="utf-8")
    assert [name for name in made["strategies"] if name not in terminal] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (document.parent / target).exists(), target


def test_nothing_that_is_committed_names_a_registry_or_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = [
        "files.python" + "hosted.org",
        "pypi" + ".org",
        "registry.npm" + "js.org",
        "/wo" + "rk/",
    ]
    for name in listed.stdout.split():
        text = (ROOT / name).read_bytes().decode(errors="replace")
        assert not [host for host in hosts if host in text], name


def test_every_benchmark_is_described() -> None:
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"__init__"}
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert [name for name in sorted(there) if f"`{name}`" not in text] == []
