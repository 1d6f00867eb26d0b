"""Who may see the admin plane where it has a token; a cookie is as good, for twelve hours."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers

from flaky_load_balancer.admin import sign_in
from flaky_load_balancer.admin.app import admin_plane
from flaky_load_balancer.admin.stream import Live
from flaky_load_balancer.records import NoRecorder

TOKEN = "s3cret"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def plane() -> FastAPI:
    live = Live([], lambda: 0.0, NoRecorder())
    return admin_plane([], live, None, ready=lambda: True, records_lost=lambda: 0, token=TOKEN)


def browser(base: str = "http://localhost:8001") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(plane()), base_url=base)


async def test_a_browser_gets_a_form_and_goes_on_where_it_was() -> None:
    async with browser() as http:
        asked = await http.get("/compare?session=a&with=b", headers=BROWSER)
        assert asked.status_code == 401
        assert asked.headers["www-authenticate"] == "Bearer"
        assert 'value="/compare?session=a&amp;with=b"' in asked.text
        form = {"token": TOKEN, "next": "/compare?session=a&with=b"}
        signed = await http.post("/sign-in", data=form)
        assert (signed.status_code, signed.headers["location"]) == (303, form["next"])
        cookie = signed.headers["set-cookie"]
        assert TOKEN not in cookie
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert "Secure" not in cookie
        assert (await http.get("/api/snapshot")).status_code == 200


async def test_a_program_gets_problem_details_and_a_wrong_token_the_form_again() -> None:
    async with browser() as http:
        refused = await http.get("/api/snapshot")
        assert (refused.status_code, refused.json()["status"]) == (401, 401)
        wrong = await http.post("/sign-in", data={"token": "x", "next": '"><script>'})
        assert wrong.status_code == 401
        assert "That is not the admin token." in wrong.text
        assert "<script>" not in wrong.text
        assert "set-cookie" not in wrong.headers
        assert (await http.get("/sign-in")).status_code == 401
        assert (await http.post("/livez")).status_code == 401
        assert (await http.get("/livez")).status_code == 200


async def test_no_other_site_can_sign_somebody_in_or_be_gone_on_to() -> None:
    async with browser("https://localhost:8001") as http:
        form = {"token": TOKEN, "next": "/"}
        other = {"Origin": "https://evil.example"}
        assert (await http.post("/sign-in", data=form, headers=other)).status_code == 403
        for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", ""):
            signed = await http.post("/sign-in", data=form | {"next": elsewhere})
            assert signed.headers["location"] == "/"
        assert "Secure" in signed.headers["set-cookie"]


def test_a_cookie_ends_with_its_time_or_another_token() -> None:
    now = 1000.0
    keeper = sign_in.Keeper(TOKEN, lambda: now)
    cookie = keeper.cookie()

    def admitted(value: str, by: sign_in.Keeper = keeper) -> bool:
        return by.admits(Headers({"cookie": f"a=b; {sign_in.COOKIE}={value}"}))

    assert admitted(cookie)
    assert not admitted(cookie, sign_in.Keeper("another", lambda: now))
    end, _, mac = cookie.partition(".")
    for forged in (f"{int(end) + 1}.{mac}", f"{end}.", f".{mac}", "", "\u00fc", f"{end}.{mac}0"):
        assert not admitted(forged)
    now += sign_in.LASTS
    assert not admitted(cookie)


@pytest.mark.parametrize("words", ["bearer gr\u00fcn", "Bearer  gr\u00fcn "])
def test_a_token_is_compared_as_bytes_and_schemes_in_any_case(words: str) -> None:
    sent = Headers(raw=[(b"authorization", words.encode())])
    assert sign_in.Keeper("gr\u00fcn").admits(sent)
    assert not sign_in.Keeper("gr\u00fcn ").admits(sent)
