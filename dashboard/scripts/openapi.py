"""Print the admin plane's OpenAPI description: what the dashboard's types are generated from."""

import sys
import time
from typing import Any

import orjson

from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.records import NoRecorder


def description() -> dict[str, Any]:
    """The same for every balancer but for the version."""
    live = Live([], time.time, NoRecorder())
    app = admin_plane([], live, None, ready=lambda: True, records_lost=lambda: 0)
    app.version = "0"
    return app.openapi()


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(description(), option=orjson.OPT_INDENT_2) + b"\n")
