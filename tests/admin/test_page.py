"""The dashboard's files as they are served; a small one stands for what the build makes."""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI

from flaky_load_balancer.admin import page
from flaky_load_balancer.proxy import problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "index.html": b"<!doctype html><script>1</script>" + b" " * 2000,
        "compare.html": b"compare",
        "404.html": b"no such page",
        "icon.svg": b"<svg/>",
        "_next/static/chunks/a1b2.js": b"var a" * 500,
        "manifest.json": orjson.dumps({"/index.html": ["'sha256-abc='", "'sha256-def='"]}),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if len(content) > 1000:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    return tmp_path


@asynccontextmanager
async def served(folder: Path | None) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    page.serve(app, folder)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as http:
        yield http


async def test_pages_by_their_names(folder: Path) -> None:
    async with served(folder) as http:
        for path, text in {"/": "<!doctype", "/compare": "compare", "/compare/": "compare"}.items():
            response = await http.get(path)
            assert response.status_code == 200
            assert response.text.startswith(text)
            assert response.headers["content-type"] == "text/html; charset=utf-8"


async def test_only_the_scripts_of_the_page_may_run(folder: Path) -> None:
    async with served(folder) as http:
        policy = (await http.get("/")).headers["content-security-policy"]
        other = (await http.get("/compare")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == "'self' 'sha256-abc=' 'sha256-def='"
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'none'"
    assert "http" not in policy
    assert "sha256" not in other


async def test_packed_once_for_all_who_understand_it(folder: Path) -> None:
    async with served(folder) as http:
        packed = await http.get("/", headers={"Accept-Encoding": "gzip"})
        plain = await http.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 200
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_hashed_files_are_kept_for_ever_and_others_asked_for_again(folder: Path) -> None:
    async with served(folder) as http:
        script = await http.get("/_next/static/chunks/a1b2.js")
        index = await http.get("/")
        again = await http.get("/", headers={"If-None-Match": index.headers["etag"]})
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert index.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


async def test_what_there_is_not(folder: Path) -> None:
    async with served(folder) as http:
        for_people = await http.get("/nothing", headers={"Accept": "text/html,*/*"})
        for_programs = await http.get("/api/nothing")
    assert (for_people.status_code, for_people.text) == (404, "no such page")
    assert for_programs.status_code == 404
    assert for_programs.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/../secret", "/..%2fsecret", "/manifest.json", "/index.html.gz", "/%2e%2e/secret"]
)
async def test_nothing_but_the_pages_files_is_served(path: str, folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")
    async with served(folder) as http:
        assert (await http.get(path)).status_code == 404


async def test_without_a_build_it_is_said_how_to_make_one() -> None:
    async with served(None) as http:
        response = await http.get("/")
    assert response.status_code == 200
    assert "make setup" in response.text
    assert "Node" in response.text


@pytest.mark.skipif(page.built() is None, reason="the dashboard is not built")
async def test_the_built_pages_have_their_scripts_hashes() -> None:
    async with served(page.FOLDER) as http:
        response = await http.get("/")
    inline = re.findall(r"<script(?![^>]*\ssrc=)", response.text)
    policy = response.headers["content-security-policy"]
    assert 0 < len(re.findall(r"'sha256-", policy)) <= len(inline)
