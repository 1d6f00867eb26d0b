"""What a policy makes readable: the program and its libraries, and nothing by mistake."""

import sys
from pathlib import Path

import pytest

from sandbox import Policy


def readable(program: Path) -> list[str]:
    found: list[str] = Policy([str(program)]).plan("landlock")["readable"]
    return found


def empty(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_name_like_pythons_opens_no_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = empty(home / "Downloads" / "python-flaky")
    empty(home / "lib" / "secret")
    granted = readable(program)
    assert str(program) in granted
    assert not any(Path(path) == home or home / "lib" == Path(path) for path in granted)
    assert [path for path in granted if path.startswith(str(home))] == [str(program)]


def test_an_environment_of_python_is_read_and_nothing_beside_it(tmp_path: Path) -> None:
    real = empty(tmp_path / "installed" / "bin" / "python3.13")
    own = [empty(tmp_path / "installed" / "lib" / name) for name in ("libpython3.13.so.1.0", "x")]
    library = empty(tmp_path / "installed" / "lib" / "python3.13" / "os.py").parent
    made = tmp_path / "home"
    told = empty(made / "pyvenv.cfg")
    packages = empty(made / "lib" / "python3.13" / "site.py").parent
    empty(made / "secret")
    program = made / "bin" / "python"
    program.parent.mkdir()
    program.symlink_to(real)
    granted = {path for path in readable(program) if path.startswith(str(tmp_path))}
    expected = {program, real, own[0], library, told, packages}
    assert granted == {str(path) for path in expected}


@pytest.mark.skipif(sys.prefix == "/usr", reason="Python is the system's")
def test_our_own_interpreter_is_read_with_all_that_it_has() -> None:
    assert str(Path(sys.prefix)) in readable(Path(sys.executable))
