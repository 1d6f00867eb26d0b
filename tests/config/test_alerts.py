"""``[alerts]``: thresholds of all routes and of some, and a webhook that is never printed."""

from pathlib import Path

import pytest

from flaky_load_balancer.config import Alerts, SettingsError, Thresholds, read_config

FILE = """
[pools.p]
servers = ["http://127.0.0.1:5000"]
[routes.r]
path = "/"
pool = "p"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "flb.toml"


def test_without_a_table_nobody_is_told(config: Path) -> None:
    config.write_text(FILE)
    assert read_config(config).alerts == Alerts()


def test_routes_have_the_thresholds_of_all_and_some_of_their_own(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "https://user:pass@alerts.example/hook?key=1")
    config.write_text(
        FILE
        + '[alerts]\nwebhook = "env:HOOK"\nlasting = 5\nexploration = 0.5\nalarms = 3\n'
        + "[alerts.routes.r]\nwidth = 0.2\nalarms = false\n"
    )
    alerts = read_config(config).alerts
    assert alerts.webhook == "https://user:pass@alerts.example/hook?key=1"
    assert "pass" not in repr(alerts)
    assert (alerts.lasting, alerts.thresholds) == (5.0, Thresholds(exploration=0.5, alarms=3.0))
    assert alerts.routes == {"r": Thresholds(exploration=0.5, width=0.2)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exploration = 1.5", "alerts.exploration: expected a number from 0 to 1, not 1.5"),
        ("violations = -1", "alerts.violations: expected a number from 0 to 1e+09, not -1"),
        ("width = true", "alerts.width: expected a number from 0 to 1, not True"),
        ("lasting = -1", "alerts.lasting: expected a number from 0 to 86400, not -1"),
        ("explore = 0.5", "alerts.explore: no such key; did you mean exploration?"),
        ('webhook = "alerts.example"', "alerts.webhook: not a URL to post to; expected one like"),
        ('webhook = "ftp://a/b"', "alerts.webhook: not a URL to post to; expected one like"),
        ('webhook = "http://a:99999/"', "alerts.webhook: not a URL to post to"),
        ('webhook = "http://a/ b"', "alerts.webhook: not a URL to post to"),
        ('webhook = "env:NO_SUCH"', "the environment has no NO_SUCH"),
        ("routes = { q = {} }", "alerts.routes.q: expected the name of a route: one of r"),
        ("routes = { r = 1 }", "alerts.routes.r: expected a table, not 1"),
        ("routes = { r = { lasting = 1 } }", "alerts.routes.r.lasting: no such key"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(config: Path, text: str, said: str) -> None:
    config.write_text(f"{FILE}[alerts]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        read_config(config)
    message = str(caught.value)
    assert message.startswith(f"{config}: ")
    assert said in message
    assert "ftp" not in message
