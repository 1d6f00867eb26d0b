"""``flb gateway``: its questions, its configuration, and a short run of it."""

import json
import sys
import tomllib
from asyncio import create_subprocess_exec, run, timeout
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flaky_load_balancer.cli.gateway import main
from flaky_load_balancer.config import read_config
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.features.tasks import keyword_tasks
from flaky_load_balancer.harness.asking import Asked
from flaky_load_balancer.harness.demonstration import (
    Part,
    Settings,
    Shown,
    configuration,
    models_of,
    parts_of,
)
from flaky_load_balancer.harness.learnt import sentence
from flaky_load_balancer.harness.questions import TASKS, questions
from flaky_load_balancer.simulation import scenarios

WITHIN = 60.0  # seconds for a short run
FLEET: dict[str, Any] = {
    "servers": ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"],
    "models": [
        {"model": "a", "usd_per_mtok": {"input": 1.0, "output": 2.0}},
        {"model": "b", "usd_per_mtok": {"input": 0.1, "output": 0.2}},
    ],
}


def test_the_words_of_a_question_tell_its_task_to_gateway_and_providers() -> None:
    asked = questions(400, 3)
    assert len({text for _, text in asked}) == 400
    assert set(Counter(task for task, _ in asked).values()) == {100}
    assert all(keyword_tasks().label(text) == task for task, text in asked)
    contexts = scenarios.find("llm-mixed").contexts
    assert contexts is not None
    assert contexts.tasks is not None
    assert contexts.tasks.labels == tuple(TASKS)


def test_the_gateway_is_told_addresses_models_and_prices(tmp_path: Path) -> None:
    text = configuration(FLEET, Settings(strategy="linucb", usd=7.0))
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    read_config(file)
    first, second = tomllib.loads(text)["pools"]["models"]["servers"]
    assert first["url"] == "http://127.0.0.1:1/v1"
    assert second["usd_per_mtok"] == {"input": 0.1, "output": 0.2}
    assert tomllib.loads(text)["routes"]["chat"]["objective"] == {"usd": 7.0}


def asked(task: str, server: str | None, quality: float, usd: float) -> Asked:
    return Asked(task, server, quality, usd, 0.1, 1, rated=server is not None)


def test_what_was_learnt_is_the_difference_of_parts() -> None:
    first = [asked("math", "small", 0.0, 0.001), asked("code", "large", 1.0, 0.003)]
    last = [asked("math", "large", 1.0, 0.001), asked("code", None, 0.0, 0.0)]
    shown = Shown([Part.of(first, 3), Part.of(last, 0)], models_of(last))
    assert shown.models == {"code": {"none": 1}, "math": {"large": 1}}
    assert "quality 0.50 to 0.50, cost 2.00 to 0.50" in sentence(shown)
    assert "429s 3 to 0" in sentence(shown)
    assert not shown.complete
    assert shown.unanswered == 1


@pytest.mark.parametrize("count", [3, 4, 5, 7, 500])
def test_parts_are_three_and_none_is_empty(count: int) -> None:
    parts = parts_of(questions(count, 0))
    assert len(parts) == 3
    assert all(parts)
    assert sum(map(len, parts)) == count


def test_ports_that_collide_are_refused() -> None:
    asked = ["--port", "4321", "--admin-port", "4321"]
    result = CliRunner().invoke(main, asked)
    assert isinstance(result.exception, UserError)
    assert "--port and --admin-port are both 4321" in str(result.exception)


@pytest.mark.slow
def test_a_short_run_answers_and_rates_every_question() -> None:
    async def play() -> tuple[int | None, bytes, bytes]:
        flags = ("--requests", "24", "--rate", "20", "--free-ports", "--no-stay", "--json", "-")
        command = (sys.executable, "-m", "flaky_load_balancer", "gateway", *flags)
        child = await create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        async with timeout(WITHIN):
            out, told = await child.communicate()
        return child.returncode, out, told

    code, out, told = run(play())
    assert code == 0, told.decode()
    parts = json.loads(out)["parts"]
    assert [part["questions"] for part in parts] == [8, 8, 8]
    assert all(part["answered"] == part["rated"] for part in parts)
    assert sum(part["answered"] for part in parts) >= 23
    assert all(0 < part["usd"] < 10 for part in parts)
    assert b"page http://127.0.0.1:" in told
