"""Programs of the benchmarks that are an ASGI app on uvicorn, all set as for speed."""

import argparse
from typing import Any

import uvicorn


def options(about: str) -> argparse.ArgumentParser:
    """``--port``, and ``--server``, which may be there several times."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server", action="append", required=True)
    return parser


def serve(app: Any, port: int, **more: Any) -> None:
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        **more,
    )
