"""nginx, HAProxy and Envoy, configured as their documents advise for upstreams that fail.

Each retries at other servers after 5xx, broken connections and, where it can, 429, up to three
attempts in all: these are free, and a proxy cannot tell when a paid one is worth it.  All else is
as by default or as the example beside the directive has it.  A configuration is a function of the
servers' addresses, by the port that the proxy is to listen on.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.parts.processes import HOST

ATTEMPTS = 3
TIMEOUT = 2  # seconds for an attempt, as with flb
WHOLE = 10  # seconds for a request

Fleets = dict[int, list[str]]  # addresses, HOST:PORT, by port to listen on
SURELY_NOT_PROCESSED = "connect-failure,refused-stream,retriable-status-codes"


def nginx(fleets: Fleets, folder: Path, *, posts: bool = True) -> str:
    """https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream

    A server is left alone for 10 s after a failure (max_fails=1 fail_timeout=10s, the defaults);
    posts are only tried again with ``non_idempotent``: then also those that may have been
    processed.
    """
    return _nginx(fleets, folder, "", posts)


def nginx_without_ejection(fleets: Fleets, folder: Path, *, posts: bool = True) -> str:
    """With max_fails=0: where all servers fail at times, the default leaves too few of them."""
    return _nginx(fleets, folder, " max_fails=0", posts)


def _nginx(fleets: Fleets, folder: Path, options: str, posts: bool) -> str:
    again = " non_idempotent" if posts else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f" {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    servers = "".join(_nginx_server(*fleet, options) for fleet in fleets.items())
    return f"""daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
 access_log off;
{temporary} proxy_http_version 1.1;
 proxy_set_header Connection "";
 proxy_connect_timeout {TIMEOUT}s;
 proxy_read_timeout {TIMEOUT}s;
 proxy_next_upstream error timeout http_500 http_502 http_503 http_504 http_429{again};
 proxy_next_upstream_tries {ATTEMPTS};
{servers}}}
"""


def _nginx_server(port: int, members: list[str], options: str) -> str:
    upstream = "".join(f" server {member}{options};" for member in members)
    return (
        f" upstream u{port} {{ {upstream} keepalive 32; }}\n"
        f" server {{ listen {HOST}:{port}; location / {{ proxy_pass http://u{port}; }} }}\n"
    )


def haproxy(fleets: Fleets, folder: Path, *, posts: bool = True) -> str:  # noqa: ARG001
    """https://docs.haproxy.org/2.6/configuration.html#retry-on, #observe, #option%20redispatch

    ``observe layer7`` counts answers with an error against a server's health, which plain
    connection checks restore.  Without ``posts`` those are tried again only where no connection
    came about, as the manual asks.
    """
    on = "all-retryable-errors" + (" 429" if haproxy_retries_429() else "")
    lines = ["global", " nbthread 1", " maxconn 4096", "defaults", " mode http"]
    lines += [f" timeout connect {TIMEOUT}s", f" timeout server {TIMEOUT}s"]
    lines += [f" timeout client {WHOLE}s", f" retries {ATTEMPTS - 1}", " option redispatch 1"]
    lines += [f" retry-on {on}", " option http-buffer-request"]
    lines += [" default-server check observe layer7"]
    for port, members in fleets.items():
        lines += [f"listen l{port}", f" bind {HOST}:{port}", " balance roundrobin"]
        lines += [] if posts else [" http-request disable-l7-retry if METH_POST"]
        lines += [f" server s{number} {member}" for number, member in enumerate(members)]
    return "\n".join(lines) + "\n"


def haproxy_retries_429() -> bool:
    """Since version 3.0 (haproxy/haproxy#2687)."""
    found = re.search(r"version (\d+)", version(["haproxy", "-v"]))
    return found is not None and int(found[1]) >= 3


def envoy(fleets: Fleets, folder: Path, *, posts: bool = True) -> str:  # noqa: ARG001
    """https://www.envoyproxy.io/docs/envoy/latest/faq/load_balancing/transient_failures

    Least request, outlier detection with its defaults, retries at other hosts.  JSON is YAML.
    """
    return json.dumps(
        {
            "static_resources": {
                "listeners": [_envoy_listener(port, posts) for port in fleets],
                "clusters": [_envoy_cluster(port, members) for port, members in fleets.items()],
            }
        }
    )


def _envoy_listener(port: int, posts: bool) -> dict[str, Any]:
    retry = {
        "retry_on": f"5xx,reset,{SURELY_NOT_PROCESSED}",
        "retriable_status_codes": [429],
        "num_retries": ATTEMPTS - 1,
        "per_try_timeout": f"{TIMEOUT}s",
        "retry_host_predicate": [_typed("retry.host.previous_hosts.v3.PreviousHostsPredicate")],
        "host_selection_retry_max_attempts": 5,
    }
    route = {"cluster": f"c{port}", "timeout": f"{WHOLE}s", "retry_policy": retry}
    careful = {**route, "retry_policy": {**retry, "retry_on": SURELY_NOT_PROCESSED}}
    post = {"name": ":method", "string_match": {"exact": "POST"}}
    routes = [
        {"match": {"prefix": "/", "headers": [post]}, "route": route if posts else careful},
        {"match": {"prefix": "/"}, "route": route},
    ]
    host = {"name": "all", "domains": ["*"], "routes": routes}
    manager = {
        "stat_prefix": f"l{port}",
        "http_filters": [_typed("filters.http.router.v3.Router")],
        "route_config": {"virtual_hosts": [host]},
    }
    name = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "address": _envoy_address(HOST, port),
        "filter_chains": [{"filters": [_typed(name, **manager)]}],
    }


def _envoy_cluster(port: int, members: list[str]) -> dict[str, Any]:
    places = [member.split(":") for member in members]
    endpoints = [
        {"endpoint": {"address": _envoy_address(host, int(number))}} for host, number in places
    ]
    return {
        "name": f"c{port}",
        "type": "STATIC",
        "connect_timeout": f"{TIMEOUT}s",
        "lb_policy": "LEAST_REQUEST",
        "outlier_detection": {},
        "load_assignment": {"cluster_name": f"c{port}", "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _envoy_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _typed(name: str, **content: Any) -> dict[str, Any]:
    kind = f"type.googleapis.com/envoy.extensions.{name}"
    return {"name": name.rsplit(".", 1)[0], "typed_config": {"@type": kind, **content}}


def program(name: str) -> str | None:
    """Where a proxy is: beside this Python, where packages put programs, or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def version(command: list[str]) -> str:
    """What a program says of its version, on one line."""
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return next(iter((said.stdout + said.stderr).strip().splitlines()), "")
