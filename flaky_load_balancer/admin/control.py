"""What can be changed while the balancer runs: reload, drain and ready, fresh."""

from typing import Any, Protocol

from fastapi import FastAPI, HTTPException

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.core.errors import UserError


class NothingToReloadError(UserError):
    """The settings came from flags: there is no file that could be read again."""


class Control(Protocol):
    """What serves."""

    async def reload(self) -> dict[str, Any]:
        """Serve by the config file as it is now; UserError, and nothing changed, if it is wrong."""

    async def drain(self, pool: str, name: str) -> bool:
        """Send no more to a server; False if there is no such server."""

    async def ready(self, pool: str, name: str) -> bool:
        """Send to it again."""

    async def fresh(self, route: str) -> bool:
        """Forget what a route has learnt; False if there is no such route."""

    async def refresh(self, route: str) -> None:
        """Somebody looks at a route's last decisions."""


def install(app: FastAPI, control: Control | None) -> None:
    """The paths; with no ``control`` (records only) there is nothing to change: 409."""

    def running() -> Control:
        if control is None:
            raise HTTPException(409, "nothing runs here: this shows what was recorded")
        return control

    @app.post("/api/reload")
    async def reload() -> schemas.Reloaded:
        """Read the config file again: all of it is taken, or nothing."""
        try:
            return schemas.Reloaded(**await running().reload())
        except NothingToReloadError as error:
            raise HTTPException(409, str(error)) from None
        except UserError as error:
            raise HTTPException(422, str(error)) from None

    @app.post("/api/pools/{pool}/servers/{name:path}/drain", status_code=204)
    async def drain(pool: str, name: str) -> None:
        """Send no more requests to a server; those in flight end."""
        _found(await running().drain(pool, name), f"server {name[:100]!a} in a pool {pool[:100]!a}")

    @app.post("/api/pools/{pool}/servers/{name:path}/ready", status_code=204)
    async def ready(pool: str, name: str) -> None:
        """Send requests to a drained server again."""
        _found(await running().ready(pool, name), f"server {name[:100]!a} in a pool {pool[:100]!a}")

    @app.post("/api/routes/{route:path}/fresh", status_code=204)
    async def fresh(route: str) -> None:
        """Forget what a route has learnt."""
        _found(await running().fresh(route), f"route {route[:100]!a}")


def _found(found: bool, what: str) -> None:
    if not found:
        raise HTTPException(404, f"there is no {what}; see /api/snapshot")
