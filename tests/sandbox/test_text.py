"""No program writes to the terminal of whoever reads its last lines."""

from sandbox import Policy
from sandbox.handle import Handle
from sandbox.text import plain
from tests.sandbox.users import every_backend

HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b[31mred\tand \x9b5n \u202ekcab é"


def test_only_what_can_be_printed_is_left() -> None:
    assert plain(HOSTILE) == "]0;title[2J[31mred and 5n kcab é"


@every_backend
def test_the_last_lines_of_a_program(backend: str) -> None:
    with Handle(Policy(["/bin/echo", HOSTILE]), backend) as handle:
        assert handle.wait(20.0) == 0
        assert handle.said == [plain(HOSTILE)]
