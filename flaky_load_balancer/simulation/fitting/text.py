"""A fit as a scenario file that says in comments how sure it is."""

import json
from collections.abc import Iterator

import numpy as np

from flaky_load_balancer.simulation.fitting.explanation import Explanation
from flaky_load_balancer.simulation.fitting.fit import Fit, described


def toml(fit: Fit, name: str, source: str) -> str:
    """The file; ``--scenario`` takes it as it is."""
    return (
        "\n".join([*_head(fit, name, source), *_failure(fit), *_limit(fit), *_latency(fit)]) + "\n"
    )


def _head(fit: Fit, name: str, source: str) -> Iterator[str]:
    log, refused = fit.log, int(fit.log.refused.sum())
    yield (
        f"# Fitted to {json.dumps(source)}: {len(log.time):,} attempts, {refused:,} of them"
        f" refused, at {len(log.servers)} servers in {log.span:,.1f} s."
    )
    yield "# Behind a number: its 95 % interval."
    yield from (f"# Uncertain: {doubt}." for doubt in fit.doubts)
    yield ""
    yield f"name = {json.dumps(name)}"
    yield f"description = {json.dumps(f'fitted to {source}')}"
    yield f"servers = {len(log.servers)}"


def _failure(fit: Fit) -> Iterator[str]:
    admitted = np.bincount(fit.log.server[fit.log.admitted], minlength=len(fit.failure))
    yield "\n[failure]\nvalues = ["
    for server, rate, count in zip(fit.log.servers, fit.failure, admitted, strict=True):
        interval = f"{rate.low:.3f} to {rate.high:.3f}, {count:,} admitted"
        yield f"  {rate.value:.4f},  # {interval}: {json.dumps(server)}"
    yield "]"


def _limit(fit: Fit) -> Iterator[str]:
    best = fit.best
    if fit.explanations:
        yield "\n# What explains the refusals (BIC: less is better, 10 less is much):"
    for each in fit.explanations:
        yield f"#   {described(each):<32} BIC {each.bic:>9.1f}, {each.unexplained:>5} unexplained"
    if best is None:
        return
    yield f'\n[limit]\nkind = "{best.kind}"'
    if best.kind == "token-bucket":
        burst = best.burst
        yield f"window = 1.0\nburst = {burst.value:g}  # {burst.low:g} to {burst.high:g}"
    else:
        low, high = best.window.low, best.window.high
        to = f"to {high:.4g} s" if np.isfinite(high) else "s or longer"
        yield f"window = {best.window.value:.6g}  # {low:.4g} {to}"
    if best.kind == "fixed-window":
        yield f"# In the log a window begins {best.phase:.4g} s after the first attempt."
    yield "values = ["
    for place, value in enumerate(fit.limits):
        yield f"  {value:.5g},  # {_interval(best, place)}"
    yield "]"


def _interval(best: Explanation, place: int) -> str:
    limit = best.limits[place]
    if np.isfinite(limit.value):
        return f"{limit.low:.5g} to {limit.high:.5g}"
    return "never refused" + (f"; at least {limit.low:.4g}" if np.isfinite(limit.low) else "")


def _latency(fit: Fit) -> Iterator[str]:
    if fit.latency is not None:
        yield f"\n[latency]\nmedian = {fit.latency.median:.6g}\nsigma = {fit.latency.sigma:.4g}"
