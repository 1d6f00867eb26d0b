import hashlib
import io
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Context, Feedback, Floats, Rules
from flaky_load_balancer.sharing import Snapshots
from flaky_load_balancer.sharing.snapshots import ASIDE, DataDirInUseError
from strategies import GAME

SERVERS = ["http://a", "http://b", "c"]


def learnt(name: str = "v4", servers: int = 3, seed: int = 5, attempts: int = 60) -> Strategy:
    """A strategy that has seen some attempts: the later, the more often one succeeds."""
    rng = np.random.default_rng(seed)
    strategy = fresh(name, servers)
    for count in range(attempts):
        arm, now = np.array([count % servers]), np.array([1000.0 + count])
        outcome = np.array([int(rng.random() > 0.3 * (arm.item() + 1))])
        nan = np.array([np.nan])
        strategy.observe(
            Feedback.of(np.zeros(1, dtype=np.intp), now, arm, outcome, np.ones(1), nan)
        )
    return strategy


def fresh(name: str = "v4", servers: int = 3) -> Strategy:
    strategy = GAME[name]()
    strategy.reset(Rules(servers), 1, np.random.default_rng(0))
    return strategy


def means(strategy: Strategy) -> Floats:
    row: Floats = strategy.beliefs(np.array([2000.0]))["mean"][0]
    return row


def test_what_is_kept_is_what_was_learnt(tmp_path: Path) -> None:
    before, after = learnt(), fresh()
    with Snapshots(tmp_path) as snapshots:
        snapshots.save("orders", before.state(), SERVERS, now=1.0)
    with Snapshots(tmp_path) as snapshots:
        assert snapshots.load("orders", after, Rules(3), SERVERS)
    assert means(after).tolist() == means(before).tolist()
    assert len(set(means(after))) == 3


def test_nothing_kept_is_no_fault(tmp_path: Path) -> None:
    with Snapshots(tmp_path) as snapshots:
        assert not snapshots.load("orders", fresh(), Rules(3), SERVERS)


def test_servers_are_matched_by_what_they_are_called(tmp_path: Path) -> None:
    before, after = learnt(), fresh(servers=4)
    with Snapshots(tmp_path) as snapshots:
        snapshots.save("orders", before.state(), SERVERS, now=1.0)
        assert snapshots.load("orders", after, Rules(4), ["new", "c", "http://a", "other"])
    known, found = means(before), means(after)
    assert found.tolist() == [0.5, known[2], known[0], 0.5]


@pytest.mark.parametrize("name", sorted(GAME.keys() - {"oracle"}))
def test_every_strategy_is_kept_with_other_servers(name: str, tmp_path: Path) -> None:
    after = fresh(name, servers=2)
    with Snapshots(tmp_path) as snapshots:
        snapshots.save("a/b c", learnt(name).state(), SERVERS, now=1.0)
        assert snapshots.load("a/b c", after, Rules(2), ["c", "new"])
    tried = np.zeros((1, 2), dtype=bool)
    one = np.ones(1, dtype=np.intp)
    context = Context.of(0 * one, np.array([3000.0]), one, tried, np.array([3010.0]))
    assert after.select(context).arm.item() < 2


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: data.replace(b'"version": 1', b'"version": 2'), "version 2"),
        (lambda data: data.replace(b"Thompson(", b"Thompsen("), "strategy Thompsen"),
        (lambda data: data[:-400] + b"\1" + data[-399:], "damaged"),
        (lambda data: b"not JSON\n" + data, "damaged"),
    ],
)
def test_what_cannot_be_used_is_put_aside_with_a_warning(
    damage: Callable[[bytes], bytes], says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Snapshots(tmp_path) as snapshots:
        snapshots.save("orders", learnt().state(), SERVERS, now=1.0)
        path = snapshots.path("orders")
        path.write_bytes(damage(path.read_bytes()))
        after = fresh()
        assert not snapshots.load("orders", after, Rules(3), SERVERS)
        assert path.with_name(path.name + ASIDE).exists()
        assert not path.exists()
        assert means(after).tolist() == means(fresh()).tolist()
    assert says in caplog.text
    assert "orders" in caplog.text


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    """A file whose arrays are pickled objects is no state."""
    file = io.BytesIO()
    np.savez(file, header=np.array(["{}"], dtype=object))
    about = {"version": 1, "strategy": repr(fresh()), "servers": SERVERS}
    about["sha256"] = hashlib.sha256(file.getvalue()).hexdigest()
    with Snapshots(tmp_path) as snapshots:
        snapshots.path("orders").write_bytes(json.dumps(about).encode() + b"\n" + file.getvalue())
        assert not snapshots.load("orders", fresh(), Rules(3), SERVERS)


def test_one_process_has_a_data_directory_to_itself(tmp_path: Path) -> None:
    with (
        Snapshots(tmp_path),
        pytest.raises(DataDirInUseError, match="--data-dir"),
        Snapshots(tmp_path),
    ):
        pass
    with Snapshots(tmp_path):
        pass


def test_forgetting_leaves_what_was_learnt_aside(tmp_path: Path) -> None:
    with Snapshots(tmp_path) as snapshots:
        snapshots.save("orders", learnt().state(), SERVERS, now=1.0)
        snapshots.forget()
        assert not snapshots.load("orders", fresh(), Rules(3), SERVERS)
        assert snapshots.path("orders").with_name("orders" + ASIDE).exists()


def _write_for_ever(folder: Path) -> None:
    with Snapshots(folder) as snapshots:
        count = 0
        while True:
            count += 30
            snapshots.save("orders", learnt(attempts=count).state(), SERVERS, now=float(count))


def test_a_kill_at_any_moment_leaves_a_whole_state(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for round_ in range(3):
        writer = context.Process(target=_write_for_ever, args=(tmp_path,))
        writer.start()
        while not (tmp_path / "state" / "orders").exists() and writer.is_alive():
            sleep(0.01)
        sleep(0.01 * round_)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        with Snapshots(tmp_path) as snapshots:
            after = fresh()
            assert snapshots.load("orders", after, Rules(3), SERVERS)
            assert means(after)[0] < means(after)[2]
