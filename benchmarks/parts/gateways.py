"""Gateways before one fake model, each a process on the core of what is measured."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.parts.processes import AROUND, HOST, MEASURED, free_ports, running

OURS, PLAIN, PEER, LITELLM = "flb with cascade", "flb with v4", "FastAPI + httpx", "LiteLLM"
PATH = "/v1/chat/completions"
RUN = [sys.executable, "-m"]
LITELLM_STARTS = 180.0  # seconds at most; a quiet machine takes 20


@contextmanager
def model(pause: float = 0.0) -> Iterator[str]:
    """The URL of a model that waits so many seconds before each chunk of a stream."""
    (port,) = free_ports(1)
    command = [*RUN, "benchmarks.parts.model_server", str(port), "--pause", str(pause)]
    with running(command, port, AROUND):
        yield f"http://{HOST}:{port}"


@contextmanager
def flb(name: str, model: str, *flags: str) -> Iterator[tuple[str, int]]:
    """Our gateway with a strategy, the last word of the name; its URL and pid."""
    port, admin = free_ports(2)
    command = ["flaky_load_balancer", "serve", "--kind", "openai", "--server", f"{model}/v1"]
    command += ["--port", str(port), "--admin-port", str(admin), *flags]
    with running(
        [*RUN, *command, "--strategy", name.rsplit(maxsplit=1)[-1]], port, MEASURED
    ) as pid:
        yield f"http://{HOST}:{port}", pid


@contextmanager
def passthrough(model: str) -> Iterator[tuple[str, int]]:
    (port,) = free_ports(1)
    command = ["benchmarks.parts.llm_passthrough", "--port", str(port), "--server", model]
    with running([*RUN, *command], port, MEASURED) as pid:
        yield f"http://{HOST}:{port}", pid


@contextmanager
def litellm(program: str, model: str) -> Iterator[tuple[str, int]]:
    """https://docs.litellm.ai/docs/routing: shuffle, retries and a cooldown, two deployments.

    It asks nobody else for the prices of models, and clients for no key.
    """
    (port,) = free_ports(1)
    deployment = {"model": "openai/fake", "api_base": f"{model}/v1", "api_key": "none"}
    settings = {
        "model_list": [{"model_name": "auto", "litellm_params": deployment}] * 2,
        "router_settings": {
            "routing_strategy": "simple-shuffle",
            "num_retries": 3,
            "cooldown_time": 5,
        },
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(settings))  # JSON is YAML
        command = ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_LOG=ERROR", program]
        command += ["--config", str(config), "--host", HOST, "--port", str(port)]
        with running(command, port, MEASURED, LITELLM_STARTS) as pid:
            yield f"http://{HOST}:{port}", pid


@contextmanager
def contestants(program: str) -> Iterator[tuple[str, dict[str, tuple[str, int]]]]:
    """One model's URL, and URL and pid of each gateway before it; ``program`` runs LiteLLM."""
    with ExitStack() as stack:
        server = stack.enter_context(model())
        found = {
            name: stack.enter_context(flb(name, server, "--no-records")) for name in (OURS, PLAIN)
        }
        found[PEER] = stack.enter_context(passthrough(server))
        if shutil.which(program):
            found[LITELLM] = stack.enter_context(litellm(program, server))
        else:
            print(f"LiteLLM is skipped: there is no program {program} (pip install litellm[proxy])")
        yield server, found
