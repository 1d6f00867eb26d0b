import json
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.features.parts import Complexity, FeatureError, Features
from flaky_load_balancer.features.tasks import TasksError, keyword_tasks, read_tasks
from flaky_load_balancer.features.words import Words


def letters(text: str) -> list[float]:
    """A user's own encoder: how often a and b occur."""
    return [float(text.count("a")), float(text.count("b"))]


def test_every_number_has_a_name_and_the_first_is_the_intercept() -> None:
    features = Features(
        ["task", "complexity", "hash:16", "cluster:4", f"encoder:{__name__}:letters"]
    )
    vector = features.of("Write a poem about a baobab")
    assert len(vector) == len(features) == len(features.names) == 1 + 8 + 6 + 16 + 4 + 2
    assert vector[0] == 1
    assert vector[-2:].tolist() == [5, 4]
    assert vector[features.names.index("task=writing")] == 1
    assert features.of_all(["one", "two"]).shape == (2, len(features))
    assert features.of_all([]).shape == (0, len(features))


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("def f(x): return x  # why this error?", "code"),
        ("Solve the equation 3x + 2 = 11.", "math"),
        ("Write a short poem about the sea.", "writing"),
        ("Summarize the document below.", "summary"),
        ("Translate this into French: good morning", "translation"),
        ("zzz", "other"),
        ("", "other"),
    ],
)
def test_tasks_by_keywords(text: str, task: str) -> None:
    assert keyword_tasks().label(text) == task


def test_reading_ease_by_hand() -> None:
    """Six words, one sentence, seven syllables: 206.835 - 1.015 x 6 - 84.6 x 7 / 6."""
    ease = Complexity().ease(Words.of("The cat sat on the table."))
    assert ease == pytest.approx(206.835 - 1.015 * 6 - 84.6 * 7 / 6)
    assert Complexity().ease(Words.of("")) == 100


def test_code_and_mathematics_are_marked() -> None:
    names = Complexity.names
    code = Features(["complexity"]).of("for (i = 0; i < n; i++) { a[i] = f(i); }")
    prose = Features(["complexity"]).of("we walked along the river and talked about old friends")
    assert code[1 + names.index("code")] > 0.5 > prose[1 + names.index("code")]
    assert prose[1 + names.index("ease>=30")] == 1


def test_clusters_bring_texts_of_one_kind_together() -> None:
    features = Features(["cluster:2"])
    one, other = "red green blue yellow", "monday tuesday friday sunday"
    places = [int(features.of(text)[1:].argmax()) for text in [one, other] * 20]
    assert places == [0, 1] * 20


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("tasks", "none of task, task:FILE, complexity"),
        ("complexity:3", "takes no argument"),
        ("hash", "whole number from 2 to 4096"),
        ("hash:1", "whole number from 2 to 4096"),
        ("hash:99999", "whole number from 2 to 4096"),
        ("cluster:x", "whole number from 2 to 256"),
        ("encoder:no_such_module:f", "cannot be imported"),
        ("encoder:math:nothing", "cannot be imported"),
        ("encoder:math:pi", "is not a function"),
        ("encoder:builtins:len", "numbers"),
        ("encoder::", "cannot be imported"),
    ],
)
def test_what_is_no_feature_is_refused_by_name(written: str, says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        Features([written])


def test_a_text_is_no_list() -> None:
    with pytest.raises(FeatureError, match="a list"):
        Features("task")


def test_tasks_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    words = {"cat": [2.0, 0.0], "dog": [0.0, 2.0]}
    file.write_text(json.dumps({"labels": ["cats", "dogs"], "words": words, "bias": [0, 0.5]}))
    tasks = read_tasks(file)
    assert [tasks.label(text) for text in ("a cat", "a dog", "both cat and dog", "a cow")] == [
        "cats",
        "dogs",
        "dogs",
        "other",
    ]
    features = Features(["task"], tasks)
    assert features.names == ("bias", "task=cats", "task=dogs", "task=other")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"labels": ["a"], "words": {"x": [1, 2]}, "bias": [0]}', "\x80"]
)
def test_a_file_that_is_no_tasks_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tasks.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(TasksError, match=r"tasks\.json"):
        read_tasks(file)
    with pytest.raises(TasksError, match="No such file"):
        read_tasks(tmp_path / "gone.json")


def test_equal_texts_have_equal_features() -> None:
    text = "How many apples are 3 times 4?"
    first, second = (Features(["task", "complexity", "hash:16"]).of(text) for _ in range(2))
    assert np.array_equal(first, second)
