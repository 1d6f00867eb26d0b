"""Two ``flb serve`` learn together over Redis, and go on alone without it."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.cli.serving import Flags, settings
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.harness.client import request_ids
from tests.programs import flb, is_refused
from tests.service.test_service import Balancer, flaky, samples, serving
from tests.sharing.redis_server import certificate, redis_server, until


def mean(balancer: Balancer) -> list[float]:
    found: list[float] = httpx.get(f"{balancer.admin}/api/routes/default").json()["beliefs"]["mean"]
    return found


def sharing(balancer: Balancer) -> schemas.Sharing:
    frame = schemas.Frame.model_validate_json(httpx.get(f"{balancer.admin}/api/snapshot").text)
    (route,) = frame.routes
    assert route.sharing is not None
    return route.sharing


def metric(balancer: Balancer, name: str) -> float:
    text = httpx.get(f"{balancer.admin}/metrics").text
    return samples(text, f"flb_share_{name}", "route")["default",]


def post(balancer: Balancer, count: int, seed: int) -> None:
    for each in request_ids(seed, count):
        assert httpx.post(balancer.data, content=each, timeout=10).status_code == 200


@pytest.mark.slow
def test_two_balancers_learn_together_and_alone_without_redis(tmp_path: Path) -> None:
    for name in ("here", "there", "late"):
        (tmp_path / name).mkdir()
    with flaky(["500"], ["ok"]) as servers, redis_server(tmp_path) as redis:
        words = "--strategy", "v4", "--share", redis.url
        with (
            serving(tmp_path / "here", servers, *words) as here,
            serving(tmp_path / "there", servers, *words) as there,
        ):
            post(here, 20, seed=1)
            until(lambda: mean(there) == pytest.approx(mean(here)))
            assert max(mean(there)) > 0.9
            until(lambda: sharing(there).replicas == sharing(here).replicas == 1)
            assert metric(there, "connected") == 1.0
            assert metric(there, "applied_total") >= 20
            assert metric(there, "missed_total") == metric(there, "dropped_total") == 0
            assert metric(there, "lag_seconds") < 5.0
            redis.freeze()
            post(here, 20, seed=2)
            until(lambda: not sharing(here).connected)
            assert metric(here, "connected") == 0.0
            redis.thaw()
            until(lambda: mean(there) == pytest.approx(mean(here)))
            with serving(tmp_path / "late", servers, *words) as late:
                until(lambda: mean(late) == pytest.approx(mean(here)))
                late.stopped()
            here.stopped()
            there.stopped()


@pytest.mark.slow
def test_who_does_not_share_says_nothing_of_it(tmp_path: Path) -> None:
    with flaky(["ok"]) as servers, serving(tmp_path, servers) as alone:
        (route,) = httpx.get(f"{alone.admin}/api/snapshot").json()["routes"]
        assert "sharing" not in route
        assert "flb_share_connected{" not in httpx.get(f"{alone.admin}/metrics").text
        alone.stopped()


@pytest.mark.parametrize("url", ["http://:secret@host", "redis://:secret@host:0", "env:NOT_THERE"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    done = flb("serve", "--server", "http://127.0.0.1:1", "--share", url, cwd=tmp_path)
    is_refused(done, "--share")
    assert "secret" not in done.err


def test_without_the_client_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", without("redis", builtins.__import__))
    flags = Flags(server=["http://127.0.0.1:1"], share="redis://127.0.0.1")
    with pytest.raises(UserError, match=r'pip install "flaky-load-balancer\[redis\]"'):
        settings(flags)


def without(missing: str, found: Callable[..., Any]) -> Callable[..., Any]:
    """An import that does not find a package."""

    def importing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return found(name, *rest)

    return importing


@pytest.mark.slow
def test_workers_learn_from_other_machines_and_they_from_them(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with flaky(["500"], ["ok"]) as servers, redis_server(tmp_path) as redis:
        words = "--strategy", "v4", "--share", redis.url
        with (
            serving(tmp_path / "here", servers, *words, "--workers", "2") as here,
            serving(tmp_path / "there", servers, *words) as there,
        ):
            post(here, 20, seed=1)
            post(there, 20, seed=2)
            until(lambda: min(mean(here)[1], mean(there)[1]) > 0.96)  # alone it is 21 / 22
            until(lambda: mean(there) == pytest.approx(mean(here), abs=1e-3))
            assert metric(there, "missed_total") == metric(here, "missed_total") == 0


@pytest.mark.slow
def test_workers_go_on_while_redis_is_frozen_and_after_it_was_flushed(tmp_path: Path) -> None:
    """Over TLS, which the parent speaks for all of them."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with (
        flaky(["500"], ["ok"]) as servers,
        redis_server(tmp_path, certificate=certificate(tmp_path)) as redis,
    ):
        words = "--strategy", "v4", "--share", redis.url
        with (
            serving(tmp_path / "here", servers, *words, "--workers", "2") as here,
            serving(tmp_path / "there", servers, *words) as there,
        ):

            def both_learnt(seed: int) -> None:
                before = mean(there)
                post(here, 10, seed)
                until(lambda: before != mean(there) == pytest.approx(mean(here)))

            both_learnt(1)
            redis.freeze()
            post(here, 20, seed=2)
            until(lambda: not sharing(here).connected)
            redis.thaw()
            until(lambda: sharing(here).connected)
            both_learnt(3)
            redis.ask("FLUSHALL")
            both_learnt(4)
            redis.stop()
            post(here, 20, seed=5)
            redis.start()
            both_learnt(6)
            assert metric(there, "missed_total") == metric(here, "missed_total") == 0
            assert metric(here, "dropped_total") == 0
            here.stopped()
            there.stopped()
