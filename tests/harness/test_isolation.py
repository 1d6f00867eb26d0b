"""What confines the servers is chosen by what works here, or refused."""

from pathlib import Path

import pytest

from flaky_load_balancer.harness.isolation import choose_backend
from sandbox import backends
from tests.cli.test_selection import refused


def without_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in backends.STRONGEST_FIRST:
        monkeypatch.setattr(backend, "problem", lambda: "bwrap is not installed")


def test_a_server_binary_without_a_sandbox_is_the_users_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binary = Path("binary")
    assert choose_backend("off", binary) == "off"
    without_backends(monkeypatch)
    assert choose_backend("off", binary) == "off"
    assert choose_backend("auto", None) == "none"
    with refused(["--server-binary binary", "not installed", "flb sandbox", "--sandbox off"]):
        choose_backend("auto", binary)
    with refused(["--sandbox landlock", "not installed"]):
        choose_backend("landlock", None)
    with refused(["--sandbox chroot", "auto", "landlock", "off"]):
        choose_backend("chroot", None)


def test_auto_is_the_strongest_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    without_backends(monkeypatch)
    monkeypatch.setattr(backends.landlock, "problem", lambda: None)
    binary = Path("binary")
    assert choose_backend("auto", binary) == "landlock"
    monkeypatch.setattr(backends.bubblewrap, "problem", lambda: None)
    assert choose_backend("auto", binary) == "bubblewrap"
    assert choose_backend("auto", None) == "landlock"  # ours, where they are
    assert choose_backend("bubblewrap", None) == "bubblewrap"
    monkeypatch.setattr(backends.landlock, "problem", lambda: "too old")
    assert choose_backend("auto", None) == "bubblewrap"
