"""What kind of task a text is: by words and shape, or by a model that ``flb fit --tasks`` made.

A ``Tasks`` is a linear model over words: each label adds up the weights of the words of a text and
of marks of its shape, and the largest sum names the task.  Kept as JSON; nothing is unpickled.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.features.words import Words, word_hash

OTHER = "other"  # no word of any label was there


class TasksError(UserError, ValueError):
    """A file of tasks cannot be read; the message names it and the fix."""


@dataclass(frozen=True, eq=False)
class Tasks:
    """Labels and the weight of each known word for each of them.

    ``hashes`` (m,) of the words, sorted; ``weights`` (m, labels); ``bias`` (labels,).
    """

    labels: tuple[str, ...]
    hashes: np.ndarray
    weights: Floats
    bias: Floats

    def __init__(
        self,
        keywords: Mapping[str, Sequence[str]] | None = None,
        *,
        labels: Sequence[str] = (),
        weights: Mapping[str, Sequence[float]] | None = None,
        bias: Sequence[float] | None = None,
    ) -> None:
        """From words that speak for a label, 1 each, or from a weight per word and label."""
        if keywords is not None:
            labels = tuple(keywords)
            rows: dict[str, list[float]] = {}
            for place, words in enumerate(keywords.values()):
                for word in words:
                    rows.setdefault(word, [0.0] * len(labels))[place] = 1.0
            weights = {word: np.divide(row, sum(row)).tolist() for word, row in rows.items()}
        assert weights is not None
        found = sorted((word_hash(word), row) for word, row in weights.items())
        put = object.__setattr__
        put(self, "labels", tuple(labels))
        put(self, "hashes", np.array([each for each, _ in found], dtype=np.uint32))
        put(self, "weights", np.array([row for _, row in found], dtype=float))
        put(self, "bias", np.zeros(len(labels)) if bias is None else np.asarray(bias, float))

    @property
    def names(self) -> list[str]:
        return [f"task={label}" for label in (*self.labels, OTHER)]

    def of(self, text: str, words: Words) -> Floats:  # noqa: ARG002
        """(labels + 1,) 1 at the task's place, 0 elsewhere; the last place is OTHER."""
        one_hot = np.zeros(len(self.labels) + 1)
        one_hot[self.place(words)] = 1.0
        return one_hot

    def label(self, text: str) -> str:
        """The task of a text, or OTHER."""
        return (*self.labels, OTHER)[self.place(Words.of(text))]

    def place(self, words: Words) -> int:
        """Which label has the largest sum; after the last one if no word is known."""
        at = np.searchsorted(self.hashes, words.hashes)
        at[at == len(self.hashes)] = 0
        known = at[self.hashes.take(at) == words.hashes]
        if not known.size:
            return len(self.labels)
        counts = np.bincount(known, minlength=len(self.hashes))
        return int((np.sqrt(counts) @ self.weights + self.bias).argmax())


@cache
def keyword_tasks() -> Tasks:
    """The tasks that are told apart without any training, by the words of ``keywords.toml``."""
    text = files(__package__).joinpath("keywords.toml").read_text(encoding="utf-8")
    return Tasks({label: words.split() for label, words in tomllib.loads(text).items()})


def read_tasks(path: Path) -> Tasks:
    """Tasks from a file that ``flb fit --tasks`` wrote; TasksError names what is wrong."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TasksError(f"tasks {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise TasksError(f"tasks {path}: not JSON: {error}") from None
    try:
        labels = [str(label) for label in document["labels"]]
        weights = {str(word): [float(x) for x in row] for word, row in document["words"].items()}
        bias = [float(x) for x in document["bias"]]
        if any(len(row) != len(labels) for row in [*weights.values(), bias]) or not weights:
            raise ValueError("weights do not match the labels")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TasksError(
            f"tasks {path}: not what `flb fit --tasks` writes ({error}); make it again"
        ) from None
    return Tasks(labels=labels, weights=weights, bias=bias)
