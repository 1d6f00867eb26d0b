"""Print every number as measured and as published; exit with 1 if one is off: ``--quick``."""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.reproduction.claims import Play, Verdict, plays


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduction", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out T = 1,000,000")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    arguments = parser.parse_args()
    chosen = [play for play in plays() if play.quick or not arguments.quick]
    print(f"{'':<56}{'measured':>18}{'published':>18}{'allowed':>10}")
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        verdicts = [verdict for each in pool.map(Play.verdicts, chosen) for verdict in shown(each)]
    off = [verdict for verdict in verdicts if not verdict.holds]
    print(f"{len(verdicts) - len(off)} of {len(verdicts)} numbers reproduced")
    return 1 if off else 0


def shown(verdicts: list[Verdict]) -> list[Verdict]:
    """Print a line for each of them."""
    for verdict in verdicts:
        claim = verdict.claim
        measured, published = f"{verdict.measured:,.4g}", f"{claim.published:,.4g}"
        print(
            f"{claim.what:<56}{measured:>9} +- {verdict.error:<5.2g}"
            f"{published:>9} +- {claim.error:<5.2g}{verdict.allowed:>10.2g}"
            f"  {'ok' if verdict.holds else 'OFF'}",
            flush=True,
        )
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
