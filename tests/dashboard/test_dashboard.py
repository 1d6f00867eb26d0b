"""The dashboard: its own tests, in Node.js and in a browser, and what it shares with Python."""

import re
import runpy
from pathlib import Path

import orjson
import pytest

from flaky_load_balancer.admin import page
from strategies import STRATEGIES
from tests.dashboard.node import FOLDER, chromium, needs_chromium, needs_node, run

LONG = "@slow"  # in the titles or tags of browser tests
MOST = 250_000  # bytes of JavaScript, packed, that the first page may load

needs_page = pytest.mark.skipif(page.built() is None, reason="the dashboard is not built")


@pytest.mark.slow
@needs_node
def test_components_and_store() -> None:
    assert "passed" in run("npx", "vitest", "run")


@needs_node
@needs_page
@needs_chromium
def test_in_a_browser(tmp_path: Path) -> None:
    """What nobody could do without, all at once: they share the programs that they look at."""
    in_a_browser("--grep-invert", LONG, "--output", str(tmp_path))


@pytest.mark.slow
@needs_node
@needs_page
@needs_chromium
def test_everything_else_in_a_browser(tmp_path: Path) -> None:
    in_a_browser("--grep", LONG, "--output", str(tmp_path))


def in_a_browser(*words: str) -> None:
    assert "passed" in run("npx", "playwright", "test", *words, FLB_CHROMIUM=str(chromium()))


def test_the_description_that_types_are_made_from_is_fresh() -> None:
    describe = runpy.run_path(str(FOLDER / "scripts" / "openapi.py"))["description"]
    committed = orjson.loads((FOLDER / "openapi.json").read_bytes())
    assert committed == describe(), "make types"


@needs_node
def test_the_types_are_fresh(tmp_path: Path) -> None:
    made = tmp_path / "schema.d.ts"
    run("npx", "openapi-typescript", "openapi.json", "--output", str(made))
    assert made.read_text() == (FOLDER / "src/api/schema.d.ts").read_text(), "make types"


def test_every_strategy_has_a_look() -> None:
    text = (FOLDER / "src/theme/strategies.ts").read_text()
    known = text.partition("KNOWN = [")[2].partition("]")[0]
    assert set(STRATEGIES) <= set(re.findall(r'"([^"]+)"', known))


def test_the_lock_names_no_host() -> None:
    lock = orjson.loads((FOLDER / "package-lock.json").read_bytes())
    assert not [name for name, each in lock["packages"].items() if "resolved" in each]


@needs_page
def test_the_first_page_is_small_and_asks_nobody_else() -> None:
    files = page.read(page.FOLDER)
    html = files["/index.html"].plain.decode()
    scripts = set(re.findall(r'<script[^>]* src="([^"]+)"', html))
    assert scripts
    assert sum(len(files[name].packed or files[name].plain) for name in scripts) <= MOST
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert [address for address in loaded if not address.startswith(("/", "#"))] == []
