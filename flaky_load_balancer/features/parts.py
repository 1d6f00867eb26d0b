"""Features of a request's text, for strategies that choose by context; usable without the gateway.

    features = Features(["task", "complexity", "hash:16"])
    features.names                      # ("bias", "task=code", ..., "hash[15]")
    features.of("def f(x): ...")        # (d,) floats

A part is made of a word of the configuration, ``name`` or ``name:argument``.  Every vector begins
with a constant 1, so that a linear model has an intercept.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Bools, Floats
from flaky_load_balancer.features.clusters import Clusters
from flaky_load_balancer.features.tasks import Tasks, keyword_tasks, read_tasks
from flaky_load_balancer.features.words import Words, unit_hash

LARGEST = 4096  # numbers in a part


class FeatureError(UserError, ValueError):
    """Something about features that a user wrote is wrong; the message names it and the fix."""


class Part(Protocol):
    """Some numbers of a text, with a name each."""

    @property
    def names(self) -> Sequence[str]: ...

    def of(self, text: str, words: Words) -> Floats:
        """(len(names),) floats."""


class Hashed:
    """Words hashed into ``size`` numbers, each word adding +1 or -1; of unit length.

    Source: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.names: Sequence[str] = [f"hash[{place}]" for place in range(size)]

    def of(self, text: str, words: Words) -> Floats:  # noqa: ARG002
        return unit_hash(words, self.size)


class Complexity:
    """How long, how hard to read, how much code and mathematics.

    Reading ease after Flesch, 206.835 - 1.015 words/sentence - 84.6 syllables/word, in the bins of
    seed studies on routing: below 20, 20 to 30, above.  Syllables are counted as groups of vowels.
    """

    names = ("length", "ease<20", "ease<30", "ease>=30", "code", "math")
    _VOWELS = np.isin(np.arange(256), np.frombuffer(b"aeiouy", dtype=np.uint8))
    _ENDS = np.isin(np.arange(256), np.frombuffer(b".!?", dtype=np.uint8))
    _CODE = np.isin(np.arange(256), np.frombuffer(b"{}[]();=<>_`#", dtype=np.uint8))
    _MATH = np.isin(np.arange(256), np.frombuffer(b"+*/^=\\$%0123456789", dtype=np.uint8))

    def of(self, text: str, words: Words) -> Floats:  # noqa: ARG002
        count, size = len(words.start), max(1, len(words.raw))
        ease = self.ease(words)
        bins = (ease < 20, 20 <= ease < 30, ease >= 30) if count else (False, False, False)
        code = np.count_nonzero(self._CODE.take(words.raw)) / size
        math = np.count_nonzero(self._MATH.take(words.raw)) / size
        return np.array([np.log1p(count) / 8.0, *bins, min(1, 5 * code), min(1, 5 * math)], float)

    def ease(self, words: Words) -> float:
        """Flesch's reading ease; 100 for a text without words."""
        count = len(words.start)
        if not count:
            return 100.0
        vowels = self._VOWELS.take(words.letters)
        syllables = max(count, _groups(vowels))
        sentences = max(1, _groups(self._ENDS.take(words.raw)))
        return 206.835 - 1.015 * count / sentences - 84.6 * syllables / count


class Encoded:
    """What a user's own function makes of a text: ``module:function``, text to floats."""

    def __init__(self, function: Callable[[str], Any], called: str) -> None:
        self._function, self._called = function, called
        size = len(self._vector("a text to see how many numbers there are"))
        self.names = [f"{called}[{place}]" for place in range(size)]

    def of(self, text: str, words: Words) -> Floats:  # noqa: ARG002
        vector = self._vector(text)
        if len(vector) != len(self.names):
            raise FeatureError(
                f"encoder:{self._called} returned {len(vector)} numbers, before {len(self.names)}"
            )
        return vector

    def _vector(self, text: str) -> Floats:
        try:
            vector = np.asarray(self._function(text), dtype=float)
        except (TypeError, ValueError) as error:
            raise FeatureError(f"encoder:{self._called}: not numbers: {error}") from None
        if vector.ndim != 1 or not 0 < vector.size <= LARGEST or not np.isfinite(vector).all():
            raise FeatureError(
                f"encoder:{self._called} must return 1 to {LARGEST} finite numbers for a text,"
                f" not an array of shape {vector.shape}"
            )
        return vector


class Features:
    """All parts of a specification, after a constant; ``names`` has a name for each number."""

    def __init__(self, specification: Sequence[str], tasks: Tasks | None = None) -> None:
        if isinstance(specification, str) or not all(isinstance(s, str) for s in specification):
            raise FeatureError('features must be a list of texts, as ["task", "hash:16"]')
        self.specification = tuple(specification)
        self.tasks = keyword_tasks() if tasks is None else tasks
        self._parts = [self._part(each) for each in self.specification]
        self.names: tuple[str, ...] = (
            "bias",
            *(name for part in self._parts for name in part.names),
        )

    def __len__(self) -> int:
        return len(self.names)

    def of(self, text: str) -> Floats:
        """(d,) the features of a text."""
        words = Words.of(text)
        return np.concatenate([np.ones(1), *(part.of(text, words) for part in self._parts)])

    def of_all(self, texts: Sequence[str]) -> Floats:
        """(n, d) the features of n texts."""
        return np.array([self.of(text) for text in texts]).reshape(len(texts), len(self))

    def _part(self, written: str) -> Part:
        name, _, argument = written.partition(":")
        if name == "complexity" and argument:
            raise FeatureError(f"features: {written!r}: {name} takes no argument")
        if name == "task":
            return read_tasks(Path(argument)) if argument else self.tasks
        if name == "complexity":
            return Complexity()
        if name == "hash":
            return Hashed(_count(written, argument, LARGEST))
        if name == "cluster":
            return Clusters(_count(written, argument, 256))
        if name == "encoder":
            return Encoded(_function(written, argument), argument)
        raise FeatureError(
            f"features: {written!r} is none of task, task:FILE, complexity, hash:SIZE,"
            " cluster:COUNT, encoder:MODULE:FUNCTION"
        )


def _groups(marks: Bools) -> int:
    """How many runs of true values there are."""
    return int(np.count_nonzero(marks[1:] & ~marks[:-1]) + bool(marks[0]))


def _count(written: str, argument: str, most: int) -> int:
    if not argument.isascii() or not argument.isdigit() or not 1 < int(argument[:9]) <= most:
        raise FeatureError(f"features: {written!r}: expected a whole number from 2 to {most}")
    return int(argument)


def _function(written: str, argument: str) -> Callable[[str], Any]:
    module, _, name = argument.partition(":")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise FeatureError(f"features: {written!r} cannot be imported: {error}") from None
    if not callable(function):
        raise FeatureError(f"features: {written!r} is not a function")
    return function  # type: ignore[no-any-return]
