"""The dashboard's own tests run in Node.js, and in a browser; what is missing is named."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "dashboard"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PATIENCE = 600.0  # seconds: test machines are small and busy


@cache
def missing_node() -> str | None:
    """Why the dashboard cannot be tested, if so."""
    node = shutil.which("node")
    if node is None:
        return "Node.js is missing"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    if int(version.stdout.strip().lstrip("v").split(".")[0]) < 20:
        return f"Node.js {version.stdout.strip()} is older than 20"
    if not (FOLDER / "node_modules" / ".package-lock.json").is_file():
        return "dashboard/node_modules is missing: make setup"
    return None


def chromium() -> str | None:
    """Where Chromium or Chrome is, if it is there."""
    asked = os.environ.get("FLB_CHROMIUM")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return asked or found or (str(MAC) if MAC.is_file() else None)


def run(*command: str, **environment: str) -> str:
    """Run in the dashboard's folder; what it said, which is also why the test failed."""
    done = subprocess.run(
        command,
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "FLB_PYTHON": sys.executable, **environment},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


needs_node = pytest.mark.skipif(missing_node() is not None, reason=str(missing_node()))
needs_chromium = pytest.mark.skipif(
    missing_node() is not None or chromium() is None,
    reason=missing_node() or "Chromium is missing: apt-get install chromium, or set FLB_CHROMIUM",
)
