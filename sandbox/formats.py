"""What the headers of a program say, ELF or Mach-O.

Both parsers are Python all the way down: a file made to break its reader breaks no memory here.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

ELF = b"\x7fELF"
MACHO = {bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe")}
FAT = {bytes.fromhex(magic) for magic in ("cafebabe", "cafebabf")}
MOST_SYMBOLS = 1_000_000
MOST_READS = 500_000  # no program has as much to say in its headers
BROKEN = (  # what the parsers raise when headers make no sense
    *(ELFError, ValueError, LookupError, ArithmeticError, OSError, TypeError, struct.error),
    *(AssertionError, AttributeError, RecursionError, MemoryError),
)


@dataclass(frozen=True)
class Headers:
    """What was found; of a file that holds several programs, of all of them."""

    format: str
    architectures: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    signed: bool | None = None  # None: this format has no signatures of its own
    remarks: tuple[str, ...] = ()


def read(path: Path) -> Headers:
    """The headers, as far as they make sense."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == ELF:
        return _elf(path)
    if magic in MACHO | FAT:
        try:
            return _macho(path)
        except BROKEN as error:
            return Headers("Mach-O", remarks=(_broken(error),))
    return Headers("script" if magic[:2] == b"#!" else "unknown")


def _broken(error: Exception) -> str:
    return f"broken headers: {error or type(error).__name__}"


class _Bounded(io.BufferedReader):
    """A file that is not read for ever, whatever its headers say."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > MOST_READS:
            raise ValueError("there is no end of them")
        return super().read(size)


class _AsLoaded(ELFFile):
    """As the loader sees it, who does not look at sections: they may be missing, or a lie."""

    def num_sections(self) -> int:
        return 0


def _elf(path: Path) -> Headers:
    name, architecture = "ELF", ""
    libraries: list[str] = []
    imports: list[str] = []
    with _Bounded(path) as file:
        try:
            elf = _AsLoaded(file)
            name, architecture = f"ELF {elf.elfclass}-bit", elf.get_machine_arch()
            for segment in elf.iter_segments("PT_DYNAMIC"):
                if isinstance(segment, DynamicSegment):
                    libraries += _needed(segment)
                    imports += _imported(segment)
            remarks = _of_sections(file)
        except BROKEN as error:
            remarks = (_broken(error),)
    return Headers(
        name,
        (architecture,) if architecture else (),
        tuple(libraries),
        tuple(sorted(set(imports))),
        remarks=remarks,
    )


def _needed(dynamic: DynamicSegment) -> list[str]:
    return [str(getattr(tag, "needed", "?")) for tag in dynamic.iter_tags(type="DT_NEEDED")]


def _imported(dynamic: DynamicSegment) -> Iterator[str]:
    """Names that are in no section.  The parser takes a second for ten thousand symbols."""
    file, wide = dynamic.elffile.stream, dynamic.elffile.elfclass == 64
    size, section = (24, 6) if wide else (16, 14)  # of a symbol, and where it has its section
    count = min(dynamic.num_symbols(), MOST_SYMBOLS)
    file.seek(dynamic.get_table_offset("DT_SYMTAB")[1] or 0)
    table = file.read(size * count)
    for number in range(len(table) // size):
        at = size * number + section
        if table[at : at + 2] == b"\0\0" and (name := dynamic.get_symbol(number).name):
            yield name


def _of_sections(file: io.BufferedReader) -> tuple[str, ...]:
    """Whether they are as compilers leave them."""
    try:
        if [section.name for section in ELFFile(file).iter_sections()]:
            return ()
    except BROKEN:
        return ("its section headers are broken: that hinders tools, not whoever runs it",)
    return ("it has no section headers: that hinders tools, not whoever runs it",)


def _macho(path: Path) -> Headers:
    from macholib.mach_o import CPU_TYPE_NAMES, LC_CODE_SIGNATURE  # noqa: PLC0415 (seldom)
    from macholib.MachO import MachO  # noqa: PLC0415

    headers = MachO(str(path)).headers
    architectures, libraries, imports, signed = [], [], set(), []
    for header in headers:
        kind = header.header.cputype
        architectures.append(str(CPU_TYPE_NAMES.get(kind, kind)))
        libraries += [name for _, _, name in header.walkRelocatables()]
        signed.append(any(command[0].cmd == LC_CODE_SIGNATURE for command in header.commands))
        imports |= _undefined(path, header)
    return Headers(
        "Mach-O",
        tuple(architectures),
        tuple(dict.fromkeys(libraries)),
        tuple(sorted(imports)),
        all(signed),
    )


def _undefined(path: Path, header: object) -> set[str]:
    """Names that one of its programs takes from elsewhere, without C's underscore."""
    from macholib.SymbolTable import SymbolTable  # noqa: PLC0415

    class File:
        filename = str(path)

    table = SymbolTable(File, header)
    if table.symtab is None or table.dysymtab is None:
        return set()
    names = [name for _, name in table.undefsyms[:MOST_SYMBOLS] if name]
    return {name.decode(errors="replace").removeprefix("_") for name in names}
