"""What may not be installed: Optuna, and for plots matplotlib; errors say how it would be."""

from importlib.util import find_spec
from typing import Any

from flaky_load_balancer.config import SettingsError

INSTALL = "pip install 'flaky-load-balancer[tune,results]'"


def optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SettingsError(f"tune needs Optuna: {INSTALL}") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def pyplot() -> Any:
    """matplotlib, which draws without a window."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise SettingsError(f"--out: plots need matplotlib: {INSTALL}") from None
    mpl.use("agg")
    from matplotlib import pyplot

    return pyplot


def require_torch() -> None:
    """Optuna's Gaussian process is made of it."""
    if find_spec("torch") is None:
        raise SettingsError(
            "--sampler gp: Optuna's Gaussian process needs PyTorch: pip install torch, or take"
            " --sampler tpe"
        )
