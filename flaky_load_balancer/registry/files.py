"""Hyperparameters that are files: priors of preferences, and states to begin with."""

import json
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from flaky_load_balancer.core.warm import Warm
from strategies.parts.prior import Prior


def reader(wanted: Any) -> Callable[[str], Any] | None:
    """What reads a file for a field of this type; None if its values are no files."""
    kinds = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    return next((READERS[kind] for kind in kinds if kind in READERS), None)


def _read(text: str, made_by: str, of: Callable[[bytes], Any]) -> Any:
    try:
        return of(Path(text).read_bytes())
    except OSError as error:
        raise ValueError(f"{text}: {error.strerror or error}; make it with `{made_by}`") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{text}: not what `{made_by}` writes ({error}); make it again") from None


def _prior(text: str) -> Prior:
    made_by = "flb fit --preferences TABLE"
    found: Prior = _read(text, made_by, lambda data: Prior.of(text, json.loads(data)))
    return found


def _warm(text: str) -> Warm:
    made_by = "flb fit --rewards TABLE --strategy NAME"
    found: Warm = _read(text, made_by, lambda data: Warm.of(text, data))
    return found


READERS: dict[type, Callable[[str], Any]] = {Prior: _prior, Warm: _warm}
