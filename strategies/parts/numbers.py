"""Hyperparameters are checked when a strategy is constructed, in words that name the fix."""

from math import inf, isfinite
from numbers import Integral, Real


def require(
    name: str,
    value: float,
    *,
    above: float = -inf,
    least: float = -inf,
    most: float = inf,
    whole: bool = False,
) -> None:
    """Raise ValueError unless ``above < value`` and ``least <= value <= most``."""
    kind = Integral if whole else Real  # numpy's count as well
    fits = isinstance(value, kind) and not isinstance(value, bool) and isfinite(value)
    if not (fits and above < value and least <= value <= most):
        wanted = _wanted(above, least, most, whole)
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _wanted(above: float, least: float, most: float, whole: bool) -> str:
    """``a number above 0 and at most 1``: what would have been allowed."""
    limits = [("above", above), ("at least", least), ("at most", most)]
    bounds = " and ".join(f"{word} {limit:g}" for word, limit in limits if isfinite(limit))
    return f"{'a whole number' if whole else 'a number'} {bounds}".strip()


def require_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}, not {value!r}")
