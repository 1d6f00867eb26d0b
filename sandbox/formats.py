"""What the headers of a program say, ELF or Mach-O.

Both parsers are Python all the way down: a file made to break its reader breaks no memory here.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ELF = b"\x7fELF"
MACHO = {bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe")}
FAT = {bytes.fromhex(magic) for magic in ("cafebabe", "cafebabf")}
MOST_SYMBOLS = 100_000


@dataclass(frozen=True)
class Headers:
    """What was found; of a file that holds several programs, of all of them."""

    format: str
    architectures: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    signed: bool | None = None  # None: this format has no signatures of its own


def read(path: Path) -> Headers:
    """The headers, whatever they are; ValueError if they are broken."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        try:
            if magic == ELF:
                return _elf(file)
            if magic in MACHO | FAT:
                return _macho(path)
        except (ELFError, ValueError, LookupError, ArithmeticError, OSError, TypeError) as error:
            raise ValueError(f"broken headers: {error}") from None
        except struct.error as error:  # it ends too early
            raise ValueError(f"broken headers: {error}") from None
        except (AssertionError, AttributeError, RecursionError, MemoryError) as error:
            raise ValueError(f"broken headers: {type(error).__name__}") from None
    return Headers("script" if magic[:2] == b"#!" else "unknown")


def _elf(file: IO[bytes]) -> Headers:
    elf = ELFFile(file)
    name = f"ELF {elf.elfclass}-bit"
    return Headers(name, (elf.get_machine_arch(),), tuple(_needed(elf)), tuple(_imported(elf)))


def _needed(elf: ELFFile) -> list[str]:
    dynamic = elf.get_section_by_name(".dynamic")
    if not isinstance(dynamic, DynamicSection):
        return []
    return [str(getattr(tag, "needed", "?")) for tag in dynamic.iter_tags(type="DT_NEEDED")]


def _imported(elf: ELFFile) -> list[str]:
    table = elf.get_section_by_name(".dynsym")
    if not isinstance(table, SymbolTableSection):
        return []
    symbols = map(table.get_symbol, range(min(table.num_symbols(), MOST_SYMBOLS)))
    return sorted({symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"} - {""})


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
