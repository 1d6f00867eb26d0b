"""How ``flb serve`` begins and ends: readiness, reloads by signal, requests in flight."""

import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.programs import ended, eventually, said, started

SLOW = """
import http.server, time

class Slow(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(1.0 if self.path == "/slow" else 0.0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_systemd_hears_of_it_a_reload_loses_nothing_and_the_end_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", SLOW]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(30)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        config = tmp_path / "flb.toml"
        text = f'[pools.p]\nservers = ["{url}"]\n[routes.r]\npath = "/"\npool = "p"\n'
        config.write_text(text)
        words = ("--config", config, "--port", 0, "--admin-port", 0, "--json", "-", "--no-records")
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        log = tmp_path / "access.log"
        with started("serve", *words, "--access-log", log, cwd=tmp_path) as process:
            addresses = said(process)
            assert notified.recv(100) == b"READY=1"
            assert httpx.get(addresses["data"]).text == "ok"
            config.write_text(text.replace("[routes.r]", "[routes.new]"))
            process.send_signal(signal.SIGHUP)
            assert notified.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert notified.recv(100) == b"READY=1"
            snapshot = httpx.get(addresses["admin"] + "/api/snapshot").json()
            assert [route["route"] for route in snapshot["routes"]] == ["new"]
            with ThreadPoolExecutor() as clients:
                slow = clients.submit(httpx.get, addresses["data"] + "/slow")
                eventually(lambda: in_flight(addresses["admin"]) == 1, "it is in flight")
                process.send_signal(signal.SIGTERM)
                assert notified.recv(100) == b"STOPPING=1"
                assert slow.result().text == "ok"
            assert ended(process).code == 0
        server.terminate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["path"], each["status"], each["route"]) for each in lines] == [
        ("/", 200, "r"),
        ("/slow", 200, "new"),
    ]
    assert lines[0]["server"] == url
    assert lines[0]["attempts"] == 1


def in_flight(admin: str) -> int:
    snapshot = httpx.get(admin + "/api/snapshot").json()
    return int(snapshot["routes"][0]["in_flight"])
