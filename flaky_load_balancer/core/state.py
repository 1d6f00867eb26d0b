"""What a strategy has learnt, as named arrays: taken out, put back, fitted to other servers.

It is read off the strategy and the parts that it is made of: every attribute that is an array or a
plain number, except for hyperparameters.  Nothing declares which axis of an array belongs to the
servers.  That is found by resetting copies for other numbers of servers and replications, and
looking which axes grow with them:

    R        replications             RK       both in one axis; a ``State`` has two, R and K
    K        servers                  2+K      two entries, then the servers

The generator is the driver's and no part of it: who wants the same moves restores its state, too.
What a class names in ``transient`` is of the moment (requests in flight, promises): it follows
``resize``, and is not kept over a restart.
"""

import io
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flaky_load_balancer.core.types import Ints, Rules

Array = NDArray[Any]
Number = bool | int | float | str | None
Labels = tuple[str, ...]

PROBES = (2, 3), (3, 3), (2, 5)  # replications and servers
_CONSTANT = np.random.Generator, Rules, tuple  # nothing is learnt in these
HEADER = "header"  # the entry of a file that is not an array of the state


class StateError(ValueError):
    """A state that a strategy cannot take, or a strategy whose state cannot be found."""


@dataclass(frozen=True)
class State:
    """What a strategy has learnt."""

    strategy: str  # whose it is, with all hyperparameters
    arrays: dict[str, Array]
    axes: dict[str, Labels]  # what each axis of each array is of, "" if of nothing else
    numbers: dict[str, Number]

    def take(self, keep: Ints, fresh: "State") -> "State":
        """The state for other servers: ``keep`` (K',) says which one each was, -1 for a new one.

        Of new ones it says what ``fresh``, a state for K' servers, says of them.
        """
        arrays = {
            name: _taken(name, array, self.axes[name], keep, fresh)
            for name, array in self.arrays.items()
        }
        return replace(self, arrays=arrays)

    def to_bytes(self) -> bytes:
        """The state as the bytes of an ``.npz`` file."""
        about = {"strategy": self.strategy, "axes": self.axes, "numbers": self.numbers}
        header, file = np.array(json.dumps(about)), io.BytesIO()
        np.savez(file, allow_pickle=False, **{HEADER: header}, **self.arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "State":
        """The state that ``to_bytes`` wrote, without unpickling; StateError for anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(str(arrays.pop(HEADER)))
            axes = {name: tuple(map(str, labels)) for name, labels in about["axes"].items()}
            return cls(str(about["strategy"]), arrays, axes, dict(about["numbers"]))
        except Exception as error:  # a damaged file may break anywhere in it
            raise StateError(f"this is no state: {type(error).__name__}: {error}") from error


def snapshot(strategy: Any, *, transient: bool = False) -> State:
    """What a strategy has learnt; with ``transient`` also what is of the moment."""
    return _Inventory(strategy, transient).state()


def restore(strategy: Any, state: State, *, transient: bool = False) -> None:
    """Give a strategy what was learnt; StateError, and nothing changed, where it does not fit."""
    _Inventory(strategy, transient).fill(state)


def resize(strategy: Any, keep: Ints) -> None:
    """Let a strategy go on with other servers: see ``State.take``."""
    inventory = _Inventory(strategy, transient=True)
    before = inventory.state()
    rules = replace(inventory.rules, arms=len(keep))
    strategy.reset(rules, inventory.replications, _generator(strategy))
    fresh = _Inventory(strategy, transient=True)
    fresh.fill(before.take(keep, fresh.state()))


def matched(known: Sequence[str], servers: Sequence[str]) -> Ints:
    """(K',) which of the ``known`` each of these servers was, -1 for a new one: by their names."""
    places = {name: place for place, name in enumerate(known)}
    return np.array([places.get(name, -1) for name in servers], dtype=np.intp)


def transfer(
    state: State, known: Sequence[str], strategy: Any, rules: Rules, servers: Sequence[str]
) -> None:
    """Give a strategy, just reset for ``servers``, what was learnt of the ``known`` ones.

    Where they are others, a copy of the strategy takes the state and resizes it in its own way.
    StateError where the state does not fit.
    """
    if list(known) != list(servers):
        copied = deepcopy(strategy)
        copied.reset(replace(rules, arms=len(known)), 1, np.random.Generator(np.random.PCG64(0)))
        copied.load(state)
        copied.resize(matched(known, servers))
        state = copied.state()
    strategy.load(state)


class _Leaf(NamedTuple):
    """An attribute that is an array or a plain number, and what has it."""

    owner: Any
    name: str
    value: Any

    def set(self, value: object) -> None:
        setattr(self.owner, self.name, value)


class _Inventory:
    """Everything that a strategy has learnt, and what the axes of its arrays are of."""

    def __init__(self, strategy: Any, transient: bool) -> None:
        self.name = repr(strategy)
        self.rules = _found(strategy, Rules) or Rules(1)
        self.labels = _labels(strategy, self.rules, transient)
        leaves = {
            name: leaf
            for name, leaf in _leaves(strategy, transient).items()
            if self.labels.get(name) is not None
        }
        self.arrays = {n: leaf for n, leaf in leaves.items() if isinstance(leaf.value, np.ndarray)}
        self.numbers = {n: leaf for n, leaf in leaves.items() if n not in self.arrays}
        self.replications, self.arms = self._counts()

    def state(self) -> State:
        arrays = {name: self._whole(name, leaf.value) for name, leaf in self.arrays.items()}
        axes = {name: self._axes(name) for name in self.arrays}
        return State(self.name, arrays, axes, {n: leaf.value for n, leaf in self.numbers.items()})

    def fill(self, state: State) -> None:
        self._require_fits(state)
        for name, array in state.arrays.items():
            leaf = self.arrays[name]
            merged = "RK" in (self.labels[name] or ())
            shape = (-1, *array.shape[2:]) if merged else array.shape
            leaf.set(array.reshape(shape).astype(leaf.value.dtype))
        for name, number in state.numbers.items():
            self.numbers[name].set(number)

    def _require_fits(self, state: State) -> None:
        _require(state.strategy == self.name, f"{state.strategy} learnt it, this is {self.name}")
        for what, mine, theirs in (
            ("arrays", self.arrays, state.arrays),
            ("axes", self.arrays, state.axes),
            ("numbers", self.numbers, state.numbers),
        ):
            other = ", ".join(sorted(mine.keys() ^ theirs.keys()))
            _require(not other, f"its {what} are others: {other}")
        for name, array in state.arrays.items():
            self._require_array(name, array, state.axes[name])
        for name, number in state.numbers.items():
            kind = type(self.numbers[name].value)
            fits = isinstance(number, int | float if kind is float else kind)
            _require(fits, f"{name} is {number!r}, not of type {kind.__name__}")

    def _require_array(self, name: str, array: Array, axes: Labels) -> None:
        value = self.arrays[name].value
        kind = value.dtype.kind
        _require(isinstance(array, np.ndarray), f"{name} is no array")
        _require(array.dtype.kind == kind, f"{name} holds {array.dtype}, not {value.dtype}")
        _require(axes == self._axes(name), f"{name} has the axes {axes}, not {self._axes(name)}")
        shape = self._whole(name, value).shape
        _require(array.ndim == len(shape), f"{name} has {array.ndim} axes, not {len(shape)}")
        for label, mine, theirs in zip(axes, shape, array.shape, strict=True):
            _require(not label or mine == theirs, f"{name} has {theirs} for {label}, not {mine}")

    def _axes(self, name: str) -> Labels:
        labels = self.labels[name] or ()
        return ("R", "K", *labels[1:]) if "RK" in labels else labels

    def _whole(self, name: str, value: Array) -> Array:
        """A copy in which replications and servers have an axis each."""
        if "RK" in (self.labels[name] or ()):
            value = value.reshape(self.replications, self.arms, *value.shape[1:])
        return value.copy()

    def _counts(self) -> tuple[int, int]:
        """How many replications and servers there are, as far as any array says so."""
        lengths = {
            label: length
            for name, leaf in self.arrays.items()
            for label, length in zip(self.labels[name] or (), leaf.value.shape, strict=True)
        }
        both = lengths.get("RK", 1)
        arms = [n - _others(label) for label, n in lengths.items() if label not in {"", "R", "RK"}]
        arms += [both // lengths["R"]] if {"R", "RK"} <= lengths.keys() else [self.rules.arms]
        return lengths.get("R", both // arms[0]), arms[0]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StateError(f"the state does not fit: {otherwise}")


def _taken(name: str, array: Array, axes: Labels, keep: Ints, fresh: State) -> Array:
    """An array for other servers."""
    places: dict[int, Ints] = {}
    for axis, label in enumerate(axes):
        if label.endswith("K"):
            others = _others(label)
            later = np.where(keep < 0, keep, keep + others)
            places[axis] = np.concatenate([np.arange(others), later])
            array = array.take(np.maximum(places[axis], 0), axis)
    for axis, place in places.items():
        if np.any(place < 0):
            new = (slice(None),) * axis + (place < 0,)
            array[new] = fresh.arrays[name][new]
    return array


def _others(label: str) -> int:
    """How many entries an axis has before those of the servers: 2 if it is ``2+K``."""
    return int(label.removesuffix("K").removesuffix("+") or 0)


def _found(strategy: Any, kind: type[Any]) -> Any:
    """The first attribute of this kind, of the strategy or of one of its parts."""
    for part in [strategy, *vars(strategy).values()]:
        for value in vars(part).values() if hasattr(part, "__dict__") else ():
            if isinstance(value, kind):
                return value
    return None


def _generator(strategy: Any) -> np.random.Generator:
    """The one that the strategy was given; any for a strategy that kept none."""
    return _found(strategy, np.random.Generator) or np.random.Generator(np.random.PCG64(0))


def _leaves(strategy: Any, transient: bool) -> dict[str, _Leaf]:
    """Every leaf by its path, ``counts.ended``; what two parts share is found once."""
    return dict(_walk(strategy, "", transient, {id(strategy)}))


def _walk(part: Any, path: str, transient: bool, seen: set[int]) -> Iterator[tuple[str, _Leaf]]:
    skipped = set() if transient else set(getattr(part, "transient", ()))
    if not path and is_dataclass(part):
        skipped |= {field.name for field in fields(part)}
    for name, value in vars(part).items():
        if name in skipped or callable(value) or isinstance(value, _CONSTANT):
            continue
        if isinstance(value, np.ndarray | np.generic | bool | int | float | str | None):
            plain = value.item() if isinstance(value, np.generic) else value
            yield path + name, _Leaf(part, name, plain)
        elif not hasattr(value, "__dict__"):
            raise StateError(
                f"{type(part).__name__}.{name} is a {type(value).__name__}: keep what is learnt in"
                " arrays and numbers, or define state and load"
            )
        elif id(value) not in seen:
            seen.add(id(value))
            yield from _walk(value, f"{path}{name}.", transient, seen)


def _labels(strategy: Any, rules: Rules, transient: bool) -> dict[str, Labels | None]:
    """What the axes of every leaf are of; None for a number that depends on how many there are."""
    probed = []
    for replications, arms in PROBES:
        copied = deepcopy(strategy)
        copied.reset(replace(rules, arms=arms), replications, _generator(copied))
        probed.append(_leaves(copied, transient))
    return {
        name: _label_each(name, [leaves[name].value for leaves in probed]) for name in probed[0]
    }


def _label_each(name: str, values: list[Any]) -> Labels | None:
    if not isinstance(values[0], np.ndarray):
        return () if len(set(map(repr, values))) == 1 else None
    extents = zip(*(value.shape for value in values), strict=True)
    return tuple(_label(name, *lengths) for lengths in extents)


def _label(name: str, few: int, more_rows: int, more_arms: int) -> str:
    """What an axis is of, by how long it is in each probe."""
    if few == more_rows == more_arms:
        return ""
    if (few, more_rows, more_arms) == (2, 3, 2):
        return "R"
    if (few, more_rows, more_arms) == (6, 9, 10):
        return "RK"
    if few == more_rows and more_arms == few + 2 and few >= 3:
        return "K" if few == 3 else f"{few - 3}+K"
    raise StateError(
        f"{name} has an axis of {few}, {more_rows} and {more_arms} entries for {PROBES}"
    )
