"""The hostile program, compiled once for each worker; a folder that an ordinary user may own."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.users import compile_hostile


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux":
        pytest.skip("the hostile program is for Linux")
    return compile_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def folder(compiled: Path) -> Iterator[Path]:
    """With the program and a home in it; short, as the names of Unix sockets are."""
    with tempfile.TemporaryDirectory(prefix="flb-test-") as made:
        shutil.copy(compiled, made)
        (Path(made) / "home").mkdir()
        yield Path(made)
