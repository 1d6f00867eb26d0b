"""Flags that several commands share."""

import click
import pytest
from click.testing import CliRunner

from flaky_load_balancer.cli import options
from tests.cli.test_selection import refused


@click.command()
@options.records
def command(data_dir: object, keep: str) -> None:
    print(data_dir, keep)


@pytest.mark.parametrize("text", ["7d", "10GB", "7d|10GB", "1.5h"])
def test_how_much_to_keep(text: str) -> None:
    assert CliRunner().invoke(command, ["--keep", text]).output == f".flb {text}\n"


@pytest.mark.parametrize("text", ["", "nonsense", "7", "-1d", "0GB", "7d|8d", "nand", "infGB"])
def test_a_wrong_amount_to_keep_is_refused(text: str) -> None:
    with refused(["--keep", repr(text), "7d|10GB"]):
        CliRunner().invoke(command, ["--keep", text], catch_exceptions=False)


def test_without_records_there_is_no_folder() -> None:
    assert CliRunner().invoke(command, ["--no-records"]).output == "None 10GB\n"
