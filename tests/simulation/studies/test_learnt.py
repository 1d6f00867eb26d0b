"""``flb fit`` for routing: what tables teach before the first request, and who begins with it."""

import json
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Context, Rules
from flaky_load_balancer.core.warm import WarmError
from flaky_load_balancer.features import Features
from flaky_load_balancer.registry import UnknownStrategyError, canonical, parse
from flaky_load_balancer.simulation.studies import learnt
from flaky_load_balancer.simulation.worlds.table import AnswersError
from strategies.linucb import LinUCB
from tests.programs import flb

CODE = "write a function that sorts a list", "fix this loop", "why does my class fail"
POEMS = "write a poem about spring", "a sonnet for my love", "rhyme about the sea"


def table(path: Path, n: int = 60) -> Path:
    """Server a is right for code, b for poems."""
    rows = [f"code,{CODE[i % 3]},0.9,0.1\npoem,{POEMS[i % 3]},0.2,0.8" for i in range(n // 2)]
    path.write_text("task,text,q:a,q:b\n" + "\n".join(rows) + "\n")
    return path


def preferences(path: Path, text: str = "") -> Path:
    rows = [f"{CODE[i % 3]},a,b\n{POEMS[i % 3]},b,a" for i in range(30)]
    path.write_text(text or "text,better,worse\n" + "\n".join(rows) + "\n")
    return path


def first_choices(spec: str, x: np.ndarray, names: tuple[str, ...] = ("a", "b")) -> list[int]:
    """Where each of these requests would be sent, by somebody who has seen none before."""
    rules = Rules(len(names), 1, 1, features=x.shape[1], tasks=(1, 3), rewards=True)
    n = len(x)
    balancer = Balancer(parse(spec), rules, np.random.default_rng(0), replications=n, names=names)
    rows, one = np.arange(n), np.ones(n, dtype=np.intp)
    context = Context.of(
        *(rows, np.zeros(n), one, np.zeros((n, len(names)), dtype=bool), np.ones(n)), features=x
    )
    return [int(arm) for arm in balancer.strategy.select(context).arm]


def test_words_speak_for_tasks(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.write_bytes(learnt.written(learnt.tasks_of(table(tmp_path / "t.csv"))))
    features = Features([f"task:{file}"])
    assert features.names == ("bias", "task=code", "task=poem", "task=other")
    assert features.of("a poem about a list")[1:].tolist() == [0, 1, 0]
    assert features.of("my loop does fail")[1:].tolist() == [1, 0, 0]


@pytest.mark.parametrize("strategy", ["linucb", "lints", "eps-greedy", "pacer", "mixllm"])
def test_a_strategy_begins_with_what_a_table_taught(strategy: str, tmp_path: Path) -> None:
    file = tmp_path / "Learnt.State"  # names of files keep their case
    file.write_bytes(learnt.warm_of(strategy, table(tmp_path / "t.csv", 200), ["task"]).to_bytes())
    spec = f"{strategy}:warm={file}"
    assert canonical(spec) == spec
    warm = parse(spec)
    Balancer(warm, Rules(2, features=3, tasks=(1, 3), rewards=True), np.random.default_rng(0))
    pulls = warm.beliefs(np.zeros(1))["pulls"]
    assert pulls.tolist() == [[200, 200]]


def test_it_chooses_by_it_and_servers_are_matched_by_name(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(learnt.warm_of("linucb", table(tmp_path / "t.csv"), ["task"]).to_bytes())
    x = np.array([[1.0, 1, 0], [1.0, 0, 1]])  # code, a poem
    assert first_choices(f"linucb:warm={file}", x) == [0, 1]
    assert first_choices(f"linucb:alpha=0,warm={file}", x, ("b", "new", "a")) == [2, 0]
    assert first_choices(f"linucb:warm={file}", x, ("x", "y")) == [0, 1]  # by their order
    with pytest.raises(WarmError, match="a, b; here are 3 servers"):
        first_choices(f"linucb:warm={file}", x, ("x", "y", "z"))
    with pytest.raises(WarmError, match="LinUCB learnt it, not LinThompson"):
        first_choices(f"lints:warm={file}", x)
    with pytest.raises(WarmError, match="with 3 features, requests here have 7"):
        first_choices(f"linucb:warm={file}", np.ones((1, 7)))


def test_pilot_begins_where_preferences_say(tmp_path: Path) -> None:
    file = tmp_path / "prior.json"
    parts = ["task", "hash:16"]
    document = learnt.prior_of(preferences(tmp_path / "p.csv"), parts)
    file.write_bytes(learnt.written(document))
    assert document["accuracy"] > 0.9
    x = Features(parts).of_all([CODE[0], POEMS[0]])
    assert first_choices(f"pilot:prior={file},doubt=0", x) == [0, 1]


def test_votes_of_annotators_are_preferences(tmp_path: Path) -> None:
    """As PandaLM has them: 1 and 2 are the better model, 0 is a tie; the majority counts."""
    head = "model_a,model_b,ann1,ann2,ann3,instruction,input\n"
    rows = "x,y,1,1,2,do it,now\ny,x,0,0,0,do it,later\ny,x,2,2,0,do,\n"
    document = learnt.prior_of(preferences(tmp_path / "p.csv", head + rows * 20), ["hash:4"])
    assert document["names"] == ["x", "y"]
    assert document["accuracy"] == 1.0  # x won all that were decided


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("better,worse\na,b\n", "no column text"),
        ("text,better\nx,a\n", "expected columns better and worse"),
        ("text,model_a,model_b,ann1\nx,a,b,7\n", r"row 2: ann.*expected 0, 1 or 2"),
        ("text,model_a,model_b,ann1\nx,a,b,0\n", "no pair with a better"),
    ],
)
def test_what_is_no_table_of_preferences_is_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=says):
        learnt.prior_of(preferences(tmp_path / "p.csv", text), ["hash:4"])


def test_tasks_need_two_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,task\nhello,chat\n")
    with pytest.raises(AnswersError, match="two labels"):
        learnt.tasks_of(tmp_path / "t.csv")


def test_files_that_are_no_state_or_prior_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"\x80\x04pickle")
    for spec, made_by in (("linucb:warm", "--rewards"), ("pilot:prior", "--preferences")):
        with pytest.raises(UnknownStrategyError, match=f"not what `flb fit {made_by}"):
            parse(f"{spec}={tmp_path / 'bad'}")
        with pytest.raises(UnknownStrategyError, match="No such file"):
            parse(f"{spec}={tmp_path / 'gone'}")
    assert parse("linucb") == LinUCB()


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    data, pairs = table(tmp_path / "t.csv"), preferences(tmp_path / "p.csv")
    for words in (["--tasks", data], ["--rewards", data], ["--preferences", pairs]):
        done = flb("fit", *words, "--out", tmp_path / "out", cwd=tmp_path)
        assert done.code == 0, done.err
        assert (tmp_path / "out").stat().st_size > 100
    assert json.loads((tmp_path / "out").read_text())["names"] == ["a", "b"]
    for words, says in (
        ([], "give one of"),
        (["--tasks", data], "--out FILE"),
        (["--rewards", tmp_path / "gone", "--out", "x"], "No such file"),
        (["--rewards", data, "--features", "tusk", "--out", "x"], "--features"),
    ):
        done = flb("fit", *words, cwd=tmp_path)
        assert done.code == 2
        assert says in done.err
