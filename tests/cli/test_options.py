"""Flags that several commands share."""

import click
import pytest
from click.testing import CliRunner

from flaky_load_balancer.cli import options
from flaky_load_balancer.simulation.engine.replicas import Sharing
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


@click.command()
@options.sharing
def replicas(sharing: Sharing) -> None:
    print(sharing.replicas, sharing.delay, sharing.loss)


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        ("", "1 0.05 0.0"),
        ("--replicas 4", "4 0.05 0.0"),
        ("--replicas 2 --share-delay never", "2 inf 0.0"),
        ("--replicas 2 --share-delay 0 --share-loss 0.5", "2 0.0 0.5"),
    ],
)
def test_how_replicas_share(flags: str, made: str) -> None:
    assert CliRunner().invoke(replicas, flags.split()).output == f"{made}\n"


@pytest.mark.parametrize(
    ("flags", "fix"),
    [
        ("--share-delay 0.1", "--replicas 4"),
        ("--share-loss 0.1", "--replicas 4"),
        ("--replicas 0", "--replicas"),
        ("--replicas 2 --share-delay soon", "0.05, nor 'never'"),
        ("--replicas 2 --share-delay -1", "--share-delay"),
        ("--replicas 2 --share-delay nan", "--share-delay"),
        ("--replicas 2 --share-loss 1.5", "--share-loss"),
    ],
)
def test_how_replicas_cannot_share(flags: str, fix: str) -> None:
    result = CliRunner().invoke(replicas, flags.split())
    assert result.exit_code == 2
    assert fix in result.output
