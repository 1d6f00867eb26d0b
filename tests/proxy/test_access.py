"""The access log of a running service: one object for each request, whatever became of it."""

import json
from dataclasses import replace
from pathlib import Path

from flaky_load_balancer.config import Game, RouteSettings
from tests.service.origins import origins, serving, settings

ID = "Ab1" * 8


async def test_every_request_is_logged_also_those_that_no_server_got(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    async with origins(["ok"]) as (origin,):
        found = settings([origin.url])
        proxied = replace(found.routes[0], path="/r")
        game = RouteSettings.of_ids("game", "/game", "p", "v4", Game())
        found = replace(found, routes=(proxied, game), access_log=str(file))
        async with serving(found) as served:
            await served.http.get("/r")
            await served.http.get("/nowhere")
            await served.http.get("/r/%2e%2e/x")
            await served.http.post("/game", content=ID, headers={"Content-Type": "text/plain"})
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    shown = [(each["path"], each["route"], each["status"], each["ending"]) for each in entries]
    assert shown == [
        ("/r", "r", 200, "delivered"),
        ("/nowhere", None, 404, None),
        ("/r/%2e%2e/x", None, 400, None),
        ("/game", "game", 200, "delivered"),
    ]
