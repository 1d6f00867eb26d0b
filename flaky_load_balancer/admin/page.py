"""The dashboard's files, as ``npm run build`` in ``dashboard/`` left them in ``../dashboard``.

They are few and small, so they are read once, with what goes before each of them; a path that is
not among them is not there.  The build makes a list of the inline scripts of each page: the
Content-Security-Policy lets just those run, and the rest comes from this server or not at all.
"""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

FOLDER = Path(__file__).parent.parent / "dashboard"
MANIFEST = "manifest.json"  # {"/index.html": ["'sha256-...'", ...], ...}
HASHED = "/_next/static/"  # the names of these files change with what is in them
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
NOT_BUILT = """The balancer runs; its dashboard is not built.
`make setup` builds it where Node 20 or newer is installed.

Its numbers are at /api/snapshot and /metrics; /openapi.json describes what else there is.
"""
POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".txt": "text/x-component"}


@dataclass(frozen=True)
class File:
    """One file as it is sent: plain and, where that is shorter, packed."""

    plain: bytes
    packed: bytes | None
    headers: Mapping[str, str]

    def answer(self, request: Request, status: int = 200) -> Response:
        headers = dict(self.headers)
        if request.headers.get("if-none-match") == headers["ETag"] and status == 200:
            return Response(status_code=304, headers=headers)
        body = self.plain
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = self.packed
            headers["Content-Encoding"] = "gzip"
        return Response(body, status, headers)


def built() -> Path | None:
    """The folder of the built dashboard, if it is built."""
    return FOLDER if (FOLDER / MANIFEST).is_file() else None


def address(admin: str) -> str:
    """What people are told of the admin plane at this address."""
    if built() is None:
        return f"admin plane {admin} (no dashboard: make setup builds it, with Node.js 20 or newer)"
    return f"dashboard {admin}"


def serve(app: FastAPI, folder: Path | None) -> None:
    """Answer every path that nobody else answers; to be called last."""
    if folder is None:

        @app.get("/", include_in_schema=False)
        def index() -> Response:
            return Response(NOT_BUILT, media_type="text/plain")

        return
    files = read(folder)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def dashboard(path: str, request: Request) -> Response:
        name = "/" + path.rstrip("/")
        for each in (name, f"{name}.html" if path else "/index.html"):
            if each in files:
                return files[each].answer(request)
        if "text/html" in request.headers.get("accept", "") and "/404.html" in files:
            return files["/404.html"].answer(request, 404)
        raise HTTPException(404)


def read(folder: Path) -> dict[str, File]:
    """All files of a built dashboard, by their paths."""
    scripts = orjson.loads((folder / MANIFEST).read_bytes())
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".gz"]
    names = {f"/{path.relative_to(folder).as_posix()}": path for path in paths}
    return {
        name: _file(name, path, scripts.get(name, []))
        for name, path in names.items()
        if path.name != MANIFEST
    }


def _file(name: str, path: Path, scripts: list[str]) -> File:
    plain = path.read_bytes()
    packed = path.with_name(path.name + ".gz")
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Cache-Control": FOR_EVER if name.startswith(HASHED) else ASK_AGAIN,
        "ETag": f'"{hashlib.sha256(plain).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = POLICY.format(scripts=" ".join(scripts))
    return File(plain, packed.read_bytes() if packed.is_file() else None, headers)
