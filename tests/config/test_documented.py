"""docs/proxy.md names every key that the reader takes, and its example is one."""

import re
from pathlib import Path

import pytest

from flaky_load_balancer.config import SettingsError, read_config

PAGE = (Path(__file__).parents[2] / "docs" / "proxy.md").read_text()
POOL = '[pools.p]\nservers = ["http://a:1"]\n'
ROUTE = '[routes.r]\npath = "/"\npool = "p"\n'


def keys(folder: Path, text: str) -> set[str]:
    """What the reader says that there is, in place of a key that there is not."""
    path = folder / "flb.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    return set(re.split(r", ", str(caught.value).rpartition("use ")[2]))


def test_the_example_is_read(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "flb.toml").write_text(example[1])
    assert read_config(tmp_path / "flb.toml").routes[0].hedge is not None


@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("[server]", POOL + ROUTE + "[server]\nxyz = 1\n"),
        ("[share]", POOL + ROUTE + '[share]\nurl = "redis://a"\nxyz = 1\n'),
        ("[alerts]", POOL + ROUTE + "[alerts]\nxyz = 1\n"),
        ("[pools.NAME]", POOL + "xyz = 1\n" + ROUTE),
        ("[pools.NAME]", '[pools.p]\nservers = [{ url = "http://a:1", xyz = 1 }]\n' + ROUTE),
        ("[pools.NAME]", POOL + "tls = { xyz = 1 }\n" + ROUTE),
        ("[pools.NAME]", POOL + "health = { xyz = 1 }\n" + ROUTE),
        ("[routes.NAME]", POOL + ROUTE + "xyz = 1\n"),
        *[
            ("[routes.NAME]", POOL + ROUTE + f"{table} = {{ xyz = 1 }}\n")
            for table in ("game", "timeouts", "retry", "hedge")
        ],
        ("[routes.NAME]", POOL + ROUTE + 'kind = "ids"\ncontexts = { xyz = 1 }\n'),
        ("[routes.NAME]", POOL + ROUTE + 'mirror = { pool = "p", xyz = 1 }\n'),
        ("[routes.NAME]", POOL + ROUTE + 'split = [{ strategy = "v4", xyz = 1 }]\n'),
    ],
)
def test_every_key_is_documented(tmp_path: Path, heading: str, text: str) -> None:
    section = PAGE.partition(f"### `{heading}`")[2].partition("\n### ")[0].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    found = keys(tmp_path, text)
    assert len(found) > 1
    assert found <= documented


def test_no_key_is_documented_that_does_not_exist(tmp_path: Path) -> None:
    for heading, text in (
        ("[server]", POOL + ROUTE + "[server]\nxyz = 1\n"),
        ("[share]", POOL + ROUTE + '[share]\nurl = "redis://a"\nxyz = 1\n'),
        ("[alerts]", POOL + ROUTE + "[alerts]\nxyz = 1\n"),
        ("[pools.NAME]", POOL + "xyz = 1\n" + ROUTE),
        ("[routes.NAME]", POOL + ROUTE + "xyz = 1\n"),
    ):
        section = PAGE.partition(f"### `{heading}`")[2].partition("\n### ")[0].partition("\n## ")[0]
        rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
        assert documented == keys(tmp_path, text)
