"""The keys of kind ``openai``: what they mean, and what is refused with file, key and fix."""

import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from flaky_load_balancer.cli.main import flb as program
from flaky_load_balancer.config import Budget, Prices, Settings, SettingsError, read_config

SERVER = '{ name = "mini", url = "https://a.example/v1", model = "gpt", key = "env:KEY_OF_A" }'
POOL = f'[pools.llms]\nservers = [{SERVER}, "http://127.0.0.1:8080/v1"]\n'
ROUTE = '[routes.chat]\nkind = "openai"\npath = "/v1"\npool = "llms"\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_A", "sk-a")


def read(folder: Path, text: str, mode: int = 0o644) -> Settings:
    path = folder / "flb.toml"
    path.write_text(text)
    path.chmod(mode)
    return read_config(path)


def test_what_is_not_said_is_as_usual(tmp_path: Path) -> None:
    (route,) = read(tmp_path, POOL + ROUTE).routes
    assert route.timeouts.first_byte == 120
    assert "POST" in route.retry.methods
    assert route.gateway is not None
    assert (route.gateway.models, route.gateway.reward, route.gateway.keys) == ((), "delivered", ())


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    (tmp_path / "key").chmod(0o600)
    text = (
        '[pools.llms]\nservers = [{ name = "a", url = "http://a/v1", model = "m", key = "file:key",'
        " usd_per_mtok = { input = 0.25, output = 2 }, max_output = 100, context = 8000,"
        " ask_usage = false }]\n" + ROUTE + 'models = { auto = "*", fast = ["a"] }\n'
        'reward = "feedback"\nobjective = { usd = 5.0, seconds = 0.1 }\n'
        'budget = { usd = 20.0, per = "1d" }\nfeatures = ["task", "hash:16"]\n'
        'keys = ["env:KEY_OF_A"]\n'
    )
    found = read(tmp_path, text)
    provider, gateway = found.pools["llms"].servers[0].provider, found.routes[0].gateway
    assert (provider.key, provider.prices) == ("sk-file", Prices(0.25, 2.0, 0.25))
    assert (provider.max_output, provider.context, provider.ask_usage) == (100, 8000, False)
    assert gateway is not None
    assert gateway.models == (("auto", None), ("fast", ("a",)))
    assert (gateway.usd, gateway.seconds, gateway.budget) == (5.0, 0.1, Budget(20.0, 86_400.0))
    assert (gateway.features, gateway.keys) == (("task", "hash:16"), ("sk-a",))
    assert "sk-" not in repr(found)


@pytest.mark.parametrize(
    ("server", "route", "key", "fix"),
    [
        ('key = "sk-plain"', "", "key", "env:NAME"),
        ('key = "env:NOT_THERE"', "", "key", "NOT_THERE"),
        ('key = "file:none"', "", "key", "none"),
        ('key = "file:open"', "", "key", "chmod 600"),
        ('key = "client"', 'keys = ["env:KEY_OF_A"]', "keys", "client"),
        ("max_output = 0", "", "max_output", "whole number"),
        ("usd_per_mtok = { outputs = 1 }", "", "usd_per_mtok.outputs", "output"),
        ("", 'models = { fast = ["none"] }', "models.fast", "a"),
        ("", "models = { fast = 1 }", "models.fast", "list"),
        ("", 'reward = "stars"', "reward", "feedback"),
        ("", 'budget = { usd = 1, per = "day" }', "budget.per", "1d"),
        ("", 'budget = { per = "1d" }', "budget.usd", "dollars"),
        ("", 'features = ["words"]', "features", "hash:SIZE"),
        ("", 'keys = ["plain"]', "keys", "env:NAME"),
        ("", 'mirror = { pool = "llms" }', "mirror", "no such key"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    tmp_path: Path, server: str, route: str, key: str, fix: str
) -> None:
    (tmp_path / "open").write_text("sk-open")
    (tmp_path / "open").chmod(0o644)
    members = ", ".join(filter(None, ['name = "a"', 'url = "http://a/v1"', server]))
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, f"[pools.llms]\nservers = [{{ {members} }}]\n{ROUTE}{route}\n")
    assert f"{key}:" in str(caught.value)
    assert fix in str(caught.value)
    assert "sk-open" not in str(caught.value)


def test_a_key_may_be_in_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    text = f'[pools.llms]\nservers = [{{ url = "http://a/v1", key = "sk-here" }}]\n{ROUTE}'
    assert read(tmp_path, text, 0o600).pools["llms"].servers[0].provider.key == "sk-here"


def test_settings_go_to_workers_and_say_no_secret_there_either(tmp_path: Path) -> None:
    found = read(tmp_path, POOL + ROUTE)
    copy = pickle.loads(pickle.dumps(found))
    assert copy == found
    assert repr(copy.pools["llms"].servers[0].provider.key) == "'env:KEY_OF_A'"


@pytest.mark.parametrize(("keys", "code"), [("", 2), ('keys = ["env:KEY_OF_A"]\n', 0)])
def test_without_keys_only_this_machine_is_let_in(tmp_path: Path, keys: str, code: int) -> None:
    path = tmp_path / "flb.toml"
    path.write_text(f'{POOL}{ROUTE}{keys}[server]\nhost = "0.0.0.0"\n')
    found = CliRunner().invoke(program, ["check", str(path)])
    assert found.exit_code == code, found.output
    if code:
        assert "routes.chat.keys" in found.output


def test_flags_alone_are_refused_on_other_addresses() -> None:
    flags = ["serve", "--kind", "openai", "--server", "http://127.0.0.1:1/v1", "--host", "0.0.0.0"]
    found = CliRunner().invoke(program, flags)
    assert found.exit_code == 2
    assert "--host 0.0.0.0" in found.output
