"""The LLM gateway beside a plain pass-through of FastAPI and httpx, before the same model.

    .venv/bin/python -m benchmarks.llm_gateway --quick

Requests a second at 16 connections and processor time of one, streamed and not, in turns; then
memory before and after many requests.  What is measured has a core of its own.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.parts.processes import (
    AROUND,
    HOST,
    MEASURED,
    BenchmarkError,
    cpu_time,
    free_ports,
    measuring,
    memory,
    running,
)

OURS, PLAIN, PEER = "flb with cascade", "flb with v4", "FastAPI + httpx"
ASKED = '{"model": "auto", "messages": [{"role": "user", "content": "Say it 20 times."}]%s}'
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[%s]]
"""
PATH = "/v1/chat/completions"


@contextmanager
def contestants() -> Iterator[dict[str, tuple[str, int]]]:
    """The address and the pid of each, before one model."""
    run = [sys.executable, "-m"]
    (model,) = free_ports(1)
    server = f"http://{HOST}:{model}"
    with ExitStack() as stack:
        model_run = [*run, "benchmarks.parts.model_server", str(model)]
        stack.enter_context(running(model_run, model, AROUND))
        found = {}
        for name in (OURS, PLAIN, PEER):
            port, admin = free_ports(2)
            passing = ["benchmarks.parts.llm_passthrough", "--port", str(port), "--server", server]
            command = passing if name == PEER else _serve(name, server, port, admin)
            pid = stack.enter_context(running([*run, *command], port, MEASURED))
            found[name] = f"http://{HOST}:{port}{PATH}", pid
        yield found


def _serve(name: str, server: str, port: int, admin: int) -> list[str]:
    return [
        *["flaky_load_balancer", "serve", "--kind", "openai", "--server", f"{server}/v1"],
        *["--port", str(port), "--admin-port", str(admin), "--no-records"],
        *["--strategy", name.rpartition(" ")[2]],
    ]


def requests(url: str, seconds: int, *, stream: bool) -> int:
    """How many were answered."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkError("wrk is missing: apt-get install wrk, or brew install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(SCRIPT % (ASKED % (', "stream": true' if stream else "")))
        command = [program, "-t1", "-c16", f"-d{seconds}s", "-s", str(script), url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise BenchmarkError(done.stdout)
    (line,) = [line for line in done.stdout.splitlines() if "requests in" in line]
    return int(line.split()[0])


def speed(found: dict[str, tuple[str, int]], rounds: int, seconds: int) -> None:
    for stream in (False, True):
        costs: dict[str, list[float]] = {name: [] for name in found}
        rates: dict[str, list[float]] = {name: [] for name in found}
        for url, _ in found.values():
            requests(url, 1, stream=stream)
        for _ in range(rounds):
            for name, (url, pid) in found.items():
                before = cpu_time(pid)
                count = max(1, requests(url, seconds, stream=stream))
                costs[name].append(1e6 * (cpu_time(pid) - before) / count)
                rates[name].append(count / seconds)
        kind = "streamed" if stream else "whole"
        for name in found:
            print(
                f"{kind:<9} {name:<18}{median(rates[name]):>8.0f}/s"
                f"{median(costs[name]):>8.0f} us of CPU"
                f"{median(costs[name]) / median(costs[OURS]):>8.2f} of ours"
            )


def flat(found: dict[str, tuple[str, int]], seconds: int) -> None:
    """Megabytes before and after many requests."""
    url, pid = found[OURS]
    requests(url, seconds, stream=True)
    before = memory(pid)
    count = sum(requests(url, seconds, stream=stream) for stream in (False, True))
    print(f"memory    {OURS:<18}{before:>8.0f} MB, and {memory(pid):.0f} MB {count} requests later")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less time, less exact")
    quick = parser.parse_args().quick
    with measuring(), contestants() as found:
        speed(found, 2 if quick else 5, 1 if quick else 3)
        flat(found, 2 if quick else 20)


if __name__ == "__main__":
    main()
