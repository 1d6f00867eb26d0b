"""Tables in the formats that people have: the same answers, whatever they are written in."""

import gzip
import json
from pathlib import Path

import pytest

from flaky_load_balancer.simulation.worlds.table import Answers, AnswersError, read_answers

OURS = (
    "task,text,q:big,q:small,cost:big,cost:small\n"
    "math,2+2?,1,0,0.01,0.001\nchat,hi,1,1,0.02,0.002\n"
)
ROUTERBENCH = (
    "sample_id,prompt,eval_name,big,small,big|model_response,small|model_response,"
    "big|total_cost,small|total_cost,oracle_model_to_route_to\n"
    'm.1,2+2?,math,1.0,0.0,"4, of course",5,0.01,0.001,big\n'
    "c.1,hi,chat,1.0,1.0,hi,hi,0.02,0.002,small\n"
)
ROUTELLM = 'prompt,big,small,big_response\n2+2?,True,False,"four, I think"\nhi,True,True,hello\n'
LLMROUTER = [
    {"question": "2+2?", "scores": {"small": 0.0, "big": 1.0}},
    {"question": "hi", "scores": {"big": 1.0, "small": 1.0}},
]
PARETOBANDIT = [
    {
        "prompt": prompt,
        "source": task,
        "arms": {
            "big": {"reward": 1.0, "cost": 10 * cost, "near_best": True},
            "small": {"reward": small, "cost": cost},
        },
    }
    for prompt, task, small, cost in (("2+2?", "math", 0.0, 0.001), ("hi", "chat", 1.0, 0.002))
]
TEXTS = {
    "ours": OURS,
    "routerbench": ROUTERBENCH,
    "routellm": ROUTELLM,
    "llmrouter": json.dumps(LLMROUTER, indent=1),
    "paretobandit": "\n".join(map(json.dumps, PARETOBANDIT)) + "\n",
}


def read(path: Path, text: str) -> Answers:
    path.write_bytes(gzip.compress(text.encode()))
    return read_answers(path)


@pytest.mark.parametrize("name", TEXTS)
def test_every_format_says_the_same(name: str, tmp_path: Path) -> None:
    answers = read(tmp_path / "table.gz", TEXTS[name])
    assert answers.models == ("big", "small")
    assert answers.text == ("2+2?", "hi")
    assert answers.quality.tolist() == [[1, 0], [1, 1]]
    if name in {"ours", "routerbench", "paretobandit"}:
        assert [answers.labels[task] for task in answers.task] == ["math", "chat"]
        assert answers.cost.tolist() == [[0.01, 0.001], [0.02, 0.002]]
    else:
        assert not answers.cost.any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "record 1"),
        ('[{"question": "x"}]', "'scores' is missing"),
        ("[{", "not JSON"),
        ('{"prompt": "x", "arms": {"a": {"reward": 2, "cost": 0}}}', r"row 2, q:a.*from 0 to 1"),
        ('{"prompt": "x"}\n', "'arms' is missing"),
        ("prompt,a\nx,maybe\n", "no column q:<model>"),
        (
            '[{"question": "x", "scores": {"a": 1}}, {"question": "y", "scores": {"b": 1}}]',
            "q:a: expected",
        ),
        ("\x80\x04\x95", "no column q:<model>"),  # the beginning of a pickle, as text
    ],
)
def test_what_is_broken_is_said_by_file_and_place(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=says) as caught:
        read(tmp_path / "broken", text)
    assert str(tmp_path / "broken") in str(caught.value)
