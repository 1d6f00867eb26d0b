"""Launches what it reads on stdin, and prints what came of it; run as whatever user is tested."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox import Limits, Policy, SandboxError, launch


def policy(asked: dict[str, Any]) -> Policy:
    return Policy(
        asked["command"],
        ports=asked.get("ports", []),
        readable=[Path(path) for path in asked.get("readable", [])],
        environment=asked.get("environment", {}),
        limits=replace(Limits(), **asked.get("limits", {})),
        sha256=asked.get("sha256"),
        grace=asked.get("grace", 1.0),
    )


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    with launch(policy(asked), asked["backend"]) as handle:
        print(json.dumps({"warden": handle.pid}), flush=True)
        try:
            if asked.get("ready"):
                handle.ready(asked["ready"])
                print(json.dumps({"ready": True}), flush=True)
            if asked.get("until") == "told":
                sys.stdin.readline()
                handle.stop()
            result: dict[str, Any] = {"code": handle.wait(asked.get("within", 30.0))}
        except (SandboxError, TimeoutError) as error:
            result = {"error": str(error)}
        result["said"] = handle.said
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
